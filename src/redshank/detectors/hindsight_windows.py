"""All pairs of stretches by exponential windows: d_L <- keep d_L + (u_t - u_{t-L})^2 for every lag L up to the reach.

One pass serves up to four windows over the same values, which share the squared differences. Time and lags are
tiled so that what the innermost loops touch stays in the fastest cache. Where values are missing, ``Restarts`` say so.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from redshank.detectors.hindsight_blocks import CHUNK, NO_BITS, TILE, Distances, end_block, end_chunk

Singles = NDArray[np.float32]
Numbers = NDArray[np.int64]

PAD = 48  # values between the arrays of two windows, which would share their cache lines otherwise


@njit(nogil=True, cache=True)
def _fade(distances: Singles, past: Singles, value: np.float32, keep: np.float32) -> None:
    for i in range(past.size):
        difference = value - past[i]
        distances[i] = distances[i] * keep + difference * difference


@njit(nogil=True, cache=True)
def _offer_one(distances: Singles, rows: Singles, past: Singles, value: np.float32, keep: np.float32) -> np.float32:
    """Update distances to ``past``, offer them to its points, and return the least."""
    least = NO_BITS
    for i in range(past.size):
        difference = value - past[i]
        d = distances[i] * keep + difference * difference
        distances[i] = d
        rows[i] = d if d < rows[i] else rows[i]
        least = min(least, np.float32(d).view(np.uint32))
    return np.uint32(least).view(np.float32)


@njit(nogil=True, cache=True)
def _offer_three(  # type: ignore[no-untyped-def]
    d0: Singles, d1: Singles, d2: Singles, r0: Singles, r1: Singles, r2: Singles, past: Singles, value, keep, least
):
    """The same for three windows; writes the least of each to ``least``."""
    k0, k1, k2 = keep[0], keep[1], keep[2]
    b0, b1, b2 = NO_BITS, NO_BITS, NO_BITS
    for i in range(past.size):
        difference = value - past[i]
        square = difference * difference
        x0, x1, x2 = d0[i] * k0 + square, d1[i] * k1 + square, d2[i] * k2 + square
        d0[i], d1[i], d2[i] = x0, x1, x2
        r0[i] = x0 if x0 < r0[i] else r0[i]
        r1[i] = x1 if x1 < r1[i] else r1[i]
        r2[i] = x2 if x2 < r2[i] else r2[i]
        b0 = min(b0, np.float32(x0).view(np.uint32))
        b1 = min(b1, np.float32(x1).view(np.uint32))
        b2 = min(b2, np.float32(x2).view(np.uint32))
    least[0] = np.uint32(b0).view(np.float32)
    least[1] = np.uint32(b1).view(np.float32)
    least[2] = np.uint32(b2).view(np.float32)


@njit(nogil=True, cache=True)
def _offer_known(  # type: ignore[no-untyped-def]
    distances: Singles, rows: Singles, past: Singles, value: np.float32, keep: np.float32, links, bars
) -> np.float32:
    """The same where values are missing: distances start anew at links of 0, and barred partners are none."""
    least = NO_BITS
    for i in range(past.size):
        difference = value - past[i]
        d = distances[i] * (keep * links[i]) + difference * difference
        distances[i] = d
        rows[i] = d if d < rows[i] else rows[i]
        least = min(least, np.float32(d).view(np.uint32) | bars[i])
    return np.uint32(least).view(np.float32)


@njit(nogil=True, cache=True)
def nearest_stretches(  # type: ignore[no-untyped-def]
    u: Singles, windows: Numbers, reach: int, block: int, links, bars
) -> Distances:
    """Return the three least distances by blocks (n_windows, KEPT, n) of the stretches that end at each point.

    Infinite where there are fewer. Windows rise. ``links``: (n,) float32, 0 where a stretch begins, else 1. ``bars``:
    (n_windows, n) uint32, 0 for partners, else the bits of infinity. Both are empty when no value is missing.
    """
    n, count = u.size, windows.size
    reach = min(reach, max(n - 1, 1))
    top = np.full((count, 3, n), np.inf, np.float32)
    rows = np.full((count, n + PAD), np.inf, np.float32)
    distances = np.zeros((count, reach + PAD), np.float32)
    slots = reach // block + 3
    best = np.full((count, CHUNK, slots), np.inf, np.float32)
    keep = np.empty(count, np.float32)
    for k in range(count):
        keep[k] = np.float32(1 - 1 / windows[k])
    start = 0
    while start < n:
        stop = min(start + CHUNK, (start // block + 1) * block, n)
        slot = max(0, start - reach) // block
        for tile in range(0, reach, TILE):
            _meet_tile(u, windows, keep, reach, block, start, stop, tile, slot, distances, rows, best, links, bars)
        for k in range(count):
            end_chunk(top[k], rows[k], best[k], start, stop, block, slot)
        if stop % block == 0 or stop == n:
            for k in range(count):
                end_block(top[k], rows[k], max(0, stop - block - reach), stop)
        start = stop
    return top


@njit(nogil=True, cache=True)
def _meet_tile(  # type: ignore[no-untyped-def]
    u, windows, keep, reach, block, start, stop, tile, slot, distances, rows, best, links, bars
):
    """Let points start..stop-1 meet their partners at the lags of one tile, the longest first."""
    count = windows.size
    widest = windows[count - 1]
    least = np.empty(3, np.float32)
    for t in range(start, stop):
        shift = t - reach  # index i is lag reach - i, partner shift + i
        first, last = max(0, shift + tile), min(t, shift + tile + TILE)
        if last <= first:
            continue
        if links.size > 0:
            _meet_known(u, t, first, last, windows, keep, shift, block, slot, start, distances, rows, best, links, bars)
            continue
        low, high = max(first, 2 * widest), min(last, t - max(widest, 4) + 1)
        if count != 3 or low >= high:
            low = high = last
        for k in range(count):
            end = min(last, t - max(windows[k], 4) + 1)
            _meet(u, t, first, min(low, end), 2 * windows[k], k, keep, shift, block, slot, start, distances, rows, best)
            _meet(u, t, high, end, 2 * windows[k], k, keep, shift, block, slot, start, distances, rows, best)
        while low < high:
            b = low // block
            edge = min(high, (b + 1) * block)
            a, z = low - shift, edge - shift
            _offer_three(
                distances[0, a:z],
                distances[1, a:z],
                distances[2, a:z],
                rows[0, low:edge],
                rows[1, low:edge],
                rows[2, low:edge],
                u[low:edge],
                u[t],
                keep,
                least,
            )
            for k in range(3):
                best[k, t - start, b - slot] = min(best[k, t - start, b - slot], least[k])
            low = edge


@njit(nogil=True, cache=True)
def _meet(  # type: ignore[no-untyped-def]
    u, t, first, last, compared, k, keep, shift, block, slot, start, distances, rows, best
):
    """Let ``t`` meet partners first..last-1 by window ``k``; those before ``compared`` are not offered."""
    edge = min(last, compared)
    if first < edge:
        _fade(distances[k, first - shift : edge - shift], u[first:edge], u[t], keep[k])
    first = max(first, edge)
    while first < last:
        b = first // block
        edge = min(last, (b + 1) * block)
        part = slice(first - shift, edge - shift)
        d = _offer_one(distances[k, part], rows[k, first:edge], u[first:edge], u[t], keep[k])
        best[k, t - start, b - slot] = min(best[k, t - start, b - slot], d)
        first = edge


@njit(nogil=True, cache=True)
def _meet_known(  # type: ignore[no-untyped-def]
    u, t, first, last, windows, keep, shift, block, slot, start, distances, rows, best, links, bars
):
    """Let ``t`` meet partners first..last-1 by every window where values are missing."""
    for k in range(windows.size):
        low, end = first, min(last, t - max(windows[k], 4) + 1)
        while low < end:
            b = low // block
            edge = min(end, (b + 1) * block)
            part = slice(low - shift, edge - shift)
            link = keep[k] * links[t]
            if bars[k, t] != 0:
                _fade_known(distances[k, part], u[low:edge], u[t], link, links[low:edge])
            else:
                row, past = rows[k, low:edge], u[low:edge]
                d = _offer_known(distances[k, part], row, past, u[t], link, links[low:edge], bars[k, low:edge])
                best[k, t - start, b - slot] = min(best[k, t - start, b - slot], d)
            low = edge


@njit(nogil=True, cache=True)
def _fade_known(distances: Singles, past: Singles, value: np.float32, keep: np.float32, links: Singles) -> None:
    for i in range(past.size):
        difference = value - past[i]
        distances[i] = distances[i] * (keep * links[i]) + difference * difference
