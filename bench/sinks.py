"""Write anomalies to a system, killed in the middle: ``python bench/sinks.py postgresql URL --kills 5``.

The events are committed into an outbox, then delivered by a process that is ended with SIGKILL at random instants and
started again. What the system holds at the end is counted: lost, doubled. Beside it, in the same run: one delivery of
as many events without a kill.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from printing import show
from search_places import EVENTS, Behind
from sink_crash import killed
from sql_places import emptied, rows_of, sink_to


@dataclass(frozen=True)
class Target:
    """A kind of sink: its options, how its place is emptied, and the ids of the events that are there."""

    kind: str
    options: Callable[[str], Mapping[str, Any]]
    empty: Callable[[str], object]
    ids: Callable[[str], Sequence[str]]


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
SQL = Target("sql", lambda url: {"url": url}, emptied, _sql_ids)
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
        "events": events,
        "kills": done.kills,
        "seconds": round(done.seconds, 1),
        "events/s": round(events / done.seconds),
        "there": sum(found.values()),
        "lost": len(wanted - found.keys()),
        "doubled": sum(found.values()) - len(found),
    }


def main() -> None:
    """Measure one system, without a kill and with some."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("url")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=5)
    given = parser.parse_args()
    rows = [measure(TARGETS[given.target], given.url, given.events, kills) for kills in (0, given.kills)]
    show(f"Events to {given.target}", rows)


if __name__ == "__main__":
    main()
