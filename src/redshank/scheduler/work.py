"""What the scheduler asks of the engine: to watch a monitor live, and to do a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from redshank.engine.job import Job
from redshank.store.records import Resource, Run


class Ticked(Protocol):
    """What a tick did.

    ``points``: scored; ``next_ns``: when the next tick is worth while, None = at the next step; ``is_behind``: there is
    more to be scored at once, as after a pause.
    """

    @property
    def points(self) -> int: ...
    @property
    def next_ns(self) -> int | None: ...
    @property
    def is_behind(self) -> bool: ...


class Watcher(Protocol):
    """A monitor in memory, at work live; used by one thread at a time."""

    def tick(self, now_ns: int, job: Job) -> Ticked:
        """Score what is complete by now, and keep it.

        Raises:
            SourceError: the source cannot be read now.
            StaleError: somebody else went on; the watcher is of no use any more.
        """

    def checkpoint(self, job: Job) -> None:
        """Keep the state, so that the next start replays nothing."""

    def give_up(self, error: str, now_ns: int, job: Job) -> None:
        """Keep that a tick does not come back, where it waits for its source, and let it end; from another thread."""


class Work(Protocol):
    """The engine, as the scheduler sees it."""

    def watch(self, monitor: Resource, job: Job) -> Watcher:
        """Return a monitor loaded into memory, as it stands in the store."""

    def run(self, run: Run, now_ns: int, job: Job) -> Mapping[str, Any] | None:
        """Do a run to its end; return its result, None when the commit of the work has already ended it."""
