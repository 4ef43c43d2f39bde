"""Read on from a cursor, window by window, over stretches in which nobody has a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from redshank.engine.job import Job
from redshank.engine.reading import Reader
from redshank.engine.stretches import Lead, Moved, filled_steps, move, with_zeros
from redshank.engine.watch import RunShards, Watch
from redshank.panel import Panel

VALUES_AT_ONCE = 1_000_000  # of a window
MOST_EMPTY_VALUES = 16_000_000  # of a window that is looked through for the next value
MOST_EMPTY_STEPS = 1_000_000
AGAIN_STEPS = 1000  # of steps found empty, that are looked at again for late points


@dataclass(frozen=True, eq=False)
class Window:
    """What was read: ``empty`` steps from the cursor on, then a panel that ends with a value at ``cursor_ns``.

    ``panel``: None = there is nothing yet. ``waiting``: complete steps behind, in which nothing came yet. ``counts``:
    points of each step of the panel as they were read.
    """

    start_ns: int
    panel: Panel | None
    empty: int
    cursor_ns: int
    waiting: int
    is_behind: bool
    counts: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))


class LatePoints:
    """Counts points that come to steps which were scored already, by reading the newest of those steps again."""

    def __init__(self) -> None:
        """Start with nothing to look at."""
        self._times: list[np.ndarray] = []
        self._counts: list[np.ndarray] = []

    def add(self, window: Window) -> None:
        """Take note of how many points each step had."""
        if window.panel is not None:
            self._times.append(window.panel.times.view(np.int64))
            self._counts.append(window.counts)

    def count(self, reader: Reader) -> int:
        """Return how many points more there are now, and forget the steps.

        Raises:
            SourceError, DataError: the source cannot be read.
        """
        if not self._times:
            return 0
        times, counts = np.concatenate(self._times), np.concatenate(self._counts)
        self._times, self._counts = [], []
        most = max(1, VALUES_AT_ONCE // max(1, int(counts.max())))
        times, counts = times[-most:], counts[-most:]
        panel = reader.read(int(times[0]), reader.grid.after(int(times[-1]), 1))
        now = _counts(panel)[np.searchsorted(panel.times.view(np.int64), times)]
        return int(np.maximum(now - counts, 0).sum())


def _counts(panel: Panel) -> np.ndarray:
    """How many series have a value in each step."""
    return np.asarray(np.isfinite(panel.values).any(axis=2).sum(axis=0))


class Windows:
    """The windows of one monitor, of about VALUES_AT_ONCE values each."""

    def __init__(self, reader: Reader, watch: Watch, expected_series: int) -> None:
        """``expected_series``: how many there may be before the watch knows them."""
        self.reader = reader
        self.watch = watch
        self._expected = expected_series
        self._empty_until = 0

    def read(self, start_ns: int, end_ns: int) -> Window:
        """Return the next window of start <= t < end.

        Raises:
            SourceError, DataError: the source cannot be read.
        """
        grid = self.reader.grid
        n_series = max(1, self.watch.n_series, self._expected)
        looked_ns = grid.after(min(self._empty_until, end_ns), -AGAIN_STEPS) if self._empty_until else 0
        at_ns = max(start_ns, looked_ns)
        size = max(1, VALUES_AT_ONCE // n_series)
        most = max(size, min(MOST_EMPTY_STEPS, MOST_EMPTY_VALUES // n_series))
        while at_ns < end_ns:
            stop_ns = min(end_ns, grid.after(at_ns, size))
            raw = self.reader.read(at_ns, stop_ns)
            panel = with_zeros(raw, self.watch, self.reader.zero_measures)
            filled = filled_steps(panel)
            if filled:
                self._empty_until = 0
                window = self._found(start_ns, at_ns, panel.slice(0, filled), stop_ns, end_ns)
                return replace(window, counts=_counts(raw)[:filled])
            at_ns, size = stop_ns, min(2 * size, most)
        self._empty_until = end_ns
        return Window(start_ns, None, 0, start_ns, grid.count(start_ns, end_ns), False)

    def _found(self, start_ns: int, at_ns: int, panel: Panel, stop_ns: int, end_ns: int) -> Window:
        grid = self.reader.grid
        cursor_ns = grid.after(at_ns, panel.n_time)
        is_behind = stop_ns < end_ns
        waiting = 0 if is_behind else grid.count(cursor_ns, end_ns)
        return Window(start_ns, panel, grid.count(start_ns, at_ns), cursor_ns, waiting, is_behind)

    def move(self, window: Window, run: RunShards) -> Moved:
        """Move the watch over a window."""
        if window.panel is None:
            return Moved([], [])
        return move(self.watch, window.panel, Lead(self.reader.grid, window.start_ns, window.empty), run)

    def through(self, start_ns: int, end_ns: int, run: RunShards, job: Job) -> Iterator[tuple[Window, Moved]]:
        """Move the watch from start to the last value before end, yielding what came of each window.

        Raises:
            StoppedError: the job is to stop.
            SourceError, DataError: the source cannot be read.
        """
        while True:
            job.raise_if_stopped()
            window = self.read(start_ns, end_ns)
            job.raise_if_stopped()
            yield window, self.move(window, run)
            start_ns = window.cursor_ns
            if not window.is_behind:
                return
