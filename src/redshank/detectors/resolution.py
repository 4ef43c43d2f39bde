"""The unit of a row and the least deviation that means something in it: what simple live detectors share.

Values are taken as differences from the first one, in units of the first difference that is not zero, so that series
of any size stay within what can be squared. A deviation below a thousandth of the range, a sixth of the least step
between neighbours, or the rounding of the numbers themselves is none.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from redshank.panel import Floats

ORIGIN, UNIT, LOW, HIGH, LAST, LEAST_STEP = range(6)
EXTENT = 6  # columns of an extent
MOST = 1e100  # of a value in its unit
MOST_FLOAT = float(np.finfo(np.float64).max)
MOST_DEVIATION = 1e6
LEAST_UNIT = float(np.finfo(np.float64).tiny)
OF_RANGE = 1e-3
OF_STEP = 1 / 6
OF_SIZE = 1e-12
ALIKE = 500  # values that were all the same before another one is an alarm


@njit(nogil=True, cache=True)
def in_unit(extent: Floats, value: float, is_first: bool) -> float:
    """Return a value as a number of units from the origin; the first value, and the first other one, set these."""
    if is_first:
        extent[ORIGIN] = value
    difference = min(max(value - extent[ORIGIN], -MOST_FLOAT), MOST_FLOAT)
    if extent[UNIT] == 0 and difference != 0:
        extent[UNIT] = max(abs(difference), LEAST_UNIT)
    if extent[UNIT] == 0:
        return 0.0
    return float(min(max(difference / extent[UNIT], -MOST), MOST))


@njit(nogil=True, cache=True)
def of_unit(extent: Floats, number: float) -> float:
    """Return a number of units from the origin as a value."""
    return float(min(max(extent[ORIGIN] + number * extent[UNIT], -MOST_FLOAT), MOST_FLOAT))


@njit(nogil=True, cache=True)
def least_deviation(extent: Floats) -> float:
    """Return the least deviation that means something, in units; 0 while all values were the same."""
    if extent[UNIT] == 0:
        return 0.0
    size = abs(extent[ORIGIN]) / extent[UNIT] + max(abs(extent[LOW]), abs(extent[HIGH]))
    return float(max(OF_RANGE * (extent[HIGH] - extent[LOW]), OF_STEP * extent[LEAST_STEP], OF_SIZE * size))


@njit(nogil=True, cache=True)
def first_change(extent: Floats, seen: float, cut: float) -> float:
    """Return the deviation of the first other value after ``seen`` ones that were all the same; NaN if they were not.

    It has no scale yet; what is known is that it comes about once in so many values (Laplace's rule of succession). So
    it reaches ``cut``, the alarm edge, after ALIKE values, and grows with the logarithm of their number.
    """
    if extent[HIGH] != extent[LOW]:
        return math.nan
    return float(cut * math.log(seen) / math.log(ALIKE))


@njit(nogil=True, cache=True)
def deviation(distance: float, reach: float, change: float) -> float:
    """Return a distance in units of the range, at most MOST_DEVIATION; ``change`` where no range is known yet."""
    if math.isnan(change):
        return min(distance / reach, MOST_DEVIATION)
    return change if distance > reach else 0.0


@njit(nogil=True, cache=True)
def widen(extent: Floats, number: float, learned: float) -> None:
    """Learn a number of units: its step from the last one, and ``learned``, what it counts as, for the range."""
    step = abs(number - extent[LAST])
    if step > 0 and (extent[LEAST_STEP] == 0 or step < extent[LEAST_STEP]):
        extent[LEAST_STEP] = step
    extent[LAST] = number
    extent[LOW], extent[HIGH] = min(extent[LOW], learned), max(extent[HIGH], learned)
