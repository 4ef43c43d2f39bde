"""Distances of the recent past to its earlier likes: one number for every lag, kept up to date at each point.

d_L <- keep d_L + (u_t - u_{t-L})^2 with keep = 1 - 1/w, so that sqrt(min d_L / w) is how far the last w points or so
are from their nearest earlier analog. Arrays are float32 and hold the longest lag first: index i is lag H - i, so that
the distances run alongside the past, a ring of H values in which slot t mod H is the oldest. Minima are taken over the
bits as integers, which order like the non-negative numbers that they are.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from redshank.panel import Floats

Singles = NDArray[np.float32]
Bits = NDArray[np.uint32]
Numbers = NDArray[np.int64]

CHUNK = 1024  # lags that are updated and searched while they are in the fastest cache
HIGHEST = np.uint32(0xFFFFFFFF)
LEAST_BLOCK = 12  # lags of a block of the forecast
BLOCKS = 16
PAD = 112
SEARCH = 32


@njit(nogil=True, cache=True)
def fade_two(first: Singles, second: Singles, past: Singles, value: np.float32, keep: Singles) -> None:
    """Let the distances of two windows forget a little, and add what this point is away from its partners."""
    keep_first, keep_second = keep[0], keep[1]
    for i in range(past.size):
        difference = value - past[i]
        square = difference * difference
        first[i] = first[i] * keep_first + square
        second[i] = second[i] * keep_second + square


@njit(nogil=True, cache=True)
def fade_three(
    first: Singles, second: Singles, third: Singles, past: Singles, value: np.float32, keep: Singles
) -> None:
    """The same for three windows: one pass is cheaper than three."""
    keep_first, keep_second, keep_third = keep[0], keep[1], keep[2]
    for i in range(past.size):
        difference = value - past[i]
        square = difference * difference
        first[i] = first[i] * keep_first + square
        second[i] = second[i] * keep_second + square
        third[i] = third[i] * keep_third + square


@njit(nogil=True, cache=True)
def fade_known(distances: Singles, past: Singles, value: np.float32, keep: np.float32, rise: np.float32) -> None:
    """The same for one window where partners may be missing (NaN): such a pair leaves its distance, a little raised."""
    for i in range(distances.size):
        difference = value - past[i]
        square = difference * difference
        known = square == square
        distances[i] = distances[i] * keep + square if known else distances[i] + rise


@njit(nogil=True, cache=True)
def least(bits: Bits) -> np.uint32:
    """The smallest of non-negative float32 numbers given as bits."""
    smallest = HIGHEST
    for i in range(bits.size):
        smallest = min(smallest, bits[i])
    return smallest


@njit(nogil=True, cache=True)
def _number(bits: np.uint32) -> np.float32:
    return np.uint32(bits).view(np.float32)


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
    nearest: Numbers,
    farthest: Numbers,
    novelty: Floats,
) -> None:
    """Update the distances of 2 or 3 windows for the value at ``time``; write each one's least to ``novelty``.

    ``keep``, ``nearest``, ``farthest``, ``novelty``: by window; the least is that of the lags nearest..farthest.
    ``rise``: 0 when no partner is missing.
    """
    reach, n_windows = past.size, keep.size
    bits = distances.view(np.uint32)
    smallest = np.full(n_windows, HIGHEST)
    head = time % reach
    turn = reach - head
    first = max(0, reach - time)
    while first < reach:
        shift = head if first < turn else head - reach
        last = min(first + CHUNK, turn if first < turn else reach)
        _fade_chunk(distances, past[first + shift : last + shift], first, last, stride(reach), value, keep, rise)
        for k in range(n_windows):
            a, b = max(first, reach - farthest[k]), min(last, reach - nearest[k] + 1)
            if b > a:
                smallest[k] = min(smallest[k], least(bits[k * stride(reach) + a : k * stride(reach) + b]))
        first = last
    for k in range(n_windows):
        novelty[k] = _number(smallest[k]) if farthest[k] >= nearest[k] else 0.0


@njit(nogil=True, cache=True)
def _fade_chunk(
    distances: Singles,
    past: Singles,
    first: int,
    last: int,
    step: int,
    value: np.float32,
    keep: Singles,
    rise: np.float32,
) -> None:
    one, two = distances[first:last], distances[step + first : step + last]
    if rise > 0:
        for k in range(keep.size):
            fade_known(distances[k * step + first : k * step + last], past, value, keep[k], rise)
    elif keep.size == 2:
        fade_two(one, two, past, value, keep)
    else:
        fade_three(one, two, distances[2 * step + first : 2 * step + last], past, value, keep)


@njit(nogil=True, cache=True)
def analog_lags(distances: Singles, nearest: int, farthest: int, lags: Floats) -> None:
    """Write the lags of the 3 best analogs from different stretches of the past (0 = there is none).

    The lags nearest..farthest, youngest first, are cut into about 16 blocks; of the 3 blocks with the smallest minima
    the lag of the minimum, the longest on a tie.
    """
    lags[:] = 0
    count = farthest - nearest + 1
    if count <= LEAST_BLOCK:
        return
    reach = distances.size
    bits = distances.view(np.uint32)
    length = max(LEAST_BLOCK, count // BLOCKS + 1)
    low = np.full(3, HIGHEST)
    start = np.zeros(3, np.int64)
    for begin in range(nearest, farthest + 1, length):
        stop = min(begin + length, farthest + 1)
        candidate = least(bits[reach - stop + 1 : reach - begin + 1])
        place = 3
        while place > 0 and candidate < low[place - 1]:
            place -= 1
        for k in range(2, place, -1):
            low[k], start[k] = low[k - 1], start[k - 1]
        if place < 3:
            low[place], start[place] = candidate, stop - 1
    for k in range(3):
        lag = start[k]
        if lag > 0:
            while least(bits[reach - lag : reach - lag + SEARCH]) > low[k]:
                lag -= SEARCH
            while bits[reach - lag] != low[k]:
                lag -= 1
            lags[k] = lag
