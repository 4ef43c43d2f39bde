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

from redshank.panel import Floats

Singles = NDArray[np.float32]
Visits = NDArray[np.uint8]
Slots = NDArray[np.int32]

N_CYCLES = 4  # none, day, week, day of month
MOST_VALUE = 1e290
MOST_SINGLE = 1e37  # in a profile, which is single precision
LEVEL_POINTS = 300  # memory of a level; a seasonal level remembers one day at least
SCALE_POINTS = 500  # memory of a scale, and of the errors of the cycles
CLIP = 6.0  # scales that a value can pull at the most
FREE_POINTS = 5  # first values, which are learned unclipped
VISIT_GAIN = 0.3  # least weight of a slot's newest visit
BETTER = 0.9  # of the error of a simpler cycle, that a cycle must have to be chosen
TRUSTED_POINTS = 20  # predictions of a cycle before it can be chosen
FLOOR = 0.01  # of the range of the series: the least scale
RESOLUTION = 1e-13  # of the value: below it differences are rounding
RANGE_KEEP = 1e-4
WIDER = 5.0  # the range is wider by this / points seen, for the first WIDE_POINTS
WIDE_POINTS = 5000
TAIL_AFTER = 20  # values before the range follows the tails
TAIL_GAIN, TAIL_SHARE = 0.2, 0.01
GROW, SHRINK = 1 + TAIL_GAIN * (1 - TAIL_SHARE), 1 - TAIL_GAIN * TAIL_SHARE
TAIL_UNIT, LEAST_TAIL = 2.58, 0.5  # deviation at the edge of the range; least half-range that is followed, in scales
NOTABLE, BEYOND, MOST_POINT = 10.0, 8.0, 20.0  # point part: one to one up to NOTABLE, then divided by BEYOND
RECENT_GAIN, RECENT_MOST, RECENT_WEIGHT = 0.02, 20.0, 8.0
SHIFT_POINTS, SHIFT_EDGE = 200, 3.0

# columns of ``numbers``
SEEN, CHOSEN, SCALE, RECENT = range(4)
UP, DOWN, OUTSIDE = range(4, 7)  # half-ranges in scales; whether the last value was outside
LOW, HIGH = range(7, 9)
SHIFTED, SHIFT = range(9, 11)  # values in a row far off on one side (with sign), the sum of their residuals
DAY_POINTS, DAY_DONE = range(11, 13)  # points of the first day; whether a slot came again
WIDTH, SCALE_GAIN = range(13, 15)  # what follows from SEEN, kept because it seldom changes
LEVEL_GAIN = 15  # 4 columns, as the next
LEVEL, ERROR, SINCE, SLOT, SUM, ENTERED = range(19, 43, 4)  # SINCE, ENTERED: SEEN when it began
NUMBERS = 43


@njit(nogil=True, cache=True, error_model="numpy")
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
    base, known = np.zeros(N_CYCLES), np.ones(N_CYCLES)
    for row in range(values.shape[0]):
        state, profile, visit = numbers[row], profiles[row], visits[row]
        for t in range(values.shape[1]):
            value = values[row, t]
            if math.isnan(value):
                for k in range(4):
                    out[k, row, t] = np.nan
                continue
            value = min(max(value, -MOST_VALUE), MOST_VALUE)
            if state[SEEN] == 0:
                _begin(value, state)
            for cycle in range(1, N_CYCLES):
                slot = slots[cycle - 1, t]
                if slot != state[SLOT + cycle]:
                    _enter(cycle, slot, state, profile, visit)
                usual = float(profile[slot])
                known[cycle] = 0.0 if math.isnan(usual) else 1.0
                base[cycle] = 0.0 if math.isnan(usual) else usual
            chosen = int(state[CHOSEN])
            chosen = chosen if known[chosen] > 0 else 0
            expected = base[chosen] + state[LEVEL + chosen]
            scale = max(state[SCALE], _floor(value, state)) * state[WIDTH]
            _judge(value - expected, scale, expected, state, out, row, t, state[SEEN] >= learn)
            _learn(value, value - expected, scale, base, known, state)


