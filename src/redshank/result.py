"""What a detection gives back: the scored panels, the events worst first, and what was done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from redshank.panel import Key, Panel, Scores

if TYPE_CHECKING:
    import polars

    from redshank.decide import Event


@dataclass(frozen=True, eq=False)
class Scored:
    """One panel and the scores of its points, row for row."""

    panel: Panel
    scores: Scores


@dataclass(frozen=True)
class NotScored:
    """A series that was too short: it has ``points`` values and needs ``needed``."""

    key: Key
    points: int
    needed: int

    def __str__(self) -> str:
        """Say it as people read it: ``cpu: not scored: 12 points, needs 40``."""
        return f"{self.key}: not scored: {self.points} points, needs {self.needed}"


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """Answer of ``redshank.detect``.

    ``parts``: the scored panels. ``events``: worst first. ``detector``, ``why``: what scored and why it was picked.
    ``rows``: rows read. ``seconds``: time taken. ``notes``: what a careful reader should know. ``not_scored``:
    series too short for the detector. ``complete``: False when the work was interrupted. ``tz``: time zone
    that people read the times in; the times themselves are UTC.
    """

    parts: list[Scored]
    events: list[Event]
    detector: str
    why: str
    rows: int
    seconds: float
    notes: list[str] = field(default_factory=list)
    not_scored: list[NotScored] = field(default_factory=list)
    complete: bool = True
    tz: str = "UTC"

    def __repr__(self) -> str:
        """Return what ``summary`` does: the arrays inside are long."""
        return f"<Result: {self.summary()}>"

    def summary(self) -> str:
        """Return one line of what was done."""
        count = len(self.events)
        series = "1 series" if self.n_series == 1 else f"{self.n_series:,} series"
        events = "no events" if count == 0 else "1 event" if count == 1 else f"{count:,} events"
        line = f"{events} in {self.rows:,} rows, {series}; {self.detector} ({self.why}); {self.seconds:.1f} s"
        return line if self.complete else f"INTERRUPTED, not everything is scored: {line}"

    @property
    def n_series(self) -> int:
        """Number of series, scored or not."""
        return sum(part.panel.n_series for part in self.parts)

    @property
    def n_points(self) -> int:
        """Number of values that were there (NaN not counted), over all series and channels."""
        import numpy as np

        return sum(int(np.isfinite(part.panel.values).sum()) for part in self.parts)

    def series(self) -> Iterator[tuple[Key, Scored, int]]:
        """Yield every series as (key, its part, its row), the one with the worst event first."""
        worst: dict[Key, int] = {}
        for rank, event in enumerate(self.events):
            worst.setdefault(event.key, rank)
        rows = [(part.panel.keys[i], part, i) for part in self.parts for i in range(part.panel.n_series)]
        yield from sorted(rows, key=lambda row: worst.get(row[0], len(self.events)))

    def to_polars(self) -> polars.DataFrame:
        """Return one row per point: time, labels, value, score, expected, lower, upper, anomaly."""
        import polars as pl

        from redshank.tables import scores_table

        return pl.concat([scores_table(part.panel, part.scores) for part in self.parts], how="diagonal_relaxed")

    def events_table(self) -> polars.DataFrame:
        """Return one row per event, worst first."""
        from redshank.sinks.files import events_frame

        return events_frame(self.events)

    def plot(self, *, series: int = 12) -> Any:
        """Return an interactive chart of the worst series for a notebook."""
        from redshank.notebook import chart

        return chart(self, series=series)
