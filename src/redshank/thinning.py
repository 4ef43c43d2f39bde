"""Fewer points that look the same: the least and the greatest of each bucket, so that no extreme is lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from redshank.panel import Floats, Scores, Times

Indices = NDArray[np.intp]


def bucket_edges(n_points: int, n_buckets: int) -> Indices:
    """Return the first index of each bucket, and ``n_points`` at the end; never more buckets than points."""
    return np.linspace(0, n_points, min(n_points, n_buckets) + 1).astype(np.intp)


def time_edges(times: Times | NDArray[np.int64], n_buckets: int) -> Indices:
    """Return the first index of each bucket of equal time that holds a point, and ``n_points`` at the end.

    ``times``: in order.
    """
    if len(times) == 0:
        return np.zeros(1, np.intp)
    ticks = times.view(np.int64)
    offsets = (ticks - ticks[0]).astype(np.float64)
    bucket = np.minimum((offsets * (n_buckets / max(offsets[-1], 1.0))).astype(np.int64), n_buckets - 1)
    starts = np.flatnonzero(np.diff(bucket, prepend=-1))
    return np.append(starts, len(times))


def extreme_indices(arrays: Sequence[Floats], n_buckets: int) -> Indices:
    """Return, in order, the indices of the first least and the first greatest value of each array in each bucket.

    The first index of every bucket and the last of all are kept as well, so that gaps and the ends stay.
    """
    return extremes_between(bucket_edges(len(arrays[0]), n_buckets), arrays)


def extremes_between(edges: Indices, both: Sequence[Floats], greatest: Sequence[Floats] = ()) -> Indices:
    """Return, in order, the indices of extremes in buckets that none is empty: edges[i] <= index < edges[i + 1].

    Of each array of ``both`` the first least and the first greatest, of each of ``greatest`` the first greatest, and
    always the first of the bucket and the last of all. NaN is no extreme.
    """
    if len(edges) < 2:
        return np.zeros(0, np.intp)
    kept = [edges[:-1], edges[-1:] - 1]
    kept += [_first_least(np.where(np.isnan(array), np.inf, array), edges) for array in both]
    kept += [_first_least(np.where(np.isnan(array), np.inf, -array), edges) for array in (*both, *greatest)]
    return np.unique(np.concatenate(kept))


def thinned_indices(
    times: Times | NDArray[np.int64], values: Sequence[Floats], scores: Sequence[Floats], n_points: int
) -> Indices:
    """Return the indices of at most ``n_points`` points (at least 8) of one series that show its course.

    The ends, and in each of as many stretches of equal time as there is room for: the first point, the least and the
    greatest of each of ``values``, the greatest of each of ``scores``. All points when they are no more.
    """
    if len(times) <= n_points:
        return np.arange(len(times))
    room = 1 + 2 * len(values) + len(scores)
    return extremes_between(time_edges(times, max(1, (n_points - 1) // room)), values, scores)


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