@njit(nogil=True, cache=True)
def forecast_rows(slots: Slots, numbers: Floats, profiles: Singles, out: Floats) -> None:
    """Write what each row expects at each time, NaN before its first value; ``slots``: (3, n_time)."""
    for row in range(out.shape[0]):
        state = numbers[row]
        chosen = int(state[CHOSEN])
        for t in range(out.shape[1]):
            usual = float(profiles[row, slots[chosen - 1, t]]) if chosen > 0 else 0.0
            if math.isnan(usual):
                out[row, t] = state[LEVEL]
            else:
                out[row, t] = usual + state[LEVEL + chosen]
            if state[SEEN] == 0:
                out[row, t] = np.nan


@njit(nogil=True, cache=True, error_model="numpy")
def _begin(value: float, state: Floats) -> None:
    """Start at the first value."""
    state[LOW] = state[HIGH] = value
    state[WIDTH] = 1 + WIDER
    state[UP] = state[DOWN] = TAIL_UNIT
    for cycle in range(N_CYCLES):
        state[LEVEL + cycle] = value
        state[SLOT + cycle] = -1
        state[ERROR + cycle] = 0.0 if cycle == 0 else MOST_VALUE


@njit(nogil=True, cache=True, error_model="numpy")
def _floor(value: float, state: Floats) -> float:
    """The least scale: tied to the range of the series and the resolution of its numbers."""
    return float(FLOOR * (state[HIGH] - state[LOW]) + RESOLUTION * abs(value) + 1e-300)


@njit(nogil=True, cache=True, error_model="numpy")
def _enter(cycle: int, slot: int, state: Floats, profile: Singles, visit: Visits) -> None:
    """Let the mean of the values in the slot that the series has left enter the profile."""
    left = int(state[SLOT + cycle])
    if left >= 0:
        mean = min(max(state[SUM + cycle] / (state[SEEN] - state[ENTERED + cycle]), -MOST_SINGLE), MOST_SINGLE)
        if visit[left] == 0:
            profile[left], visit[left] = mean, 1
        else:
            if state[DAY_DONE] == 0:
                state[DAY_DONE] = 1.0
                _set_gains(state)
            most = CLIP * state[SCALE]
            step = min(max(mean - profile[left], -most), most)
            visit[left] = min(visit[left] + 1, 200)
            moved = profile[left] + max(1.0 / visit[left], VISIT_GAIN) * step
            profile[left] = min(max(moved, -MOST_SINGLE), MOST_SINGLE)
    state[SLOT + cycle], state[SUM + cycle], state[ENTERED + cycle] = slot, 0.0, state[SEEN]


@njit(nogil=True, cache=True, error_model="numpy")
def _judge(
    residual: float, scale: float, expected: float, state: Floats, out: Floats, row: int, t: int, is_scored: bool
) -> None:
    """Write deviation, expected, lower and upper, and move the deviation of the recent past on."""
    up, down = max(state[UP], TAIL_UNIT) * scale, max(state[DOWN], TAIL_UNIT) * scale
    point = TAIL_UNIT * abs(residual) / (up if residual > 0 else down)
    point = min(min(point, NOTABLE + (point - NOTABLE) / BEYOND), MOST_POINT) if point > NOTABLE else point
    state[RECENT] += RECENT_GAIN * (min(abs(residual) / scale, RECENT_MOST) - state[RECENT])
    out[0, row, t] = point + RECENT_WEIGHT * state[RECENT] if is_scored else np.nan
    out[1, row, t] = expected if is_scored else np.nan
    out[2, row, t] = expected - down if is_scored else np.nan
    out[3, row, t] = expected + up if is_scored else np.nan


