"""Fewer points that look the same: the least and the greatest of each bucket, so that no extreme is lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from redshank.panel import Floats, Scores

Indices = NDArray[np.intp]


def bucket_edges(n_points: int, n_buckets: int) -> Indices:
    """Return the first index of each bucket, and ``n_points`` at the end; never more buckets than points."""
    return np.linspace(0, n_points, min(n_points, n_buckets) + 1).astype(np.intp)


def extreme_indices(arrays: Sequence[Floats], n_buckets: int) -> Indices:
    """Return, in order, the indices of the first least and the first greatest value of each array in each bucket.

    The first index of every bucket and the last of all are kept as well, so that gaps and the ends stay.
    """
    n_points = len(arrays[0])
    if n_points == 0:
        return np.zeros(0, np.intp)
    edges = bucket_edges(n_points, n_buckets)
    kept = [edges[:-1], np.array([n_points - 1], np.intp)]
    for array in arrays:
        gaps = np.isnan(array)
        kept.append(_first_least(np.where(gaps, np.inf, array), edges))
        kept.append(_first_least(np.where(gaps, np.inf, -array), edges))
    return np.unique(np.concatenate(kept))


def _first_least(array: Floats, edges: Indices) -> Indices:
    least = np.minimum.reduceat(array, edges[:-1])
    hits = np.flatnonzero(array == np.repeat(least, np.diff(edges)))
    bucket = np.searchsorted(edges, hits, side="right")
    return hits[np.flatnonzero(np.diff(bucket, prepend=-1))]


def visible_indices(values: Floats, scores: Scores, row: int, n_buckets: int) -> Indices:
    """Return the indices of a series that are worth drawing on so many buckets; all of them when they are few.

    ``values``: (n_time, n_channels).
    """
    if len(values) <= 2 * n_buckets:
        return np.arange(len(values))
    return extreme_indices([*values.T, scores.score[row]], n_buckets)


def worst_of_buckets(scores: Floats, edges: Indices) -> Floats:
    """Return the highest score of each bucket, NaN where nothing was scored."""
    filled = np.where(np.isnan(scores), -np.inf, scores)
    worst = np.maximum.reduceat(filled, edges[:-1]) if len(filled) else filled
    return np.where(np.isneginf(worst), np.nan, worst)
