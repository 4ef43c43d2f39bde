"""Which slot of the day, the week and the month each time falls in, by the clocks of a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numba import njit
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
    found = np.empty((3, len(times)), np.int32)
    _fill(times // _SECOND, _offsets(times, tz), found)
    return found


@njit(nogil=True, cache=True)
def _fill(seconds: Integers, offsets: Integers, found: NDArray[np.int32]) -> None:
    for t in range(len(seconds)):
        local = seconds[t] + offsets[t]
        day = local // _DAY
        of_day = local - day * _DAY
        found[0, t] = of_day * DAY_SLOTS // _DAY
        found[1, t] = DAY_SLOTS + (day + _EPOCH_WEEKDAY) % 7 * 24 + of_day // 3600
        found[2, t] = DAY_SLOTS + WEEK_SLOTS + _of_month(day)


@njit(nogil=True, cache=True)
def _of_month(day: int) -> int:
    """0 for the first of a month; ``day``: days since 1970 (E. G. Richards' calendar, years that begin in March)."""
    of_era = (day + 719_468) % 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    return int(of_year - (153 * ((5 * of_year + 2) // 153) + 2) // 5)


def _offsets(times: Integers, tz: str) -> Integers:
    """Seconds that the clocks of ``tz`` are ahead of UTC; looked up once a UTC day, twice where it changes."""
    if tz == "UTC" or len(times) == 0:
        return np.zeros(len(times), np.int64)
    seconds = times // _SECOND
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
