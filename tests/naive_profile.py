"""Changes of level, slow and obvious: every window's median by itself."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from redshank.panel import Floats


def level_shifts(values: Floats, periods: Sequence[int]) -> list[tuple[int, float, float]]:
    """The same as ``redshank.profile.level_shifts`` for series that need no thinning and have periods that fit."""
    longest = max([period for period in periods if 6 * _whole(period) <= len(values)], default=1)
    window = _whole(longest)
    stride = max(1, window // 8)
    apart = -(-window // stride)
    starts = list(range(0, len(values) - window + 1, stride))
    medians = [median(values[start : start + window].tolist()) for start in starts]
    differences = [medians[i + apart] - medians[i] for i in range(len(medians) - apart)]
    usual = median(differences)
    sizes = [abs(difference - usual) for difference in differences]
    ordered = sorted(values.tolist())
    least = max(6 * 1.4826 * median(sizes), 0.5 * (_quantile(ordered, 0.75) - _quantile(ordered, 0.25)))
    found, i = [], 0
    while i < len(sizes):
        j = i
        while j < len(sizes) and sizes[j] >= least:
            j += 1
        if j > i:
            top = max(sizes[i:j])
            high = [k for k in range(i, j) if sizes[k] >= 0.9 * top]
            at = (high[0] + high[-1]) // 2
            found.append(((at + apart) * stride, medians[at], medians[at + apart]))
        i = max(j, i + 1)
    return found


def correlation(values: Floats) -> list[float]:
    """Autocorrelation at lags up to a third of the series, less trend and extremes, lag by lag."""
    count = len(values)
    largest = max(abs(value) for value in values)
    ordered = sorted(value / largest for value in values)
    low, high = _quantile(ordered, 0.01), _quantile(ordered, 0.99)
    clipped = [min(max(value / largest, low), high) for value in values]
    mean = sum(clipped) / count
    place = [2 * i / (count - 1) - 1 for i in range(count)]
    slope = sum(p * (v - mean) for p, v in zip(place, clipped, strict=True)) / sum(p * p for p in place)
    level = [v - mean - slope * p for p, v in zip(place, clipped, strict=True)]
    power = sum(v * v for v in level) / count
    return [
        sum(level[i] * level[i + lag] for i in range(count - lag)) / (count - lag) / power
        for lag in range(count // 3 + 1)
    ]


def _whole(period: int) -> int:
    """Points of as many whole periods as make 32 points at least."""
    count = 1
    while count * period < 32:
        count += 1
    return count * period


def _quantile(ordered: list[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
