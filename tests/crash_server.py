"""A server without its HTTP side, to be killed: compacts and keeps states all the time, so that kills hit those too."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import redshank.engine.live
from redshank.scheduler.upkeep import Chore, Upkeep
from redshank.server.logs import set_up_logs
from redshank.server.process import Server
from redshank.settings import Settings
from redshank.store.history_compact import Sizes
from redshank.store.records import Fence
from redshank.store.store import Store

READY = "ready"
CHECKPOINT_NS = 300_000_000
SMALL = Sizes(block_fan=3, flush_rows=300, day_rows=300, fan=3, most_rows=5000, part_rows=500)


def main(folder: Path) -> None:
    """Work on a folder until stdin ends, or forever."""
    set_up_logs("warning", as_json=False)
    redshank.engine.live.CHECKPOINT_NS = CHECKPOINT_NS
    with Store.open(folder) as store:

        def compact(fence: Fence, is_stopped: Callable[[], bool]) -> str:
            for owner in store.history.owners():
                store.history.compact(owner, SMALL, fence)
            return ""

        server = Server(store, Settings(data=folder))
        server.upkeep = Upkeep([Chore(name="compaction", seconds=0.1, work=compact)], server.scheduler.fence)
        with server.running():
            sys.stdout.write(f"{READY}\n")
            sys.stdout.flush()
            sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
