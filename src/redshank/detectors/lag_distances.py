"""Distances of the recent past to its earlier likes: one number for every lag, kept up to date at each point.

d_L <- keep d_L + (u_t - u_{t-L})^2 with keep = 1 - 1/w, so that sqrt(min d_L / w) is how far the last w points or so
are from their nearest earlier analog. Arrays are float32 and hold the longest lag first: index i is lag H - i, so that
the distances run alongside the past, a ring of H values in which slot t mod H is the oldest. Minima are taken over the
bits as integers, which order like the non-negative numbers that they are, in the same pass as the update. Lags go in
pieces of a multiple of UNIT, which compile to whole vectors; only where the ring turns are partners copied together.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from redshank.panel import Floats

Singles = NDArray[np.float32]
Bits = NDArray[np.uint32]
Numbers = NDArray[np.int64]
Lows = tuple[np.uint32, np.uint32, np.uint32]

HIGHEST = np.uint32(0xFFFFFFFF)
LEAST_BLOCK = 12  # lags of a block of the forecast
BLOCKS = 16
BEST = 3
PAD = 112
UNIT = 64
SEARCH = 32
CACHE_LINE = 64  # bytes
UNUSED = np.float32(3e38)  # distance of lags that are too short for a window


def on_cache_lines(distances: Singles) -> Singles:
    """Return a copy that begins on a cache line: vectors that straddle two cost a third more time."""
    room = np.empty(distances.nbytes + CACHE_LINE, np.uint8)
    begin = -room.ctypes.data % CACHE_LINE
    copied = room[begin : begin + distances.nbytes].view(np.float32).reshape(distances.shape)
    copied[...] = distances
    return copied


@njit(nogil=True, cache=True)
def _bits(number: np.float32) -> np.uint32:
    return np.float32(number).view(np.uint32)


@njit(nogil=True, cache=True)
def _number(bits: np.uint32) -> np.float32:
    return np.uint32(bits).view(np.float32)


@njit(nogil=True, cache=True)
def fade_two(first: Singles, second: Singles, past: Singles, value: np.float32, keep: Singles) -> Lows:
    """Let the distances of two windows forget a little, and add what this point is away from its partners.

    Return the bits of the least of each window.
    """
    keep_first, keep_second = keep[0], keep[1]
    low_first = low_second = HIGHEST
    for i in range(first.size):
        difference = value - past[i]
        square = difference * difference
        one, two = first[i] * keep_first + square, second[i] * keep_second + square
        first[i], second[i] = one, two
        low_first, low_second = min(low_first, _bits(one)), min(low_second, _bits(two))
    return low_first, low_second, HIGHEST


@njit(nogil=True, cache=True)
def fade_three(
    first: Singles, second: Singles, third: Singles, past: Singles, value: np.float32, keep: Singles
) -> Lows:
    """The same for three windows: one pass is cheaper than three."""
    keep_first, keep_second, keep_third = keep[0], keep[1], keep[2]
    low_first = low_second = low_third = HIGHEST
    for i in range(first.size):
        difference = value - past[i]
        square = difference * difference
        one, two = first[i] * keep_first + square, second[i] * keep_second + square
        three = third[i] * keep_third + square
        first[i], second[i], third[i] = one, two, three
        low_first, low_second = min(low_first, _bits(one)), min(low_second, _bits(two))
        low_third = min(low_third, _bits(three))
    return low_first, low_second, low_third


@njit(nogil=True, cache=True)
def fade_known(distances: Singles, past: Singles, value: np.float32, keep: np.float32, rise: np.float32) -> np.uint32:
    """The same for one window where partners may be missing (NaN): such a pair leaves its distance, a little raised."""
    low = HIGHEST
    for i in range(distances.size):
        difference = value - past[i]
        square = difference * difference
        known = square == square
        one = distances[i] * keep + square if known else distances[i] + rise
        distances[i] = one
        low = min(low, _bits(one))
    return low


@njit(nogil=True, cache=True)
def least(bits: Bits) -> np.uint32:
    """The smallest of non-negative float32 numbers given as bits."""
    smallest = HIGHEST
    for i in range(bits.size):
        smallest = min(smallest, bits[i])
    return smallest


@njit(nogil=True, cache=True)
def stride(reach: int) -> int:
    """Values from one window's distances to the next: not a power of two, or they would share their cache lines."""
    return reach + PAD


