"""The compiled loop of ``analog``: (rows, time) in, deviations and ranges out, state moved on in place.

A missing value is skipped. Up to MOST_HOLE missing points in a row keep their places in the past, so that lags stay
true distances in time; a longer gap is closed. Either way the distances forget over the gap as if its points had
passed, so that what came before it weighs little behind it. A value every 100 steps is no gap but a rhythm.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from redshank.detectors.lag_distances import BEST, Singles, advance_lags, analog_lags, stride
from redshank.detectors.recursive_ar import advance_model, start_model
from redshank.detectors.running_scale import (
    LEARN_POINTS,
    advance_moments,
    calibrated,
)
from redshank.panel import Floats

Numbers = NDArray[np.int64]

START_POINTS = 200  # values that set centre and scale, kept until they are all there
AR_POINTS = 60  # values that set those of the autoregression
MOST_HOLE = 64
MISSING_RISE = 0.1  # of the variance, added to a distance by a pair of which one is missing
MOST_VALUE = 1e6
FORECAST_WINDOW = 8
TREND_KEEP = 1 - 2 / 51
CAP = 10.0
LEAST_FLOOR = 1e-9
FLOOR = 1e-3
AR_FLOOR = 0.2
RANGE_TAIL = 0.005  # outside each side of the range
RANGE_GAIN = 0.05

# columns of ``numbers``
SEEN, TIME, GAP, HOLE = range(4)  # values so far; places so far; missing since the last value; last missing place
CENTRE, SCALE, AR_CENTRE, AR_SCALE = range(4, 8)
TREND_SUM, TREND_WEIGHT = range(8, 10)
LAST = 10
MOMENTS = 11  # 3 columns
LAGS = 14  # 3 columns
LOW, HIGH, RESIDUALS = range(17, 20)
LAST_GAP = 20
NUMBERS = 21


@njit(nogil=True, cache=True)
def advance_rows(
    values: Floats,
    windows: Numbers,
    trend_windows: Numbers,
    reach: int,
    trend_reach: int,
    learn: int,
    distances: Singles,
    past: Singles,
    numbers: Floats,
    model: Floats,
    scales: Floats,
    out: Floats,
) -> None:
    """Move every row on over ``values`` (n_rows, n_time).

    ``out``: (4, n_rows, n_time) deviation, expected, lower, upper, NaN where nothing is said.
    """
    ranges = np.empty(3)
    for row in range(values.shape[0]):
        state = (distances[row], past[row], numbers[row], model[row], scales[row])
        setting = (windows, trend_windows, reach, trend_reach)
        for t in range(values.shape[1]):
            x = values[row, t]
            if math.isnan(x):
                numbers[row, GAP] += 1
            elif numbers[row, SEEN] < START_POINTS:
                _keep_start(x, state, setting)
            else:
                scored = numbers[row, SEEN] >= learn
                deviation = _advance(x, numbers[row, GAP], state, setting, ranges)
                numbers[row, GAP] = 0
                if scored:
                    out[0, row, t] = deviation
                    for k in range(3):
                        out[1 + k, row, t] = ranges[k]


@njit(nogil=True, cache=True)
def _keep_start(x, state, setting):  # type: ignore[no-untyped-def]
    """Keep a value of the start; the last one begins the row."""
    _, past, numbers, _, _ = state
    start = past[: 4 * START_POINTS].view(np.float64)  # values, then the gaps before them
    seen = int(numbers[SEEN])
    start[seen], start[START_POINTS + seen] = x, numbers[GAP]
    numbers[SEEN] += 1
    numbers[GAP] = 0
    if seen + 1 == START_POINTS:
        _begin(state, setting)


@njit(nogil=True, cache=True)
def _begin(state, setting):  # type: ignore[no-untyped-def]
    """Set the scales by the kept values, then learn them."""
    _, past, numbers, model, _ = state
    kept = past[: 4 * START_POINTS].view(np.float64).copy()
    past[:] = 0
    values, gaps = kept[:START_POINTS], kept[START_POINTS:]
    numbers[CENTRE], numbers[SCALE] = _centre_and_scale(values)
    numbers[AR_CENTRE], numbers[AR_SCALE] = _centre_and_scale(values[:AR_POINTS])
    if numbers[AR_SCALE] == 0:
        numbers[AR_SCALE] = 1.0
    start_model(model)
    numbers[SEEN] = 0
    out = np.empty(3)
    for j in range(START_POINTS):
        _advance(values[j], gaps[j], state, setting, out)


@njit(nogil=True, cache=True)
def _centre_and_scale(values: Floats) -> tuple[float, float]:
    """Median and deviation, 0 for values that are all the same."""
    centre, scale = float(np.median(values)), float(np.std(values))
    if abs(centre) == np.inf:  # the two in the middle add up beyond the range
        centre = 2 * float(np.median(0.5 * values))
    if scale <= 1e-9 * abs(centre):
        return centre, 0.0
    return centre, scale if scale < np.inf else 1e300


@njit(nogil=True, cache=True)
def _advance(x, gap, state, setting, ranges):  # type: ignore[no-untyped-def]
    """Score a value, then learn it; return the deviation, and write expected, lower and upper to ``ranges``."""
    distances, past, numbers, model, scales = state
    windows, trend_windows, reach, trend_reach = setting
    y = _standardised(x, numbers)
    gap = _unusual_gap(gap, numbers)
    if 0 < gap <= MOST_HOLE and numbers[SEEN] >= START_POINTS + LEARN_POINTS:
        _leave_hole(int(gap), numbers, past, reach, trend_reach)
    ar_floor = 0.01 * math.sqrt(numbers[MOMENTS + 2]) * numbers[SCALE] / numbers[AR_SCALE]
    advance_moments(numbers[MOMENTS:LAGS], y)
    floor = max(FLOOR * math.sqrt(numbers[MOMENTS + 2]), LEAST_FLOOR)
    trend = _less_trend(y, numbers)

    n_lag_parts = len(windows) + len(trend_windows)
    parts = np.empty(n_lag_parts + 2)
    y_past, trend_past = past[:reach], past[reach:]
    forecast = _forecast(numbers, y_past, gap)
    parts[n_lag_parts] = abs(y - forecast)
    _novelties(parts[: len(windows)], distances, y_past, windows, np.float32(y), gap, numbers)
    if len(trend_windows) > 0:
        trend_distances = distances[len(windows) * stride(reach) :]
        trend_parts = parts[len(windows) : n_lag_parts]
        _novelties(trend_parts, trend_distances, trend_past, trend_windows, np.float32(trend), gap, numbers)
    z = (x - numbers[AR_CENTRE]) / numbers[AR_SCALE]
    parts[n_lag_parts + 1] = advance_model(model, z, ar_floor, gap <= MOST_HOLE)
    _write_range(numbers, forecast, y, scales[n_lag_parts], ranges)

    total = 0.0
    if numbers[SEEN] >= START_POINTS:
        total = _calibrated_sum(parts, floor, scales, distances, numbers)
    _remember(y, trend, numbers, y_past, trend_past, distances[: stride(reach)])
    return total


@njit(nogil=True, cache=True)
def _unusual_gap(gap: float, numbers: Floats) -> float:
    """The gap before a value, 0 for a long one that is the rhythm of the series (such as a value every 100 steps)."""
    rhythm = MOST_HOLE < gap <= 2 * numbers[LAST_GAP]
    numbers[LAST_GAP] = gap
    return 0.0 if rhythm else gap


@njit(nogil=True, cache=True)
def _standardised(x: float, numbers: Floats) -> float:
    """The value in deviations of the start, as a number that float32 can hold."""
    if numbers[SCALE] == 0 and x != numbers[CENTRE] and numbers[SEEN] >= START_POINTS:
        numbers[SCALE] = min(abs(x - numbers[CENTRE]), 1e300)
    if numbers[SCALE] == 0:
        return 0.0
    return float(np.float32(min(max((x - numbers[CENTRE]) / numbers[SCALE], -MOST_VALUE), MOST_VALUE)))


@njit(nogil=True, cache=True)
def _leave_hole(gap: int, numbers: Floats, past: Singles, reach: int, trend_reach: int) -> None:
    """Give missing points their places in the past."""
    for _ in range(gap):
        time = int(numbers[TIME])
        past[time % reach] = np.nan
        if trend_reach > 0:
            past[reach + time % trend_reach] = np.nan
        numbers[HOLE] = time
        numbers[TIME] += 1


@njit(nogil=True, cache=True)
def _less_trend(y: float, numbers: Floats) -> float:
    """The value less the exponential mean of those before it, which then learns it."""
    less = y - numbers[TREND_SUM] / numbers[TREND_WEIGHT] if numbers[TREND_WEIGHT] > 0 else y
    numbers[TREND_SUM] = TREND_KEEP * numbers[TREND_SUM] + y
    numbers[TREND_WEIGHT] = TREND_KEEP * numbers[TREND_WEIGHT] + 1
    return less


@njit(nogil=True, cache=True)
def _novelties(
    parts: Floats,
    distances: Singles,
    past: Singles,
    windows: Numbers,
    value: np.float32,
    gap: float,
    numbers: Floats,
) -> None:
    """Move the distances of every window on, and write how far the recent past is from its nearest analog."""
    reach, time = past.size, int(numbers[TIME])
    rise = 0.0
    if numbers[HOLE] > 0 and time - numbers[HOLE] <= reach:
        rise = max(MISSING_RISE * numbers[MOMENTS + 2], 1e-30)
    keep = np.empty(len(windows), np.float32)
    for k in range(len(windows)):
        keep[k] = (1 - 1 / windows[k]) ** (1 + gap) if gap > 0 else 1 - 1 / windows[k]
    advance_lags(distances, past, time, value, keep, np.float32(rise), windows, parts)
    for k in range(len(windows)):
        parts[k] = math.sqrt(parts[k] / windows[k])


@njit(nogil=True, cache=True)
def _forecast(numbers: Floats, past: Singles, gap: float) -> float:
    """Median of what followed the analogs of the last point; the last value without analogs, NaN behind a long gap."""
    if gap > MOST_HOLE:
        return math.nan
    known = np.empty(3)
    count = 0
    for k in range(3):
        lag = int(numbers[LAGS + k])
        if lag > 0:
            value = past[(int(numbers[TIME]) - lag) % past.size]
            if not math.isnan(value):
                known[count] = value
                count += 1
    if count < 2:
        return float(numbers[LAST])
    if count == 2:
        return float(0.5 * (known[0] + known[1]))
    return float(max(min(known[0], known[1]), min(max(known[0], known[1]), known[2])))


@njit(nogil=True, cache=True)
def _write_range(numbers: Floats, forecast: float, y: float, scale: Floats, ranges: Floats) -> None:
    """Write expected, lower and upper in the unit of the series, then learn the residual."""
    ranges[:] = np.nan
    if math.isnan(forecast):
        return
    ranges[0] = numbers[CENTRE] + numbers[SCALE] * forecast
    if numbers[SEEN] < START_POINTS:
        return
    residual = y - forecast
    if numbers[RESIDUALS] < LEARN_POINTS:
        numbers[RESIDUALS] += 1
        numbers[LOW], numbers[HIGH] = min(numbers[LOW], residual), max(numbers[HIGH], residual)
        return
    ranges[1] = ranges[0] + numbers[SCALE] * numbers[LOW]
    ranges[2] = ranges[0] + numbers[SCALE] * numbers[HIGH]
    step = RANGE_GAIN * max((scale[1] - scale[0]) / 1.28, LEAST_FLOOR)
    numbers[HIGH] += (1 - RANGE_TAIL) * step if residual > numbers[HIGH] else -RANGE_TAIL * step
    numbers[LOW] -= (1 - RANGE_TAIL) * step if residual < numbers[LOW] else -RANGE_TAIL * step
    numbers[HIGH], numbers[LOW] = max(numbers[HIGH], 0.0), min(numbers[LOW], 0.0)


@njit(nogil=True, cache=True)
def _calibrated_sum(parts: Floats, floor: float, scales: Floats, distances: Singles, numbers: Floats) -> float:
    """Sum of the parts, each in its own scale and capped."""
    # The values that set the scales are kept where the longest lags will be, which are not in use yet.
    learning = numbers[SEEN] < START_POINTS + LEARN_POINTS
    firsts = distances[: 2 * LEARN_POINTS * parts.size].view(np.float64)
    total = 0.0
    for k in range(parts.size):
        if learning and math.isnan(parts[k]):
            parts[k] = 0.0
        if not math.isnan(parts[k]):
            first = firsts[k * LEARN_POINTS : (k + 1) * LEARN_POINTS]
            total += calibrated(scales[k], first, parts[k], AR_FLOOR if k == parts.size - 1 else floor, CAP)
    if numbers[SEEN] + 1 == START_POINTS + LEARN_POINTS:
        firsts[:] = 0
    return total


@njit(nogil=True, cache=True)
def _remember(y: float, trend: float, numbers: Floats, past: Singles, trend_past: Singles, distances: Singles) -> None:
    """Put the value into the past, and find the analogs for the next forecast."""
    time = int(numbers[TIME])
    past[time % past.size] = np.float32(y)
    if trend_past.size > 0:
        trend_past[time % trend_past.size] = np.float32(trend)
    analog_lags(distances, FORECAST_WINDOW, min(past.size, time - 2 * FORECAST_WINDOW), numbers[LAGS : LAGS + BEST])
    numbers[LAST] = y
    numbers[TIME] += 1
    numbers[SEEN] += 1
