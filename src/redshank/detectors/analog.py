"""Live default: how far the recent past of a series is from its nearest earlier analog.

Good for spikes, level shifts, dropouts, changed shapes and broken rhythm, in any unit, without training, labels or a
known period, from 300 points on. Blind to what the series has done before (a weekly fault is normal from the second
time on), to slow drift, and to anything longer than about 200 points that goes smoothly. Deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import numpy as np

from redshank.calibrate import Calibration
from redshank.detectors.analog_kernel import NUMBERS, START_POINTS, advance_rows
from redshank.detectors.base import Arrays, Cost, parameter
from redshank.detectors.lag_distances import CACHE_LINE, on_cache_lines, stride
from redshank.detectors.recursive_ar import LENGTH as MODEL_LENGTH
from redshank.detectors.univariate import RowDeviations, UnivariateDetector
from redshank.panel import Floats

# quantiles of the largest deviation of 100 normal points, from real series
_PRIOR = (3.2, 4.0, 4.8, 5.3, 5.8, 6.8, 7.5, 8.3, 9.1, 9.8, 11.0, 11.7, 12.7, 13.9, 16.0, 17.5, 18.6, 23.1, 29.3, 45.0)
_LIGHT_PRIOR = (
    *(3.0, 3.7, 4.3, 4.7, 5.1, 5.9, 6.2, 6.9, 7.5, 8.2),
    *(9.2, 10.0, 10.7, 11.5, 12.1, 13.0, 14.5, 16.6, 22.0, 28.2),
)


@dataclass(kw_only=True, eq=False)
class AnalogLight(UnivariateDetector):
    """``analog`` with two windows, 4,096 lags and no detrended copy: a third of the cost."""

    kind: ClassVar[str] = "analog_light"
    causal: ClassVar[bool] = True
    compares_shapes: ClassVar[bool] = True
    summary: ClassVar[str] = "live, a third of the cost of analog: distance to the nearest earlier analog"
    calibration: ClassVar[Calibration] = Calibration(
        cut=30.0,
        prior=_LIGHT_PRIOR,
        certain=37.0,
        certain_share=0.85,
    )
    windows: ClassVar[tuple[int, ...]] = (8, 32)
    trend_windows: ClassVar[tuple[int, ...]] = ()
    reach: ClassVar[int] = 4096
    trend_reach: ClassVar[int] = 0
    point_ns: ClassVar[float] = 1800

    learn: int = parameter(300, "values of a series before the first score", low=START_POINTS, high=100_000)

    @property
    def warmup(self) -> int:
        return self.learn

    def cost(self, step: timedelta) -> Cost:
        return Cost(sum(array.nbytes for array in self._new_rows(1).values()), self.point_ns)

    def _new_rows(self, n_rows: int) -> Arrays:
        n_lags = len(self.windows) * stride(self.reach) + len(self.trend_windows) * stride(self.trend_reach)
        n_parts = len(self.windows) + len(self.trend_windows) + 2
        return {
            "distances": np.zeros((n_rows, n_lags), np.float32),
            "past": np.zeros((n_rows, self.reach + self.trend_reach), np.float32),
            "numbers": np.zeros((n_rows, NUMBERS)),
            "model": np.zeros((n_rows, MODEL_LENGTH)),
            "scales": np.zeros((n_rows, n_parts, 3)),
        }

    def _rows(self) -> Arrays:
        distances = self.arrays["distances"]
        if distances.ctypes.data % CACHE_LINE:
            self.arrays["distances"] = on_cache_lines(distances)
        return super()._rows()

    def _advance_rows(self, rows: Arrays, times: np.ndarray, values: Floats) -> RowDeviations:
        out = np.full((4, *values.shape), np.nan)
        advance_rows(
            values,
            np.array(self.windows, np.int64),
            np.array(self.trend_windows, np.int64),
            self.reach,
            self.trend_reach,
            self.learn,
            rows["distances"],
            rows["past"],
            rows["numbers"],
            rows["model"],
            rows["scales"],
            out,
        )
        return RowDeviations(*out)


@dataclass(kw_only=True, eq=False)
class Analog(AnalogLight):
    """Live default: the sum of seven calibrated parts, 0..70, each capped at 10, so that an alarm needs several.

    The parts are the novelty of the last 8, 32 and 64 points among 8,192 lags, and of 16 and 32 points of the series
    less its trend among 4,096; the residual of a forecast by the three best analogs; and that of an autoregression.
    """

    kind: ClassVar[str] = "analog"
    summary: ClassVar[str] = "live default: distance of the recent past to its nearest earlier analog"
    calibration: ClassVar[Calibration] = Calibration(
        cut=40.0,
        prior=_PRIOR,
        certain=60.0,
        certain_share=0.85,
    )
    windows: ClassVar[tuple[int, ...]] = (8, 32, 64)
    trend_windows: ClassVar[tuple[int, ...]] = (16, 32)
    reach: ClassVar[int] = 8192
    trend_reach: ClassVar[int] = 4096
    point_ns: ClassVar[float] = 3800
