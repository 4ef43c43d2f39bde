"""The parts of ``hindsight`` beside the all-pairs kernels: standardising, calibrating, spikes, ordinary peaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from redshank.panel import Floats

Flags = NDArray[np.bool_]
Part = NDArray[np.float32]  # calibrated, 0..20; single precision halves the memory of long series

CAP = 10.0
SPIKE_CAP = 20.0
LEAST_SCALE = 1e-3
LEAST_SIZE = 1e-300
MOST_VALUE = 1000.0
TREND_POINTS = 51
SPIKE_POINTS = 6  # on either side


@dataclass(frozen=True)
class Unit:
    """What the values of a series are measured in: value = largest * (centre + spread * y)."""

    largest: float
    centre: float
    spread: float

    @classmethod
    def of(cls, values: Floats) -> Self:
        """Median and standard deviation; spread 0 when the values hardly differ."""
        largest = float(np.abs(values).max())
        if largest < LEAST_SIZE:
            return cls(LEAST_SIZE, 0.0, 0.0)
        scaled = values / largest  # so that no sum or square leaves the range of float64
        centre, spread = float(np.median(scaled)), float(scaled.std())
        return cls(largest, centre, 0.0 if spread <= 1e-9 * abs(centre) else spread)

    def standardised(self, values: Floats) -> Floats:
        """The values less the median in standard deviations; 0 everywhere when they hardly differ."""
        if self.spread == 0:
            return np.zeros(values.size)
        result: Floats = np.clip((values / self.largest - self.centre) / self.spread, -MOST_VALUE, MOST_VALUE)
        return result

    def values(self, y: Floats) -> Floats:
        """The values that are ``y`` when standardised, as far as float64 holds them."""
        most = np.finfo(np.float64).max / max(self.largest, 1.0)
        result: Floats = np.clip(self.centre + self.spread * y, -most, most) * self.largest
        return result


def less_trend(y: Floats, stretches: Sequence[slice]) -> Floats:
    """The values of each stretch less their centred moving average over 51 points, the ends mirrored."""
    result = np.zeros(y.size)
    for stretch in stretches:
        result[stretch] = y[stretch] - moving_average(y[stretch], TREND_POINTS, mode="symmetric")
    return result


def moving_average(values: Floats, points: int, *, mode: str) -> Floats:
    """Centred moving average; ``mode``: how numpy.pad goes on at the ends. An even window lies half a step earlier."""
    before = points // 2
    padded = np.pad(values, (before, points - 1 - before), mode=mode)  # type: ignore[call-overload]
    sums = np.cumsum(np.concatenate([[0.0], padded]))
    result: Floats = (sums[points:] - sums[:-points]) / points
    return result


def calibrated(part: Floats, known: Flags | None = None, cap: float = CAP) -> Part:
    """The part in deviations above its median, 0..cap; only ``known`` points count, and the others get 0."""
    counted = part if known is None else part[known]
    n = counted.size
    middle, tenth = n // 2, 0.9 * (n - 1)
    below = int(tenth)
    order = np.partition(counted, [(n - 1) // 2, middle, below, min(below + 1, n - 1)])
    median = 0.5 * (order[(n - 1) // 2] + order[middle])
    high = order[below] + (tenth - below) * (order[min(below + 1, n - 1)] - order[below])
    np.abs(order - median, out=order)
    scale = max(1.4826 * float(np.median(order, overwrite_input=True)), (high - median) / 1.2816, LEAST_SCALE)
    scaled = (part - median) / scale
    result = np.clip(scaled, 0.0, cap, out=scaled).astype(np.float32)
    return result if known is None else np.where(known, result, np.float32(0))


def spikes(y: Floats, stretches: Sequence[slice], known: Flags | None) -> Part:
    """Distance of each value from a quadratic through its 6 neighbours on either side, calibrated.

    0 at the first and last 6 points of a stretch, which lack neighbours: what takes their place is off by the bend of
    the series, which in one without noise would be a spike.
    """
    result = np.zeros(y.size)
    for stretch in stretches:
        result[stretch] = _from_neighbours(y[stretch])
    part = calibrated(result, known, SPIKE_CAP)
    for stretch in stretches:
        inner = part[stretch]  # a view
        inner[:SPIKE_POINTS] = inner[-SPIKE_POINTS:] = 0
    return part


def _from_neighbours(y: Floats) -> Floats:
    """Beyond the ends the stretch is turned about its last point."""
    offsets = np.arange(1.0, SPIKE_POINTS + 1)
    weights = (offsets**4).mean() - (offsets**2).mean() * offsets**2  # of the value at 0 of a least-squares quadratic
    weights /= 2 * weights.sum()
    padded = np.pad(y, SPIKE_POINTS, mode="reflect", reflect_type="odd")
    fit = np.zeros(y.size)
    for k in range(SPIKE_POINTS):
        after, before = SPIKE_POINTS + k + 1, SPIKE_POINTS - k - 1
        fit += weights[k] * (padded[before : before + y.size] + padded[after : after + y.size])
    return np.abs(y - fit)


def ordinary_peak(part: Part, period: int) -> float:
    """Height of the part's ordinary peaks, 1..5: its k-th largest peak, k = 15 or one in 4,000 points.

    Peaks are the maxima of blocks of one period, at least 50 points, taken from the largest down; one beside a peak
    already taken is none. What is left of the series behind the last whole block does not count.
    """
    length = max(period, 50)
    count = max(part.size // length, 1)
    highest = part[: count * length].reshape(count, -1).max(axis=1)
    wanted = max(15, part.size // 4000)
    taken = np.zeros(highest.size + 2, bool)
    peak = 0.0
    for i in np.argsort(-highest, kind="stable"):
        if not taken[i : i + 3].any():
            taken[i + 1] = True
            peak, wanted = float(highest[i]), wanted - 1
            if wanted < 0:
                break
    return min(max(peak, 1.0), 5.0)
