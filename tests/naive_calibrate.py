"""Naive twin of the calibrator's tail: a list of weighted block maxima in place of a histogram."""

from __future__ import annotations

import math

BLOCK, MOST = 100, 200


def edges(cut):
    """Bin edges: 320 even ones to twice the cut, then 32 that grow by a fifth."""
    return [k * 2 * cut / 320 for k in range(321)] + [2 * cut * 1.2**k for k in range(1, 33)]


def bin_of(deviation, bounds):
    inside = [k for k in range(len(bounds) - 1) if bounds[k] <= deviation]
    return inside[-1]


def quantile(blocks, share, bounds):
    """Quantile of {bin: weight}, even inside a bin."""
    wanted, below = share * sum(blocks.values()), 0.0
    for k in sorted(blocks):
        if below + blocks[k] >= wanted:
            return bounds[k] + (bounds[k + 1] - bounds[k]) * (wanted - below) / blocks[k]
        below += blocks[k]
    return bounds[-1]


def naive_nats(deviation, prior, cut):
    """Return the nats of one series' deviations (n_time,); NaN stays NaN."""
    bounds = edges(cut)
    blocks: dict[int, float] = {}
    for value in prior:
        blocks[bin_of(value, bounds)] = blocks.get(bin_of(value, bounds), 0.0) + 60 / len(prior)
    nats, block = [], []
    for value in deviation:
        if math.isnan(value):
            nats.append(math.nan)
            continue
        q75, q95 = quantile(blocks, 0.75, bounds), quantile(blocks, 0.95, bounds)
        nats.append(math.log(20) + (value - q95) / max((q95 - q75) / math.log(5), 0.7 / 40 * cut))
        block.append(value)
        if len(block) == BLOCK:
            k = bin_of(max(block), bounds)
            blocks[k] = blocks.get(k, 0.0) + 1
            total = sum(blocks.values())
            if total > MOST:
                blocks = {k: weight * MOST / total for k, weight in blocks.items()}
            block = []
    return nats
