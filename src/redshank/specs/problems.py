"""What is wrong with a declaration, all of it at once, in words of ours and with the path of each place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from redshank.errors import did_you_mean

Path = tuple[str | int, ...]
SomeSpec = TypeVar("SomeSpec", bound=BaseModel)
_SHOWN = 60  # characters of a wrong value
_KINDS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "names with values",
    "model_type": "names with values",
    "model_attributes_type": "names with values",
    "string_pattern_mismatch": "a name of 1 to 200 characters, without /, control characters and spaces around it",
    "string_too_long": "a shorter text",
    "string_too_short": "a longer text",
}
_LIMITS = {"greater_than": ("gt", ">"), "greater_than_equal": ("ge", ">="), "less_than": ("lt", "<")}
_LIMITS["less_than_equal"] = ("le", "<=")
_SCALARS = ("constrained-str", "str", "int", "float", "bool", "literal", "function-after")  # members of unions


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where: ``("monitors", 0, "step")``."""

    path: Path
    message: str

    def __str__(self) -> str:
        """Return ``monitors[0].step: must be ...``."""
        where = path_text(self.path)
        return f"{where}: {self.message}" if where else self.message


def path_text(path: Path) -> str:
    """Return ``monitors[0].step``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def checked(kind: type[SomeSpec], given: Any) -> tuple[SomeSpec | None, list[Problem]]:
    """Return the declaration that ``given`` (JSON values) makes, or None and everything that is wrong with it."""
    try:
        return kind.model_validate(given), []
    except ValidationError as error:
        return None, problems_of(error, kind, given)


def problems_of(error: ValidationError, kind: type[BaseModel], given: Any) -> list[Problem]:
    """Return what pydantic found, one problem for each place, without those of alternatives that were not meant."""
    found: dict[Path, list[str]] = {}
    for each in error.errors(include_url=False):
        path, is_meant = _real_path(each["loc"], given, _names_a_field(each, kind))
        if is_meant:
            found.setdefault(path, []).append(message_of(each, kind))
    return [Problem(path, _joined(messages)) for path, messages in found.items()]


def _names_a_field(each: Mapping[str, Any], kind: type[BaseModel]) -> bool:
    """Whether the last part of the place is a field even where nothing is given for it."""
    if each["type"] in ("missing", "extra_forbidden"):
        return True
    return each["type"] == "value_error" and bool(each["loc"]) and each["loc"][-1] in fields_at(kind, each["loc"][:-1])


def _real_path(loc: Sequence[str | int], given: Any, is_named: bool) -> tuple[Path, bool]:
    """The path in what was given, and whether the alternatives on the way are those that were meant.

    pydantic names the alternative of a union in ``loc``, such as "SourceSpec"; ``is_named``: the last part is a field
    even though nothing is there.
    """
    path: list[str | int] = []
    is_meant = True
    for i, part in enumerate(loc):
        if isinstance(given, Mapping) and isinstance(part, str) and (part in given or (is_named and i == len(loc) - 1)):
            given = given.get(part)
            path.append(part)
        elif isinstance(given, list | tuple) and isinstance(part, int) and part < len(given):
            given = given[part]
            path.append(part)
        elif isinstance(given, str) and is_named and i == len(loc) - 1:
            path.append(part)  # of a text that stands for fields, such as a schedule in words
        elif isinstance(part, str):
            is_meant = is_meant and _is_meant(part, given)
    return tuple(path), is_meant


def _is_meant(alternative: str, given: Any) -> bool:
    is_class, is_list = alternative[:1].isupper(), alternative.startswith(("tuple", "list"))
    if isinstance(given, Mapping):
        return not is_list and not alternative.startswith(_SCALARS)
    return not is_class and (is_list or not isinstance(given, list | tuple))


def _joined(messages: list[str]) -> str:
    """One message for a place: alternatives that were not met become one sentence."""
    different = list(dict.fromkeys(messages))
    parts = [message.partition(", got ") for message in different]
    if len(different) == 1 or not all(part[0].startswith("must be ") for part in parts):
        return different[0]
    wanted = " or ".join(part[0].removeprefix("must be ") for part in parts)
    return f"must be {wanted}, got {parts[0][2]}"


def message_of(each: Mapping[str, Any], kind: type[BaseModel]) -> str:
    """Return one of pydantic's errors in words of ours; ``kind``: the declaration as a whole."""
    type_, given, about = each["type"], each.get("input"), each.get("ctx") or {}
    if type_ == "missing":
        return "must be given"
    if type_ == "extra_forbidden":
        return did_you_mean("field", str(each["loc"][-1]), fields_at(kind, each["loc"][:-1]))
    if type_ == "value_error":
        return str(about.get("error", each["msg"]))
    if type_ == "literal_error":
        return f"must be {str(about['expected']).replace(chr(39), '')}, got {shown(given)}"
    if type_ in _LIMITS:
        name, sign = _LIMITS[type_]
        return f"must be {sign} {about[name]:g}, got {shown(given)}"
    if type_.startswith(("datetime", "timezone")):
        return f"must be a time such as 2026-01-31T08:00:00Z, got {shown(given)}"
    if type_.startswith("time_delta"):
        return f"must be a duration such as 5m, got {shown(given)}"
    return f"must be {_KINDS[type_]}, got {shown(given)}" if type_ in _KINDS else f"{each['msg']}, got {shown(given)}"


def shown(value: Any) -> str:
    """Return a value as JSON, shortened where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def fields_at(kind: type[BaseModel], loc: Iterable[str | int]) -> list[str]:
    """Return the fields of the declaration at a place, by the annotations on the way there."""
    found = [kind]
    for part in loc:
        if isinstance(part, str):
            found = [inner for one in found for inner in _inner(one, part)] or found
    return sorted({name for one in found for name in one.model_fields})


def _inner(kind: type[BaseModel], name: str) -> list[type[BaseModel]]:
    """The declarations a field may hold; a name that is no field is one of an alternative and leads nowhere."""
    if kind.__name__ == name or name not in kind.model_fields:
        return []
    waiting, found = [kind.model_fields[name].annotation], []
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and issubclass(one, BaseModel):
            found.append(one)
        else:
            waiting += getattr(one, "__args__", ())
    return found
