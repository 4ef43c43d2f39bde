"""Naive twins of ``periods``: one plain loop per point."""

from __future__ import annotations

import math


def naive_autocorrelation(centred, most_lag):
    """Return the sum of products of values a lag apart, as a share of that at lag 0."""
    power = sum(value * value for value in centred)
    return [
        sum(centred[i] * centred[i + lag] for i in range(len(centred) - lag)) / power for lag in range(most_lag + 1)
    ]


def naive_means(values, points, keep=lambda cycle: True):
    """Return the mean of each place in the cycle, of the cycles that are kept, the others counting as 0."""
    places = [[] for _ in range(points)]
    for i, value in enumerate(values):
        places[i % points].append(value if keep(i // points) else 0.0)
    return [sum(place) / len(place) for place in places]


def naive_agreement(values, points):
    """Return how much the courses of even and odd cycles are alike."""
    even = naive_means(values, points, lambda cycle: cycle % 2 == 0)
    odd = naive_means(values, points, lambda cycle: cycle % 2 == 1)
    size = math.sqrt(sum(a * a for a in even) * sum(b * b for b in odd))
    return max(0.0, sum(a * b for a, b in zip(even, odd, strict=True)) / size)
