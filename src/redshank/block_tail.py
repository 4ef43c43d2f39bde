"""The tail of each series' deviations, learned as it goes: a forgetting histogram of the maxima of blocks.

Every 100 scored points the largest deviation enters the series' histogram, which starts with 60 pseudo blocks at the
detector's prior quantiles and, beyond 200 blocks, forgets the oldest (about 20,000 points). Its 75 % and 95 %
quantiles give an exponential tail: nats = ln 20 + (deviation - q95) / beta, beta = (q95 - q75) / ln 5, so that a block
of 100 points exceeds a deviation with probability exp(-nats).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from redshank.panel import Floats

Counts = NDArray[np.float32]

BLOCK_POINTS = 100
PRIOR_BLOCKS = 60
MOST_BLOCKS = 200
FINE_BINS = 320  # to twice the cut
COARSE_BINS = 32  # from there to some hundred times the cut, each a fifth higher
BINS = FINE_BINS + COARSE_BINS
LEAST_BETA = 0.7 / 40  # of the cut
LN5, LN20 = math.log(5.0), math.log(20.0)
Q95, BETA, TOP, POINTS = range(4)  # columns of ``tail``


def new_tails(prior: tuple[float, ...], cut: float, n_series: int) -> dict[str, np.ndarray]:
    """Return the state of series that know only the prior quantiles; leading axis n_series."""
    counts = np.zeros(BINS, np.float32)
    for quantile in prior:
        counts[_bin(quantile, cut)] += np.float32(PRIOR_BLOCKS / len(prior))
    tail = np.array([0.0, 0.0, -np.inf, 0.0])
    _set_quantiles(counts, tail, cut)
    return {"counts": np.tile(counts, (n_series, 1)), "tail": np.tile(tail, (n_series, 1))}


def advance(state: dict[str, np.ndarray], deviation: Floats, cut: float) -> Floats:
    """Return the nats of each deviation (n_series, n_time), below 0 for ordinary ones, and learn it (in place)."""
    nats = np.empty_like(deviation)
    _advance(state["counts"], state["tail"], deviation, cut, nats)
    return nats


@njit(nogil=True, cache=True)
def _bin(deviation: float, cut: float) -> int:
    """Index of the bin that holds a deviation >= 0."""
    fine = deviation * (FINE_BINS / (2.0 * cut))
    if fine < FINE_BINS:
        return int(fine)
    coarse = int(math.log(fine / FINE_BINS) / math.log(1.2)) if fine < 1e300 else COARSE_BINS
    return FINE_BINS + min(coarse, COARSE_BINS - 1)


@njit(nogil=True, cache=True)
def _edge(index: int, cut: float) -> float:
    """Lower edge of a bin."""
    if index <= FINE_BINS:
        return index * (2.0 * cut / FINE_BINS)
    return 2.0 * cut * float(1.2 ** (index - FINE_BINS))


@njit(nogil=True, cache=True)
def _quantile(counts: Counts, share: float, total: float, cut: float) -> float:
    """The deviation below which ``share`` of the blocks lie, blocks spread evenly inside their bin."""
    wanted, below = share * total, 0.0
    for k in range(BINS):
        if below + counts[k] >= wanted and counts[k] > 0:
            low = _edge(k, cut)
            return low + (_edge(k + 1, cut) - low) * (wanted - below) / float(counts[k])
        below += counts[k]
    return _edge(BINS, cut)


@njit(nogil=True, cache=True)
def _set_quantiles(counts: Counts, tail: Floats, cut: float) -> None:
    """Forget beyond MOST_BLOCKS, and set where the tail starts and how it falls."""
    total = 0.0
    for k in range(BINS):
        total += counts[k]
    if total > MOST_BLOCKS:
        for k in range(BINS):
            counts[k] *= MOST_BLOCKS / total
        total = float(MOST_BLOCKS)
    q75 = _quantile(counts, 0.75, total, cut)
    tail[Q95] = _quantile(counts, 0.95, total, cut)
    tail[BETA] = max((tail[Q95] - q75) / LN5, LEAST_BETA * cut)


@njit(nogil=True, cache=True)
def _advance(counts: Counts, tails: Floats, deviation: Floats, cut: float, nats: Floats) -> None:
    for i in range(deviation.shape[0]):
        tail = tails[i]
        for t in range(deviation.shape[1]):
            d = deviation[i, t]
            if np.isnan(d):
                nats[i, t] = np.nan
                continue
            nats[i, t] = LN20 + (d - tail[Q95]) / tail[BETA]
            tail[TOP] = max(tail[TOP], d)
            tail[POINTS] += 1
            if tail[POINTS] == BLOCK_POINTS:
                counts[i, _bin(tail[TOP], cut)] += np.float32(1)
                _set_quantiles(counts[i], tail, cut)
                tail[TOP], tail[POINTS] = -np.inf, 0.0