@njit(nogil=True, cache=True, error_model="numpy")
def _learn(value: float, residual: float, scale: float, base: Floats, known: Floats, state: Floats) -> None:
    """Learn a value that was judged with this residual and scale."""
    width = state[WIDTH]
    bare = scale / width
    if state[SEEN] >= TAIL_AFTER:
        _follow_tails(residual, bare, state)
    most = math.inf if state[SEEN] < FREE_POINTS else CLIP * scale
    least_most = CLIP * _floor(value, state)
    state[SEEN] += 1
    if state[SEEN] <= WIDE_POINTS or state[DAY_DONE] == 0:
        _set_gains(state)
    state[SCALE] += (1.25 * min(abs(residual), most) - state[SCALE]) * state[SCALE_GAIN]
    best = 0
    for cycle in range(N_CYCLES):
        own = value - base[cycle] - state[LEVEL + cycle]
        if known[cycle] > 0:
            if state[SINCE + cycle] == 0:
                state[SINCE + cycle], state[ERROR + cycle] = state[SEEN], state[ERROR]
            limit = most if most == math.inf else max(1.25 * CLIP * state[ERROR + cycle], least_most) * width
            step = min(max(own, -limit), limit)
            state[ERROR + cycle] += (abs(step) - state[ERROR + cycle]) * state[SCALE_GAIN]
            state[LEVEL + cycle] += state[LEVEL_GAIN + cycle] * step
        is_trusted = state[SEEN] - state[SINCE + cycle] >= TRUSTED_POINTS
        best = cycle if is_trusted and state[ERROR + cycle] < BETTER * state[ERROR + best] else best
        state[SUM + cycle] += value - state[LEVEL + cycle]
    state[CHOSEN] = best
    state[LOW] = min(state[LOW] + RANGE_KEEP * (value - state[LOW]), value)
    state[HIGH] = max(state[HIGH] + RANGE_KEEP * (value - state[HIGH]), value)
    _follow_shift(residual, abs(residual) > SHIFT_EDGE * bare, state)


@njit(nogil=True, cache=True, error_model="numpy")
def _set_gains(state: Floats) -> None:
    """Set what follows from the number of values seen; a seasonal level remembers one day at least."""
    seen = state[SEEN]
    if state[DAY_DONE] == 0:
        state[DAY_POINTS] = seen
    state[WIDTH] = 1 + WIDER / seen if seen < WIDE_POINTS else 1.0
    state[SCALE_GAIN] = 1 / min(seen, SCALE_POINTS)
    for cycle in range(N_CYCLES):
        memory = LEVEL_POINTS if cycle == 0 else max(LEVEL_POINTS, state[DAY_POINTS])
        state[LEVEL_GAIN + cycle] = 1 / min(seen, memory)


@njit(nogil=True, cache=True, error_model="numpy")
def _follow_tails(residual: float, scale: float, state: Floats) -> None:
    """Move the half-ranges so that TAIL_SHARE of the values begin to lie outside each; an excursion counts once."""
    above, below = residual > state[UP] * scale, -residual > state[DOWN] * scale
    grow = 1.0 if state[OUTSIDE] > 0 else GROW
    state[UP] = max(state[UP] * (grow if above else SHRINK), LEAST_TAIL)
    state[DOWN] = max(state[DOWN] * (grow if below else SHRINK), LEAST_TAIL)
    state[OUTSIDE] = 1.0 if above or below else 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def _follow_shift(residual: float, is_far: bool, state: Floats) -> None:
    """Count values in a row that are far off on one side; after SHIFT_POINTS of them move every level there."""
    if not is_far:
        state[SHIFTED], state[SHIFT] = 0.0, 0.0
        return
    side = 1.0 if residual > 0 else -1.0
    if side * state[SHIFTED] < 0:
        state[SHIFTED], state[SHIFT] = 0.0, 0.0
    state[SHIFTED] += side
    state[SHIFT] += residual
    if abs(state[SHIFTED]) >= SHIFT_POINTS:
        for cycle in range(N_CYCLES):
            state[LEVEL + cycle] += state[SHIFT] / SHIFT_POINTS
        state[SHIFTED], state[SHIFT] = 0.0, 0.0
