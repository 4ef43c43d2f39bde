"""The compiled state machine behind ``decide``: one pass over (series, time)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from redshank.panel import Floats

Integers = NDArray[np.int64]

PAYLOAD = 6  # score, rarity, actual, expected, lower, upper at the peak
IDLE, CANDIDATE, OPEN = 0, 1, 2
PHASE, ALARMS, QUIET, HOT, START, OPENED, LAST, PEAK = range(8)  # columns of marks


@njit(nogil=True, cache=True)
def _touch(marks: Integers, peak: Floats, share_at_peak: Floats, time: int, payload: Floats, share: Floats) -> None:
    """Count a hot point of a candidate or event, and keep it if it is the highest so far."""
    marks[HOT] += 1
    marks[LAST] = time
    if not peak[0] >= payload[0]:
        peak[:] = payload
        share_at_peak[:] = share
        marks[PEAK] = time


@njit(nogil=True, cache=True)
def _grown(array: Any) -> Any:
    """Return the array with room for twice as many rows."""
    return np.concatenate((array, np.empty_like(array)))


@njit(nogil=True, cache=True)
def _closes(mark: Integers, quiet_points: int) -> bool:
    """Move the phase on for a point below close_below; return whether an event closed with it."""
    if mark[PHASE] == OPEN:
        mark[QUIET] += 1
        if mark[QUIET] < quiet_points:
            return False
        mark[PHASE] = IDLE
        return True
    mark[PHASE] = IDLE
    return False


@njit(nogil=True, cache=True)
def _heats(
    mark: Integers,
    peak: Floats,
    share_at_peak: Floats,
    time: int,
    s: float,
    payload: Floats,
    share: Floats,
    open_above: float,
    open_points: int,
) -> None:
    """Move the phase on for a point of at least close_below."""
    if mark[PHASE] == IDLE:
        mark[:] = 0
        mark[PHASE] = CANDIDATE
        mark[START] = time
        peak[:] = np.nan
    mark[QUIET] = 0
    _touch(mark, peak, share_at_peak, time, payload, share)
    if mark[PHASE] == CANDIDATE and s >= open_above:
        mark[ALARMS] += 1
        if mark[ALARMS] >= open_points:
            mark[PHASE] = OPEN
            mark[OPENED] = time


@njit(nogil=True, cache=True)
def scan(
    times: Integers,
    score: Floats,
    payload: Floats,
    share: Floats,
    quiet_points: Integers,
    open_above: float,
    close_below: float,
    open_points: int,
    marks: Integers,
    peaks: Floats,
    shares: Floats,
) -> tuple[Integers, tuple[Integers, Floats, Floats]]:
    """Move every series' state on over a batch, in place; return (rows, records) of the events that closed.

    times: (n_time,) int64; score: (n_series, n_time); payload: (n_series, n_time, 6); share: (n_series, n_time,
    n_channels); quiet_points: (n_series,); marks, peaks, shares: the memory.
    """
    capacity, count = 16, 0
    rows = np.empty(capacity, np.int64)
    closed_marks = np.empty((capacity, marks.shape[1]), np.int64)
    closed_peaks = np.empty((capacity, peaks.shape[1]))
    closed_shares = np.empty((capacity, shares.shape[1]))
    for i in range(score.shape[0]):
        for t in range(score.shape[1]):
            s = score[i, t]
            if np.isnan(s):
                continue
            if s >= close_below:
                _heats(marks[i], peaks[i], shares[i], times[t], s, payload[i, t], share[i, t], open_above, open_points)
            elif _closes(marks[i], quiet_points[i]):
                if count == len(rows):
                    rows = _grown(rows)
                    closed_marks = _grown(closed_marks)
                    closed_peaks = _grown(closed_peaks)
                    closed_shares = _grown(closed_shares)
                rows[count] = i
                closed_marks[count] = marks[i]
                closed_peaks[count] = peaks[i]
                closed_shares[count] = shares[i]
                count += 1
    return rows[:count], (closed_marks[:count], closed_peaks[:count], closed_shares[:count])
