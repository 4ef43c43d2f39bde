"""The grid that a monitor works on: where its steps begin. Pure arithmetic on nanoseconds since 1970 UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from redshank.panel import Times

DAY = 86_400_000_000_000
_MONDAY = 4 * DAY  # 1970-01-05
_MICROSECOND = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Grid:
    """Steps of ``step_ns``, numbered from 1970 in UTC; those of whole days begin at midnight in ``tz``.

    Whole weeks begin on Monday. The steps are those of the buckets of ``tables/buckets.py``.
    """

    step_ns: int
    tz: str = "UTC"

    @property
    def is_local(self) -> bool:
        """Whether steps follow the clocks of a zone, so that some are an hour shorter or longer."""
        return self.tz != "UTC" and self.step_ns % DAY == 0

    @property
    def _origin(self) -> int:
        return _MONDAY if self.step_ns % (7 * DAY) == 0 else 0

    def index(self, time_ns: int) -> int:
        """Return the number of the step that a time lies in."""
        local = time_ns + (_offset_ns(time_ns, self.tz) if self.is_local else 0)
        return (local - self._origin) // self.step_ns

    def start(self, index: int) -> int:
        """Return the time at which a step begins."""
        local = index * self.step_ns + self._origin
        return _to_utc(local, self.tz) if self.is_local else local

    def floor(self, time_ns: int) -> int:
        """Return the start of the step that a time lies in."""
        return self.start(self.index(time_ns))

    def ceil(self, time_ns: int) -> int:
        """Return the first start of a step that is not before a time."""
        floor = self.floor(time_ns)
        return floor if floor == time_ns else self.after(floor, 1)

    def after(self, start_ns: int, steps: int) -> int:
        """Return the start of the step so many steps later (or earlier, when negative)."""
        if not self.is_local:
            return start_ns + steps * self.step_ns
        return self.start(self.index(start_ns) + steps)

    def count(self, start_ns: int, end_ns: int) -> int:
        """Return how many steps begin in start <= t < end, both of which are starts; 0 when end is not later."""
        return max(0, self.index(end_ns) - self.index(start_ns))

    def times(self, start_ns: int, end_ns: int) -> Times:
        """Return the starts of the steps in start <= t < end, both of which are starts, as datetime64[ns]."""
        n = self.count(start_ns, end_ns)
        if not self.is_local:
            return (start_ns + np.arange(n, dtype=np.int64) * self.step_ns).view("datetime64[ns]")
        first = self.index(start_ns)
        return np.array([self.start(first + i) for i in range(n)], np.int64).view("datetime64[ns]")


def _offset_ns(time_ns: int, tz: str) -> int:
    """Nanoseconds that the clocks of a zone are ahead of UTC at a time."""
    moment = _EPOCH + timedelta(microseconds=time_ns // _MICROSECOND)
    offset = moment.astimezone(ZoneInfo(tz)).utcoffset()
    assert offset is not None
    return offset // timedelta(microseconds=1) * _MICROSECOND


def _to_utc(local_ns: int, tz: str) -> int:
    """The UTC time at which the clocks of a zone first show a local time, or jump over it."""
    before = _offset_ns(local_ns - DAY, tz)
    after = _offset_ns(local_ns + DAY, tz)
    candidates = [local_ns - offset for offset in (before, after)]
    shown = [time for time in candidates if time + _offset_ns(time, tz) == local_ns]
    return min(shown) if shown else local_ns - before
