"""Make monitors of a template: ``{{name}}`` in its texts becomes its value, once for each set of values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from redshank.errors import did_you_mean
from redshank.specs.monitor import MonitorSpec, TemplateSpec
from redshank.specs.problems import Path, Problem, checked, shown

MOST_MONITORS = 100_000
_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def expand(template: TemplateSpec) -> tuple[list[MonitorSpec], list[Problem]]:
    """Return the monitors of a template in the order of its variables, and everything that is wrong with it.

    A text that is one variable and nothing else takes the value with its type, so that ``step: "{{n}}"`` may be a
    number; within a text the value stands as text.
    """
    if len(template.variables) > MOST_MONITORS:
        return [], [Problem(("variables",), f"must be at most {MOST_MONITORS:,} sets of values")]
    made: list[MonitorSpec] = []
    problems: dict[tuple[Path, str], Problem] = {}
    names: dict[str, int] = {}
    for i, values in enumerate(template.variables):
        for problem in _one(template, i, values, made, names):
            problems.setdefault((problem.path, problem.message), problem)
    problems |= {(problem.path, problem.message): problem for problem in _unused(template)}
    return made, list(problems.values())


def _one(
    template: TemplateSpec, i: int, values: Mapping[str, Any], made: list[MonitorSpec], names: dict[str, int]
) -> Iterator[Problem]:
    """Make one monitor; yield what is wrong with it, most of it the same for all of them."""
    missing = sorted(variables_of(template.monitor) - set(values))
    if missing:
        for name in missing:
            yield Problem(("variables", i), did_you_mean("variable", name, values))
        return
    spec, wrong = checked(MonitorSpec, filled(template.monitor, values))
    yield from (Problem(("monitor", *problem.path), problem.message) for problem in wrong)
    if spec is None:
        return
    if spec.name in names:
        message = f"must make different names, got {shown(spec.name)} of variables {names[spec.name]} and {i}"
        yield Problem(("monitor", "name"), message)
        return
    names[spec.name] = i
    made.append(spec)


def _unused(template: TemplateSpec) -> Iterator[Problem]:
    used = variables_of(template.monitor)
    for name in dict.fromkeys(name for values in template.variables for name in values):
        if name not in used:
            yield Problem(("variables",), f"variable {name!r} must be used in the monitor as {{{{{name}}}}}")


def filled(given: Any, values: Mapping[str, Any]) -> Any:
    """Return JSON values with each ``{{name}}`` in keys and texts replaced; all names must be there."""
    if isinstance(given, Mapping):
        return {_text(key, values): filled(value, values) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return [filled(value, values) for value in given]
    if not isinstance(given, str):
        return given
    whole = _VARIABLE.fullmatch(given)
    return values[whole[1]] if whole else _text(given, values)


def _text(given: str, values: Mapping[str, Any]) -> str:
    return _VARIABLE.sub(lambda match: _plain(values[match[1]]), given)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def variables_of(given: Any) -> set[str]:
    """Return the names of all variables in JSON values."""
    if isinstance(given, Mapping):
        return set().union(*(variables_of(key) | variables_of(value) for key, value in given.items()))
    if isinstance(given, list | tuple):
        return set().union(*(variables_of(value) for value in given))
    return set(_VARIABLE.findall(given)) if isinstance(given, str) else set()
