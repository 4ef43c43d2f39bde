"""Turn the scores of a live detector into a submission to the Numenta Anomaly Benchmark.

NAB charges every point above the threshold outside its windows, so a submission holds one number per alarm, as those
of the published entrants do: the first point at which a series is rarer than the edge, then silence for 3 % of the file
(at most 150 points, the length of NAB's probation divided by five). The threshold that NAB looks for is common to all
files, so the number is the rarity of the point in its own series, not its raw score.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EDGE_POINTS = 800  # alarm at points as rare as one in this many (nats 2.1): what pays best at NAB's prices
SILENT_SHARE = 0.03
MOST_SILENT = 150


def nab_submission(rarity: Floats, *, edge_points: float = EDGE_POINTS) -> Floats:
    """Return the submission (n_time,) of one file in 0..1: 0 but at alarms, where it rises with the rarity.

    ``rarity``: (n_time,) of ``Scores``, NaN where nothing was scored.
    """
    silent = min(MOST_SILENT, SILENT_SHARE * len(rarity))
    submission, last = np.zeros(len(rarity)), -np.inf
    for i in np.flatnonzero(rarity >= edge_points):
        if i - last > silent:
            submission[i] = 1 - 1 / np.log(rarity[i])
            last = i
    return submission
