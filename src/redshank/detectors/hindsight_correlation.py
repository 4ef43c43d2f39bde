"""All pairs of stretches by an exponentially weighted correlation: 1 - r, whatever their level and size.

C_L <- lam C_L + u_t u_{t-L} for every lag; with g the sum of the weights, m and v the weighted mean and variance at
either end of the pair, the distance is max(0, 1 - (C_L - g m m') / (g sqrt((v + r)(v' + r)))), g the geometric mean of
the two ends, r a small ridge under which flat stretches are not alike for their noise.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from redshank.detectors.hindsight_blocks import CHUNK, KEPT, Distances, end_block, end_chunk
from redshank.panel import Floats

Flags = NDArray[np.bool_]

COMPARED = 3  # windows of a stretch before it is a partner
RIDGE = 1e-3


@njit(nogil=True, cache=True)
def _ends(u: Floats, lam: float, links: Floats, barred: Flags) -> tuple[Floats, Floats, Floats]:
    """For each point 1, a = 1 / sqrt(g (v + r)) and b = m / sqrt(v + r): the distance is 1 - C a a' + b b'.

    The 1 is infinite for a barred point.
    """
    ones, a, b = np.ones(u.size), np.empty(u.size), np.empty(u.size)
    weight = total = squares = 0.0
    for t in range(u.size):
        if links.size > 0 and links[t] == 0:
            weight = total = squares = 0.0
        weight, total, squares = lam * weight + 1, lam * total + u[t], lam * squares + u[t] * u[t]
        mean = total / weight
        spread = math.sqrt(max(squares / weight - mean * mean, 0.0) + RIDGE)
        a[t], b[t] = 1 / (math.sqrt(weight) * spread), mean / spread
        if barred.size > 0 and barred[t]:
            ones[t] = np.inf
    return ones, a, b


@njit(nogil=True, cache=True)
def _fade(products: Floats, past: Floats, value: float, lam: float) -> None:
    for i in range(past.size):
        products[i] = lam * products[i] + value * past[i]


@njit(nogil=True, cache=True)
def _offer(products, rows, past, ones, a, b, value, lam, one, a_t, b_t):  # type: ignore[no-untyped-def]
    """Update products with ``past``, offer the distances to its points, and return the least."""
    least = np.uint64(0x7FF0000000000000)
    for i in range(past.size):
        c = lam * products[i] + value * past[i]
        products[i] = c
        d = one * ones[i] - c * a_t * a[i] + b_t * b[i]
        d = d if d > 0.0 else 0.0
        rows[i] = d if d < rows[i] else rows[i]
        least = min(least, np.float64(d).view(np.uint64))
    return np.uint64(least).view(np.float64)


@njit(nogil=True, cache=True)
def nearest_correlations(u: Floats, window: int, reach: int, block: int, links: Floats, barred: Flags) -> Distances:
    """Return the three least distances by blocks (KEPT, n) of the stretches that end at each point.

    ``links``: (n,) 0 where a stretch begins, else 1. ``barred``: (n,) is no partner. Both are empty when no value is
    missing.
    """
    n = u.size
    reach = min(reach, max(n - 1, 1))
    ends = _ends(u, 1 - 1 / window, links, barred)
    top, rows, products = np.full((KEPT, n), np.inf), np.full(n, np.inf), np.zeros(reach)
    best = np.full((CHUNK, reach // block + 3), np.inf)
    start = 0
    while start < n:
        stop = min(start + CHUNK, (start // block + 1) * block, n)
        slot = max(0, start - reach) // block
        for k in range(slot, start // block + 1):
            for t in range(start, stop):
                first, last = max(k * block, t - reach), min((k + 1) * block, t - window + 1)
                if first < last:
                    part = products[first - t + reach : last - t + reach]
                    d = _meet(part, rows[first:last], u, ends, window, t, first, links)
                    best[t - start, k - slot] = min(best[t - start, k - slot], d)
        end_chunk(top, rows, best, start, stop, block, slot)
        if stop % block == 0 or stop == n:
            end_block(top, rows, max(0, stop - block - reach), stop)
        start = stop
    return top


@njit(nogil=True, cache=True)
def _meet(part, rows, u, ends, window, t, first, links):  # type: ignore[no-untyped-def]
    """Let ``t`` meet partners first, first + 1, ... of one block; the first of the series are not offered."""
    ones, a, b = ends
    lam = 1 - 1 / window
    last = first + part.size
    if links.size > 0:
        lam *= links[t]
        for i in range(part.size):
            part[i] *= links[first + i]
    low = max(first, min(last, COMPARED * window))
    if first < low:
        _fade(part[: low - first], u[first:low], u[t], lam)
    if low == last:
        return np.inf
    x = low - first
    given = (u[low:last], ones[low:last], a[low:last], b[low:last])
    return _offer(part[x:], rows[x:], given[0], given[1], given[2], given[3], u[t], lam, ones[t], a[t], b[t])
