"""How many deviations a value is from the running mean.

Good for values that scatter around a level that stays: it is cheap, and anyone can check it by hand. Blind to anything
inside the range of all values, such as a daily peak at night. The detector of the same name in datastream.io, with
a batch never weighing more than itself, the deviation of all values, both sides, and a least deviation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import numpy as np
from numba import njit
from scipy.special import ndtri

from redshank.calibrate import Calibration
from redshank.detectors.base import Arrays, Cost, parameter
from redshank.detectors.resolution import (
    EXTENT,
    deviation,
    first_change,
    in_unit,
    least_deviation,
    of_unit,
    widen,
)
from redshank.detectors.univariate import RowDeviations, UnivariateDetector
from redshank.panel import Floats

CLIP = 20.0  # deviations beyond which a value counts as no farther
WIDTH_GAIN = 0.02
WIDTH_LOW, WIDTH_HIGH = 0.25, 4.0  # of the width of Gaussian noise

CUT = 2.5

# columns of ``numbers``, before those of the extent
SEEN, WEIGHT, MEAN, VARIANCE, WIDTH = range(5)
NUMBERS = 5 + EXTENT

# quantiles of the largest deviation of 100 normal points, from the unlabelled stretches of the Numenta data
_PRIOR = (
    *(0.05, 0.13, 0.22, 0.30, 0.36, 0.42, 0.50, 0.57, 0.64, 0.71),
    *(0.80, 0.89, 0.96, 1.00, 1.06, 1.17, 1.36, 1.70, 2.26, 4.89),
)


@dataclass(kw_only=True, eq=False)
class Gaussian(UnivariateDetector):
    """Deviation: the distance from the mean, 1 at the edge of the expected range.

    The range is as wide as the share ``threshold`` of earlier values asks for, and as that of Gaussian noise at first.
    """

    kind: ClassVar[str] = "gaussian"
    causal: ClassVar[bool] = True
    forecasts: ClassVar[bool] = True
    summary: ClassVar[str] = "values that scatter around a level that stays"
    calibration: ClassVar[Calibration] = Calibration(
        cut=CUT,
        prior=_PRIOR,
        certain=20.0,
    )

    threshold: float = parameter(0.99, "share of normal values inside the expected range", low=0.5, high=0.9999)
    keep: float = parameter(0.9998, "weight that earlier values keep at each new one; 1 forgets none", low=0.9, high=1)
    learn: int = parameter(50, "values of a series before the first score", low=10, high=100_000)

    @property
    def warmup(self) -> int:
        return self.learn

    def cost(self, step: timedelta) -> Cost:
        return Cost(8 * NUMBERS, 43)

    def _new_rows(self, n_rows: int) -> Arrays:
        return {"numbers": np.zeros((n_rows, NUMBERS))}

    def _advance_rows(self, rows: Arrays, times: np.ndarray, values: Floats) -> RowDeviations:
        out = np.full((4, *values.shape), np.nan)
        width = float(ndtri(0.5 + 0.5 * self.threshold))
        advance_rows(values, self.threshold, width, self.keep, self.learn, rows["numbers"], out)
        return RowDeviations(*out)

    def _forecast_rows(self, rows: Arrays, times: np.ndarray) -> Floats:
        numbers = rows["numbers"]
        seen = numbers[:, SEEN] >= 1
        level = np.array([of_unit(own[-EXTENT:], own[MEAN]) for own in numbers])
        return np.repeat(np.where(seen, level, np.nan)[:, None], len(times), axis=1)


@njit(nogil=True, cache=True)
def advance_rows(
    values: Floats, threshold: float, width: float, keep: float, learn: int, numbers: Floats, out: Floats
) -> None:
    """Move every row on over ``values`` (n_rows, n_time); ``width``: of the range of Gaussian noise, in deviations.

    ``out``: (4, n_rows, n_time) deviation, expected, lower, upper, NaN where nothing is said.
    """
    for row in range(values.shape[0]):
        own, extent = numbers[row, :-EXTENT], numbers[row, -EXTENT:]
        for t in range(values.shape[1]):
            if math.isnan(values[row, t]):
                continue
            number = in_unit(extent, values[row, t], own[SEEN] == 0)
            least = least_deviation(extent)
            spread = max(_spread(own), least)
            if own[SEEN] >= learn:
                distance = abs(number - own[MEAN])
                reach = width * max(own[WIDTH] * _early(own[WEIGHT], width) * spread, least)
                out[0, row, t] = deviation(distance, reach, first_change(extent, own[SEEN], CUT))
                out[1, row, t] = of_unit(extent, own[MEAN])
                out[2, row, t] = min(of_unit(extent, own[MEAN] - reach), out[1, row, t])
                out[3, row, t] = max(of_unit(extent, own[MEAN] + reach), out[1, row, t])
                own[WIDTH] += WIDTH_GAIN * (threshold if distance > reach else threshold - 1)
                own[WIDTH] = min(max(own[WIDTH], WIDTH_LOW), WIDTH_HIGH)
            _learn(own, extent, number, keep, spread if own[SEEN] >= learn else 0.0)


@njit(nogil=True, cache=True)
def _spread(own: Floats) -> float:
    """Deviation of a further value from the mean: that of the values, and that of the mean itself."""
    if own[WEIGHT] <= 1:
        return 0.0
    return math.sqrt(own[VARIANCE] * (own[WEIGHT] + 1) / (own[WEIGHT] - 1))


@njit(nogil=True, cache=True)
def _early(weight: float, width: float) -> float:
    """How much wider a range must be because the deviation is known from few values only (Student's t)."""
    return 1 + (width * width + 1) / (4 * max(weight - 1, 1.0))


@njit(nogil=True, cache=True)
def _learn(own: Floats, extent: Floats, number: float, keep: float, spread: float) -> None:
    """Move mean and deviation on; a value beyond CLIP spreads counts as that far, if there is a spread."""
    step = number - own[MEAN]
    if spread > 0:
        step = min(max(step, -CLIP * spread), CLIP * spread)
    widen(extent, number, own[MEAN] + step)
    own[SEEN] += 1
    if own[SEEN] == 1:
        own[WIDTH] = 1.0
    own[WEIGHT] = keep * own[WEIGHT] + 1
    part = 1 / own[WEIGHT]
    own[MEAN] += part * step
    own[VARIANCE] = (1 - part) * (own[VARIANCE] + part * step * step)
