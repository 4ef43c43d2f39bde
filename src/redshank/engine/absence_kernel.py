"""The compiled loop that follows which series have values, move, or stay away: one pass over (series, time).

What is usual for a series is learned from it: one that reports every tenth step is not missing at the third, and one
that often holds its value is not frozen. Both averages are clipped, so that an outage does not become usual.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from redshank.panel import Floats

Integers = NDArray[np.int64]

# columns of ``marks``
SEEN, ABSENT, AWAY_SINCE, LAST_TIME, MISSING, MISSING_OPENED = range(6)  # MISSING: 1 open, 2 given up
MOVED, RUN, RUN_SINCE, FLAT, FLAT_OPENED, FIRST_TIME = range(6, 12)
MARKS = 12
# columns of ``usual``
GAP, STILL = range(2)
USUAL = 2
GAIN = 0.05  # of the newest gap or run in what is usual
MOST = 4.0  # times the usual (and a few steps) that one gap or run counts as at the most
LEAST_SEEN = 10  # values of a series before it can be missing
LEAST_MOVED = 10  # changes of value before it can be flat
GIVEN_UP = 1000  # steps after which a missing series is taken as gone for good
OF_MISSING, OF_FLAT = 0, 1  # kinds of records
RECORD = 6


@njit(nogil=True, cache=True)
def missing_after(usual: Floats, steps: int) -> int:
    """Steps without a value after which a series is missing."""
    return steps + int(MOST * usual[GAP])


@njit(nogil=True, cache=True)
def flat_after(usual: Floats, points: int) -> int:
    """Equal values in a row after which a series is flat."""
    return points + int(MOST * usual[STILL])


@njit(nogil=True, cache=True)
def _learned(usual: float, found: int) -> float:
    return usual + GAIN * (min(float(found), MOST * usual + MOST) - usual)


@njit(nogil=True, cache=True)
def follow(
    times: Integers,
    values: Floats,
    counts: NDArray[np.bool_],
    steps: int,
    points: int,
    marks: Integers,
    usual: Floats,
    last: Floats,
) -> Any:
    """Move every series on over ``values`` (n_series, n_time, n_channels), in place; return records of what closed.

    ``counts``: (n_time,) whether an absence in that step is one of the series, and not of all. ``steps``, ``points``:
    of missing and flat, 0 = not watched. ``last``: (n_series, n_channels) newest values. Records: rows of (series,
    kind, start, end, opened, whether the series is given up).
    """
    closed = np.empty((16, RECORD), np.int64)
    n_closed = 0
    for i in range(values.shape[0]):
        for t in range(values.shape[1]):
            if n_closed + 2 > closed.shape[0]:
                closed = np.concatenate((closed, np.empty_like(closed)))
            is_there, moves = _look(values[i, t], last[i])
            if is_there:
                ends_missing, ends_flat = _comes(marks[i], usual[i], moves, times[t], points)
                if ends_missing:
                    since, opened = marks[i, AWAY_SINCE], marks[i, MISSING_OPENED]
                    _write(closed[n_closed], i, OF_MISSING, since, times[t], opened, 0)
                    n_closed += 1
                if ends_flat:
                    since, opened = marks[i, RUN_SINCE], marks[i, FLAT_OPENED]
                    _write(closed[n_closed], i, OF_FLAT, since, times[t], opened, 0)
                    n_closed += 1
                if moves:
                    marks[i, RUN_SINCE] = times[t]
            elif counts[t] and _stays_away(marks[i], usual[i], times[t], steps):
                since, opened = marks[i, AWAY_SINCE], marks[i, MISSING_OPENED]
                _write(closed[n_closed], i, OF_MISSING, since, times[t], opened, 1)
                n_closed += 1
    return closed[:n_closed]


@njit(nogil=True, cache=True)
def _write(record: Integers, row: int, kind: int, start: int, end: int, opened: int, is_given_up: int) -> None:
    record[0], record[1], record[2], record[3], record[4], record[5] = row, kind, start, end, opened, is_given_up


@njit(nogil=True, cache=True)
def _look(values: Floats, last: Floats) -> tuple[bool, bool]:
    """Keep the newest values; return whether there is any, and whether one is another than before."""
    is_there, moves = False, False
    for c in range(values.shape[0]):
        if not math.isnan(values[c]):
            is_there = True
            moves = moves or values[c] != last[c]
            last[c] = values[c]
    return is_there, moves


@njit(nogil=True, cache=True)
def _comes(mark: Integers, usual: Floats, moves: bool, time: int, points: int) -> tuple[bool, bool]:
    """Count a step with a value; return whether it ends an open absence, and an open flat stretch."""
    ends_missing = mark[MISSING] == 1
    if mark[SEEN] == 0:
        mark[FIRST_TIME] = time
    else:
        usual[GAP] = _learned(usual[GAP], mark[ABSENT])
    mark[SEEN] += 1
    mark[ABSENT], mark[MISSING], mark[LAST_TIME] = 0, 0, time
    if not moves:
        mark[RUN] += 1
        is_due = points > 0 and mark[MOVED] >= LEAST_MOVED and mark[RUN] >= flat_after(usual, points)
        if mark[FLAT] == 0 and is_due:
            mark[FLAT], mark[FLAT_OPENED] = 1, time
        return ends_missing, False
    ends_flat = mark[FLAT] == 1
    if mark[MOVED] > 0:
        usual[STILL] = _learned(usual[STILL], mark[RUN] - 1)
    mark[MOVED] += 1
    mark[RUN], mark[FLAT] = 1, 0
    return ends_missing, ends_flat


@njit(nogil=True, cache=True)
def _stays_away(mark: Integers, usual: Floats, time: int, steps: int) -> bool:
    """Count a step without a value; return whether the series, missing so long, is given up."""
    if mark[SEEN] == 0:
        return False
    if mark[ABSENT] == 0:
        mark[AWAY_SINCE] = time
    mark[ABSENT] += 1
    if mark[MISSING] == 1 and mark[ABSENT] >= missing_after(usual, steps) + GIVEN_UP:
        mark[MISSING] = 2
        return True
    is_due = steps > 0 and mark[SEEN] >= LEAST_SEEN and mark[ABSENT] >= missing_after(usual, steps)
    if mark[MISSING] == 0 and is_due:
        mark[MISSING], mark[MISSING_OPENED] = 1, time
    return False


def stay_away(mark: Integers, usual: Floats, since_ns: int, n: int, steps: int, step_ns: int) -> None:
    """Count ``n`` steps without a value at once, the first at ``since_ns`` (changes ``mark`` in place)."""
    if mark[SEEN] == 0:
        return
    if mark[ABSENT] == 0:
        mark[AWAY_SINCE] = since_ns
    mark[ABSENT] += n
    due = missing_after(usual, steps)
    if mark[MISSING] == 0 and steps > 0 and mark[SEEN] >= LEAST_SEEN and mark[ABSENT] >= due:
        mark[MISSING], mark[MISSING_OPENED] = 1, mark[AWAY_SINCE] + (due - 1) * step_ns
