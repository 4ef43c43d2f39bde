"""Deliveries that are killed again and again: fill an outbox, deliver it in a process of its own, and kill that.

``python tests/sink_crash.py FOLDER`` delivers until nothing is left.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redshank.engine.named_sinks import NamedSinks
from redshank.engine.notifications import Teller
from redshank.scheduler.delivery import Courier
from redshank.specs.options import Access
from redshank.store.records import TickCommit
from redshank.store.store import Store
from store_data import MINUTE, NOON, event, live

EVENTS_AT_ONCE = 5000
LOOK_SECONDS = 0.1
SINK = "there"


@dataclass(frozen=True)
class Killed:
    """How it went: kills that hit a process at work, and seconds of all deliveries, by the clock and of processors."""

    kills: int
    seconds: float
    processor_seconds: float


def fill(folder: Path, kind: str, options: Mapping[str, Any], count: int) -> None:
    """Keep so many anomalies that a sink is to be told of."""
    with Store.open(folder) as store:
        store.resources.create("sinks", SINK, {"name": SINK, "kind": kind, **options})
        base = None
        for first in range(0, count, EVENTS_AT_ONCE):
            names = [f"e{i}" for i in range(first, min(count, first + EVENTS_AT_ONCE))]
            events = [
                event(id=name, start_ns=NOON + i * MINUTE, end_ns=NOON + (i + 1) * MINUTE)
                for i, name in enumerate(names, first)
            ]
            told = [(SINK, name) for name in names]
            base = store.live.commit(TickCommit(base=base, live=live(), events=events, deliveries=told))


def deliver(folder: Path) -> None:
    """Deliver until nothing waits, and say how many are left after each look."""
    with Store.open(folder) as store:
        sinks = NamedSinks(store.resources, Access())
        courier = Courier(store.outbox, sinks, tell=Teller(store))
        courier.start()
        while True:
            left = sum(store.outbox.waiting().values())
            sys.stdout.write(f"{left}\n")
            sys.stdout.flush()
            if not left:
                break
            time.sleep(LOOK_SECONDS)
        courier.stop()
        sinks.close()


def killed(folder: Path, kind: str, options: Mapping[str, Any], count: int, *, kills: int, seed: int = 1) -> Killed:
    """Fill, deliver, and kill at random instants of the work; the last delivery runs to its end."""
    fill(folder, kind, options, count)
    rng = random.Random(seed)
    marks = sorted((rng.randrange(1, count) for _ in range(kills)), reverse=True)
    begun, used, hit = time.monotonic(), _used(), 0
    for mark in marks:
        hit += _delivered(folder, lambda left, mark=mark: left <= mark)
    _delivered(folder, lambda _: False)
    return Killed(hit, time.monotonic() - begun, _used() - used)


def _used() -> float:
    """Processor seconds of the processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _delivered(folder: Path, is_time: Callable[[int], bool]) -> bool:
    """Run a delivery; kill it when it is time, and say whether it was killed."""
    command = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if is_time(int(line)) and int(line):
                os.kill(process.pid, signal.SIGKILL)
                return True
        assert process.wait() == 0
    return False


def main() -> None:
    """Deliver what waits in a folder."""
    deliver(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
