"""From plain JSON to a declaration; what is wrong is said with the field's name, and the near name if it is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from redshank.errors import ConfigError, did_you_mean
from redshank.specs.base import NAME_PATTERN

AnyModel = TypeVar("AnyModel", bound=BaseModel)
SHOWN_ERRORS = 5
SHOWN_CHARACTERS = 60
# Parts of a place that pydantic adds for the members of a union and for functions; they are no field of anybody's.
_INNER = ("function-", "lax-or-strict", "json-or-python", "constrained-", "tuple[", "dict[", "list[")


def read_spec(kind: type[AnyModel], given: Any, where: str = "") -> AnyModel:
    """Return the declaration; ConfigError names all fields at fault, ``field`` is the first. ``where`` comes before."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False), kind, where) from None


def invalid(errors: Iterable[Mapping[str, Any]], kind: type[BaseModel] | None, where: str = "") -> ConfigError:
    """Return the error that says what pydantic found wrong, in this product's words."""
    said: dict[str, str] = {}
    for error in _of_the_member_meant(list(errors)):
        field = field_name(error["loc"], kind)
        said.setdefault(field, _said(error, kind))
    lines = [f"{field}: {text}" if field else text for field, text in said.items()]
    more = f" (and {len(lines) - SHOWN_ERRORS} more)" if len(lines) > SHOWN_ERRORS else ""
    prefix = f"{where}: " if where else ""
    return ConfigError(prefix + "; ".join(lines[:SHOWN_ERRORS]) + more, field=next(iter(said), "") or None)


def _of_the_member_meant(errors: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Drop "must be a string" where an object was given that may stand there too, and is wrong inside."""
    kept = [each for each in errors if not (each["type"] == "string_type" and isinstance(each.get("input"), dict))]
    return kept or errors


def field_name(place: Iterable[str | int], kind: type[BaseModel] | None = None) -> str:
    """Return a place as ``policy.quiet_hours.0.start``, without the parts that only pydantic knows."""
    known = _members(kind)
    return ".".join(str(part) for part in place if not _is_inner(part, known))


def _members(kind: type[BaseModel] | None) -> set[str]:
    return set() if kind is None else set(kind.model_fields)


def _is_inner(part: str | int, known: set[str]) -> bool:
    if isinstance(part, int) or part in known:
        return False
    return part.startswith(_INNER) or part in ("str", "int", "float", "bool", "schedule") or part.endswith("Spec")


def _said(error: Mapping[str, Any], kind: type[BaseModel] | None) -> str:
    what, given, context = error["type"], error.get("input"), error.get("ctx") or {}
    if what == "extra_forbidden":
        name = str(error["loc"][-1])
        return did_you_mean("field", name, _members(_model_at(kind, error["loc"][:-1])))
    if what == "missing":
        return "must be given"
    if what == "value_error":
        return str(context.get("error", error["msg"]))
    if what == "string_pattern_mismatch" and context.get("pattern") == NAME_PATTERN:
        return f"must be 1 to 200 characters without '/', with no space at either end, got {_short(given)}"
    if what in ("model_type", "dict_type", "model_attributes_type"):
        return f"must be an object, got {_short(given)}"
    return f"{_must(error['msg'])}, got {_short(given)}"


def _must(message: str) -> str:
    """Turn "Input should be a valid integer" into "must be a valid integer"."""
    return message.replace("Input should", "must").replace("String should", "must").replace("Value should", "must")


def _short(given: Any) -> str:
    text = repr(given)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


def _model_at(kind: type[BaseModel] | None, place: Iterable[str | int]) -> type[BaseModel] | None:
    """Return the model that holds the field at a place; None when it cannot be told."""
    for part in place:
        if kind is None or not isinstance(part, str) or part not in kind.model_fields:
            continue
        annotation = kind.model_fields[part].annotation
        kind = next((each for each in _inside(annotation) if issubclass(each, BaseModel)), kind)
    return kind


def _inside(annotation: Any) -> list[type]:
    """Return all classes named in an annotation, outermost first."""
    found = [annotation] if isinstance(annotation, type) and not hasattr(annotation, "__args__") else []
    for part in getattr(annotation, "__args__", ()):
        found += _inside(part)
    return found
