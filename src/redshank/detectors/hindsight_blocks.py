"""Neighbours by time blocks: what the all-pairs kernels of ``hindsight`` keep of all the distances they meet.

Time is cut into blocks. Of all distances between a point and the points of one block only the smallest counts, and of
these minima the 3 smallest are kept: the third best lies in a third block, so that twin anomalies do not hide each
other. A pair is met once, when the later of its points is due, and offered to both: to the later one through ``best``
(least distance to each earlier block), to the earlier one through ``row`` (least distance to the block that is due),
which is merged when that block ends. Everything here is O(n).

Distances are not negative; infinite = none yet. Their bits order like the numbers, as unsigned integers, and minima
are taken over them because that compiles to vector instructions without loosening the arithmetic.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

KEPT = 3
CHUNK = 128  # points that meet one block together, so that what they touch stays in the fastest cache
NO_BITS = np.uint32(0x7F800000)  # infinite

Distances = NDArray[Any]  # float32 or float64


@njit(nogil=True, cache=True)
def block_points(n_points: int, reach: int, least: int) -> int:
    """Points of a block: a sixteenth of the series, at least ``least``, at most an eighth of the reach."""
    return max(least, min((n_points + 15) // 16, reach // 8))


@njit(nogil=True, cache=True)
def merge_one(top: Distances, t: int, distance: float) -> None:
    """Put the least distance of one more block to its place among the kept ones of point ``t``; top: (KEPT, n)."""
    if distance < top[2, t]:
        top[2, t] = distance
        if distance < top[1, t]:
            top[2, t] = top[1, t]
            top[1, t] = distance
            if distance < top[0, t]:
                top[1, t] = top[0, t]
                top[0, t] = distance


@njit(nogil=True, cache=True)
def merge_rows(first: Distances, second: Distances, third: Distances, row: Distances) -> None:
    """Put ``row`` into the three kept distances of each point, and forget it."""
    for i in range(row.size):
        a, b, c, new = first[i], second[i], third[i], row[i]
        low, high = (new, a) if new < a else (a, new)
        first[i] = low
        low, high = (high, b) if high < b else (b, high)
        second[i] = low
        third[i] = high if high < c else c
        row[i] = np.inf


@njit(nogil=True, cache=True)
def end_chunk(top: Distances, row: Distances, best: Distances, start: int, stop: int, block: int, slot: int) -> None:
    """Use up the minima of points start..stop-1: best (points, slots), slot 0 = block number ``slot``; then reset."""
    due = start // block
    for t in range(start, stop):
        for k in range(due - slot):
            merge_one(top, t, best[t - start, k])
        row[t] = min(row[t], best[t - start, due - slot])
    best[:] = np.inf


@njit(nogil=True, cache=True)
def end_block(top: Distances, row: Distances, first: int, stop: int) -> None:
    """Give points first..stop-1 their least distance to the block that ends."""
    merge_rows(top[0, first:stop], top[1, first:stop], top[2, first:stop], row[first:stop])
