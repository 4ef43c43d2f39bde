"""Retrospective default: how far the stretch around each point is from its nearest like anywhere in the series.

Good for spikes, dips, odd shapes, broken rhythm, dropouts and steps in recorded series, in any unit, without training,
labels or random numbers. Blind to what happens often (about 15 alike events become the norm), to a level that stays
beyond its step, to periods beyond 400 points. Looks both ways, so it cannot run live.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import ClassVar

import numpy as np

from redshank.calibrate import Calibration
from redshank.detectors.base import Arrays, Cost
from redshank.detectors.hindsight_expected import expectation, filled_by_analogs
from redshank.detectors.hindsight_gaps import Compared
from redshank.detectors.hindsight_novelty import correlation_novelty, shape_novelty, stretch_novelties
from redshank.detectors.hindsight_parts import Part, Unit, less_trend, ordinary_peak, spikes
from redshank.detectors.hindsight_threads import compute, cores
from redshank.detectors.univariate import RowDeviations, UnivariateDetector, as_rows, join_channels, largest_or_sum
from redshank.panel import Deviations, Floats, Panel
from redshank.periods import acf_period

LEAST_POINTS = 64
THREADED_POINTS = 2000  # of a series that uses all cores by itself
EXPECTED_REACH = 4096  # points on either side that analogs are taken from
WEIGHTS = {"E1": 0.5, "E3": 0.5, "E64": 0.3, "C": 0.6, "M": 0.6, "Mh": 0.3, "S": 0.5}
Parts = dict[str, Part]
Task = Callable[[], Parts]


@dataclass(kw_only=True, eq=False)
class Retrospective(UnivariateDetector):
    """What ``hindsight`` and ``hindsight_light`` share; a fitted history is compared too, its last ``kept`` values."""

    causal: ClassVar[bool] = False
    compares_shapes: ClassVar[bool] = True
    kept: ClassVar[int]
    point_ns: ClassVar[float]

    @property
    def warmup(self) -> int:
        return LEAST_POINTS

    def cost(self, step: timedelta) -> Cost:
        return Cost(8 * self.kept, self.point_ns)

    def score(self, panel: Panel) -> Deviations:
        """Compare the points of the panel with each other and with the fitted history."""
        fitted = self.take(slice(None))
        fitted._admit(panel)
        values = np.concatenate([fitted._rows()["history"], as_rows(panel)], axis=1)
        answer = RowDeviations.blank((values.shape[0], panel.n_time))
        threads = cores() if values.shape[0] == 1 and values.shape[1] >= THREADED_POINTS else 1
        for row in range(values.shape[0]):
            told = partial(self._tell, row, values.shape[0])
            self._score_row(values[row], answer, row, threads, told)
            told(1.0)
        return join_channels(answer, panel, largest_or_sum)

    def _new_rows(self, n_rows: int) -> Arrays:
        return {"history": np.empty((n_rows, 0))}

    def _learn(self, history: Panel) -> None:
        kept = np.swapaxes(history.values[:, -self.kept :], 1, 2)
        self.arrays = {"history": np.ascontiguousarray(kept)}

    def _tell(self, row: int, n_rows: int, share: float) -> None:
        self.on_progress((row + share) / n_rows)

    def _score_row(
        self, values: Floats, answer: RowDeviations, row: int, threads: int, told: Callable[[float], None]
    ) -> None:
        """Write what there is to say of one row to its place in the answer, which holds its last points."""
        if np.isfinite(values).sum() < LEAST_POINTS:
            return
        points = Compared.of(values)
        unit = Unit.of(points.values[points.known])
        y = unit.standardised(points.values)
        if not points.is_whole:
            y = filled_by_analogs(y, points.known, points.gaps, EXPECTED_REACH)
        total = self._total(y, points, threads, told)
        expected, low, high = expectation(y, points.known & (total < 0.5 * self.calibration.cut), EXPECTED_REACH)
        total[~points.known] = np.nan
        asked = slice(np.searchsorted(points.places, values.size - answer.deviation.shape[1]), None)
        places = points.places[asked] - (values.size - answer.deviation.shape[1])
        answer.deviation[row, places] = total[asked]
        for array, side in ((answer.expected, 0.0), (answer.lower, low), (answer.upper, high)):
            array[row, places] = unit.values(expected[asked] + side)

    def _total(self, y: Floats, points: Compared, threads: int, told: Callable[[float], None]) -> Floats:
        """Sum of the parts, each in units of its own ordinary peaks."""
        known = None if points.is_whole else points.known
        period = acf_period(points.values)
        parts: Parts = {}
        for answer in compute(self._tasks(y, points, period), threads, lambda share: told(0.9 * share)):
            for name, part in answer.items():
                if name in parts:
                    parts[name] += part
                else:
                    parts[name] = part
        parts["S"] = spikes(y, points.stretches(), known)
        total = np.zeros(y.size)
        for name, part in parts.items():
            total += WEIGHTS[name] / ordinary_peak(part, period) * part
        return total

    @abstractmethod
    def _tasks(self, y: Floats, points: Compared, period: int) -> list[Task]:
        """Pieces of work that can be done side by side; what they say of one part is added up in this order."""


@dataclass(kw_only=True, eq=False)
class Hindsight(Retrospective):
    """Retrospective default: the sum of seven calibrated parts, 0..38, each in units of its own ordinary peaks."""

    kind: ClassVar[str] = "hindsight"
    summary: ClassVar[str] = "retrospective default: distance to the nearest like anywhere in the series"
    calibration: ClassVar[Calibration] = Calibration(
        cut=6.0,
        rates=(
            *((2.0, 5.3), (2.5, 3.0), (3.0, 1.9), (3.5, 1.1), (4.0, 0.8)),
            *((4.5, 0.66), (5.0, 0.5), (5.5, 0.41), (6.0, 0.27)),
        ),
    )
    reach: ClassVar[int] = 8192
    kept: ClassVar[int] = 16_384
    point_ns: ClassVar[float] = 41_000

    def _tasks(self, y: Floats, points: Compared, period: int) -> list[Task]:
        trendless, half = less_trend(y, points.stretches()), max(8, period // 2)
        tasks: list[Task] = []
        for backwards in (False, True):
            tasks += [
                partial(_stretches, y, points, (8, 16, 32), self.reach, 1 / 12, backwards=backwards),
                partial(_stretches, trendless, points, (8, 16, 32), self.reach, 1 / 12, backwards=backwards),
                partial(_long_stretches, y, points, self.reach, backwards=backwards),
                partial(_correlations, y, points, self.reach, backwards=backwards),
            ]
        tasks.append(partial(_shapes, "M", y, points, period, 0.01, max(1, period // 64)))
        tasks.append(partial(_shapes, "Mh", y, points, half, 0.1, max(1, half // 64)))
        return tasks


@dataclass(kw_only=True, eq=False)
class HindsightLight(Retrospective):
    """``hindsight`` with one window, 4,096 lags and coarser shapes: an eighth of the cost."""

    kind: ClassVar[str] = "hindsight_light"
    summary: ClassVar[str] = "retrospective, an eighth of the cost of hindsight: for many or very long series"
    calibration: ClassVar[Calibration] = Calibration(
        cut=4.5,
        rates=((2.0, 2.5), (2.5, 1.1), (3.0, 0.62), (3.5, 0.5), (4.0, 0.34), (4.5, 0.27), (5.0, 0.2)),
    )
    reach: ClassVar[int] = 4096
    kept: ClassVar[int] = 8192
    point_ns: ClassVar[float] = 4100

    def _tasks(self, y: Floats, points: Compared, period: int) -> list[Task]:
        return [
            partial(_stretches, y, points, (16,), self.reach, 1 / 2, backwards=False),
            partial(_stretches, y, points, (16,), self.reach, 1 / 2, backwards=True),
            partial(_shapes, "M", y, points, period, 0.01, max(1, period // 16)),
        ]


def _stretches(
    u: Floats, points: Compared, windows: tuple[int, ...], reach: int, share: float, *, backwards: bool
) -> Parts:
    """E1 and E3 of some windows, ``share`` of the mean for each."""
    novelties = stretch_novelties(u, points, windows, reach, backwards=backwards)
    nearest, third = (np.sum([pair[k] for pair in novelties], axis=0) for k in (0, 1))
    return {"E1": np.float32(share) * nearest, "E3": np.float32(share) * third}


def _long_stretches(u: Floats, points: Compared, reach: int, *, backwards: bool) -> Parts:
    return {"E64": np.float32(0.5) * stretch_novelties(u, points, (64,), reach, backwards=backwards)[0][1]}


def _correlations(u: Floats, points: Compared, reach: int, *, backwards: bool) -> Parts:
    return {"C": np.float32(0.5) * correlation_novelty(u, points, 16, reach, backwards=backwards)}


def _shapes(name: str, y: Floats, points: Compared, length: int, softness: float, every: int) -> Parts:
    return {name: shape_novelty(y, points, length, softness, every)}
