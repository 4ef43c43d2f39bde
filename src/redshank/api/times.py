"""Times at this door: RFC 3339 in UTC with Z, nanoseconds since 1970 inside."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from redshank.errors import ConfigError

SECOND_NS = 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION = re.compile(r"[.,](\d+)")


def time_text(time_ns: int | None) -> str | None:
    """Return a time as ``2026-03-01T12:00:00Z``, with as many digits of a second as it has; None for None."""
    if time_ns is None:
        return None
    seconds, rest = divmod(time_ns, SECOND_NS)
    text = (EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
    return f"{text}.{rest:09d}".rstrip("0") + "Z" if rest else text + "Z"


def datetime_ns(moment: datetime, field: str) -> int:
    """Return a moment in nanoseconds; without an offset it is UTC. ConfigError for what 64 bits cannot hold."""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    time_ns = (moment - EPOCH) // timedelta(microseconds=1) * 1000
    if not -(2**63) <= time_ns < 2**63:
        raise ConfigError(f"{field}: must be between the years 1678 and 2262, got {moment.isoformat()}", field=field)
    return time_ns


def parse_time(text: str, field: str) -> int:
    """Read a time such as ``2026-03-01T12:00:00Z`` or ``2026-03-01``, to the nanosecond; no offset means UTC."""
    fraction = _FRACTION.search(text)
    digits = fraction[1][:9] if fraction else ""
    plain = text[: fraction.start()] + text[fraction.end() :] if fraction else text
    try:
        moment = datetime.fromisoformat(
            plain.strip().replace(" ", "+") if plain.count(" ") == 1 and "T" in plain else plain
        )
    except ValueError:
        raise ConfigError(
            f"{field}: must be a time such as 2026-03-01T12:00:00Z, got {text[:40]!r}", field=field
        ) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    time_ns = (moment - EPOCH) // timedelta(seconds=1) * SECOND_NS + int(digits.ljust(9, "0") or 0)
    if not -(2**63) <= time_ns < 2**63:
        raise ConfigError(f"{field}: must be between the years 1678 and 2262, got {text[:40]!r}", field=field)
    return time_ns
