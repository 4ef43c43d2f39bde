"""Live detection that is killed again and again: run it, and read what it left. ``python tests/crash.py ROUNDS``."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from redshank.specs.monitor import MonitorSpec
from redshank.store.events import EventFilter
from redshank.store.records import StoredEvent
from redshank.store.store import Store

STEP_NS = 100_000_000
BEGIN_NS = 1_767_268_800_000_000_000
HOSTS = ("a", "b", "c")
HISTORY = 1500  # steps that are there at first
ROUND = 40  # steps that come in each round, in PARTS parts
PARTS = 8
SERVER = Path(__file__).with_name("crash_server.py")
_LATEST_NS = (1 << 63) - 2
VOLATILE = ("sequence", "created_ns", "updated_ns")


@dataclass
class Outcome:
    """What was kept: scores, events without what depends on the hour, the last line of each in the log.

    ``recorded``: the scores that the sink of scores has.
    """

    scores: pl.DataFrame
    recorded: pl.DataFrame
    events: dict[str, dict[str, Any]]
    logged: dict[str, dict[str, Any]]
    cursor_ns: int


@dataclass
class Work:
    """A folder with a file that grows and a server that detects in it."""

    folder: Path
    steps: int
    written: int = 0
    pid: int = 0
    _nursery: subprocess.Popen[str] | None = None
    values: np.ndarray[Any, np.dtype[np.float64]] = field(init=False)

    def __post_init__(self) -> None:
        """Declare the monitor, and write the history."""
        self.values = _values(self.steps)
        self.grow(HISTORY)
        with Store.open(self.data) as store:
            store.resources.create(
                "sinks", "log", {"name": "log", "kind": "event_log", "path": str(self.folder / "events.jsonl")}
            )
            # from the first point on, whether or not the monitor began before the sink was first looked at
            recorded = {"kind": "sqlite", "url": f"sqlite:///{self.folder}/scores.db", "events": False, "scores": True}
            recorded["scores_since"] = "2026-01-01T00:00:00Z"
            store.resources.create("sinks", "recorded", {"name": "recorded", **recorded})
            spec = MonitorSpec.model_validate(
                {
                    "name": "m",
                    "path": str(self.folder / "points.csv"),
                    "by": ["host"],
                    "time": "time",
                    "measures": ["cpu"],
                    "step": "100ms",
                    "detector": "gaussian",
                    "clock": "data",
                    "delay": "100ms",
                    "policy": {"quiet_points": 5},
                    "sinks": ["log", "recorded"],
                }
            )
            store.resources.create("monitors", "m", spec.model_dump(mode="json", exclude_unset=True))

    @property
    def data(self) -> Path:
        """The folder of the server."""
        return self.folder / "data"

    def grow(self, steps: int) -> None:
        """Let points of so many more steps come."""
        path = self.folder / "points.csv"
        lines = [] if path.exists() else ["time,host,cpu\n"]
        end = min(self.steps, self.written + steps)
        for i in range(self.written, end):
            stamp = np.datetime64(BEGIN_NS + i * STEP_NS, "ns").astype("datetime64[ms]")
            lines += [f"{stamp}Z,{host},{self.values[i, j]:.4f}\n" for j, host in enumerate(HOSTS)]
        with path.open("a") as file:
            file.write("".join(lines))
        self.written = end

    def start(self) -> None:
        """Start a server, and wait until it works."""
        if self._nursery is None:
            command = [sys.executable, str(SERVER), str(self.data)]
            self._nursery = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._nursery.stdin is not None
        self._nursery.stdin.write("\n")
        self._nursery.stdin.flush()
        word, pid = self._hear().split()
        assert word == "ready"
        self.pid = int(pid)

    def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)
        assert self._hear() == "ended"

    def stop(self) -> None:
        """End it in good order."""
        os.kill(self.pid, signal.SIGTERM)
        assert self._hear() == "ended"

    def close(self) -> None:
        """Start no more."""
        if self._nursery is not None:
            self._nursery.communicate()

    def _hear(self) -> str:
        assert self._nursery is not None
        assert self._nursery.stdout is not None
        return self._nursery.stdout.readline().strip()

    def wait_until(self, steps: int, seconds: float = 900, *, is_told: bool = True) -> None:
        """Wait until so many steps are scored, but for the one that is still filling, and events are told."""
        wanted = BEGIN_NS + (steps - 2) * STEP_NS
        until = time.monotonic() + seconds
        with Store.open(self.data, exclusive=False) as store:
            while True:
                live = store.live.all()
                is_scored = live and live[0].cursor_ns >= wanted and live[0].version
                if is_scored and not (is_told and (store.outbox.waiting() or store.score_cursors.due(_LATEST_NS))):
                    return
                assert time.monotonic() < until, f"not scored in time: {live}"
                time.sleep(0.05)

    def outcome(self) -> Outcome:
        """Return what was kept."""
        with Store.open(self.data) as store:
            (live,) = store.live.all()
            scores = store.history.read(live.monitor_id, None, BEGIN_NS, BEGIN_NS + self.steps * STEP_NS)
            events = store.events.list(EventFilter(), limit=1000).items
        log = self.folder / "events.jsonl"
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return Outcome(
            scores=scores.sort("series", "time"),
            recorded=_recorded(self.folder / "scores.db"),
            events={event.id: _lasting(event) for event in events},
            logged={line["id"]: line for line in lines},
            cursor_ns=live.cursor_ns,
        )


def _recorded(file: Path) -> pl.DataFrame:
    """The scores in the database, by host and time."""
    query = "SELECT labels, time, score FROM redshank_scores JOIN redshank_scores_series USING (series_id)"
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute(query).fetchall()
    found = [(json.loads(labels)["host"], time, score) for labels, time, score in rows]
    return pl.DataFrame(found, schema={"host": pl.String, "at": pl.String, "score": pl.Float64}, orient="row")


def _lasting(event: StoredEvent) -> dict[str, Any]:
    return {name: value for name, value in vars(event).items() if name not in (*VOLATILE, "monitor_id", "id")}


def _values(steps: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A sine with noise for each host, and in it a spike each 25 steps or so."""
    rng = np.random.default_rng(5)
    made = 50 + 5 * np.sin(np.arange(steps) / 15)[:, None] + rng.normal(0, 1, (steps, len(HOSTS)))
    at = rng.integers(HISTORY, steps, (steps - HISTORY) // 25)
    made[at, rng.integers(0, len(HOSTS), len(at))] += rng.choice([-40.0, 40.0], len(at))
    return made


def killed(folder: Path, rounds: int, seed: int) -> Outcome:
    """Detect, killed once in each round at a random instant."""
    rng = random.Random(seed)
    work = Work(folder, HISTORY + rounds * ROUND)
    work.start()
    work.wait_until(HISTORY)
    work.kill()
    for _ in range(rounds):
        work.start()
        work.grow(ROUND // PARTS)
        work.wait_until(work.written, is_told=False)
        for _ in range(PARTS - 1):
            work.grow(ROUND // PARTS)
            time.sleep(rng.uniform(0, 0.1))
        work.kill()
    work.start()
    work.wait_until(work.steps)
    work.stop()
    work.close()
    return work.outcome()


def undisturbed(folder: Path, rounds: int) -> Outcome:
    """Detect the same without a stop."""
    work = Work(folder, HISTORY + rounds * ROUND)
    work.start()
    work.wait_until(HISTORY)
    for _ in range(rounds):
        work.grow(ROUND)
    work.wait_until(work.steps)
    work.stop()
    work.close()
    return work.outcome()


def compare(found: Outcome, wanted: Outcome) -> dict[str, int]:
    """Count points and events, and those lost, doubled, or others than they should be."""
    keys = found.scores.select("series", "time")
    recorded = found.recorded.sort("host", "at")
    both = found.scores.unique(["series", "time"]).join(wanted.scores, on=["series", "time"], suffix=".wanted")
    same = both.select((pl.col("score").eq_missing(pl.col("score.wanted"))).sum()).item()
    known = {_key(event): event for event in wanted.events.values()}
    got = [(_key(event), event) for event in found.events.values()]
    return {
        "points": keys.height,
        "points lost": wanted.scores.height - both.height,
        "points doubled": keys.height - keys.n_unique(),
        "points scored otherwise": both.height - same,
        "points not recorded": keys.height - recorded.height,
        "points recorded twice": recorded.height - recorded.select("host", "at").n_unique(),
        "points recorded otherwise": _different(found.scores, recorded),
        "events": len(got),
        "events lost": len(known.keys() - {key for key, _ in got}),
        "events doubled": len(got) - len({key for key, _ in got}),
        "events told otherwise": sum(event != known.get(key) for key, event in got),
        "events not delivered": len(_told(found) - found.logged.keys()),
        "deliveries that lag": sum(
            line["is_open"] != found.events[name]["is_open"]
            for name, line in found.logged.items()
            if name in found.events and "is_open" in line
        ),
    }


def _different(scores: pl.DataFrame, recorded: pl.DataFrame) -> int:
    """How many scores are not those of the history, each counted as often as it occurs."""
    kept, sent = (Counter(frame["score"].fill_nan(None).to_list()) for frame in (scores, recorded))
    return (kept - sent).total() + (sent - kept).total()


def _key(event: dict[str, Any]) -> tuple[Any, ...]:
    return (event["kind"], str(event["key"]), event["start_ns"])


def _told(outcome: Outcome) -> set[str]:
    return {name for name, event in outcome.events.items() if not event["backfill"] and event["kind"] == "anomaly"}


def main() -> None:
    """Print what so many rounds came to."""
    rounds = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        wanted_folder, found_folder = Path(folder, "wanted"), Path(folder, "found")
        wanted_folder.mkdir()
        found_folder.mkdir()
        wanted = undisturbed(wanted_folder, rounds)
        begun = time.monotonic()
        found = killed(found_folder, rounds, seed=1)
        seconds = time.monotonic() - begun
        counts = compare(found, wanted)
        lines = [f"{rounds} kills in {seconds:.0f} s", *(f"{name}: {count}" for name, count in counts.items())]
        sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
