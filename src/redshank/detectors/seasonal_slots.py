"""Which slot of the day, the week and the month each time falls in, by the clocks of a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

DAY_SLOTS, WEEK_SLOTS, MONTH_SLOTS = 96, 168, 31  # quarters of an hour; hours; days of the month
SLOTS = DAY_SLOTS + WEEK_SLOTS + MONTH_SLOTS
CYCLES = ("none", "day", "week", "day of month")
_SECOND = 1_000_000_000
_DAY = 86_400
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


def slots_of(times: Integers, tz: str) -> NDArray[np.int32]:
    """Return (3, n_time): each time's place among the SLOTS of a profile, for day, week and day of month.

    ``times``: (n_time,) nanoseconds since 1970 UTC. A day with a change of the clocks has its slots where the clock
    says they are: an hour is skipped, or filled twice.
    """
    seconds = times // _SECOND
    local = seconds + _offsets(seconds, tz)
    days = local // _DAY
    of_day = local - days * _DAY
    found = np.empty((3, len(times)), np.int32)
    found[0] = of_day * DAY_SLOTS // _DAY
    found[1] = DAY_SLOTS + (days + _EPOCH_WEEKDAY) % 7 * 24 + of_day // 3600
    found[2] = DAY_SLOTS + WEEK_SLOTS + _days_of_month(days)
    return found


def _days_of_month(days: Integers) -> Integers:
    """0 for the first of a month."""
    first, last = (int(days[0]), int(days[-1])) if len(days) else (0, -1)
    calendar = np.arange(first, last + 2).astype("datetime64[D]")
    of_month = (calendar - calendar.astype("datetime64[M]")).astype(np.int64)
    # clocks that are set back over midnight repeat the end of a day, so days need not rise
    outside = (days < first) | (days > last)
    result: Integers = np.where(outside, of_month[0], of_month[np.where(outside, 0, days - first)])
    return result


def _offsets(seconds: Integers, tz: str) -> Integers:
    """Seconds that the clocks of ``tz`` are ahead of UTC; looked up once a UTC day, twice where it changes."""
    if tz == "UTC" or len(seconds) == 0:
        return np.zeros(len(seconds), np.int64)
    days = seconds // _DAY
    found = np.empty(len(seconds), np.int64)
    edges = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
    for first, last in zip(edges, [*edges[1:], len(days)], strict=True):
        change, before, after = _day(int(days[first]), tz)
        found[first:last] = np.where(seconds[first:last] < change, before, after)
    return found


@lru_cache(maxsize=4096)
def _day(day: int, tz: str) -> tuple[int, int, int]:
    """(second of the change of the clocks, offset before, offset after) of a UTC day; the day's end without one."""
    start, end = day * _DAY, (day + 1) * _DAY
    before, after = _offset(start, tz), _offset(end, tz)
    low, high = start, end
    while before != after and high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle, tz) == before else (low, middle)
    return high, before, after


def _offset(second: int, tz: str) -> int:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    offset = moment.astimezone(ZoneInfo(tz)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())
