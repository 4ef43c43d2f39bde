"""What dashboards of others draw: series to choose from, their points, the events of a stretch of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest
from typing import Self

from redshank.errors import ConfigError, NotFoundError
from redshank.service.series import EARLIEST_NS, LATEST_NS, Course, Series, Wanted
from redshank.store.events import EventFilter
from redshank.store.records import Resource, StoredEvent, StoredSeries
from redshank.store.store import Store

MOST_SERIES = 50  # of which points or events are given at once
MS_NS = 1_000_000


@dataclass(frozen=True)
class Range:
    """A stretch of time, start <= t < end, in nanoseconds since 1970."""

    start_ns: int
    end_ns: int

    @classmethod
    def of_ms(cls, start_ms: int, end_ms: int) -> Self:
        """Return the range of milliseconds; what 64 bits cannot hold is cut off."""
        return cls(max(EARLIEST_NS, start_ms * MS_NS), min(LATEST_NS, end_ms * MS_NS))


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which events: that touch the range, of these monitors (names; () = all) or series (ids; () = all)."""

    range: Range
    monitors: Sequence[str] = ()
    series: Sequence[str] = ()
    severity: int = 0


class Charts:
    """Reads for dashboards."""

    def __init__(self, store: Store, series: Series) -> None:
        """Read from a store; ``series`` knows the points."""
        self._store, self._series = store, series

    def monitors(self) -> Sequence[Resource]:
        """Return all monitors by name."""
        return self._store.resources.all("monitors")

    def series(self, monitors: Sequence[str], text: str | None, limit: int) -> Sequence[tuple[str, StoredSeries]]:
        """Return (monitor, series) of monitors (() = all) that have a text in them, ``limit`` at most.

        Raises:
            ConfigError: there is no monitor of a name.
        """
        names = monitors or [each.name for each in self.monitors()]
        found: list[tuple[str, StoredSeries]] = []
        for name in names:
            if len(found) < limit:
                self._monitor_id(name)
                page = self._series.list(name, text=text or None, limit=limit - len(found))
                found += [(name, each) for each in page.items]
        return found

    def courses(self, series_ids: Sequence[str], wanted: Range, points: int) -> Iterator[Course]:
        """Yield the points of each series, thinned to ``points``.

        Raises:
            ConfigError: no or too many series are asked for.
            NotFoundError: there is no such series.
        """
        _check_number(series_ids)
        if not series_ids:
            raise ConfigError("series: must name at least one, by its id", field="series")
        asked = Wanted(start_ns=wanted.start_ns, end_ns=wanted.end_ns, points=points)
        for each in series_ids:
            yield self._series.course(each, asked)

    def events(self, asked: Asked, limit: int) -> Sequence[StoredEvent]:
        """Return the newest events, newest first; none when the range ends before it starts."""
        if asked.range.start_ns >= asked.range.end_ns:
            return []
        wanted = EventFilter(
            start_ns=asked.range.start_ns, end_ns=asked.range.end_ns, least_severity=asked.severity or None
        )
        if not asked.series:
            ids = [self._monitor_id(name) for name in asked.monitors] or None
            return list(self._store.events.list(replace(wanted, monitor_ids=ids), limit=limit).items)
        _check_number(asked.series)
        found: list[StoredEvent] = []
        for each in asked.series:
            record = self._series.get(each)[1]
            mine = replace(wanted, monitor_ids=[record.monitor_id], text=str(record.key))
            page = self._store.events.list(mine, limit=limit)
            found += [event for event in page.items if event.key == record.key]
        return nlargest(limit, found, key=lambda event: (event.start_ns, event.id))

    def _monitor_id(self, name: str) -> str:
        try:
            return self._store.resources.get("monitors", name).id
        except NotFoundError as error:
            raise ConfigError(f"monitor: {error}", field="monitor") from None


def _check_number(series_ids: Sequence[str]) -> None:
    if len(series_ids) > MOST_SERIES:
        raise ConfigError(f"series: must be at most {MOST_SERIES}, got {len(series_ids)}", field="series")
