"""All pairs of stretches by an exponentially weighted correlation: 1 - r, whatever their level and size.

C_L <- lam C_L + u_t u_{t-L} for every lag; with g the sum of the weights, m and v the weighted mean and variance at
either end of the pair, the distance is max(0, 1 - (C_L - g m m') / (g sqrt((v + r)(v' + r)))), g the geometric mean of
the two ends, r a small ridge under which flat stretches are not alike for their noise.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from redshank.detectors.hindsight_blocks import CHUNK, KEPT, TILE, Distances, end_block, end_chunk
from redshank.panel import Floats

COMPARED = 3  # windows of a stretch before it is a partner
RIDGE = 1e-3


@njit(nogil=True, cache=True)
def _ends(u: Floats, lam: float) -> tuple[Floats, Floats]:
    """For each point: 1 / sqrt(g (v + r)) and m / sqrt(v + r), so that the distance is 1 - C a a' + b b'."""
    a, b = np.empty(u.size), np.empty(u.size)
    weight = total = squares = 0.0
    for t in range(u.size):
        weight, total, squares = lam * weight + 1, lam * total + u[t], lam * squares + u[t] * u[t]
        mean = total / weight
        spread = math.sqrt(max(squares / weight - mean * mean, 0.0) + RIDGE)
        a[t], b[t] = 1 / (math.sqrt(weight) * spread), mean / spread
    return a, b


@njit(nogil=True, cache=True)
def _fade(products: Floats, past: Floats, value: float, lam: float) -> None:
    for i in range(past.size):
        products[i] = lam * products[i] + value * past[i]


@njit(nogil=True, cache=True)
def _offer(products, rows, past, a, b, value, lam, a_t, b_t):  # type: ignore[no-untyped-def]
    """Update products with ``past``, offer the distances to its points, and return the least."""
    least = np.uint64(0x7FF0000000000000)
    for i in range(past.size):
        c = lam * products[i] + value * past[i]
        products[i] = c
        d = 1 - c * a_t * a[i] + b_t * b[i]
        d = d if d > 0.0 else 0.0
        rows[i] = d if d < rows[i] else rows[i]
        least = min(least, np.float64(d).view(np.uint64))
    return np.uint64(least).view(np.float64)


@njit(nogil=True, cache=True)
def nearest_correlations(u: Floats, window: int, reach: int, block: int) -> Distances:
    """Return the three least distances by blocks (KEPT, n) of the stretches that end at each point."""
    n = u.size
    reach = min(reach, max(n - 1, 1))
    lam = 1 - 1 / window
    a, b = _ends(u, lam)
    top, rows, products = np.full((KEPT, n), np.inf), np.full(n, np.inf), np.zeros(reach)
    best = np.full((CHUNK, reach // block + 3), np.inf)
    start = 0
    while start < n:
        stop = min(start + CHUNK, (start // block + 1) * block, n)
        slot = max(0, start - reach) // block
        for tile in range(0, reach, TILE):
            for t in range(start, stop):
                shift = t - reach
                first, last = max(0, shift + tile), min(t - window + 1, shift + tile + TILE)
                edge = max(first, min(last, COMPARED * window))
                if first < edge:
                    _fade(products[first - shift : edge - shift], u[first:edge], u[t], lam)
                while edge < last:
                    k = edge // block
                    end = min(last, (k + 1) * block)
                    part = products[edge - shift : end - shift]
                    d = _offer(part, rows[edge:end], u[edge:end], a[edge:end], b[edge:end], u[t], lam, a[t], b[t])
                    best[t - start, k - slot] = min(best[t - start, k - slot], d)
                    edge = end
        end_chunk(top, rows, best, start, stop, block, slot)
        if stop % block == 0 or stop == n:
            end_block(top, rows, max(0, stop - block - reach), stop)
        start = stop
    return top
