"""How far a value is outside the percentiles of the series so far.

Good for values of any distribution, skewed ones above all, when what counts is leaving the usual range: each side has
its own edge. Blind to anything inside that range. The detector of the same name in datastream.io, with percentiles that
follow the series by small steps instead of 300 kept values, so that it can tell far outside from just outside.
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

START_POINTS = 50  # values that give the first percentiles
GAIN = 10.0  # steps are this times larger than those of a mean with the same memory
EDGE_GAIN = 100.0
MOST_EDGE_GAIN = 0.5
CLIP = 8.0  # half ranges beyond which a value counts as no farther
CUT = 2.5

# columns of ``numbers``, before those of the extent
SEEN, MEDIAN, P10, P90, LOWER, UPPER = range(6)
NUMBERS = 6 + EXTENT

# quantiles of the largest deviation of 100 normal points, from the unlabelled stretches of the Numenta data
_PRIOR = (
    *(0.19, 0.43, 0.59, 0.71, 0.79, 0.85, 0.91, 0.95, 0.98, 1.00),
    *(1.00, 1.01, 1.03, 1.05, 1.09, 1.13, 1.22, 1.40, 2.03, 13.96),
)


@dataclass(kw_only=True, eq=False)
class Percentile(UnivariateDetector):
    """Deviation: the distance from the median, 1 at the edge of the expected range on that side.

    The range leaves out half of 1 - ``threshold`` of the values on each side.
    """

    kind: ClassVar[str] = "percentile"
    causal: ClassVar[bool] = True
    forecasts: ClassVar[bool] = True
    summary: ClassVar[str] = "leaving the usual range, each side by itself"
    calibration: ClassVar[Calibration] = Calibration(
        cut=CUT,
        prior=_PRIOR,
        certain=20.0,
        certain_share=0.8,
    )

    threshold: float = parameter(0.99, "share of normal values inside the expected range", low=0.5, high=0.9999)
    keep: float = parameter(0.999, "weight that earlier values keep at each new one; 1 forgets none", low=0.9, high=1)
    learn: int = parameter(50, "values of a series before the first score", low=START_POINTS, high=100_000)

    @property
    def warmup(self) -> int:
        return self.learn

    def cost(self, step: timedelta) -> Cost:
        return Cost(8 * (NUMBERS + START_POINTS), 37)

    def _new_rows(self, n_rows: int) -> Arrays:
        return {"numbers": np.zeros((n_rows, NUMBERS)), "first": np.zeros((n_rows, START_POINTS))}

    def _advance_rows(self, rows: Arrays, times: np.ndarray, values: Floats) -> RowDeviations:
        out = np.full((4, *values.shape), np.nan)
        width = float(ndtri(0.5 + 0.5 * self.threshold))
        advance_rows(values, self.threshold, width, self.keep, self.learn, rows["numbers"], rows["first"], out)
        return RowDeviations(*out)

    def _forecast_rows(self, rows: Arrays, times: np.ndarray) -> Floats:
        numbers = rows["numbers"]
        seen = numbers[:, SEEN] >= START_POINTS
        level = np.array([of_unit(own[-EXTENT:], own[MEDIAN]) for own in numbers])
        return np.repeat(np.where(seen, level, np.nan)[:, None], len(times), axis=1)


@njit(nogil=True, cache=True)
def advance_rows(
    values: Floats,
    threshold: float,
    width: float,
    keep: float,
    learn: int,
    numbers: Floats,
    first: Floats,
    out: Floats,
) -> None:
    """Move every row on over ``values`` (n_rows, n_time); ``width``: half the least range, in least deviations.

    ``out``: (4, n_rows, n_time) deviation, expected, lower, upper, NaN where nothing is said.
    """
    for row in range(values.shape[0]):
        own, extent = numbers[row, :-EXTENT], numbers[row, -EXTENT:]
        for t in range(values.shape[1]):
            if math.isnan(values[row, t]):
                continue
            number = in_unit(extent, values[row, t], own[SEEN] == 0)
            if own[SEEN] < START_POINTS:
                _keep_start(number, own, extent, first[row], threshold)
                continue
            least = least_deviation(extent)
            if own[SEEN] >= learn:
                _judge(number, own, extent, width * least, out[:, row, t])
            _learn(number, own, extent, least, threshold, keep)


@njit(nogil=True, cache=True)
def _keep_start(number: float, own: Floats, extent: Floats, first: Floats, threshold: float) -> None:
    """Keep a value of the start; the last one gives the first percentiles."""
    first[int(own[SEEN])] = number
    own[SEEN] += 1
    widen(extent, number, number)
    if own[SEEN] == START_POINTS:
        outside = 0.5 - 0.5 * threshold
        own[LOWER], own[P10], own[MEDIAN] = np.quantile(first, outside), np.quantile(first, 0.1), np.median(first)
        own[P90], own[UPPER] = np.quantile(first, 0.9), np.quantile(first, 1 - outside)


@njit(nogil=True, cache=True)
def _judge(number: float, own: Floats, extent: Floats, least: float, out: Floats) -> None:
    """Write deviation, expected, lower and upper of a value; ``least``: half of the least range."""
    below, above = max(own[MEDIAN] - own[LOWER], least), max(own[UPPER] - own[MEDIAN], least)
    distance, reach = abs(number - own[MEDIAN]), above if number > own[MEDIAN] else below
    out[0] = deviation(distance, reach, first_change(extent, own[SEEN], CUT))
    out[1] = of_unit(extent, own[MEDIAN])
    out[2] = min(of_unit(extent, own[MEDIAN] - below), out[1])
    out[3] = max(of_unit(extent, own[MEDIAN] + above), out[1])


@njit(nogil=True, cache=True)
def _learn(number: float, own: Floats, extent: Floats, least: float, threshold: float, keep: float) -> None:
    """Let every percentile follow the value by a small step."""
    unit = max((own[P90] - own[P10]) / 2.56, (own[UPPER] - own[LOWER]) / 5.15, least)
    half = CLIP * (own[UPPER] - own[LOWER]) / 2
    counted = min(max(number, own[MEDIAN] - half), own[MEDIAN] + half) if half > 0 else number
    widen(extent, number, counted)
    own[SEEN] += 1
    memory = max(1 / own[SEEN], 1 - keep)
    step, edge_step = GAIN * memory * unit, min(EDGE_GAIN * memory, MOST_EDGE_GAIN) * unit
    outside = 0.5 - 0.5 * threshold
    own[MEDIAN] += _toward(number, own[MEDIAN], 0.5) * step
    own[P10] += _toward(number, own[P10], 0.1) * step
    own[P90] += _toward(number, own[P90], 0.9) * step
    own[LOWER] = min(own[LOWER] + _toward(number, own[LOWER], outside) * edge_step, own[MEDIAN])
    own[UPPER] = max(own[UPPER] + _toward(number, own[UPPER], 1 - outside) * edge_step, own[MEDIAN])


@njit(nogil=True, cache=True)
def _toward(number: float, percentile: float, share: float) -> float:
    """Step of a percentile that holds ``share`` of the values at or below it."""
    if number == percentile:
        return 0.0
    return share if number > percentile else share - 1
