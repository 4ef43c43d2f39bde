"""What a point should have been: what the nearest analogs of its surroundings had there.

The series is cut into short blocks; a run of points that are missing or belong to an event is a block of its own. Each
block is left out, and the points before and behind it are laid over every other place within reach; the median of what
the best places had is expected. What is missing or belongs to an event is never an analog.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from redshank.panel import Floats

Singles = NDArray[np.float32]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]

BLOCK = 16  # points left out together
CONTEXT = 12  # usable points on either side that are compared
SEARCH = 48  # points on either side in which they are looked for
BEST = 5
TILE = 1024  # places compared together
APART = 32  # of so many neighbouring places only the best counts
UNUSABLE = np.float32(1e6)
UNLIKE = np.float32(1e9)  # more than any place without unusable points costs
TRIED = 64  # blocks on which the two ways of comparing are tried
TAIL = 0.005  # of the usable points outside each side of the range


@njit(nogil=True, cache=True)
def blocks_of(usable: Flags) -> Numbers:
    """First points of the blocks, then the number of points."""
    starts = np.empty(usable.size + 1, np.int64)
    count = 0
    for t in range(usable.size):
        fresh = t == 0 or usable[t] != usable[t - 1] or (usable[t] and t - starts[count - 1] == BLOCK)
        if fresh:
            starts[count] = t
            count += 1
    starts[count] = usable.size
    return starts[: count + 1].copy()


@njit(nogil=True, cache=True)
def _context(usable: Flags, start: int, stop: int, places: Numbers) -> int:
    """Write the usable points beside a block to ``places``; return how many there are (a multiple of 4)."""
    count = 0
    for t in range(start - 1, max(-1, start - 1 - SEARCH), -1):
        if usable[t] and count < CONTEXT:
            places[count] = t
            count += 1
    before = count
    for t in range(stop, min(usable.size, stop + SEARCH)):
        if usable[t] and count - before < CONTEXT:
            places[count] = t
            count += 1
    return count - count % 4


@njit(nogil=True, cache=True)
def _compare(
    costs: Singles, sums: Singles, one: Singles, two: Singles, three: Singles, four: Singles, values: Singles
) -> None:
    """Add the squared (and plain) differences of four values to their partners at each place."""
    a, b, c, d = values[0], values[1], values[2], values[3]
    for i in range(costs.size):
        p, q, r, s = one[i] - a, two[i] - b, three[i] - c, four[i] - d
        costs[i] += (p * p + q * q) + (r * r + s * s)
        sums[i] += (p + q) + (r + s)


@njit(nogil=True, cache=True)
def _less_level(costs: Singles, sums: Singles, share: np.float32) -> None:
    for i in range(costs.size):
        cost = costs[i] - sums[i] * sums[i] * share
        cost = cost if cost > 0 else np.float32(0)
        costs[i] = cost if costs[i] < UNLIKE else costs[i]


@njit(nogil=True, cache=True)
def _least(costs: Singles) -> np.float32:
    """The smallest; over the bits, which order like the numbers that are not negative."""
    smallest = np.uint32(0xFFFFFFFF)
    for i in range(costs.size):
        smallest = min(smallest, np.float32(costs[i]).view(np.uint32))
    return np.uint32(smallest).view(np.float32)


@njit(nogil=True, cache=True)
def _keep(cost: float, shift: int, offset: float, kept: Floats) -> None:
    """Put a place among the best; kept: (BEST, 3) cost, shift, offset, rising."""
    k = BEST - 1
    while k > 0 and cost < kept[k - 1, 0]:
        kept[k] = kept[k - 1]
        k -= 1
    kept[k, 0], kept[k, 1], kept[k, 2] = cost, shift, offset


@njit(nogil=True, cache=True)
def _search(u: Singles, places: Numbers, count: int, bounds: Numbers, align: bool, kept: Floats) -> None:
    """Find the best shifts in bounds[0] <= shift < bounds[1], and what to take off for level when ``align``."""
    costs, sums, values = np.empty(TILE, np.float32), np.empty(TILE, np.float32), np.empty(4, np.float32)
    for low in range(bounds[0], bounds[1], TILE):
        high = min(low + TILE, bounds[1])
        size = high - low
        costs[:size], sums[:size] = 0, 0
        for k in range(0, count, 4):
            for i in range(4):
                values[i] = u[places[k + i]]
            a, b, c, d = places[k] + low, places[k + 1] + low, places[k + 2] + low, places[k + 3] + low
            parts = (u[a : a + size], u[b : b + size], u[c : c + size], u[d : d + size])
            _compare(costs[:size], sums[:size], parts[0], parts[1], parts[2], parts[3], values)
        if align:
            _less_level(costs[:size], sums[:size], np.float32(1 / count))
        for first in range(0, size, APART):
            least = _least(costs[first : min(first + APART, size)])
            if least < kept[BEST - 1, 0]:
                best = first
                while costs[best] > least:
                    best += 1
                _keep(float(least), low + best, sums[best] / count if align else 0.0, kept)


@njit(nogil=True, cache=True)
def expect_block(u: Singles, usable: Flags, start: int, stop: int, reach: int, align: bool, expected: Floats) -> None:
    """Write what is expected of points start..stop-1; ``u`` is UNUSABLE where it is not usable."""
    places = np.empty(2 * CONTEXT, np.int64)
    count = _context(usable, start, stop, places)
    kept = np.full((BEST, 3), np.inf)
    if count > 0:
        first, last = min(places[:count].min(), start), max(places[:count].max() + 1, stop)
        near = stop - start + CONTEXT // 2
        for bounds in (
            np.array([max(-first, -reach), 1 - near]),
            np.array([near, min(u.size - last, reach) + 1]),
        ):
            if bounds[0] < bounds[1]:
                _search(u, places, count, bounds, align, kept)
    found = np.empty(BEST)
    for t in range(start, stop):
        size = 0
        for k in range(BEST):
            if kept[k, 0] < UNLIKE and usable[t + int(kept[k, 1])]:
                found[size] = u[t + int(kept[k, 1])] - kept[k, 2]
                size += 1
        expected[t] = np.median(found[:size]) if size > 0 else _between(u, usable, start, stop, t)


@njit(nogil=True, cache=True)
def _between(u: Singles, usable: Flags, start: int, stop: int, t: int) -> float:
    """On the line between the usable points beside a block; the one there is at the ends, 0 without any."""
    while start > 0 and not usable[start - 1]:
        start -= 1
    while stop < u.size and not usable[stop]:
        stop += 1
    if start == 0:
        return float(u[stop]) if stop < u.size else 0.0
    if stop == u.size:
        return float(u[start - 1])
    share = (t - start + 1) / (stop - start + 1)
    return float(u[start - 1] + share * (u[stop] - u[start - 1]))


@njit(nogil=True, cache=True)
def expect(u: Singles, usable: Flags, starts: Numbers, every: int, reach: int, align: bool, expected: Floats) -> None:
    """Write what is expected of every ``every``-th block."""
    for k in range(every // 2, starts.size - 1, every):
        expect_block(u, usable, starts[k], starts[k + 1], reach, align, expected)


@njit(nogil=True, cache=True)
def filled_by_analogs(y: Floats, known: Flags, gaps: Flags, reach: int) -> Floats:
    """Put into holes what the nearest analogs of their surroundings had: a line would be odd where the series bends."""
    result = y.copy()
    u = y.astype(np.float32)
    start = 0
    while start < y.size:
        stop = start + 1
        if not known[start]:
            while stop < y.size and not known[stop]:
                stop += 1
            if not gaps[start]:
                expect_block(u, known, start, stop, reach, True, result)
        start = stop
    return result


def expectation(y: Floats, usable: Flags, reach: int) -> tuple[Floats, float, float]:
    """Return (expected, how far below it and how far above it usable points may lie), in the unit of ``y``.

    Levels are aligned where that makes the residuals of some blocks smaller.
    """
    u = np.where(usable, y, UNUSABLE).astype(np.float32)
    starts = blocks_of(usable)
    every = max(1, min(5, starts.size // 8), starts.size // TRIED)
    errors, expected = [], np.full(y.size, np.nan)
    for align in (False, True):
        expected[:] = np.nan
        expect(u, usable, starts, every, reach, align, expected)
        residuals = np.abs((y - expected)[usable & np.isfinite(expected)])
        errors.append(float(residuals.mean()) if residuals.size else 0.0)
    expect(u, usable, starts, 1, reach, errors[1] < errors[0], expected)
    residuals = (y - expected)[usable]
    if residuals.size == 0:
        return expected, 0.0, 0.0
    low, high = np.quantile(residuals, [TAIL, 1 - TAIL])
    return expected, min(float(low), 0.0), max(float(high), 0.0)
