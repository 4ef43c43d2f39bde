"""Bring a saved state up to the cursor by the points of the score history; what comes out is thrown away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import polars as pl

from redshank.engine.job import Job
from redshank.engine.steps import Grid
from redshank.engine.watch import RunShards, Watch
from redshank.errors import StateError
from redshank.panel import Key, Panel
from redshank.store.store import Store

VALUES_AT_ONCE = 1_000_000


class ScoreRows(Protocol):
    """The score history, as far as it is read here."""

    def read(
        self,
        monitor_id: str,
        series: Sequence[int] | None,
        start_ns: int,
        end_ns: int,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Return the rows of these series (None = all) of a monitor with start <= t < end, by series and time."""


def replay(
    watch: Watch,
    store: Store,
    monitor_id: str,
    grid: Grid,
    *,
    start_ns: int,
    end_ns: int,
    jumps: Sequence[tuple[int, int]],
    run: RunShards,
    job: Job,
) -> int:
    """Move a watch from ``start_ns`` to ``end_ns`` over the kept values; return how many steps that were.

    ``jumps``: (start, steps) that were jumped over.

    Raises:
        StateError: the series of the state are not those of the monitor.
    """
    if start_ns >= end_ns:
        return 0
    keys = [series.key for series in store.series.all_of(monitor_id)]
    if watch.keys != tuple(keys[: watch.n_series]):
        raise StateError("state: its series are not those of the monitor, in their order; train again")
    steps = 0
    most = max(1, VALUES_AT_ONCE // max(1, len(keys)))
    for first, last, skipped in spans(grid, start_ns, end_ns, jumps):
        if skipped:
            watch.skip(skipped, first)
            continue
        at = first
        while at < last:
            job.raise_if_stopped()
            end = min(last, grid.after(at, most))
            panel = _panel(watch, store, monitor_id, grid, keys, (at, end))
            watch.advance(panel, run)
            steps += panel.n_time
            at = end
    if watch.keys != tuple(keys[: watch.n_series]):
        raise StateError("state: its series did not join in the order of the monitor's; train again")
    return steps


def spans(grid: Grid, start_ns: int, end_ns: int, jumps: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """Yield (start, end, steps jumped over) from ``start_ns`` to ``end_ns`` in order; 0 steps = moved over."""
    at = start_ns
    for start, steps in sorted(jumps):
        if not start_ns <= start < end_ns:
            continue
        if at < start:
            yield at, start, 0
        at = grid.after(start, steps)
        yield start, at, steps
    if at < end_ns:
        yield at, end_ns, 0


def _panel(
    watch: Watch, store: Store, monitor_id: str, grid: Grid, keys: Sequence[Key], span: tuple[int, int]
) -> Panel:
    """The kept values of all series in a span."""
    times = grid.times(*span)
    channels = watch.rules.channels
    frame = store.history.read(monitor_id, None, *span, [f"value.{channel}" for channel in channels])
    values = np.full((len(keys), len(times), len(channels)), np.nan)
    if len(frame):
        rows = frame["series"].to_numpy()
        at = np.searchsorted(times.view(np.int64), frame["time"].to_numpy())
        for i, channel in enumerate(channels):
            values[rows, at, i] = _column(frame, f"value.{channel}")
    return Panel(tuple(keys), times, values, channels)


def _column(frame: pl.DataFrame, name: str) -> np.ndarray:
    return frame[name].to_numpy() if name in frame.columns else np.full(len(frame), np.nan)
