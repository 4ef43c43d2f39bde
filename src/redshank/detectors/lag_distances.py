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

Singles = NDArray[np.float32]
Bits = NDArray[np.uint32]

CHUNK = 1024  # lags that are updated and searched while they are in the fastest cache
HIGHEST = np.uint32(0xFFFFFFFF)
LEAST_BLOCK = 12  # lags of a block of the forecast
BLOCKS = 16


@njit(nogil=True, cache=True)
def fade(distances: Singles, past: Singles, value: np.float32, keep: np.float32) -> None:
    """Let the distances forget a little, and add what this point is away from its partners."""
    for i in range(distances.size):
        difference = value - past[i]
        distances[i] = distances[i] * keep + difference * difference


@njit(nogil=True, cache=True)
def fade_known(distances: Singles, past: Singles, value: np.float32, keep: np.float32, rise: np.float32) -> None:
    """The same where partners may be missing (NaN): such a pair leaves its distance, a little raised."""
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
def advance_lags(
    distances: Singles,
    past: Singles,
    time: int,
    value: np.float32,
    keep: np.float32,
    rise: np.float32,
    nearest: int,
    farthest: int,
) -> np.float32:
    """Update all distances for the value at ``time``; return the least of the lags nearest..farthest.

    ``rise``: 0 when no partner is missing.
    """
    reach = distances.size
    bits = distances.view(np.uint32)
    head = time % reach
    smallest = HIGHEST
    first = max(0, reach - time)
    while first < reach:
        turn = reach - head
        shift = head if first < turn else head - reach
        last = min(first + CHUNK, turn if first < turn else reach)
        if rise > 0:
            fade_known(distances[first:last], past[first + shift : last + shift], value, keep, rise)
        else:
            fade(distances[first:last], past[first + shift : last + shift], value, keep)
        a, b = max(first, reach - farthest), min(last, reach - nearest + 1)
        if b > a:
            smallest = min(smallest, least(bits[a:b]))
        first = last
    return _number(smallest)


@njit(nogil=True, cache=True)
def analog_lags(distances: Singles, nearest: int, farthest: int, lags: NDArray[np.float64]) -> None:
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
            while bits[reach - lag] != low[k]:
                lag -= 1
            lags[k] = lag
