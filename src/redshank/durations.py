"""Durations and rates at the edges: ``"5m"`` to timedelta and back."""

from __future__ import annotations

import re
from datetime import timedelta

from redshank.errors import ConfigError

_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "w": 604800.0,
    "week": 604800.0,
}
_PART = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]+)\s*")


def parse_duration(text: str, *, field: str = "duration") -> timedelta:
    """Read ``"5m"``, ``"1h30m"``, ``"2 days"``; ConfigError names ``field`` when it is none, or not above zero."""
    position, seconds = 0, 0.0
    lowered = text.strip().lower()
    while position < len(lowered):
        part = _PART.match(lowered, position)
        unit = part and (_UNITS.get(part[2]) or _UNITS.get(part[2].removesuffix("s")))
        if not part or not unit:
            raise ConfigError(
                f"{field}: must be a duration such as 30s, 5m, 1h30m, 2d or 1w, got {text!r}", field=field
            )
        seconds += float(part[1]) * unit
        position = part.end()
    try:
        duration = timedelta(seconds=seconds)
    except OverflowError:
        raise ConfigError(f"{field}: is longer than a timedelta can be, got {text!r}", field=field) from None
    if duration <= timedelta(0):
        raise ConfigError(f"{field}: must be above zero, got {text!r}", field=field)
    return duration


def format_duration(duration: timedelta) -> str:
    """Return the shortest exact form, at most two units: ``"5m"``, ``"1h30m"``, ``"250ms"``."""
    microseconds = duration // timedelta(microseconds=1)
    if microseconds < 0:
        return "-" + format_duration(-duration)
    parts = []
    for unit, size in (
        ("w", 604800e6),
        ("d", 86400e6),
        ("h", 3600e6),
        ("m", 60e6),
        ("s", 1e6),
        ("ms", 1e3),
        ("us", 1),
    ):
        if unit == "w" and microseconds % int(size):
            continue
        count, microseconds = divmod(microseconds, int(size))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2]) or "0s"
