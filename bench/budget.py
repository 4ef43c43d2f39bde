"""Promised and realised rates of false events, and coverage of the expected range, on the normal parts of NAB.

    REDSHANK_BENCH_DATA=/path/to/data python bench/budget.py [analog analog_light ...]

Prints Markdown: false events per 10,000 normal points (runs of alarms with gaps of up to 30 points are one event; one
that touches a label does not count) for budgets of one false event per N points, then coverage of the 99 % range.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import numpy as np

from redshank.calibrate import Budget, Calibrator
from redshank.panel import Deviations, Panel
from redshank.registry import build_detector

BUDGETS = (1000, 2016, 5000, 10080, 20160, 50400)
MERGE_GAP = 30
NORMAL = "artificialNoAnomaly__"


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return (values, label) of one series."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return np.array([float(row["value"]) for row in rows]), np.array([float(row["label"]) > 0 for row in rows])


def false_events(score: np.ndarray, label: np.ndarray) -> int:
    """Count the runs of scores >= 1 that share no point with a label."""
    hot = np.flatnonzero(score >= 1)
    runs = np.split(hot, np.flatnonzero(np.diff(hot) > MERGE_GAP + 1) + 1) if hot.size else []
    return sum(not label[run[0] : run[-1] + 1].any() for run in runs)


def rate(deviations: dict[str, np.ndarray], labels: dict[str, np.ndarray], calibration, budget: Budget | None) -> float:
    """False events per 10,000 normal points of all these series."""
    events = points = 0
    for name, deviation in deviations.items():
        score = Calibrator(calibration, 1, budget).apply(deviation[None])[0][0]
        events += false_events(score, labels[name])
        points += int((~labels[name]).sum())
    return 1e4 * events / points


def coverage(answer: Deviations, values: np.ndarray, label: np.ndarray) -> tuple[int, int]:
    """Return (normal points inside their range, normal points with a range)."""
    lower, upper = answer.lower[0, :, 0], answer.upper[0, :, 0]
    there = ~np.isnan(lower) & ~label
    slack = 1e-9 * np.abs(values)
    return int((there & (values >= lower - slack) & (values <= upper + slack)).sum()), int(there.sum())


def table(name: str, series: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Print the table of one detector."""
    calibration = build_detector(name).calibration
    answers = {key: build_detector(name).update(Panel.of(values)) for key, (values, _) in series.items()}
    labels = {key: label for key, (_, label) in series.items()}
    real = {key: answer.deviation[0] for key, answer in answers.items() if not key.startswith(NORMAL)}
    artificial = {key: answer.deviation[0] for key, answer in answers.items() if key.startswith(NORMAL)}
    print(
        f"\n{name}\n\n| one per N points | promised per 10k | NAB outside labels | NAB artificial normal |\n"
        "|---|---|---|---|"
    )
    for points in BUDGETS:
        rates = [rate(part, labels, calibration, Budget(points)) for part in (real, artificial)]
        print(f"| {points} | {1e4 / points:.2f} | {rates[0]:.2f} | {rates[1]:.2f} |")
    rates = [rate(part, labels, calibration, None) for part in (real, artificial)]
    print(f"| default cut {calibration.cut:g} | | {rates[0]:.2f} | {rates[1]:.2f} |")
    inside = np.array([coverage(answers[key], *series[key]) for key in series])
    print(f"\n99 % range holds {100 * inside[:, 0].sum() / inside[:, 1].sum():.2f} % of normal points", end="")
    each = 100 * inside[:, 0] / np.maximum(inside[:, 1], 1)
    print(f" (series: {np.quantile(each, 0.05):.2f} to {np.quantile(each, 0.95):.2f})")


def main() -> None:
    folder = Path(os.environ["REDSHANK_BENCH_DATA"]) / "nab"
    paths = [path for path in sorted(folder.glob("*.csv")) if path.stem != "meta"]
    series = {path.stem: read(path) for path in paths}
    for name in sys.argv[1:] or ["analog", "analog_light"]:
        table(name, series)


if __name__ == "__main__":
    main()
