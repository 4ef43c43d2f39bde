"""How far off forecasts are, and whether their range holds the share of values that it says.

    python bench/forecasts.py --data nab
    python bench/forecasts.py --data sample

Each series is cut at several places; what follows a cut is forecast from what came before. ``error``: mean distance
from the expected value, divided by that of saying the last value ("last") or that of a day before ("day"), medians over
series and cuts. ``inside``: share of values within the range of 80 % and of 95 %. ``width``: of the 80 % range, divided
by that of a random walk (the last value, 1.28 deviations of a step times the root of the horizon).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from redshank.engine.forecast import Ask, forecast
from redshank.panel import Panel
from redshank.sample import generate
from redshank.sources.base import Query
from redshank.sources.files import FileSource

CUTS = (0.5, 0.6, 0.7, 0.8, 0.9)
HORIZONS = (12, 72, 288)


def series(data: str) -> Iterator[Panel]:
    """Yield the series to forecast, one to a panel."""
    if data == "sample":
        made = generate(series=40, points=6000, seed=1, trend=3.0, rate=0.0, anomalies=())
        yield from (made.panel.take([row]) for row in range(made.panel.n_series))
        return
    for path in sorted(Path(os.environ["REDSHANK_BENCH_DATA"], data).glob("*__*.csv")):
        panel = max(FileSource([str(path)]).read(Query(measures=("value",))).panels, key=lambda each: each.n_time)
        yield panel


def main() -> None:
    """Print a line for each horizon."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", default="nab")
    options.add_argument("--detector", default="seasonal")
    given = options.parse_args()
    panels = list(series(given.data))
    columns = ("horizon", "forecasts", "error / last", "error / day", "better than last", "inside 80 %", "inside 95 %")
    print(f"| {' | '.join((*columns, 'width', 'ms'))} |")
    print("|---|---|---|---|---|---|---|---|---|")
    for horizon in HORIZONS:
        rows = [row for panel in panels for cut in CUTS for row in measured(panel, cut, horizon, given.detector)]
        found = np.array(rows)
        middle = np.nanmedian(found[:, :2], axis=0)
        mean = np.nanmean(found[:, 2:5], axis=0)
        print(
            f"| {horizon} | {len(found)} | {middle[0]:.3f} | {middle[1]:.3f} | {mean[0]:.2f} | {mean[1]:.3f} | "
            f"{mean[2]:.3f} | {np.nanmedian(found[:, 5]):.2f} | {np.median(found[:, 6]):.1f} |"
        )


def measured(panel: Panel, cut: float, horizon: int, detector: str) -> list[tuple[float, ...]]:
    """Return the figures of one forecast; none where too little follows the cut."""
    at = int(cut * panel.n_time)
    actual = panel.values[0, at : at + horizon, 0]
    if np.isfinite(actual).sum() < horizon / 2 or at < 100:
        return []
    history = panel.slice(0, at)
    started = time.process_time()
    ask = Ask(horizon=horizon * history.step, coverage=0.8, detector=detector)
    made = forecast(history, ask)
    seconds = time.process_time() - started
    wide = forecast(history, Ask(horizon=horizon * history.step, coverage=0.95, detector=detector))
    past = history.values[0, :, 0]
    last = past[np.isfinite(past)][-1]
    day = max(1, round(86_400e9 / panel.step_ns))
    before = (
        past[np.arange(at, at + len(actual)) - day * -(-horizon // day)] if at >= day * -(-horizon // day) else np.nan
    )
    own = np.nanmean(np.abs(actual - made.expected[0, : len(actual), 0]))
    by_last, by_day = np.nanmean(np.abs(actual - last)), np.nanmean(np.abs(actual - before))
    steps = np.nanstd(np.diff(past))
    walk = 2 * 1.28 * steps * np.sqrt(np.arange(1, len(actual) + 1)).mean()
    width = np.nanmean(made.upper - made.lower)
    return [
        (
            own / by_last if by_last > 0 else np.nan,
            own / by_day if by_day > 0 else np.nan,
            float(own <= by_last),
            inside(made.lower[0, :, 0], made.upper[0, :, 0], actual),
            inside(wide.lower[0, :, 0], wide.upper[0, :, 0], actual),
            width / walk if walk > 0 else np.nan,
            1000 * seconds,
        )
    ]


def inside(lower: np.ndarray, upper: np.ndarray, actual: np.ndarray) -> float:
    """Return the share of values within a range; NaN where there is none."""
    lower, upper = lower[: len(actual)], upper[: len(actual)]
    known = np.isfinite(lower) & np.isfinite(actual)
    slack = 1e-9 * np.abs(actual[known])
    held = (lower[known] - slack <= actual[known]) & (actual[known] <= upper[known] + slack)
    return float(held.mean()) if known.any() else np.nan


if __name__ == "__main__":
    main()
