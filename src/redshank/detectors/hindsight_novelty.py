"""Novelty of every point: how far the stretches that end or begin there are from their likes, calibrated part by part.

Each function runs one or two all-pairs kernels on one thread, without the interpreter lock, and returns what they say;
``done`` (one number) follows their progress, 0..1.
"""

from __future__ import annotations

import numpy as np

from redshank.detectors.hindsight_blocks import Distances, block_points
from redshank.detectors.hindsight_correlation import nearest_correlations
from redshank.detectors.hindsight_parts import calibrated, moving_average
from redshank.detectors.hindsight_shapes import nearest_shapes
from redshank.detectors.hindsight_windows import nearest_stretches
from redshank.panel import Floats

LEAST_BLOCK = 64
SHAPE_REACH = 16_384


def stretch_novelties(
    u: Floats, windows: tuple[int, ...], reach: int, *, backwards: bool
) -> list[tuple[Floats, Floats]]:
    """(by the nearest, by the third nearest block) of each window, calibrated; ``backwards``: windows begin there."""
    turn = slice(None, None, -1 if backwards else 1)
    single = np.ascontiguousarray(u[turn], dtype=np.float32)
    tops = nearest_stretches(single, np.array(windows, np.int64), reach, block_points(u.size, reach, LEAST_BLOCK))
    return [
        (_calibrated(top, 1, window)[turn], _calibrated(top, 3, window)[turn])
        for top, window in zip(tops, windows, strict=True)
    ]


def correlation_novelty(u: Floats, window: int, reach: int, *, backwards: bool) -> Floats:
    """By the third nearest block in exponentially weighted correlation, calibrated."""
    turn = slice(None, None, -1 if backwards else 1)
    top = nearest_correlations(np.ascontiguousarray(u[turn]), window, reach, block_points(u.size, reach, LEAST_BLOCK))
    novelty: Floats = _calibrated(top, 3, 1)[turn]
    return novelty


def shape_novelty(y: Floats, points: int, softness: float, every: int) -> Floats:
    """By the third nearest block of softly normalised windows of ``points``, on averages of ``every`` points."""
    count = y.size // every
    means = y[: count * every].reshape(count, every).mean(axis=1)
    length = round(points / every)
    top = nearest_shapes(means, length, softness, SHAPE_REACH, block_points(count, SHAPE_REACH, LEAST_BLOCK // every))
    centred = np.pad(_filled(top, 3, 1), (length // 2, length - 1 - length // 2), mode="edge")
    smooth = moving_average(centred, length, mode="edge")
    places = np.arange(count) * every + 0.5 * (every - 1)
    return calibrated(np.interp(np.arange(y.size), places, smooth))


def _calibrated(top: Distances, k: int, window: int) -> Floats:
    return calibrated(_filled(top, k, window))


def _filled(top: Distances, k: int, window: int) -> Floats:
    """Root of the k-th distance over the window, of the last there is; without any, the median of the others."""
    distance = top[k - 1]
    for fewer in range(k - 2, -1, -1):
        distance = np.where(np.isinf(distance), top[fewer], distance)
    novelty: Floats = np.sqrt(distance.astype(np.float64) / window)
    none = np.isinf(novelty)
    if none.any():
        novelty[none] = 0.0 if none.all() else np.median(novelty[~none])
    return novelty
