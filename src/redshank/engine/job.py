"""What the work of a run is given: where it says how far it is, and learns that it is to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from redshank.errors import StoppedError
from redshank.store.records import Fence

Level = Literal["debug", "info", "warning", "error"]
Log: TypeAlias = Callable[[str, Level], None]


def _silent(_text: str, _level: Level) -> None:
    """Keep no log line: the work is not that of a run."""


@dataclass(kw_only=True)
class Job:
    """The view that work has of its run; made by the scheduler, or plain (``Job()``) by whoever works without one.

    ``run_id`` and ``attempt`` are for ``Progress`` in a commit: work that was given up is refused by its attempt.
    ``fence`` goes with every write: work of a scheduler that leads no more is refused by it. The job of a continuous
    detection is the same from tick to tick, so that its rows add up. Work that takes long calls ``raise_if_stopped`` at
    least each half second, and keeps nothing after it. Safe to be used by several threads.
    """

    run_id: str = ""
    attempt: int = 1
    fence: Fence | None = None
    write_line: Log = _silent
    stop: threading.Event = field(default_factory=threading.Event)
    rows_done: int = 0
    rows_total: int = 0  # 0 = unknown
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def done(self, rows: int) -> None:
        """Count so many rows more as done."""
        with self._turn:
            self.rows_done += int(rows)  # numpy's integers are no numbers to a database

    def total(self, rows: int) -> None:
        """Say how many rows there are in all; may be corrected later."""
        with self._turn:
            self.rows_total = int(rows)

    def log(self, text: str, level: Level = "info") -> None:
        """Add a line to the log of the run."""
        self.write_line(text, level)

    def is_stopped(self) -> bool:
        """Whether the run is canceled, past its deadline, or its process is to end."""
        return self.stop.is_set()

    def raise_if_stopped(self) -> None:
        """Raise StoppedError when the work is to stop."""
        if self.stop.is_set():
            raise StoppedError("run: was asked to stop")
