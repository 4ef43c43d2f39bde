"""Speed and memory of every detector on one core, beside what people use otherwise, in one run.

python bench/kernels.py
python bench/kernels.py --detector analog --detector seasonal
python bench/kernels.py --long          # also: is the time linear up to 1M points?
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import math
import subprocess
import sys
import time
import types
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from printing import Row, machine, seconds_of, show, told, write_json
from redshank import registry
from redshank.executors.local import cores
from redshank.panel import Panel
from redshank.sample import generate

POINTS = 20_000  # of one series; retrospective detectors are measured per 10,000 points
WIDE = (200, 5_000)  # series x points for live detectors, where many series share a loop
LONG = (10_000, 100_000, 1_000_000)
WINDOW = 288
PEER = "rolling z-score (pandas)"
MEMORY = """
import re, sys
from pathlib import Path
import numpy as np
from redshank.panel import Panel
from redshank.registry import build_detector
name, n = sys.argv[1], int(sys.argv[2])
panel = Panel.of(np.sin(np.arange(n) / 229) + np.random.default_rng(0).normal(0, 0.2, n))
def score(part):
    detector = build_detector(name)
    detector.update(part) if detector.causal else detector.score(part)
score(panel.slice(0, 2000))
def kilobytes(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
before = kilobytes("VmRSS")
score(panel)
print((kilobytes("VmHWM") - before) / 1024)
"""


def answer(name: str, panel: Panel) -> Callable[[], object]:
    """Return what is timed: a new detector answers for the whole panel."""
    detector = registry.build_detector(name)
    return lambda: detector.take(slice(None)).update(panel) if detector.causal else detector.score(panel)


def detector_row(name: str, one: Panel, wide: Panel) -> Row:
    """Time per point of one series, points a second over many, and the bytes that a series keeps."""
    is_live = registry.detector_class(name).causal
    answer(name, one.slice(0, 2_000))()
    single = seconds_of(answer(name, one))
    row: Row = {
        "what": name,
        "works": "live" if is_live else "retrospective",
        "µs/point": 1e6 * single / one.n_time,
        "s/10k points": 1e4 * single / one.n_time,
        "points/s": one.n_time / single,
    }
    if is_live:
        row["points/s, many series"] = wide.n_series * wide.n_time / seconds_of(answer(name, wide), repeats=2)
        row["bytes/series"] = _bytes_per_series(name, wide)
    return row


def _bytes_per_series(name: str, panel: Panel) -> int:
    """Size of everything a fitted detector keeps, per series."""
    detector = registry.build_detector(name)
    detector.fit(panel)
    return round(sum(array.nbytes for array in detector.save().arrays.values()) / panel.n_series)


def long_rows(names: Sequence[str]) -> list[Row]:
    """Seconds per 10,000 points of series of growing length, and what the longest takes."""
    panel = generate(points=max(LONG), step="1m", anomalies=[]).panel
    rows = []
    for name in told("long series", names):
        row: Row = {"detector": name}
        for n in LONG:
            started = time.perf_counter()
            row[f"s/10k at {n:,}"] = 1e4 * seconds_of(answer(name, panel.slice(0, n)), repeats=1) / n
            seconds = time.perf_counter() - started
        rows.append({**row, f"seconds, {cores()} cores": seconds, "MB more": megabytes_of(name, max(LONG))})
    return rows


def megabytes_of(name: str, points: int) -> float:
    """Most memory of a new process while it scores a series of so many points, beyond what it had before; on Linux."""
    if not Path("/proc/self/clear_refs").exists():
        return math.nan
    asked = [sys.executable, "-c", MEMORY, name, str(points)]
    return float(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)


# ---------------------------------------------------------------- what people use otherwise


def rolling_z(values: np.ndarray) -> None:
    """Distance from the rolling mean in rolling standard deviations."""
    import pandas as pd

    series = pd.Series(values)
    rolling = series.rolling(WINDOW)
    ((series - rolling.mean()) / rolling.std()).abs().to_numpy()


def isolation_forest(values: np.ndarray) -> None:
    """Isolation Forest on sliding windows, fitted on all and scored on all."""
    from sklearn.ensemble import IsolationForest

    windows = np.lib.stride_tricks.sliding_window_view(values, 32)
    IsolationForest(random_state=0).fit(windows).score_samples(windows)


def half_space_trees(values: np.ndarray) -> None:
    """River's half-space trees, point by point."""
    from river.anomaly import HalfSpaceTrees

    low, high = float(values.min()), float(values.max())
    trees = HalfSpaceTrees(seed=0, window_size=250)
    for value in values:
        point = {"value": (float(value) - low) / (high - low)}
        trees.score_one(point)
        trees.learn_one(point)


def _let_rrcf_start() -> None:
    """Stand in for pkg_resources, gone from setuptools, which rrcf asks for nothing but its own version."""
    if "pkg_resources" not in sys.modules and importlib.util.find_spec("pkg_resources") is None:
        stand_in = types.ModuleType("pkg_resources")
        vars(stand_in)["get_distribution"] = importlib.metadata.distribution
        sys.modules["pkg_resources"] = stand_in


def robust_random_cut_forest(values: np.ndarray) -> None:
    """Forty trees of 256 points over shingles of four, as the package's own streaming example."""
    _let_rrcf_start()
    import rrcf

    trees = [rrcf.RCTree() for _ in range(40)]
    for index, window in enumerate(rrcf.shingle(values, size=4)):
        for tree in trees:
            if len(tree.leaves) > 256:
                tree.forget_point(index - 256)
            tree.insert_point(np.asarray(window), index=index)
            tree.codisp(index)


PEERS: dict[str, tuple[Callable[[np.ndarray], None], int]] = {
    PEER: (rolling_z, POINTS),
    "IsolationForest on windows (scikit-learn)": (isolation_forest, POINTS),
    "HalfSpaceTrees (River)": (half_space_trees, 2_000),
    "rrcf": (robust_random_cut_forest, 700),
}


def peer_row(name: str, values: np.ndarray) -> Row | None:
    """Time per point of a peer; None, said on stderr, where it is not installed."""
    work, points = PEERS[name]
    try:
        work(values[:500])
    except ImportError as error:
        print(f"  {name}: left out ({error})", file=sys.stderr)
        return None
    spent = seconds_of(lambda: work(values[:points]), repeats=1)
    return {"what": name, "works": "", "µs/point": 1e6 * spent / points, "s/10k points": 1e4 * spent / points}


def with_ratios(rows: list[Row]) -> list[Row]:
    """Add how long each takes for one second of each peer."""
    spent = {row["what"]: row["µs/point"] for row in rows}
    for row in rows:
        for name in PEERS:
            if name in spent:
                row[f"x {name.partition(' (')[0]}"] = row["µs/point"] / spent[name]
    return rows


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", action="append", help="may be repeated; default: all of one variable")
    parser.add_argument("--long", action="store_true", help="also series of 10,000 to 1,000,000 points")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    names = args.detector or [
        name for name in registry.names(registry.DETECTORS) if not registry.detector_class(name).multivariate
    ]
    one = generate(points=POINTS, anomalies=[]).panel
    wide = generate(series=WIDE[0], points=WIDE[1], anomalies=[]).panel
    rows = [detector_row(name, one, wide) for name in told("detector", names)]
    peers = [peer_row(name, one.values[0, :, 0]) for name in told("peer", PEERS)]
    tables = {"One core": with_ratios(rows + [row for row in peers if row is not None])}
    if args.long:
        tables["Long series"] = long_rows(names)
    print(machine())
    for title, table in tables.items():
        show(title, table)
    write_json(args.json, tables)


if __name__ == "__main__":
    main()
