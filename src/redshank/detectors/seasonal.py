"""Cheap live detector: a robust level plus the usual course of the day, the week or the month.

Good for very many series: values out of their usual range for the time of day, spikes, dropouts, level shifts, long
unrest. Keeps no window of the past. Blind to changed shapes and broken rhythm inside the usual range, to cycles that no
calendar knows (every 50 points), and to a cycle in its first round. Deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar
from zoneinfo import available_timezones

import numpy as np

from redshank.calibrate import Calibration
from redshank.detectors.base import Arrays, Cost, parameter
from redshank.detectors.seasonal_kernel import NUMBERS, advance_rows, forecast_rows
from redshank.detectors.seasonal_slots import SLOTS, slots_of
from redshank.detectors.univariate import RowDeviations, UnivariateDetector
from redshank.panel import Floats

# quantiles of the largest deviation of 100 normal points, from real series
_PRIOR = (2.5, 4.3, 5.6, 6.7, 7.4, 7.9, 8.3, 8.6, 8.9, 9.2, 9.5, 9.9, 10.2, 10.6, 11.4, 12.3, 13.8, 16.5, 21.4, 27.8)


class _Zones(tuple[str, ...]):
    """All time zones, listed as some."""

    def __contains__(self, name: object) -> bool:
        return name == "UTC" or (isinstance(name, str) and name in available_timezones())


@dataclass(kw_only=True, eq=False)
class Seasonal(UnivariateDetector):
    """Deviation: how far the point is out of its range, plus how far the last 50 points were from what was expected.

    Both in robust standard deviations of the series; the range follows the tails of its residuals.
    """

    kind: ClassVar[str] = "seasonal"
    causal: ClassVar[bool] = True
    forecasts: ClassVar[bool] = True
    summary: ClassVar[str] = "live, for very many series: distance from level and course of day, week or month"
    calibration: ClassVar[Calibration] = Calibration(cut=20.0, prior=_PRIOR, certain=40.0)

    learn: int = parameter(30, "values of a series before the first score", low=10, high=100_000)
    tz: str = parameter(
        "UTC", "time zone of the days and hours", choices=_Zones(["UTC", "Europe/Berlin", "any IANA name"])
    )

    @property
    def warmup(self) -> int:
        return self.learn

    def cost(self, step: timedelta) -> Cost:
        return Cost(sum(array.nbytes for array in self._new_rows(1).values()), 45)

    def _new_rows(self, n_rows: int) -> Arrays:
        return {
            "numbers": np.zeros((n_rows, NUMBERS)),
            "profile": np.full((n_rows, SLOTS), np.nan, np.float32),
            "visits": np.zeros((n_rows, SLOTS), np.uint8),
        }

    def _advance_rows(self, rows: Arrays, times: np.ndarray, values: Floats) -> RowDeviations:
        out = np.empty((4, *values.shape))
        slots = slots_of(times, self.tz)
        advance_rows(values, slots, self.learn, rows["numbers"], rows["profile"], rows["visits"], out)
        return RowDeviations(*out)

    def _forecast_rows(self, rows: Arrays, times: np.ndarray) -> Floats:
        found = np.empty((len(rows["numbers"]), len(times)))
        forecast_rows(slots_of(times, self.tz), rows["numbers"], rows["profile"], found)
        return found
