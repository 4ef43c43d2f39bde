"""The offsets of a time zone as they change, for databases that know no zones, or know them otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOOK = 7 * 86_400_000_000  # offsets do not change and change back within a week
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Offsets:
    """Offsets east of UTC in microseconds: ``first``, and from each of ``changes`` (UTC, offset) on another."""

    first: int
    changes: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, tz: str, start: int, end: int) -> Offsets:
        """Return those of a zone from start to end, microseconds of UTC (some days more on both sides do not harm)."""
        zone = ZoneInfo(tz)

        def offset(time: int) -> int:
            found = (_EPOCH + timedelta(microseconds=time)).astimezone(zone).utcoffset()
            return (found or timedelta(0)) // _MICROSECOND

        first = last = offset(start)
        changes = []
        time = start
        while time < end:
            after = min(time + _LOOK, end)
            if offset(after) != last:
                at = _change(offset, time, after)
                last = offset(at)
                changes.append((at, last))
                time = at
            else:
                time = after
        return cls(first, tuple(changes))

    def from_utc(self) -> list[tuple[int, int]]:
        """Return (before which time of UTC, offset to add), without an end for the last, whose time is 0."""
        edges = [time for time, _ in self.changes]
        return list(zip([*edges, 0], [self.first, *(offset for _, offset in self.changes)], strict=True))

    def from_local(self) -> list[tuple[int, int]]:
        """Return the same for a local clock: the hour that comes twice is its first pass, one left out is moved on."""
        offsets = [self.first, *(offset for _, offset in self.changes)]
        edges = [time + max(offsets[i], offsets[i + 1]) for i, (time, _) in enumerate(self.changes)]
        return list(zip([*edges, 0], [-offset for offset in offsets], strict=True))


def _change(offset: Callable[[int], int], before: int, after: int) -> int:
    """The first whole second with another offset than ``before``."""
    was, low, high = offset(before), before // 1_000_000, -(-after // 1_000_000)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset(middle * 1_000_000) == was else (low, middle)
    return high * 1_000_000
