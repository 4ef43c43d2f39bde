"""All pairs of stretches by exponential windows: d_L <- keep d_L + (u_t - u_{t-L})^2 for every lag L up to the reach.

One pass serves three windows over the same values, which share the squared differences. Some points at a time meet one
block of partners after the other, so that what the innermost loops touch stays in the fastest cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from redshank.detectors.hindsight_blocks import CHUNK, NO_BITS, Distances, end_block, end_chunk

Singles = NDArray[np.float32]
Numbers = NDArray[np.int64]

SETTLED = 2  # windows of a stretch before it is a partner
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
    """The same for three windows; lowers ``least`` of each."""
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
    least[0] = min(least[0], np.uint32(b0).view(np.float32))
    least[1] = min(least[1], np.uint32(b1).view(np.float32))
    least[2] = min(least[2], np.uint32(b2).view(np.float32))


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
        for b in range(slot, start // block + 1):
            for t in range(start, stop):
                first, last = max(b * block, t - reach), min((b + 1) * block, t)
                if first < last and links.size == 0:
                    _meet(u, t, first, last, windows, keep, reach, distances, rows, best[:, t - start, b - slot])
                elif first < last:
                    to = best[:, t - start, b - slot]
                    _meet_known(u, t, first, last, windows, keep, reach, distances, rows, to, links, bars)
        for k in range(count):
            end_chunk(top[k], rows[k], best[k], start, stop, block, slot)
        if stop % block == 0 or stop == n:
            for k in range(count):
                end_block(top[k], rows[k], max(0, stop - block - reach), stop)
        start = stop
    return top


@njit(nogil=True, cache=True)
def _meet(u, t, first, last, windows, keep, reach, distances, rows, best):  # type: ignore[no-untyped-def]
    """Let ``t`` meet partners first..last-1, all of one block, whose least distances go to ``best``."""
    count = windows.size
    widest = windows[count - 1]
    low, high = max(first, 2 * widest), min(last, t - max(widest, 4) + 1)
    together = count == 3 and low < high
    if together:
        a, z = low - t + reach, high - t + reach  # the distance at lag L has index reach - L
        d0, d1, d2 = distances[0, a:z], distances[1, a:z], distances[2, a:z]
        _offer_three(d0, d1, d2, rows[0, low:high], rows[1, low:high], rows[2, low:high], u[low:high], u[t], keep, best)
        if low == first and high == last:
            return
    for k in range(count):
        end = min(last, t - max(windows[k], 4) + 1)
        if together:
            _meet_one(u, t, first, min(low, end), k, windows, keep, reach, distances, rows, best)
            _meet_one(u, t, high, end, k, windows, keep, reach, distances, rows, best)
        else:
            _meet_one(u, t, first, end, k, windows, keep, reach, distances, rows, best)


@njit(nogil=True, cache=True)
def _meet_one(u, t, first, last, k, windows, keep, reach, distances, rows, best):  # type: ignore[no-untyped-def]
    """The same by window ``k``; partners in the first two windows of the series are not offered."""
    low = max(first, min(last, SETTLED * windows[k]))
    shift = t - reach
    if first < low:
        _fade(distances[k, first - shift : low - shift], u[first:low], u[t], keep[k])
    if low < last:
        d = _offer_one(distances[k, low - shift : last - shift], rows[k, low:last], u[low:last], u[t], keep[k])
        best[k] = min(best[k], d)


@njit(nogil=True, cache=True)
def _meet_known(u, t, first, last, windows, keep, reach, distances, rows, best, links, bars):  # type: ignore[no-untyped-def]
    """The same by every window where values are missing."""
    shift = t - reach
    for k in range(windows.size):
        end = min(last, t - max(windows[k], 4) + 1)
        if first >= end:
            continue
        part, past, link = distances[k, first - shift : end - shift], u[first:end], keep[k] * links[t]
        if bars[k, t] != 0:
            _fade_known(part, past, u[t], link, links[first:end])
        else:
            d = _offer_known(part, rows[k, first:end], past, u[t], link, links[first:end], bars[k, first:end])
            best[k] = min(best[k], d)


@njit(nogil=True, cache=True)
def _fade_known(distances: Singles, past: Singles, value: np.float32, keep: np.float32, links: Singles) -> None:
    for i in range(past.size):
        difference = value - past[i]
        distances[i] = distances[i] * (keep * links[i]) + difference * difference
