"""A server without its HTTP side, to be killed: compacts and keeps states all the time, so that kills hit those too.

Each line on stdin forks off a new one from a process in which all is imported, so that a kill hits work and not the
loading of libraries; ``ready PID`` is written when it works, ``ended`` when it is gone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

import redshank.engine.engine
import redshank.engine.live
from redshank.engine.batch import Plan
from redshank.engine.watch import Watch
from redshank.engine.watch_shard import Rules
from redshank.panel import Panel
from redshank.scheduler.upkeep import Chore, Upkeep
from redshank.server.logs import set_up_logs
from redshank.server.process import Server
from redshank.settings import Settings
from redshank.store.history_compact import Sizes
from redshank.store.records import Fence
from redshank.store.store import Store

CHECKPOINT_NS = 300_000_000
SMALL = Sizes(block_fan=3, flush_rows=300, day_rows=300, fan=3, most_rows=5000, part_rows=500)


def work(folder: Path) -> None:
    """Work on a folder until SIGTERM."""
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    with Store.open(folder) as store:

        def compact(fence: Fence, is_stopped: Callable[[], bool]) -> str:
            for owner in store.history.owners():
                store.history.compact(owner, SMALL, fence)
            return ""

        server = Server(store, Settings(data=folder))
        server.upkeep = Upkeep([Chore(name="compaction", seconds=0.05, work=compact)], server.scheduler.fence)
        with server.running():
            say(f"ready {os.getpid()}")
            told.wait()


def load_kernels() -> None:
    """Have what is compiled in memory."""
    panel = Panel.of(np.random.default_rng(1).normal(size=(3, 400)))
    watch = Watch(Rules(plan=Plan(detector="gaussian"), step_ns=panel.step_ns, channels=panel.channels))
    watch.advance(panel)


def say(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(folder: Path) -> None:
    """Fork off a server for each line that comes."""
    set_up_logs("warning", as_json=False)
    redshank.engine.live.CHECKPOINT_NS = CHECKPOINT_NS
    redshank.engine.live.CHECKPOINT_STEPS = 3
    load_kernels()
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                work(folder)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        say("ended")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
