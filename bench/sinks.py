"""Write anomalies to a system, killed in the middle: ``python bench/sinks.py postgresql URL --kills 5``.

The events are committed into an outbox, then delivered by a process that is ended with SIGKILL at random instants and
started again. What the system holds at the end is counted: lost, doubled. Beside it, in the same run: a delivery
without a kill, and the same rows inserted without an outbox.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import sqlalchemy as sa

from printing import show
from redshank.sinks.sql import _event_row
from search_places import EVENTS, Behind
from sink_contract import event, told
from sink_crash import killed
from sql_places import emptied, rows_of, sink_to

BATCH = 100


@dataclass(frozen=True)
class Target:
    """A kind of sink: its options, how its place is emptied, and the ids of the events that are there.

    ``bare``: put so many rows there as somebody would who needs no safety.
    """

    kind: str
    options: Callable[[str], Mapping[str, Any]]
    empty: Callable[[str], object]
    ids: Callable[[str], Sequence[str]]
    bare: Callable[[str, int], None] | None = None


def _sql_ids(url: str) -> list[str]:
    sink = sink_to(url)
    found = [row["id"] for row in rows_of(sink, sink.tables.events)]
    sink.close()
    return found


def _search(url: str) -> Behind:
    return Behind(url, "")


def _search_ids(url: str) -> list[str]:
    behind = _search(url)
    found = [hit["_id"] for hit in behind.hits(EVENTS)]
    behind.close()
    return found


def _search_emptied(url: str) -> None:
    behind = _search(url)
    behind.empty()
    behind.close()


SEARCH = Target("elasticsearch", lambda url: {"url": url}, _search_emptied, _search_ids)


def _sql_bare(url: str, events: int) -> None:
    """Plain INSERT of the same rows, a hundred in a transaction."""
    sink = sink_to(url)
    sink.check()
    insert = sa.insert(sink.tables.events)
    for first in range(0, events, BATCH):
        rows = [_event_row(told(event(f"e{i}"), i)) for i in range(first, min(events, first + BATCH))]
        with sink.engine.begin() as connection:
            connection.execute(insert, rows)
    sink.close()


SQL = Target("sql", lambda url: {"url": url}, emptied, _sql_ids, _sql_bare)
TARGETS = {"postgresql": SQL, "mysql": SQL, "sqlite": SQL, "elasticsearch": SEARCH, "opensearch": SEARCH}


def measure(target: Target, url: str, events: int, kills: int) -> dict[str, Any]:
    """Deliver into an empty place, and count what is there."""
    target.empty(url)
    with tempfile.TemporaryDirectory() as folder:
        done = killed(Path(folder, "data"), target.kind, target.options(url), events, kills=kills)
    found = Counter(target.ids(url))
    wanted = {f"e{i}" for i in range(events)}
    target.empty(url)
    return {
        "how": "delivered",
        "events": events,
        "kills": done.kills,
        "seconds": round(done.seconds, 1),
        "processor seconds": round(done.processor_seconds, 1),
        "there": sum(found.values()),
        "lost": len(wanted - found.keys()),
        "doubled": sum(found.values()) - len(found),
    }


def bare(put: Callable[[str, int], None], target: Target, url: str, events: int) -> dict[str, Any]:
    """Put as many rows there without an outbox."""
    target.empty(url)
    begun, used = time.monotonic(), time.process_time()
    put(url, events)
    row = {"how": "bare", "events": events, "kills": 0, "seconds": round(time.monotonic() - begun, 1)}
    target.empty(url)
    return {**row, "processor seconds": round(time.process_time() - used, 1)}


def main() -> None:
    """Measure one system, without a kill and with some."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("url")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=5)
    given = parser.parse_args()
    target = TARGETS[given.target]
    rows = [] if target.bare is None else [bare(target.bare, target, given.url, given.events)]
    rows += [measure(target, given.url, given.events, kills) for kills in (0, given.kills)]
    show(f"Events to {given.target}", rows)


if __name__ == "__main__":
    main()
