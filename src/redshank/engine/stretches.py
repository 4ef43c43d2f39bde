"""Move a watch over a window: long stretches without any value are jumped over, the same way in any split.

The first FED steps of a stretch in which no series has a value are fed as missing, so that detectors see the gap; the
rest is skipped. What a stretch is, is known only when a value ends it: until then its steps wait.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from redshank.engine.steps import Grid
from redshank.engine.watch import RunShards, Watch, in_turn
from redshank.engine.watch_answer import Advance
from redshank.panel import Panel

FED = 1000


@dataclass(frozen=True, eq=False)
class Moved:
    """What came of a window: answers of the parts in order, and the (start, steps) that were jumped over."""

    advances: list[Advance]
    jumps: list[tuple[int, int]]


@dataclass(frozen=True)
class Lead:
    """So many steps from ``start_ns`` on in which no series has a value."""

    grid: Grid
    start_ns: int
    steps: int


def move(watch: Watch, panel: Panel, lead: Lead, run: RunShards = in_turn) -> Moved:
    """Move ``watch`` over the steps of ``lead``, where nobody has a value, then all of a panel that ends with one."""
    moved = Moved([], [])
    fed = min(lead.steps, max(0, FED - watch.blank_steps))
    if fed:
        times = lead.grid.times(lead.start_ns, lead.grid.after(lead.start_ns, fed))
        nothing = np.empty((0, fed, panel.n_channels))
        moved.advances.append(watch.advance(Panel((), times, nothing, panel.channels), run))
    _skip(watch, lead.grid.after(lead.start_ns, fed), lead.steps - fed, moved)
    is_blank = ~_has_value(panel)
    for first, last in _runs(is_blank, watch.blank_steps):
        fed = last - first
        if is_blank[first]:
            fed = min(fed, max(0, FED - watch.blank_steps))
        if fed:
            moved.advances.append(watch.advance(panel.slice(first, first + fed), run))
        if first + fed < last:
            _skip(watch, int(panel.times[first + fed].view(np.int64)), last - first - fed, moved)
    return moved


def _skip(watch: Watch, start_ns: int, steps: int, moved: Moved) -> None:
    if steps and watch.shards:
        moved.jumps.append((start_ns, steps))
        watch.skip(steps, start_ns)


def _has_value(panel: Panel) -> np.ndarray:
    return np.asarray(np.isfinite(panel.values).any(axis=(0, 2)))


def _runs(is_blank: np.ndarray, before: int) -> Iterator[tuple[int, int]]:
    """Parts of a window (first, end): blank stretches that are jumped over in part, and what lies between them.

    ``before``: blank steps right before the window.
    """
    edges = np.flatnonzero(np.diff(is_blank.astype(np.int8), prepend=2, append=2))
    start = 0
    for first, last in itertools.pairwise(edges.tolist()):
        if is_blank[first] and last - first + (before if first == 0 else 0) > FED:
            if start < first:
                yield start, first
            yield first, last
            start = last
    if start < len(is_blank):
        yield start, len(is_blank)


def filled_steps(panel: Panel) -> int:
    """Return how many steps there are up to and with the last one that has a value."""
    there = np.flatnonzero(_has_value(panel))
    return int(there[-1]) + 1 if len(there) else 0


def with_zeros(panel: Panel, watch: Watch, zero_measures: frozenset[str]) -> Panel:
    """Return the panel with 0 where known series of counts have no rows.

    A step in which no series at all has rows says nothing, unless there is one series only. A series that is new has
    zeros from its first value on.
    """
    if not zero_measures:
        return panel
    given = set(panel.keys)
    absent = [key for key in watch.keys if key.measure in zero_measures and key not in given]
    if absent:
        nothing = np.full((len(absent), panel.n_time, panel.n_channels), np.nan)
        panel = replace(panel, keys=(*panel.keys, *absent), values=np.concatenate([panel.values, nothing]))
    counted = np.array([key.measure in zero_measures for key in panel.keys], np.bool_)
    is_known = np.array([key in watch.index for key in panel.keys], np.bool_)
    there = np.isfinite(panel.values[:, :, 0])
    has_begun = np.maximum.accumulate(there, axis=1) | is_known[:, None]
    says = there.any(axis=0) | (len(given.union(watch.index)) <= 1)
    zero = counted[:, None] & has_begun & says & ~there
    return replace(panel, values=np.where(zero[:, :, None], 0.0, panel.values))


def joined_jumps(grid: Grid, jumps: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return jumps (start, steps) with those that follow on each other as one."""
    found: list[tuple[int, int]] = []
    for start_ns, steps in jumps:
        if found and grid.after(found[-1][0], found[-1][1]) == start_ns:
            found[-1] = (found[-1][0], found[-1][1] + steps)
        else:
            found.append((start_ns, steps))
    return found
