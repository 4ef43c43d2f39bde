"""Areas under range-based curves: the compiled part of VUS.

For each buffer width w the truth is softened: a point at distance d <= w // 2 from a true event weighs
sqrt(1 - d / w); weights of several events add up, to 1 at most. At each threshold, over the points that reach it:

    TP        = sum of soft truth                         precision = TP / points
    positives = anomalous points + half the soft truth outside the events
    TPR       = min(TP / positives, 1) x share of the buffered events (one where they touch) with a point in it
    FPR       = (points - TP) / (n - positives)

The area under the ROC curve is of trapezoids, closed at (1, 1), that under the PR curve of steps. Each point counts
from one threshold on, the first that its score reaches, so the sums are histograms over thresholds, added up: a width
costs the points near events, whatever the number of thresholds.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from redshank.evaluate.events import Integers
from redshank.panel import Floats


@njit(cache=True, nogil=True)
def _softness(i: int, starts: Integers, ends: Integers, after: int, width: int) -> float:
    """Soft truth of point i outside the events; ``after``: index of the first event behind it."""
    half = width // 2
    weight = 0.0
    k = after - 1
    while k >= 0 and i - ends[k] + 1 <= half:
        weight += math.sqrt(1.0 - (i - ends[k] + 1) / width)
        k -= 1
    k = after
    while k < len(starts) and starts[k] - i <= half:
        weight += math.sqrt(1.0 - (starts[k] - i) / width)
        k += 1
    return min(weight, 1.0)


@njit(cache=True, nogil=True)
def _fill(
    starts: Integers, ends: Integers, width: int, first: Integers, inside: Floats, around: Floats, regions: Floats
) -> int:
    """Fill the histograms (n_thresholds,) of one width over the first threshold reached; return the number of regions.

    ``inside``: points of events, ``around``: soft truth beside them, ``regions``: buffered events, one where they
    overlap or share a point, each at the first threshold that any of its points reaches.
    """
    n, half, last = len(first), width // 2, len(starts) - 1
    inside[:], around[:], regions[:] = 0.0, 0.0, 0.0
    n_regions = 0
    begin = max(starts[0] - half, 0)
    earliest = len(inside)
    for k in range(len(starts)):
        stop = min(ends[k] + half, n if k == last else starts[k + 1])
        for i in range(begin, stop):
            j = first[i]
            earliest = min(earliest, j)
            if starts[k] <= i < ends[k]:
                inside[j] += 1.0
            else:
                around[j] += _softness(i, starts, ends, k if i < starts[k] else k + 1, width)
        if k == last or ends[k] - 1 + half < starts[k + 1] - half:
            regions[earliest] += 1.0
            n_regions += 1
            earliest = len(inside)
        if k < last:
            begin = max(starts[k + 1] - half, stop)
    return n_regions


@njit(cache=True, nogil=True)
def _areas(
    inside: Floats, around: Floats, regions: Floats, n_regions: int, predicted: Floats, n: int
) -> tuple[float, float]:
    """(PR, ROC) areas from the histograms of one width."""
    anomalous = inside.sum()
    hit_inside, hit_around, hit_regions = 0.0, 0.0, 0.0
    last_tpr, last_fpr, area_pr, area_roc = 0.0, 0.0, 0.0, 0.0
    for j in range(len(predicted)):
        hit_inside += inside[j]
        hit_around += around[j]
        hit_regions += regions[j]
        hits = hit_inside + hit_around
        positives = anomalous + hit_around / 2
        tpr = min(hits / positives, 1.0) * hit_regions / n_regions
        fpr = (predicted[j] - hits) / (n - positives)
        area_pr += (tpr - last_tpr) * hits / predicted[j]
        area_roc += (fpr - last_fpr) * (tpr + last_tpr) / 2
        last_tpr, last_fpr = tpr, fpr
    return area_pr, area_roc + (1.0 - last_fpr) * (1.0 + last_tpr) / 2


@njit(cache=True, nogil=True)
def mean_areas(
    starts: Integers, ends: Integers, first: Integers, predicted: Floats, window: int
) -> tuple[float, float]:
    """(PR, ROC) areas, mean over the widths 0..``window``; arguments as ``ranking`` makes them."""
    inside, around, regions = np.empty(len(predicted)), np.empty(len(predicted)), np.empty(len(predicted))
    total_pr, total_roc = 0.0, 0.0
    for width in range(window + 1):
        n_regions = _fill(starts, ends, width, first, inside, around, regions)
        pr, roc = _areas(inside, around, regions, n_regions, predicted, len(first))
        total_pr += pr
        total_roc += roc
    return total_pr / (window + 1), total_roc / (window + 1)
