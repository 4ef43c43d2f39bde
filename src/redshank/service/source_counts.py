"""What the sources of this process did since it started, by name; also those that are gone, as after a change."""

from __future__ import annotations

import threading
import weakref
from collections import defaultdict

from redshank.sources.base import Source
from redshank.sources.counts import Counts

FIELDS = ("reads", "rows", "bytes", "requests", "retries", "errors", "seconds")
Figures = dict[str, float]


class SourceCounts:
    """Adds up the counts of all source objects of a name; any thread may call."""

    def __init__(self) -> None:
        """Start at zero."""
        self._turn = threading.RLock()  # the end of a source may come at any point, in this thread too
        self._gone: dict[str, Figures] = defaultdict(lambda: dict.fromkeys(FIELDS, 0.0))
        self._there: dict[int, tuple[str, Counts]] = {}

    def watch(self, name: str, source: Source) -> Source:
        """Count what a source does under a name; return it."""
        number, counts = id(source), source.counts
        with self._turn:
            self._there[number] = (name, counts)
        weakref.finalize(source, self._end, number)
        return source

    def totals(self) -> dict[str, Figures]:
        """Return the figures of each name."""
        with self._turn:
            made = {name: dict(figures) for name, figures in self._gone.items()}
            for name, counts in list(self._there.values()):
                _add(made.setdefault(name, dict.fromkeys(FIELDS, 0.0)), counts)
        return made

    def _end(self, number: int) -> None:
        with self._turn:
            name, counts = self._there.pop(number, ("", Counts()))
            if name:
                _add(self._gone[name], counts)


def _add(figures: Figures, counts: Counts) -> None:
    for field in FIELDS:
        figures[field] += float(getattr(counts, field))
