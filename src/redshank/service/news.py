"""What is new since one last looked: changes of events, progress of runs, new scores. For streams."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from redshank.store.records import FINISHED, Run, RunState, StoredEvent, Verb
from redshank.store.runs import RunFilter
from redshank.store.store import Store

Topic = Literal["events", "runs", "scores"]
TOPICS: tuple[Topic, ...] = get_args(Topic)
BATCH = 500
UNFINISHED: tuple[RunState, ...] = tuple(state for state in get_args(RunState) if state not in FINISHED)
BOUNDED: tuple[Verb, ...] = ("train", "backtest", "tune", "forecast")


@dataclass(frozen=True)
class Moved:
    """A monitor whose cursor moved: the points from ``start_ns`` to before ``end_ns`` are scored."""

    monitor: str
    monitor_id: str
    start_ns: int
    end_ns: int


class News:
    """Looks at the store for what changed since the last look; used by one thread at a time.

    The store is asked rather than the scheduler told, so that a process that does not lead has the same news.
    """

    def __init__(self, store: Store) -> None:
        """Begin with what there is now."""
        self._store = store
        self.sequence = store.events.newest()
        self._runs: dict[str, Run] = {}
        self._cursors: dict[str, int] | None = None

    def events(self) -> Sequence[StoredEvent]:
        """Return the events changed since the last look, oldest change first."""
        found = self._store.events.changes(self.sequence, limit=BATCH)
        if found:
            self.sequence = found[-1].sequence
        return found

    def runs(self) -> Sequence[Run]:
        """Return the runs with an end in sight that are new, went on, or ended since the last look."""
        now = {run.id: run for run in self._unfinished()}
        ended = [self._store.runs.get(run_id) for run_id in self._runs if run_id not in now]
        changed = [run for run_id, run in now.items() if self._runs.get(run_id) != run]
        self._runs = now
        return [*ended, *changed]

    def moved(self, wanted: Callable[[str], bool]) -> Sequence[Moved]:
        """Return the monitors, of those whose names are wanted, whose cursor moved since the last look."""
        now = {monitor.id: monitor.name for monitor in self._store.resources.all("monitors") if wanted(monitor.name)}
        cursors = {live.monitor_id: live.cursor_ns for live in self._store.live.all() if live.monitor_id in now}
        before, self._cursors = self._cursors or cursors, cursors
        return [
            Moved(now[monitor_id], monitor_id, before[monitor_id], cursor_ns)
            for monitor_id, cursor_ns in cursors.items()
            if before.get(monitor_id, cursor_ns) < cursor_ns
        ]

    def forget(self, topics: Collection[Topic]) -> None:
        """Let go of what nobody follows any more, so that it is not compared with when somebody does again."""
        if "runs" in topics:
            self._runs = {}
        if "scores" in topics:
            self._cursors = None

    def _unfinished(self) -> list[Run]:
        bounded = self._store.runs.list(RunFilter(states=UNFINISHED, verbs=BOUNDED), limit=1000).items
        ranges = self._store.runs.list(RunFilter(states=UNFINISHED, verbs=("detect",)), limit=100).items
        return [*bounded, *(run for run in ranges if run.end_ns is not None)]
