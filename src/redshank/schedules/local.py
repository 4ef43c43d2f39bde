"""From the local clock to instants, in nights when clocks change too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=1000)
def zone(name: str) -> tzinfo:
    """Return the time zone of a name that is known to be one."""
    return UTC if name == "UTC" else ZoneInfo(name)


def wall(moment: datetime, tz: tzinfo) -> datetime:
    """Return what a local clock shows at an instant, without a zone."""
    return moment.astimezone(tz).replace(tzinfo=None, fold=0)


def instant(local: datetime, tz: tzinfo) -> datetime:
    """Return the UTC instant at which a local clock first shows a time, or first shows a later one.

    A time that comes twice is its first pass; one that is skipped is the instant at which the clock jumps over it. So
    the later of two local times never is the earlier instant.
    """
    first = local.replace(tzinfo=tz, fold=0).astimezone(UTC)
    if tz is UTC or wall(first, tz) == local:
        return first
    low, high = local.replace(tzinfo=tz, fold=1).astimezone(UTC), first
    while high - low > timedelta(microseconds=1):
        middle = low + (high - low) / 2
        low, high = (low, middle) if wall(middle, tz) >= local else (middle, high)
    return high
