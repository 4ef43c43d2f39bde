"""From plain JSON to a declaration, or to one error that says all that is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from redshank.errors import ConfigError
from redshank.specs.problems import Problem, checked, path_text

AnyModel = TypeVar("AnyModel", bound=BaseModel)
SHOWN_PROBLEMS = 5


def read_spec(kind: type[AnyModel], given: Any, where: str = "") -> AnyModel:
    """Return the declaration; ConfigError names all fields at fault, ``field`` is the first. ``where`` comes before."""
    spec, problems = checked(kind, given)
    if spec is None:
        raise problems_error(problems, where)
    return spec


def problems_error(problems: Sequence[Problem], where: str = "") -> ConfigError:
    """Return one error for problems; ``field`` is that of the first."""
    more = f" (and {len(problems) - SHOWN_PROBLEMS} more)" if len(problems) > SHOWN_PROBLEMS else ""
    said = "; ".join(str(problem) for problem in problems[:SHOWN_PROBLEMS]) + more
    return ConfigError(f"{where}: {said}" if where else said, field=path_text(problems[0].path) or None)
