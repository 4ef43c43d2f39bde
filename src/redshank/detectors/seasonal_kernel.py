"""The compiled loop of ``seasonal``: (rows, time) in, deviations and ranges out, state moved on in place.

Every cycle (none, day, week, day of month) has a level and, but for none, a profile: the value is level + profile of
the slot + residual. The cycle whose residuals were smallest so far predicts. Every value is judged before it is
learned, and learned clipped. The mean of a slot enters its profile when the series has left the slot.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from redshank.detectors.seasonal_slots import DAY_SLOTS
from redshank.panel import Floats

Singles = NDArray[np.float32]
Visits = NDArray[np.uint8]
Slots = NDArray[np.int32]

N_CYCLES = 4  # none, day, week, day of month
MOST_VALUE = 1e290
MOST_SINGLE = 1e37  # in a profile, which is single precision
LEVEL_POINTS = 300  # memory of a level; a seasonal level remembers one day at least
SCALE_POINTS = 500
ERROR_POINTS = 500
CLIP = 6.0  # scales that a value can pull at the most
FREE_POINTS = 5  # first values, which are learned unclipped
VISIT_GAIN = 0.3  # least weight of a slot's newest visit
BETTER = 0.9  # of the error of a simpler cycle, that a cycle must have to be chosen
TRUSTED_POINTS = 20  # predictions of a cycle before it can be chosen
FLOOR = 0.01  # of the range of the series: the least scale
RESOLUTION = 1e-13  # of the value: below it differences are rounding
RANGE_KEEP = 1e-4
WIDER = 5.0  # the range is wider by this / points seen
TAIL_AFTER = 20  # values before the range follows the tails
TAIL_GAIN, TAIL_SHARE = 0.2, 0.01
TAIL_UNIT = 2.58  # deviation at the edge of the range
NOTABLE, BEYOND, MOST_POINT = 10.0, 8.0, 20.0  # point part: one to one up to NOTABLE, then divided by BEYOND
RECENT_GAIN, RECENT_MOST, RECENT_WEIGHT = 0.02, 20.0, 8.0
SHIFT_POINTS, SHIFT_EDGE = 200, 3.0

# columns of ``numbers``
SEEN, CHOSEN, SCALE, RECENT = range(4)
UP, DOWN, OUTSIDE = range(4, 7)  # half-ranges; whether the last value was outside
LOW, HIGH = range(7, 9)
SHIFTED, SHIFT = range(9, 11)  # values in a row on one side (with sign), their mean residual
DAY_POINTS, DAY_DONE = range(11, 13)
LEVEL = 13  # 4 columns, as the next
ERROR, TRUST, SLOT, SUM, COUNT = range(17, 37, 4)
NUMBERS = 37


@njit(nogil=True, cache=True)
def advance_rows(
    values: Floats,
    slots: Slots,
    learn: int,
    numbers: Floats,
    profiles: Singles,
    visits: Visits,
    out: Floats,
) -> None:
    """Move every row on over ``values`` (n_rows, n_time); ``slots``: (3, n_time).

    ``out``: (4, n_rows, n_time) deviation, expected, lower, upper, NaN where nothing is said.
    """
    for row in range(values.shape[0]):
        state, profile, visit = numbers[row], profiles[row], visits[row]
        base, residual, known = np.zeros(N_CYCLES), np.zeros(N_CYCLES), np.ones(N_CYCLES, np.bool_)
        for t in range(values.shape[1]):
            value = values[row, t]
            if math.isnan(value):
                out[:, row, t] = np.nan
                continue
            value = min(max(value, -MOST_VALUE), MOST_VALUE)
            if state[SEEN] == 0:
                _begin(value, state)
            for cycle in range(1, N_CYCLES):
                _enter(cycle, slots[cycle - 1, t], state, profile, visit)
            for cycle in range(N_CYCLES):
                if cycle > 0:
                    expected = profile[slots[cycle - 1, t]]
                    known[cycle] = not math.isnan(expected)
                    base[cycle] = expected if known[cycle] else 0.0
                residual[cycle] = value - base[cycle] - state[LEVEL + cycle]
            chosen = int(state[CHOSEN]) if known[int(state[CHOSEN])] else 0
            expected = base[chosen] + state[LEVEL + chosen]
            _judge(value, expected, learn, state, out[:, row, t])
            _learn(value, chosen, residual, known, state)


@njit(nogil=True, cache=True)
def _begin(value: float, state: Floats) -> None:
    """Start at the first value."""
    state[LOW] = state[HIGH] = value
    for cycle in range(N_CYCLES):
        state[LEVEL + cycle] = value
        state[SLOT + cycle] = -1


@njit(nogil=True, cache=True)
def _floor(value: float, state: Floats) -> float:
    """The least scale: tied to the range of the series and the resolution of its numbers."""
    return float(FLOOR * (state[HIGH] - state[LOW]) + RESOLUTION * abs(value) + 1e-300)


@njit(nogil=True, cache=True)
def _enter(cycle: int, slot: int, state: Floats, profile: Singles, visit: Visits) -> None:
    """When the series has left a slot, let the mean of its values there enter the profile."""
    left = int(state[SLOT + cycle])
    if slot == left:
        return
    if left >= 0 and state[COUNT + cycle] > 0:
        mean = min(max(state[SUM + cycle] / state[COUNT + cycle], -MOST_SINGLE), MOST_SINGLE)
        if visit[left] == 0:
            profile[left], visit[left] = mean, 1
        else:
            if left < DAY_SLOTS:
                state[DAY_DONE] = 1.0
            most = CLIP * state[SCALE]
            step = min(max(mean - profile[left], -most), most)
            visit[left] = min(visit[left] + 1, 200)
            moved = profile[left] + max(1.0 / visit[left], VISIT_GAIN) * step
            profile[left] = min(max(moved, -MOST_SINGLE), MOST_SINGLE)
    state[SLOT + cycle], state[SUM + cycle], state[COUNT + cycle] = slot, 0.0, 0.0


@njit(nogil=True, cache=True)
def _judge(value: float, expected: float, learn: int, state: Floats, out: Floats) -> None:
    """Write deviation, expected, lower and upper, and move the deviation of the recent past on."""
    floor = _floor(value, state)
    wider = 1 + WIDER / max(state[SEEN], 1.0)
    scale = max(state[SCALE], floor) * wider
    residual = value - expected
    up, down = max(state[UP] * wider, TAIL_UNIT * scale), max(state[DOWN] * wider, TAIL_UNIT * scale)
    point = TAIL_UNIT * (residual / up if residual > 0 else -residual / down)
    if point > NOTABLE:
        point = min(NOTABLE + (point - NOTABLE) / BEYOND, MOST_POINT)
    state[RECENT] += RECENT_GAIN * (min(abs(residual) / scale, RECENT_MOST) - state[RECENT])
    if state[SEEN] < learn:
        out[:] = np.nan
        return
    out[0] = point + RECENT_WEIGHT * state[RECENT]
    out[1], out[2], out[3] = expected, expected - down, expected + up


@njit(nogil=True, cache=True)
def _learn(value: float, chosen: int, residual: Floats, known, state: Floats) -> None:  # type: ignore[no-untyped-def]
    """Learn a value that was judged with the residual of the chosen cycle."""
    floor = _floor(value, state)
    wider = 1 + WIDER / max(state[SEEN], 1.0)
    own = residual[chosen]
    _follow_tails(own, max(state[SCALE], floor), state)
    state[SEEN] += 1
    seen, free = state[SEEN], state[SEEN] <= FREE_POINTS
    most = math.inf if free else CLIP * wider * max(state[SCALE], floor)
    is_far = abs(own) > SHIFT_EDGE * max(state[SCALE], floor)
    state[SCALE] += (1.25 * min(abs(own), most) - state[SCALE]) / min(seen, SCALE_POINTS)
    if state[DAY_DONE] == 0:
        state[DAY_POINTS] = seen
    gain = 1 / min(seen, LEVEL_POINTS)
    for cycle in range(N_CYCLES):
        if known[cycle]:
            _learn_level(cycle, residual[cycle], floor * wider, free, gain, state)
            gain = 1 / min(seen, max(LEVEL_POINTS, state[DAY_POINTS]))
        state[SUM + cycle] += value - state[LEVEL + cycle]
        state[COUNT + cycle] += 1
    _choose(state)
    state[LOW] = min(state[LOW] + RANGE_KEEP * (value - state[LOW]), value)
    state[HIGH] = max(state[HIGH] + RANGE_KEEP * (value - state[HIGH]), value)
    _follow_shift(own, is_far, state)


@njit(nogil=True, cache=True)
def _learn_level(cycle: int, residual: float, floor: float, free: bool, gain: float, state: Floats) -> None:
    """Move a level and the running error of its cycle on by a residual, clipped."""
    state[TRUST + cycle] += 1
    if state[TRUST + cycle] == 1 and cycle > 0:
        state[ERROR + cycle] = state[ERROR]
    most = math.inf if free else CLIP * max(1.25 * state[ERROR + cycle], floor)
    step = min(max(residual, -most), most)
    state[ERROR + cycle] += (abs(step) - state[ERROR + cycle]) / min(state[SEEN], ERROR_POINTS)
    state[LEVEL + cycle] += gain * step


@njit(nogil=True, cache=True)
def _choose(state: Floats) -> None:
    """Let the cycle predict that erred least so far; a longer one must be clearly better."""
    best = 0
    for cycle in range(1, N_CYCLES):
        if state[TRUST + cycle] > TRUSTED_POINTS and state[ERROR + cycle] < BETTER * state[ERROR + best]:
            best = cycle
    state[CHOSEN] = best


@njit(nogil=True, cache=True)
def _follow_tails(residual: float, scale: float, state: Floats) -> None:
    """Move the half-ranges so that TAIL_SHARE of the values begin to lie outside each; an excursion counts once."""
    if state[SEEN] < TAIL_AFTER:
        return
    if state[UP] == 0:
        state[UP] = state[DOWN] = TAIL_UNIT * scale
    gain = max(TAIL_GAIN, 1 / state[SEEN])
    above, below, fresh = residual > state[UP], -residual > state[DOWN], state[OUTSIDE] == 0
    grow, shrink = 1 + gain * (1 - TAIL_SHARE), 1 - gain * TAIL_SHARE
    state[UP] = max(state[UP] * ((grow if fresh else 1.0) if above else shrink), 0.5 * scale)
    state[DOWN] = max(state[DOWN] * ((grow if fresh else 1.0) if below else shrink), 0.5 * scale)
    state[OUTSIDE] = 1.0 if above or below else 0.0


@njit(nogil=True, cache=True)
def _follow_shift(residual: float, is_far: bool, state: Floats) -> None:
    """Count values in a row that are far off on one side; after SHIFT_POINTS of them move every level there."""
    side = (1.0 if residual > 0 else -1.0) if is_far else 0.0
    if side * state[SHIFTED] <= 0:
        state[SHIFTED], state[SHIFT] = 0.0, 0.0
    if not is_far:
        return
    state[SHIFTED] += side
    state[SHIFT] += (residual - state[SHIFT]) / abs(state[SHIFTED])
    if abs(state[SHIFTED]) >= SHIFT_POINTS:
        for cycle in range(N_CYCLES):
            state[LEVEL + cycle] += state[SHIFT]
        state[SHIFTED], state[SHIFT] = 0.0, 0.0
