"""A small world for live monitors: a source in memory, a store on disk, and a clock that tests set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self

import polars as pl

from redshank.engine.engine import Engine, LiveWatcher
from redshank.engine.job import Job
from redshank.engine.live import Ticked
from redshank.errors import NoPointsError, SourceError
from redshank.sources.base import Progress, Query, Reading, Source
from redshank.specs.monitor import MonitorSpec
from redshank.specs.options import Access, Options
from redshank.store.records import Resource, StoredEvent
from redshank.store.store import Store
from redshank.tables import read_table

MINUTE = 60_000_000_000
START = 1_700_002_800_000_000_000  # an hour begins
SCHEMA = {"time": pl.Int64, "host": pl.String, "cpu": pl.Float64}


class TableSource(Source):
    """Rows in memory; ``is_down``: it cannot be read."""

    kind: ClassVar[str] = "table"
    Options = Options

    def __init__(self, rows: list[tuple[int, str, float]] | None = None) -> None:
        """Hold rows of (time in ns, host, cpu)."""
        self.rows = list(rows or [])
        self.is_down = False
        self.reads = 0

    @classmethod
    def build(cls, options: Any, access: Access) -> Self:
        """Return an empty one."""
        return cls()

    def frame(self) -> pl.DataFrame:
        """All rows as a table."""
        if self.is_down:
            raise SourceError("table: cannot be reached")
        self.reads += 1
        frame = pl.DataFrame(self.rows, schema=SCHEMA, orient="row")
        return frame.with_columns(pl.col("time").cast(pl.Datetime("ns", "UTC")))

    def read(self, query: Query, progress: Progress | None = None) -> Reading:
        """Return the panels."""
        frame = self.frame()
        if frame.is_empty():
            raise NoPointsError("table: is empty")
        return read_table(frame, query)

    def newest(self, query: Query) -> datetime | None:
        """Return the newest time."""
        frame = self.frame()
        inside = frame if query.end is None else frame.filter(pl.col("time") < query.end)
        newest = inside["time"].max()
        return newest if isinstance(newest, datetime) else None

    def describe(self) -> str:
        """Return what it is."""
        return "table"

    def preview(self, n: int = 10) -> list[dict[str, Any]]:
        """Return the first rows."""
        return self.frame().head(n).to_dicts()


@dataclass
class World:
    """A store, a source, a monitor and its watcher; ``restart`` forgets what is in memory."""

    store: Store
    source: TableSource
    spec: dict[str, Any]
    monitor_id: str = "m1"
    job: Job = field(default_factory=Job)
    watcher: LiveWatcher | None = None

    def engine(self) -> Engine:
        """A new engine over the store."""
        return Engine(self.store, lambda spec: self.source)

    def resource(self) -> Resource:
        """The monitor as the store would keep it."""
        spec = MonitorSpec.model_validate({"name": "hosts", **self.spec})
        kept = spec.model_dump(mode="json", exclude_unset=True)
        return Resource(
            id=self.monitor_id, kind="monitors", name="hosts", spec=kept, revision=1, created_ns=0, updated_ns=0
        )

    def restart(self) -> None:
        """Forget what is in memory, as after kill -9."""
        self.watcher = None

    def tick(self, now_ns: int) -> Ticked:
        """Tick until nothing is behind; return the last answer."""
        if self.watcher is None:
            self.watcher = self.engine().watch(self.resource(), self.job)
        ticked = self.watcher.tick(now_ns, self.job)
        while ticked.is_behind:
            ticked = self.watcher.tick(now_ns, self.job)
        return ticked

    def events(self, **wanted: Any) -> list[StoredEvent]:
        """All events, oldest first."""
        from redshank.store.events import EventFilter

        return list(self.store.events.list(EventFilter(**wanted), limit=1000, sort="start").items)

    def scores(self) -> pl.DataFrame:
        """All scores kept."""
        return self.store.history.read(self.monitor_id, None, 0, 1 << 62)


def open_world(folder: Path, rows: list[tuple[int, str, float]], **spec: Any) -> World:
    """Return a world with a new store in a folder."""
    given = {"source": "table", "step": "1m", "delay": "0s", "clock": "wall", "detector": "gaussian", **spec}
    return World(Store.open(folder, clock=lambda: START), TableSource(rows), given)


def at(minute: float) -> int:
    """The time so many minutes after the start."""
    return START + int(minute * MINUTE)


def moment(time_ns: int) -> datetime:
    """The same as a datetime."""
    return datetime.fromtimestamp(time_ns / 1e9, UTC)


Rows = list[tuple[int, str, float]]


def wave(minutes: range, host: str = "a", value: Callable[[int], float] | None = None) -> Rows:
    """Rows of one host at each minute: around 10, or as told."""
    return [(at(i), host, value(i) if value else usual(i, host)) for i in minutes]


def usual(minute: int, host: str = "a") -> float:
    """A value that scatters around 10, always the same for a minute and host."""
    mixed = (minute * 2654435761 + sum(map(ord, host)) * 40503) % 1000
    return 10 + mixed / 500


def times_of(events: list[StoredEvent]) -> Iterator[tuple[str, int, int]]:
    """Kind, first minute and last minute of events."""
    for event in events:
        yield event.kind, (event.start_ns - START) // MINUTE, (event.end_ns - START) // MINUTE
