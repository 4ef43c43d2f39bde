"""Rows to panels: sort, drop duplicates, find the step, and lay series of one grid side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redshank.panel import Floats

Integers = NDArray[np.int64]
Codes = NDArray[np.int32]

SPARSE = 8  # a full grid may be this many times longer than the points it holds
SNAP = 0.25  # share of a step by which a point may be off its grid line
LEAST_JITTERED = 8  # points that show small differences to be jitter and not times of their own
_CHUNK = 1_000_000  # rows looked at together, to bound memory
WASTE = 2.0  # a shared panel may have this many times the cells its series need


@dataclass
class Rows:
    """Points of all series: ``series`` (rows,) from 0, ``times`` (rows,) in nanoseconds, ``values`` one per measure."""

    series: Codes
    times: Integers
    values: list[Floats]


@dataclass(frozen=True)
class Block:
    """Series on one grid: their codes, the times, and per measure an array (series, time), NaN = no value."""

    series: Codes
    times: Integers
    values: list[Floats]
    step: int  # nanoseconds, 0 when irregular


@dataclass
class Tidied:
    """What was put right in the rows."""

    duplicates: int = 0
    unsorted: int = 0
    snapped: int = 0
    gaps: int = 0


@dataclass(frozen=True)
class Line:
    """One series: its rows first <= i < last, and its grid: start, step (0 = irregular) and length."""

    code: int
    first: int
    last: int
    start: int
    step: int
    length: int

    @property
    def end(self) -> int:
        """Its last time."""
        return self.start + (self.length - 1) * self.step


def sort_rows(rows: Rows, tidied: Tidied) -> None:
    """Sort rows by series and time (in place); of rows with the same series and time keep the last."""
    order = _order(rows, tidied)
    if order is not None:
        _take(rows, order)
    if len(rows.times) < 2:
        return
    same = (rows.times[1:] == rows.times[:-1]) & (rows.series[1:] == rows.series[:-1])
    tidied.duplicates = int(same.sum())
    if tidied.duplicates:
        _take(rows, np.flatnonzero(np.append(~same, True)))


def _take(rows: Rows, index: NDArray[np.intp]) -> None:
    rows.series, rows.times = rows.series[index], rows.times[index]
    for i, values in enumerate(rows.values):
        rows.values[i] = values[index]


def _order(rows: Rows, tidied: Tidied) -> NDArray[np.intp] | None:
    """The stable order by series and time; None when the rows have it."""
    if len(rows.times) < 2:
        return None
    rising = rows.times[1:] >= rows.times[:-1]
    if (rows.series[1:] >= rows.series[:-1]).all() and (rising | (rows.series[1:] > rows.series[:-1])).all():
        return None
    n_series = int(rows.series.max()) + 1
    keys = rows.series.astype(np.uint16) if n_series <= 65536 else rows.series
    order = np.argsort(keys, kind="stable")
    times, series = rows.times[order], rows.series[order]
    back = (times[1:] < times[:-1]) & (series[1:] == series[:-1])
    tidied.unsorted = int(back.sum())
    if not tidied.unsorted:
        return order
    return np.lexsort((rows.times, rows.series))


def blocks(rows: Rows, tidied: Tidied, step: int = 0) -> list[Block]:
    """Lay sorted rows out on grids; ``step`` > 0 says that times are multiples of it (from a common origin)."""
    if not len(rows.times):
        return []
    starts = np.flatnonzero(np.append(True, rows.series[1:] != rows.series[:-1]))
    ends = np.append(starts[1:], len(rows.times))
    common = step or _common_step(rows)
    if not common and not rows.times.flags.writeable:
        rows.times = rows.times.copy()  # jitter is taken out in place
    lines = []
    for first, last in zip(starts.tolist(), ends.tolist(), strict=True):
        times = rows.times[first:last]
        own = common or _regular_step(times, tidied)
        length = int((times[-1] - times[0]) // own) + 1 if own else last - first
        lines.append(Line(int(rows.series[first]), first, last, int(times[0]), own, length))
    regular = [line for line in lines if line.step]
    tidied.gaps += sum(line.length - (line.last - line.first) for line in regular)
    return _regular_blocks(rows, regular) + _irregular_blocks(rows, [line for line in lines if not line.step])


def _common_step(rows: Rows) -> int:
    """The step when all differences of all series are multiples of the usual one; 0 otherwise."""
    differences = _differences(rows, 0, min(len(rows.times), _CHUNK))
    if not len(differences):
        return 0
    step = int(np.partition(differences, len(differences) // 2)[len(differences) // 2])
    length = 0
    for first in range(0, len(rows.times), _CHUNK):
        differences = _differences(rows, first, first + _CHUNK)
        if (differences % step).any():
            return 0
        length += int((differences // step).sum())
    return step if length <= SPARSE * len(rows.times) else 0


def _differences(rows: Rows, first: int, last: int) -> Integers:
    """Times between the points of each series among the rows first <= i <= last."""
    span = slice(first, last + 1)
    found: Integers = np.diff(rows.times[span])[rows.series[span][1:] == rows.series[span][:-1]]
    return found


def _regular_step(times: Integers, tidied: Tidied) -> int:
    """The step of one series; small jitter is taken out of ``times`` in place; 0 when truly irregular."""
    if len(times) < 2:
        return 0
    differences = np.diff(times)
    step = int(np.gcd.reduce(differences))
    if (times[-1] - times[0]) // step + 1 <= SPARSE * len(times):
        return step
    usual = _round_step(int(np.median(differences)))
    if usual < 1_000_000 or len(times) < LEAST_JITTERED:
        return 0
    phase = int(np.median((times - times[0] + usual // 2) % usual)) - usual // 2
    origin = int(times[0]) + phase
    origin = round(origin / usual) * usual if abs(origin - round(origin / usual) * usual) <= SNAP * usual else origin
    position = np.floor_divide(times - origin + usual // 2, usual)
    grid = origin + position * usual
    if np.abs(times - grid).max() > SNAP * usual or (np.diff(position) <= 0).any():
        return 0
    if position[-1] - position[0] + 1 > SPARSE * len(times):
        return 0
    tidied.snapped += int((times != grid).sum())
    times[:] = grid
    return usual


def _round_step(step: int) -> int:
    """The step that was meant: 1.0004 s is 1 s."""
    for unit in (86_400_000_000_000, 3_600_000_000_000, 60_000_000_000, 1_000_000_000, 100_000_000, 1_000_000):
        near = round(step / unit) * unit
        if near and abs(step - near) <= 0.01 * step:
            return near
    return step


def _regular_blocks(rows: Rows, lines: Sequence[Line]) -> list[Block]:
    found = []
    grids: dict[tuple[int, int], list[Line]] = {}
    for line in lines:
        grids.setdefault((line.step, line.start % line.step), []).append(line)
    for (step, _), members in grids.items():
        found += [_regular_block(rows, group, step) for group in overlapping(members)]
    return found


def overlapping(lines: list[Line]) -> list[list[Line]]:
    """Return groups of series whose common range wastes little room."""
    groups: list[list[Line]] = []
    needed = start = end = 0
    for line in sorted(lines, key=lambda one: (one.start, one.end, one.code)):
        if groups:
            low, high = min(start, line.start), max(end, line.end)
            cells = ((high - low) // line.step + 1) * (len(groups[-1]) + 1)
            if cells <= WASTE * (needed + line.length):
                groups[-1].append(line)
                start, end, needed = low, high, needed + line.length
                continue
        groups.append([line])
        start, end, needed = line.start, line.end, line.length
    return groups


def _regular_block(rows: Rows, lines: list[Line], step: int) -> Block:
    lines = sorted(lines, key=lambda one: one.code)
    start, end = min(line.start for line in lines), max(line.end for line in lines)
    length = (end - start) // step + 1
    times = start + np.arange(length, dtype=np.int64) * step
    codes = np.array([line.code for line in lines], np.int32)
    if len(lines) == 1 and lines[0].last - lines[0].first == length:
        span = slice(lines[0].first, lines[0].last)
        return Block(codes, rows.times[span], [values[None, span] for values in rows.values], step)
    cells = [np.full((len(lines), length), np.nan) for _ in rows.values]
    for row, line in enumerate(lines):
        at = (rows.times[line.first : line.last] - start) // step
        for filled, values in zip(cells, rows.values, strict=True):
            filled[row, at] = values[line.first : line.last]
    return Block(codes, times, cells, step)


def _irregular_blocks(rows: Rows, lines: Sequence[Line]) -> list[Block]:
    """Series of irregular times: those that share (nearly) all of their times share a panel."""
    if not lines:
        return []
    points = sum(line.length for line in lines)
    union = np.unique(np.concatenate([rows.times[line.first : line.last] for line in lines]))
    if len(union) * len(lines) <= WASTE * points:
        return [_irregular_block(rows, lines, union)]
    same: dict[bytes, list[Line]] = {}
    for line in lines:
        same.setdefault(rows.times[line.first : line.last].tobytes(), []).append(line)
    return [_irregular_block(rows, group, rows.times[group[0].first : group[0].last]) for group in same.values()]


def _irregular_block(rows: Rows, lines: Sequence[Line], times: Integers) -> Block:
    codes = np.array([line.code for line in lines], np.int32)
    if len(lines) == 1:
        span = slice(lines[0].first, lines[0].last)
        return Block(codes, rows.times[span], [values[None, span] for values in rows.values], 0)
    cells = [np.full((len(lines), len(times)), np.nan) for _ in rows.values]
    for row, line in enumerate(lines):
        at = np.searchsorted(times, rows.times[line.first : line.last])
        for filled, values in zip(cells, rows.values, strict=True):
            filled[row, at] = values[line.first : line.last]
    return Block(codes, times, cells, 0)
