"""Novelty of every point: how far the stretches that end or begin there are from their likes, calibrated part by part.

Each function runs one all-pairs kernel on one thread, without the interpreter lock. A point in a gap is nobody's
partner, nor is one whose window would reach across a gap; where that leaves none, the point is as novel as the median.
"""

from __future__ import annotations

import numpy as np

from redshank.detectors.hindsight_blocks import NO_BITS, Distances, block_points
from redshank.detectors.hindsight_correlation import COMPARED, nearest_correlations
from redshank.detectors.hindsight_gaps import Compared, Flags
from redshank.detectors.hindsight_parts import Part, calibrated, moving_average
from redshank.detectors.hindsight_shapes import nearest_shapes
from redshank.detectors.hindsight_windows import SETTLED, nearest_stretches
from redshank.panel import Floats

LEAST_BLOCK = 64
SHAPE_REACH = 16_384


def stretch_novelties(
    u: Floats, points: Compared, windows: tuple[int, ...], reach: int, *, backwards: bool
) -> list[tuple[Part, Part]]:
    """(by the nearest, by the third nearest block) of each window, calibrated; ``backwards``: windows begin there."""
    turn, order = slice(None, None, -1 if backwards else 1), points.turned() if backwards else points
    single = np.ascontiguousarray(u[turn], dtype=np.float32)
    links, barred = np.zeros(0, np.float32), np.zeros((len(windows), 0), bool)
    if not points.is_whole:
        links = (order.since() > 0).astype(np.float32)
        barred = np.stack([_unsettled(order, SETTLED * window) for window in windows])
    block = block_points(u.size, reach, LEAST_BLOCK)
    bars = np.where(barred, NO_BITS, np.uint32(0)).astype(np.uint32)
    tops = nearest_stretches(single, np.array(windows, np.int64), reach, block, links, bars)
    novelties = []
    for top, window, none in zip(tops, windows, barred, strict=True):
        top[:, : none.size][:, none] = np.inf
        nearest, third = (calibrated(_novelty(top, k, window)[turn], _known(points)) for k in (1, 3))
        novelties.append((nearest, third))
    return novelties


def correlation_novelty(u: Floats, points: Compared, window: int, reach: int, *, backwards: bool) -> Part:
    """By the third nearest block in exponentially weighted correlation, calibrated."""
    turn, order = slice(None, None, -1 if backwards else 1), points.turned() if backwards else points
    links, barred = np.zeros(0), np.zeros(0, bool)
    if not points.is_whole:
        links, barred = (order.since() > 0).astype(np.float64), _unsettled(order, COMPARED * window)
    block = block_points(u.size, reach, LEAST_BLOCK)
    top = nearest_correlations(np.ascontiguousarray(u[turn]), window, reach, block, links, barred)
    return calibrated(_novelty(top, 3, 1)[turn], _known(points))


def shape_novelty(y: Floats, points: Compared, length: int, softness: float, every: int) -> Part:
    """By the third nearest block of softly normalised windows of ``length``, on averages of ``every`` points."""
    count = y.size // every
    whole = slice(0, count * every)
    means = y[whole].reshape(count, every).mean(axis=1)
    gaps = np.logical_or.reduce(points.gaps[whole][: 0 if points.is_whole else None].reshape(-1, every), axis=1)
    size = min(round(length / every), count)
    block = block_points(count, SHAPE_REACH, LEAST_BLOCK // every)
    novelty = _novelty(nearest_shapes(means, size, softness, SHAPE_REACH, block, gaps), 3, 1)
    centred = np.pad(novelty, (size // 2, size - 1 - size // 2), mode="edge")
    smooth = moving_average(centred, size, mode="edge")
    places = np.arange(count) * every + 0.5 * (every - 1)
    return calibrated(np.interp(np.arange(y.size), places, smooth), _known(points))


def _unsettled(points: Compared, wait: int) -> Flags:
    """The points that are no partners: missing, or fewer than ``wait`` points into their stretch."""
    result: Flags = ~points.known | (points.since() < wait)
    return result


def _known(points: Compared) -> Flags | None:
    return None if points.is_whole else points.known


def _novelty(top: Distances, k: int, window: int) -> Floats:
    """Root of the k-th distance over the window, of the last there is; without any, the median of the others."""
    novelty: Floats = top[k - 1].astype(np.float64)
    for fewer in range(k - 2, -1, -1):
        np.copyto(novelty, top[fewer], where=np.isinf(novelty))
    novelty /= window
    np.sqrt(novelty, out=novelty)
    none = np.isinf(novelty)
    if none.any():
        novelty[none] = 0.0 if none.all() else np.median(novelty[~none])
    return novelty
