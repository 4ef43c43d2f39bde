"""Naive twins of ``gaussian`` and ``percentile``: all values kept and weighed anew for each point."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np


def least_deviation(values, learned, value):
    """The least deviation that means something for ``value`` after ``values``, which were learned as ``learned``."""
    if all(each == values[0] for each in [*values, value]):
        return 0.0
    steps = [abs(b - a) for a, b in pairwise(values) if a != b]
    low, high = min(learned), max(learned)
    size = abs(values[0]) + max(abs(low - values[0]), abs(high - values[0]))
    return max((high - low) / 1000, min(steps, default=0) / 6, 1e-12 * size)


def deviation(distance, reach, learned):
    """In units of the range; of the first other value by the logarithm of how many were the same: 2.5 after 500."""
    if min(learned) == max(learned):
        return 2.5 * math.log(len(learned)) / math.log(500) if distance > reach else 0.0
    return min(distance / reach, 1e6)


def naive_gaussian(series, threshold, keep, learn):
    """Return (deviation, expected, lower, upper), each (n_time,), of one series."""
    gaussian_width = NormalDist().inv_cdf(0.5 + threshold / 2)
    out, values, learned, wide = np.full((4, len(series)), np.nan), [], [], 1.0
    for t, value in enumerate(series):
        if math.isnan(value):
            continue
        spread, mean, least = 0.0, value, least_deviation(values, learned, value) if values else 0.0
        if values:
            weights = keep ** np.arange(len(values) - 1, -1, -1)
            total = weights.sum()
            beyond = np.array(learned) - learned[0]
            mean = learned[0] + float(weights @ beyond / total)
            variance = float(weights @ (beyond + learned[0] - mean) ** 2 / total)
            if len(values) > 1:
                spread = max(math.sqrt(variance * (total + 1) / (total - 1)), least)
        if len(values) >= learn:
            early = 1 + (gaussian_width**2 + 1) / (4 * (total - 1))
            reach = gaussian_width * max(wide * early * spread, least)
            distance = abs(value - mean)
            out[0, t] = deviation(distance, reach, learned)
            out[1:, t] = mean, mean - reach, mean + reach
            wide = min(max(wide + 0.02 * (threshold - (distance <= reach)), 0.25), 4.0)
        clipped = spread > 0 and len(values) >= learn
        learned.append(mean + max(-20 * spread, min(value - mean, 20 * spread)) if clipped else value)
        values.append(value)
    return out


def naive_percentile(series, threshold, keep, learn):
    """Return (deviation, expected, lower, upper), each (n_time,), of one series."""
    outside, width = 0.5 - threshold / 2, NormalDist().inv_cdf(0.5 + threshold / 2)
    shares = [outside, 0.1, 0.5, 0.9, 1 - outside]
    out, values, learned, marks = np.full((4, len(series)), np.nan), [], [], None
    for t, value in enumerate(series):
        if math.isnan(value):
            continue
        if len(values) < 50:
            values.append(value)
            learned.append(value)
            marks = np.quantile(values, shares)
            continue
        least = least_deviation(values, learned, value)
        lower, _, median, _, upper = marks
        if len(values) >= learn:
            below, above = max(median - lower, width * least), max(upper - median, width * least)
            distance, reach = abs(value - median), above if value > median else below
            out[0, t] = deviation(distance, reach, learned)
            out[1:, t] = median, median - below, median + above
        half = 4 * (upper - lower)
        values.append(value)
        learned.append(max(median - half, min(value, median + half)) if half else value)
        unit = max((marks[3] - marks[1]) / 2.56, (upper - lower) / 5.15, least)
        memory = max(1 / len(values), 1 - keep)
        gains = [min(100 * memory, 0.5), 10 * memory, 10 * memory, 10 * memory, min(100 * memory, 0.5)]
        for k, share in enumerate(shares):
            if value != marks[k]:
                marks[k] += gains[k] * unit * (share if value > marks[k] else share - 1)
        marks[0], marks[4] = min(marks[0], marks[2]), max(marks[4], marks[2])
    return out
