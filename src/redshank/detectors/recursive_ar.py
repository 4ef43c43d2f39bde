"""One-step forecast by an autoregression of order 8 with bias, fitted by recursive least squares.

The residual is in units of its own running deviation. Source: S. Haykin, *Adaptive Filter Theory*, ch. 10 (RLS with
forgetting), with errors clipped before they are learned, so that an anomaly does not bend the forecast.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from redshank.panel import Floats

ORDER = 8
SIZE = ORDER + 1  # the last is the bias
KEEP = 0.9995
START_SPREAD = 10.0
MOST_TRACE = 1e4
CHECK_POINTS = 500
SETTLING_POINTS = 60
MOST_VALUE = 1e9
VARIANCE, COUNT, LAST = range(3)  # then ORDER last values, SIZE weights, SIZE * SIZE spreads
WEIGHTS = LAST + ORDER
SPREAD = WEIGHTS + SIZE
LENGTH = SPREAD + SIZE * SIZE


@njit(nogil=True, cache=True)
def reset_spread(model: Floats) -> None:
    """Make the fit as uncertain as at the start."""
    model[SPREAD:] = 0.0
    for i in range(SIZE):
        model[SPREAD + i * (SIZE + 1)] = START_SPREAD


@njit(nogil=True, cache=True)
def start_model(model: Floats) -> None:
    """Begin with "the next value is the last one"."""
    model[:] = 0.0
    model[VARIANCE] = 1e-6
    model[WEIGHTS] = 1.0
    reset_spread(model)


@njit(nogil=True, cache=True)
def advance_model(model: Floats, value: float, floor: float, learns: bool) -> float:
    """Return |residual| / deviation of a value, then learn it; NaN when ``learns`` is false, which only shifts.

    ``floor``: least deviation.
    """
    value = min(max(value, -MOST_VALUE), MOST_VALUE)
    result = math.nan
    if learns and model[COUNT] >= ORDER:
        result = _learned(model, value, floor)
    elif learns:
        result = 0.0
    for i in range(ORDER - 1, 0, -1):
        model[LAST + i] = model[LAST + i - 1]
    model[LAST] = value
    model[COUNT] += 1
    return result


@njit(nogil=True, cache=True)
def _learned(model: Floats, value: float, floor: float) -> float:
    inputs = np.ones(SIZE)
    inputs[:ORDER] = model[LAST:WEIGHTS]
    error = value
    for i in range(SIZE):
        error -= model[WEIGHTS + i] * inputs[i]
    deviation = max(math.sqrt(model[VARIANCE]), floor)
    settled = model[COUNT] >= SETTLING_POINTS
    _fit(model, inputs, min(max(error, -4 * deviation), 4 * deviation) if settled else error)
    square = error * error
    if settled:
        square = min(square, 9 * max(model[VARIANCE], floor * floor))
        model[VARIANCE] = 0.99 * model[VARIANCE] + 0.01 * square
    else:
        model[VARIANCE] = 0.9 * model[VARIANCE] + 0.1 * square
    if (model[COUNT] + 1) % CHECK_POINTS == 0:
        _check(model)
    return abs(error) / deviation if deviation > 0 else 0.0


@njit(nogil=True, cache=True)
def _fit(model: Floats, inputs: Floats, error: float) -> None:
    spread = model[SPREAD:].reshape((SIZE, SIZE))
    turned = np.zeros(SIZE)
    for i in range(SIZE):
        for j in range(SIZE):
            turned[i] += spread[i, j] * inputs[j]
    power = KEEP
    for i in range(SIZE):
        power += inputs[i] * turned[i]
    for i in range(SIZE):
        gain = turned[i] / power
        model[WEIGHTS + i] += gain * error
        for j in range(SIZE):
            spread[i, j] = (spread[i, j] - gain * turned[j]) / KEEP


@njit(nogil=True, cache=True)
def _check(model: Floats) -> None:
    """Keep the fit from winding up while nothing happens, and from rounding errors."""
    trace = 0.0
    for i in range(SIZE):
        trace += model[SPREAD + i * (SIZE + 1)]
    if not 0 < trace <= MOST_TRACE:
        reset_spread(model)
