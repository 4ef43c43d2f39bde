"""What all declarations share: unknown fields are refused by name, durations are texts such as ``5m``."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from redshank.durations import format_duration, parse_duration
from redshank.errors import ConfigError

NAME_PATTERN = r"^[^\s/\x00-\x1f\x7f](?:[^/\x00-\x1f\x7f]{0,198}[^\s/\x00-\x1f\x7f])?$"


class Spec(BaseModel):
    """Base of all declarations."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False, allow_inf_nan=False)


def _read_duration(given: Any) -> Any:
    if isinstance(given, int | float) and not isinstance(given, bool) and given != 0:
        raise ValueError(f"must be a duration such as 30s, 5m, 1h30m, 2d or 1w, got {given}; did you mean '{given}s'?")
    if not isinstance(given, str):
        return given
    try:
        return timedelta(0) if given.strip() in ("0", "0s") else parse_duration(given)
    except ConfigError as error:
        raise ValueError(str(error).removeprefix("duration: ")) from None


def _write_duration(duration: timedelta) -> str:
    """The text for people where it is exact, else a number of the unit that is."""
    text = format_duration(duration)
    if duration == timedelta(0) or parse_duration(text) == duration:
        return text
    microseconds = duration // timedelta(microseconds=1)
    return f"{microseconds}us" if microseconds % 1_000_000 else f"{microseconds // 1_000_000}s"


Duration = Annotated[
    timedelta,
    BeforeValidator(_read_duration),
    PlainSerializer(_write_duration, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["30s", "5m", "1h30m", "2d", "1w"]}),
]


def _not_a_step(name: str) -> str:
    """Names are parts of addresses, where these two lead elsewhere."""
    if name in (".", ".."):
        raise ValueError(f"must be a name other than . and .., got {name!r}")
    return name


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=200), AfterValidator(_not_a_step)]
