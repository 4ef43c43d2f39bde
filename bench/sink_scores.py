"""Write the scores of many series to a system: ``python bench/sink_scores.py elasticsearch URL``.

Processor seconds are those of this process; the rest is spent waiting for the system.
"""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from printing import show
from redshank.panel import Key, Panel, Scores
from redshank.result import Scored
from redshank.sinks.base import ScoreBlock
from redshank.sinks.build import build_sink
from redshank.sinks.series_points import series_points

OPTIONS: dict[str, dict[str, Any]] = {
    "elasticsearch": {"scores": True},
    "influxdb": {"scores": True, "database": "bench", "create_database": True},
    "prometheus": {},
}


def scored(n_series: int, n_time: int) -> Scored:
    """Points of the last hours, one a minute, all of them with a score and a range."""
    random = np.random.default_rng(1)
    keys = tuple(Key.of("cpu", {"host": f"host-{i}", "zone": "eu"}) for i in range(n_series))
    start = np.datetime64(int(time.time()) // 60 * 60, "s") - np.timedelta64(n_time, "m")
    times = (start + np.arange(n_time) * np.timedelta64(1, "m")).astype("datetime64[ns]")
    values = random.normal(50, 10, (n_series, n_time, 1))
    score = random.exponential(0.2, (n_series, n_time))
    return Scored(Panel(keys, times, values), Scores(keys, times, score, score, values, values - 9, values + 9))


def main() -> None:
    """Measure one system."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=sorted(OPTIONS))
    parser.add_argument("url")
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--points", type=int, default=100)
    given = parser.parse_args()
    sink = build_sink(given.kind, {"url": given.url, **OPTIONS[given.kind]})
    sink.check()
    block = ScoreBlock(monitor=f"bench-{uuid.uuid4().hex[:8]}", parts=[scored(given.series, given.points)])
    count = sum(len(points) for points in series_points(block.parts))
    begun, used = time.monotonic(), time.process_time()
    sink.record(block)
    seconds, processor = time.monotonic() - begun, time.process_time() - used
    sink.close()
    row = {"points": count, "seconds": round(seconds, 1), "processor seconds": round(processor, 1)}
    show(f"Scores to {given.kind}", [{**row, "points/s": round(count / seconds)}])


if __name__ == "__main__":
    main()
