"""Channels that move together: what is left of a point when it is rebuilt from the few directions of all of them.

Good for sensors of one machine, one process or one host, where a fault breaks what the channels have to do with each
other, or takes all of them where they never were together. Blind to the order of points in time, and to channels that
have nothing to do with each other. Looks both ways: the points are compared with all the others, or with the history
that it was fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import numpy as np

from redshank.calibrate import Calibration
from redshank.detectors.base import Arrays, Cost, Detector, parameter
from redshank.detectors.subspace import Subspace, fit_subspace
from redshank.errors import ConfigError
from redshank.panel import Deviations, Floats, Panel

LEAST_POINTS = 30
CAP = 10.0  # of a channel's part
MOST_CHANNELS = 64  # for which the stated cost of one channel holds


@dataclass(kw_only=True, eq=False)
class Pca(Detector):
    """Deviation: |value - expected| in usual residuals, 10 at most, the mean over channels and ``smooth`` points.

    ``expected`` is the point rebuilt from the principal components, none farther out than is usual for it. A history
    with at least 30 points is what is normal; without one it is the bulk of the points themselves. ``share``: each
    channel's part of the sum. ConfigError for series of one channel.
    """

    kind: ClassVar[str] = "pca"
    causal: ClassVar[bool] = False
    multivariate: ClassVar[bool] = True
    summary: ClassVar[str] = "channels that move together: what principal components cannot rebuild"
    # false events per 10,000 normal points of the Skoltech data, unfitted
    calibration: ClassVar[Calibration] = Calibration(
        cut=2.0, rates=((1.25, 26.3), (1.5, 13.2), (1.75, 7.8), (2.0, 5.3), (2.5, 2.1), (3.5, 0.4))
    )

    variance: float = parameter(0.9, "share of the variance that the components hold", low=0.1, high=0.999)
    smooth: int = parameter(15, "points that a deviation is averaged over", low=1, high=10_000)

    @property
    def warmup(self) -> int:
        return LEAST_POINTS

    def cost(self, step: timedelta) -> Cost:
        return Cost(8 * (7 + MOST_CHANNELS), 500)

    def score(self, panel: Panel) -> Deviations:
        """Say how far each point is from what its components rebuild; learns nothing and changes nothing."""
        self._insist_on_channels(panel)
        known = self.take(slice(None))
        known._admit(panel)
        deviation = np.full(panel.values.shape[:2], np.nan)
        parts = np.full((4, *panel.values.shape), np.nan)
        for i in range(panel.n_series):
            subspace = known._subspace(i) or fit_subspace(panel.values[i], self.variance, LEAST_POINTS)
            if subspace is not None:
                deviation[i], parts[:, i] = _judged(panel.values[i], subspace, self.smooth)
            self.on_progress((i + 1) / panel.n_series)
        return Deviations(deviation, *parts)

    def _learn(self, history: Panel) -> None:
        self._insist_on_channels(history)
        for i in range(history.n_series):
            subspace = fit_subspace(history.values[i], self.variance, LEAST_POINTS)
            if subspace is not None:
                for name, array in self.arrays.items():
                    array[i] = getattr(subspace, name)

    def _new_arrays(self, n_series: int, n_channels: int) -> Arrays:
        return {name: np.zeros((n_series, *shape)) for name, shape in Subspace.shapes(n_channels).items()}

    def _subspace(self, row: int) -> Subspace | None:
        """What was learned of a series; None if it had too few points."""
        found = Subspace(**{name: array[row] for name, array in self.arrays.items()})
        return found if found.scale.any() else None

    def _insist_on_channels(self, panel: Panel) -> None:
        if panel.n_channels < 2:
            raise ConfigError(
                f"pca: needs series of at least two channels (--multivariate), got one: {', '.join(panel.channels)}",
                field="detector",
            )


def _judged(values: Floats, subspace: Subspace, smooth: int) -> tuple[Floats, Floats]:
    """Return the deviation (n_time,) of a series and its (expected, lower, upper, share), each (n_time, n_channels)."""
    rebuilt = subspace.rebuilt(values)
    there = np.isfinite(values)
    residual = np.abs(subspace.scaled(values) - rebuilt) / subspace.noise
    part = _smoothed(np.where(there, np.minimum(residual, CAP), 0.0), smooth)
    count = _smoothed(there.astype(np.float64), smooth)
    mean = part / np.where(count > 0, count, 1.0)
    mean[~there] = 0.0
    total, channels = mean.sum(axis=1), there.sum(axis=1)
    deviation = np.where(channels > 0, total / np.maximum(channels, 1), np.nan)
    share = mean / np.where(total > 0, total, 1.0)[:, None]
    ranges = subspace.ranges(rebuilt)
    for array in ranges:
        array[channels == 0] = np.nan
    return deviation, np.stack([*ranges, share])


def _smoothed(parts: Floats, points: int) -> Floats:
    """Sums over ``points`` points around each, fewer at the ends."""
    if points == 1:
        return parts
    first = np.maximum(np.arange(len(parts)) - points // 2, 0)
    last = np.minimum(np.arange(len(parts)) + (points + 1) // 2, len(parts))
    sums = np.concatenate([np.zeros((1, parts.shape[1])), np.cumsum(parts, axis=0)])
    result: Floats = np.maximum(sums[last] - sums[first], 0.0)
    return result
