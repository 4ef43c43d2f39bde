"""Running scales in O(1): a clipped mean and variance, and quantiles that follow the data by small steps."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from redshank.panel import Floats

LEARN_POINTS = 100  # values that give the first quantiles
MEMORY_POINTS = 1000
MEDIAN, Q90, SEEN = range(3)  # columns of a scale
COUNT, MEAN, VARIANCE = range(3)  # columns of moments
MOMENTS_MEMORY = 20_000
CLIP_AFTER = 50


@njit(nogil=True, cache=True)
def advance_moments(moments: Floats, value: float) -> None:
    """Learn a value (Welford's update), clipped at 8 deviations, remembering about 20,000 values."""
    step = value - moments[MEAN]
    if moments[COUNT] >= CLIP_AFTER and moments[VARIANCE] > 0:
        most = 8 * math.sqrt(moments[VARIANCE])
        step = min(max(step, -most), most)
    moments[COUNT] += 1
    memory = min(moments[COUNT], MOMENTS_MEMORY)
    moments[MEAN] += step / memory
    moments[VARIANCE] += (step * step * (1 - 1 / memory) - moments[VARIANCE]) / memory


@njit(nogil=True, cache=True)
def calibrated(scale: Floats, first: Floats, value: float, floor: float, cap: float) -> float:
    """Return how far a value is above the median in units of (q90 - median) / 1.28, in 0..cap, then learn it.

    The first 100 values are collected in ``first`` and give 0.
    """
    seen = int(scale[SEEN])
    if seen < LEARN_POINTS:
        first[seen] = value
        scale[SEEN] += 1
        if seen + 1 == LEARN_POINTS:
            ranked = np.sort(first)
            scale[MEDIAN], scale[Q90] = ranked[LEARN_POINTS // 2], ranked[LEARN_POINTS * 9 // 10]
        return 0.0
    unit = max((scale[Q90] - scale[MEDIAN]) / 1.28, floor)
    result: float = min(max((value - scale[MEDIAN]) / unit, 0.0), cap)
    scale[SEEN] = min(seen + 1, MEMORY_POINTS)
    step = 10 * unit / scale[SEEN]
    scale[MEDIAN] += 0.5 * step if value > scale[MEDIAN] else -0.5 * step
    scale[Q90] += 0.9 * step if value > scale[Q90] else -0.1 * step
    scale[Q90] = max(scale[Q90], scale[MEDIAN])
    return result
