"""From raw deviation to score and rarity: what a deviation means under a series' own history.

A detector declares its ``Calibration``: the deviation that is its own best alarm edge (score 1), and what is known of
how often normal points reach higher ones. A ``Budget`` ("one false event per N points") moves the edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Calibration:
    """What a detector knows of its own deviations.

    ``cut``: deviation at the default alarm edge. ``rates``: pairs (cut, false events per 10,000 normal points)
    measured on real normal series, rising cuts; for detectors that look both ways. ``prior``: quantiles of the
    maximum deviation of 100 normal points at (2.5 %, 7.5 %, ... 97.5 %); for causal detectors, which go on to learn
    each series' own. ``certain``: deviation that alarms whatever the tail says.
    """

    cut: float
    rates: tuple[tuple[float, float], ...] = ()
    prior: tuple[float, ...] = ()
    certain: float = np.inf
