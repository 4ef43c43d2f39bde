"""Whether the detector that tuning picks does better than the one that ``auto`` takes.

    REDSHANK_BENCH_DATA=DATA python bench/tuning.py

The first half of each NAB series is tuned on, the second half is what the choice is judged by (VUS-PR of the live
scores, and F1 of the events; series whose second half has no anomaly or nothing else are left out). ``best`` takes the
detector that turns out best on each second half, which nobody can know.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping

import numpy as np

from public_data import read
from redshank.engine.batch import Plan, score_shard
from redshank.engine.tune import Search, auto_candidate, tune
from redshank.engine.tune_trial import Candidate
from redshank.evaluate import Answer, Labelled, figures_of
from redshank.evaluate.answers import alarms
from redshank.panel import Panel

HALF = 0.5


def main() -> None:
    """Print a line for each way of choosing."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    chosen: dict[str, list[tuple[float, float]]] = {}
    picks: dict[str, int] = {}
    seconds = 0.0
    for each in read("nab"):
        panel, truth = each.panel, np.asarray(each.labelled.truth, bool)
        half = int(HALF * panel.n_time)
        later = truth[half:]
        if not later.any() or later.all():
            continue
        history = panel.slice(0, half)
        known = {name: judged(panel, Candidate(name), truth, half) for name in ("analog", "analog_light", "seasonal")}
        begun = time.process_time()
        without = tune(history, Search(seed=given.seed, current=auto_candidate(history)))
        seconds += time.process_time() - begun
        search = Search(seed=given.seed, current=auto_candidate(history))
        with_labels = tune(history, search, truth[None, :half]) if truth[:half].any() else without
        for trial in without.trials:
            known.setdefault(str(trial.candidate), judged(panel, trial.candidate, truth, half))
        ways: Mapping[str, str] = {
            "auto": str(auto_candidate(history)),
            "seasonal": "seasonal",
            "tuned": str(without.best.candidate),
            "tuned with labels": str(with_labels.best.candidate),
            "best": max(known, key=lambda name: known[name][0]),
        }
        picks[ways["tuned"]] = picks.get(ways["tuned"], 0) + 1
        for way, name in ways.items():
            chosen.setdefault(way, []).append(known[name])
    print("| choice | series | VUS-PR | event F1 |")
    print("|---|---|---|---|")
    for way, rows in chosen.items():
        volume, f1 = np.nanmean(np.array(rows), axis=0)
        print(f"| {way} | {len(rows)} | {volume:.3f} | {f1:.3f} |")
    print(f"\n{seconds / len(chosen['auto']):.2f} s of processor time to tune a series; picked: {picks}")


def judged(panel: Panel, candidate: Candidate, truth: np.ndarray, half: int) -> tuple[float, float]:
    """Return VUS-PR and event F1 on the second half of a live run over all of it."""
    answer = score_shard(panel, Plan(detector=candidate.detector, params=candidate.params))
    times = panel.times[half:]
    raised = alarms(answer.events, times, is_live=True)
    labelled = Labelled("", times, panel.values[0, half:, 0], truth[half:])
    figures = figures_of(labelled, Answer(answer.scores.score[0, half:], raised))
    return figures.vus_pr, figures.counts.f1


if __name__ == "__main__":
    main()
