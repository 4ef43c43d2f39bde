"""All pairs of windows of a fixed length by shape: softly z-normalised, so that flat windows are alike.

U = (window - mean) / sqrt(SS + m r), SS the sum of squared deviations; |U_t - U_j|^2 = e_t + e_j - 2 cov / (...), with
e = SS / (SS + m r). The covariance is kept up along the diagonals (STOMP; Zhu and others, *Matrix Profile II*, ICDM
2016, in the difference form of SCAMP).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from redshank.detectors.hindsight_blocks import CHUNK, KEPT, Distances, end_block, end_chunk
from redshank.panel import Floats

Flags = NDArray[np.bool_]

RESTART = 65_536  # points after which covariances are computed anew, so that rounding errors do not pile up


@njit(nogil=True, cache=True)
def _windows(u: Floats, m: int) -> tuple[Floats, Floats]:
    """Mean of each window, and its sum of squared deviations."""
    count = u.size - m + 1
    means, squares = np.empty(count), np.empty(count)
    for t in range(count):
        means[t] = u[t : t + m].mean()
        deviations = u[t : t + m] - means[t]
        squares[t] = (deviations * deviations).sum()
    return means, squares


@njit(nogil=True, cache=True)
def _begin(covariances: Floats, u: Floats, means: Floats, m: int, t: int, first: int) -> None:
    """Covariances of window ``t`` with windows first, first + 1, ..."""
    for i in range(covariances.size):
        total = 0.0
        for k in range(m):
            total += (u[t + k] - means[t]) * (u[first + i + k] - means[first + i])
        covariances[i] = total


@njit(nogil=True, cache=True)
def _move(covariances: Floats, df: Floats, dg: Floats, df_t: float, dg_t: float) -> None:
    for i in range(covariances.size):
        covariances[i] = covariances[i] + (df_t * dg[i] + df[i] * dg_t)


@njit(nogil=True, cache=True)
def _offer(covariances, rows, e, scale, e_t, scale_t):  # type: ignore[no-untyped-def]
    """Offer the distances to the partners, and return the least."""
    least = np.uint64(0x7FF0000000000000)
    for i in range(rows.size):
        d = e_t + e[i] - covariances[i] * scale_t * scale[i]
        d = d if d > 0.0 else 0.0
        rows[i] = d if d < rows[i] else rows[i]
        least = min(least, np.float64(d).view(np.uint64))
    return np.uint64(least).view(np.float64)


@njit(nogil=True, cache=True)
def _changes(u: Floats, means: Floats, m: int) -> tuple[Floats, Floats]:
    """What the step to each window changes: cov += df dg' + df' dg."""
    df, dg = np.zeros(means.size), np.zeros(means.size)
    for t in range(1, means.size):
        df[t] = 0.5 * (u[t + m - 1] - u[t - 1])
        dg[t] = (u[t + m - 1] - means[t]) + (u[t - 1] - means[t - 1])
    return df, dg


@njit(nogil=True, cache=True)
def nearest_shapes(u: Floats, m: int, softness: float, reach: int, block: int, barred: Flags) -> Distances:
    """Return the three least squared distances by blocks (KEPT, n - m + 1) of the windows that start at each point.

    ``barred``: (n,) lies in a gap, so that windows over it are nobody's partner; empty when no value is missing.
    """
    n = u.size - m + 1
    reach = min(reach, max(n - 1, 1))
    means, squares = _windows(u, m)
    softened = squares + m * softness
    e, scale = squares / softened, np.sqrt(2 / softened)
    for t in range(n if barred.size > 0 else 0):
        if barred[t : t + m].any():
            e[t] = np.inf
    changes = _changes(u, means, m)
    top, rows, covariances = np.full((KEPT, n), np.inf), np.full(n, np.inf), np.zeros(reach)
    best = np.full((CHUNK, reach // block + 3), np.inf)
    start = 0
    while start < n:
        stop = min(start + CHUNK, (start // block + 1) * block, (start // RESTART + 1) * RESTART, n)
        slot = max(0, start - reach) // block
        for k in range(slot, start // block + 1):
            for t in range(start, stop):
                first, last = max(k * block, t - reach), min((k + 1) * block, t - m // 2 + 1)
                if first < last:
                    part = covariances[first - t + reach : last - t + reach]
                    _advance(part, u, means, m, changes, t, first)
                    d = _offer(part, rows[first:last], e[first:last], scale[first:last], e[t], scale[t])
                    best[t - start, k - slot] = min(best[t - start, k - slot], d)
        end_chunk(top, rows, best, start, stop, block, slot)
        if stop % block == 0 or stop == n:
            end_block(top, rows, max(0, stop - block - reach), stop)
        start = stop
    return top


@njit(nogil=True, cache=True)
def _advance(part, u, means, m, changes, t, first):  # type: ignore[no-untyped-def]
    """Move the covariances of window ``t`` with windows first, first + 1, ... on from those of ``t - 1``."""
    df, dg = changes
    last = first + part.size
    if t % RESTART == 0:
        _begin(part, u, means, m, t, first)
    elif first == 0:
        _begin(part[:1], u, means, m, t, 0)
        _move(part[1:], df[1:last], dg[1:last], df[t], dg[t])
    else:
        _move(part, df[first:last], dg[first:last], df[t], dg[t])
