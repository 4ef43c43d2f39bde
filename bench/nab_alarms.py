"""Turn the scores of a live detector into a submission to the Numenta Anomaly Benchmark, and score it.

REDSHANK_BENCH_DATA=DATA python bench/nab_alarms.py                     # analog and analog_light
REDSHANK_BENCH_DATA=DATA python bench/nab_alarms.py --detector seasonal

NAB charges every point above the threshold outside its windows, so a submission holds one number per alarm, as those
of the published entrants do: the first point at which a series is rarer than the edge, then silence for 3 % of the file
(at most 150 points, the length of NAB's probation divided by five). The threshold that NAB looks for is common to all
files, so the number is the rarity of the point in its own series, not its raw score.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from printing import Row, machine, show, told
from public_data import folder, read
from quality import detected
from redshank.evaluate import Answer
from redshank.evaluate.windows import nab_figures, read_windows

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


def row_of(detector: str) -> Row:
    """The NAB scores of a detector's submission over all series."""
    series = read("nab")
    windows = read_windows(folder("nab") / "combined_windows.json")
    result, _ = detected(series, detector)
    rarity = {part.panel.keys[0]: part.scores.rarity[0] for part in result.parts}
    answers = [Answer(nab_submission(rarity[each.panel.keys[0]])) for each in series]
    figures = nab_figures([each.labelled for each in series], answers, windows)
    alarms = sum(int((answer.score > 0).sum()) for answer in answers)
    return {"detector": detector, **{name.replace("nab_", "NAB "): figures[name] for name in figures}, "alarms": alarms}


def main() -> None:
    """Score what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", action="append", help="may be repeated; default: analog, analog_light")
    args = parser.parse_args()
    rows = [row_of(name) for name in told("nab", args.detector or ["analog", "analog_light"])]
    print(machine())
    show("NAB, one number per alarm", rows)


if __name__ == "__main__":
    main()