@njit(nogil=True, cache=True)
def advance_lags(
    distances: Singles,
    past: Singles,
    time: int,
    value: np.float32,
    keep: Singles,
    rise: np.float32,
    windows: Numbers,
    novelty: Floats,
) -> None:
    """Update the distances of 2 or 3 windows for the value at ``time``; write each one's least to ``novelty``.

    ``keep``, ``windows``, ``novelty``: by window, rising; the least is that of the lags w..time - 2w, 0 without any.
    ``rise``: 0 when no partner is missing.
    """
    reach, n_windows = past.size, windows.size
    step = stride(reach)
    for k in range(n_windows):
        for i in range(k * step + reach - windows[k] + 1, k * step + reach):
            distances[i] = UNUSED
    first, settled = max(0, reach - time), reach - time + 2 * windows[n_windows - 1]
    body = min(reach, (max(settled, 0) + UNIT - 1) // UNIT * UNIT)
    if first < body:
        _fade(distances, past, first, body, time, value, keep, rise)
    lows = _fade(distances, past, body, reach, time, value, keep, rise)
    bits = distances.view(np.uint32)
    for k in range(n_windows):
        oldest = reach - time + 2 * windows[k]
        low = lows[k]
        if max(oldest, 0) < body:
            low = min(low, least(bits[k * step + max(oldest, 0) : k * step + body]))
        novelty[k] = _number(low) if oldest <= reach - windows[k] else 0.0


@njit(nogil=True, cache=True)
def _fade(
    distances: Singles,
    past: Singles,
    first: int,
    last: int,
    time: int,
    value: np.float32,
    keep: Singles,
    rise: np.float32,
) -> Lows:
    """Update the lags at first <= i < last, and return the bits of the least of each window."""
    reach = past.size
    step, turn = stride(reach), reach - time % reach
    seam = turn // UNIT * UNIT
    begin, end = min(max(seam, first), last), min(max(seam + UNIT, first), last)
    before = past[first + reach - turn : begin + reach - turn]
    across = np.empty(UNIT, np.float32)
    for i in range(begin, end):
        across[i - begin] = past[i + reach - turn if i < turn else i - turn]
    low = _fade_piece(distances, before, first, begin, step, value, keep, rise)
    low = _lower(low, _fade_piece(distances, across, begin, end, step, value, keep, rise))
    behind = past[end - turn : last - turn] if end < last else past[:0]
    return _lower(low, _fade_piece(distances, behind, end, last, step, value, keep, rise))


@njit(nogil=True, cache=True)
def _lower(one: Lows, other: Lows) -> Lows:
    return min(one[0], other[0]), min(one[1], other[1]), min(one[2], other[2])


@njit(nogil=True, cache=True)
def _fade_piece(
    distances: Singles,
    past: Singles,
    first: int,
    last: int,
    step: int,
    value: np.float32,
    keep: Singles,
    rise: np.float32,
) -> Lows:
    if first >= last:
        return HIGHEST, HIGHEST, HIGHEST
    one, two = distances[first:last], distances[step + first : step + last]
    three = distances[2 * step + first : 2 * step + last]
    if rise > 0:
        low = fade_known(one, past, value, keep[0], rise)
        low_two = fade_known(two, past, value, keep[1], rise)
        return low, low_two, fade_known(three, past, value, keep[2], rise) if keep.size == 3 else HIGHEST
    if keep.size == 2:
        return fade_two(one, two, past, value, keep)
    return fade_three(one, two, three, past, value, keep)


@njit(nogil=True, cache=True)
def analog_lags(distances: Singles, nearest: int, farthest: int, lags: Floats) -> None:
    """Write the lags of the 3 best analogs from different stretches of the past (0 = there is none).

    The lags nearest..farthest, youngest first, are cut into about 16 blocks; of the 3 blocks with the smallest minima
    the lag of the minimum, the longest on a tie. ``distances``: of one window, up to the next one's.
    """
    lags[:] = 0
    count = farthest - nearest + 1
    if count <= LEAST_BLOCK:
        return
    reach = distances.size - PAD
    bits = distances.view(np.uint32)
    length = max(LEAST_BLOCK, count // BLOCKS + 1)
    low = (HIGHEST, HIGHEST, HIGHEST)
    start = (0, 0, 0)
    for begin in range(nearest, farthest + 1, length):
        stop = min(begin + length, farthest + 1)
        candidate = least(bits[reach - stop + 1 : reach - begin + 1])
        if candidate < low[0]:
            low, start = (candidate, low[0], low[1]), (stop - 1, start[0], start[1])
        elif candidate < low[1]:
            low, start = (low[0], candidate, low[1]), (start[0], stop - 1, start[1])
        elif candidate < low[2]:
            low, start = (low[0], low[1], candidate), (start[0], start[1], stop - 1)
    for k in range(3):
        if start[k] > 0:
            lags[k] = reach - _place(bits, reach - start[k], low[k])


@njit(nogil=True, cache=True)
def _place(bits: Bits, first: int, wanted: np.uint32) -> int:
    """The first index >= ``first`` that holds the wanted bits, which are there."""
    while True:
        found = 0
        for i in range(SEARCH):
            found |= bits[first + i] == wanted
        if found:
            break
        first += SEARCH
    while bits[first] != wanted:
        first += 1
    return first
