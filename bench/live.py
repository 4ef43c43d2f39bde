"""What ticks of live monitors cost: ``python bench/live.py many`` (monitors of one series), ``wide`` (one of many).

Points are pushed into a store on disk, then each monitor ticks: reads them, scores, decides, and commits. Times are
processor times of this process, the median of the ticks after the first. Beside it, in the same run: the same number of
rows (time, series, value) put into a plain SQLite table, one transaction for each monitor.
"""

from __future__ import annotations

import argparse
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from printing import show
from redshank.engine.engine import Engine, LiveWatcher
from redshank.engine.job import Job
from redshank.engine.pushed import PushedSource
from redshank.specs.monitor import MonitorSpec
from redshank.store.records import Resource
from redshank.store.store import Store

MINUTE = 60_000_000_000
START = 1_700_002_800_000_000_000


def points(hosts: np.ndarray, first: int, minutes: int) -> pl.DataFrame:
    """A value of each host at each minute from ``first`` on."""
    random = np.random.default_rng(first + 10_000)
    times = START + (first + np.arange(minutes)) * MINUTE
    n = len(hosts) * minutes
    return pl.DataFrame(
        {
            "measure": pl.repeat("cpu", n, eager=True),
            "time": np.repeat(times, len(hosts)),
            "value": 10 + random.normal(size=n),
            "l.host": np.tile(hosts, minutes),
        }
    )


def seconds_of(work: Callable[[], object]) -> tuple[float, float]:
    """Processor and wall seconds of some work."""
    begun, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - begun, time.perf_counter() - wall


class World:
    """A store with monitors over pushed points."""

    def __init__(self, folder: Path, monitors: int, series: int, detector: str) -> None:
        """Push an hour of history to each monitor's source, and let all begin."""
        self.store = Store.open(folder)
        self.hosts = np.array([f"host-{i:06d}" for i in range(series)])
        self.names = [f"m{i}" for i in range(monitors)]
        for name in self.names:
            for first in range(-60, 0, 10):
                self.store.points.append(name, points(self.hosts, first, 10))
        engine = Engine(self.store, lambda spec: PushedSource(self.store.points, str(spec.source)))
        self.job = Job()
        self.watchers = [engine.watch(self._monitor(name, detector), self.job) for name in self.names]
        self.begin_cpu, _ = seconds_of(lambda: [self._tick(watcher, 0) for watcher in self.watchers])

    def _monitor(self, name: str, detector: str) -> Resource:
        given = {"name": name, "source": name, "step": "1m", "delay": "0s", "clock": "wall", "detector": detector}
        spec = MonitorSpec.model_validate({**given, "history": "1h"}).model_dump(mode="json", exclude_unset=True)
        return Resource(id=name, kind="monitors", name=name, spec=spec, revision=1, created_ns=0, updated_ns=0)

    def _tick(self, watcher: LiveWatcher, minute: int) -> None:
        while watcher.tick(START + minute * MINUTE, self.job).is_behind:
            pass

    def push(self, minute: int) -> None:
        """Push the points of the minute that ends at ``minute``."""
        for name in self.names:
            self.store.points.append(name, points(self.hosts, minute - 1, 1))

    def tick(self, minute: int) -> None:
        """Let all monitors tick."""
        for watcher in self.watchers:
            self._tick(watcher, minute)


class Plain:
    """The peer: a SQLite table."""

    def __init__(self, path: Path) -> None:
        """Make it as durable as the store."""
        self.connection = sqlite3.connect(path)
        self.connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE p (t, s, v);")

    def put(self, monitors: int, series: int, minute: int) -> None:
        """Insert the points of a minute, a transaction for each monitor."""
        values = np.random.default_rng(minute).normal(size=series).tolist()
        for _ in range(monitors):
            with self.connection:
                self.connection.executemany(
                    "INSERT INTO p VALUES (?, ?, ?)", [(minute, i, value) for i, value in enumerate(values)]
                )


def measured(monitors: int, series: int, detector: str, ticks: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), monitors, series, detector)
        plain = Plain(Path(folder) / "plain.sqlite")
        found = []
        for minute in range(1, ticks + 1):
            pushed = seconds_of(lambda minute=minute: world.push(minute))  # type: ignore[misc]
            ticked = seconds_of(lambda minute=minute: world.tick(minute))  # type: ignore[misc]
            inserted = seconds_of(lambda minute=minute: plain.put(monitors, series, minute))  # type: ignore[misc]
            found.append((*pushed, *ticked, *inserted))
        middle = np.median(np.array(found[1:]), axis=0)
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        kept = len(world.store.history.read(world.names[0], None, START, START + ticks * MINUTE, ["score"]))
        assert kept == series * ticks
        title = f"{monitors:,} monitors x {series:,} series, {detector}; most memory {size:,.0f} MB"
        rows = [
            {"all monitors together": "begin with an hour of history", "processor s": world.begin_cpu},
            {"all monitors together": "push a minute", "processor s": middle[0], "s": middle[1]},
            {"all monitors together": "tick: read, score, decide, keep", "processor s": middle[2], "s": middle[3]},
            {"all monitors together": "plain SQLite insert of the rows", "processor s": middle[4], "s": middle[5]},
        ]
        show(title, rows)
        world.store.close()


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["many", "wide"])
    parser.add_argument("--detector", default="seasonal")
    parser.add_argument("--ticks", type=int, default=6)
    parser.add_argument("--size", type=int, help="monitors (many) or series (wide)")
    given = parser.parse_args()
    if given.what == "many":
        measured(given.size or 1000, 1, given.detector, given.ticks)
    else:
        measured(1, given.size or 100_000, given.detector, given.ticks)


if __name__ == "__main__":
    main()
