"""What a monitor would have done in a past range: the same windows, state, policy and events as live.

Points before the range are learned first, as many as at a first start. Nothing of the monitor is read or changed, so
what-if settings are a declaration with other values. Live differs in one thing only: points that came late were not
scored there, and are here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from redshank.engine.job import Job
from redshank.engine.reading import Reader
from redshank.engine.score_block import score_columns
from redshank.engine.setting import Monitor, rules_of
from redshank.engine.start import first_memory, look
from redshank.engine.telling import Told
from redshank.engine.tick_events import EventMaker
from redshank.engine.watch import RunShards, Watch, in_turn
from redshank.engine.watch_answer import Advance
from redshank.engine.windows import Windows
from redshank.errors import ConfigError, NoPointsError
from redshank.sources.base import Source
from redshank.store.records import StoredEvent

MOST_EVENTS = 1000  # in the result of a run
MOST_KEPT_VALUES = 20_000_000  # of scores that are kept to be shown


@dataclass(frozen=True, eq=False)
class Backtest:
    """What was found in start <= t < end.

    ``events``: oldest first. ``scoring_from_ns``: time of the first score of all, None = there is none yet. ``scores``:
    rows as in the score history, None = there were too many. ``against_labels``: counts, empty without labels.
    """

    start_ns: int
    end_ns: int
    events: list[StoredEvent]
    detector: str
    params: Mapping[str, Any]
    why: str
    series: tuple[str, ...]
    points: int
    scored: int
    scoring_from_ns: int | None
    step_ns: int
    scores: pl.DataFrame | None = None
    against_labels: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def per_day(self) -> float:
        """Anomalies a day."""
        days = (self.end_ns - self.start_ns) / 86_400e9
        return sum(event.kind == "anomaly" for event in self.events) / days if days > 0 else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return figures and events as JSON values; of very many events the worst."""
        shown = self.events
        if len(shown) > MOST_EVENTS:
            shown = sorted(shown, key=lambda event: -event.severity)[:MOST_EVENTS]
        return {
            "start": time_text(self.start_ns),
            "end": time_text(self.end_ns),
            "detector": self.detector,
            "params": dict(self.params),
            "why": self.why,
            "series": len(self.series),
            "points": self.points,
            "scored": self.scored,
            "scoring_from": None if self.scoring_from_ns is None else time_text(self.scoring_from_ns),
            "n_events": len(self.events),
            "kinds": dict(Counter(event.kind for event in self.events)),
            "anomalies_per_day": round(self.per_day, 3),
            "labels": dict(self.against_labels),
            "notes": list(self.notes),
            "events": [event_json(event) for event in sorted(shown, key=lambda event: event.start_ns)],
        }


def time_text(time_ns: int) -> str:
    """Return a time as RFC 3339 in UTC."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_ns // 1000)
    return moment.isoformat().replace("+00:00", "Z")


def event_json(event: StoredEvent) -> dict[str, Any]:
    """Return an event of a backtest as JSON values."""
    return {
        "id": event.id,
        "kind": event.kind,
        "series": str(event.key),
        "measure": event.key.measure,
        "labels": event.key.label_map,
        "start": time_text(event.start_ns),
        "end": time_text(event.end_ns),
        "opened": time_text(event.opened_ns),
        "peak": time_text(event.peak_ns),
        "is_open": event.is_open,
        "score": event.score,
        "severity": event.severity,
        "direction": event.direction,
        "actual": event.actual,
        "expected": event.expected,
        "lower": event.lower,
        "upper": event.upper,
        "reason": event.reason,
    }


def backtest(
    monitor: Monitor,
    source: Source,
    *,
    start_ns: int | None,
    end_ns: int | None,
    now_ns: int,
    job: Job,
    run: RunShards = in_turn,
    labeled: Sequence[StoredEvent] = (),
) -> Backtest:
    """Return what the monitor would have done in start <= t < end; None = all history, up to now.

    ``labeled``: events that people judged, to compare with.

    Raises:
        NoPointsError: there are no points in the range.
        SourceError, DataError, ConfigError: the source cannot be read, or the declaration is wrong.
        StoppedError: the job is to stop.
    """
    if start_ns is not None and end_ns is not None and start_ns >= end_ns:
        raise ConfigError("start: must be before end", field="start")
    outset = look(monitor, source, now_ns)
    memory = first_memory(monitor, outset)
    reader = Reader(monitor.spec, source, memory.facts)
    grid = reader.grid
    last_ns = outset.end_ns if end_ns is None else min(outset.end_ns, grid.ceil(end_ns))
    learn_ns = outset.start_ns
    if start_ns is not None:
        learn_ns = grid.after(grid.floor(start_ns), -grid.count(outset.start_ns, outset.end_ns))
    first_ns = learn_ns if start_ns is None else grid.floor(start_ns)
    rules = rules_of(monitor.spec, monitor.id, memory.facts, memory.detector, memory.params, reader.channels)
    watch = Watch(rules, most_series=monitor.spec.max_series)
    kept = KeptScores(first_ns)
    maker = EventMaker(monitor, watch, memory, kept)
    told, newest = Told(), dict[str, StoredEvent]()
    job.total(grid.count(learn_ns, last_ns) * max(1, outset.n_series))
    for window, moved in Windows(reader, watch, outset.n_series).through(learn_ns, last_ns, run, job):
        found = maker.found(moved.advances, told, grid.after(window.cursor_ns, window.waiting), window.waiting)
        changes = told.changes(found, window.cursor_ns)
        told.keep(changes)
        newest.update((change.event.id, change.event) for change in changes)
        for advance in moved.advances:
            kept.add(advance)
            job.done(advance.values.size)
    if not kept.points:
        raise NoPointsError(f"{source.describe()}: has no points in the range")
    events = sorted(
        (event for event in newest.values() if event.end_ns > first_ns or event.is_open),
        key=lambda event: (event.start_ns, event.id),
    )
    return Backtest(
        start_ns=first_ns,
        end_ns=last_ns,
        events=events,
        detector=memory.detector,
        params=memory.params,
        why=memory.why,
        series=tuple(map(str, watch.keys)),
        points=kept.points,
        scored=kept.scored,
        scoring_from_ns=kept.scoring_from_ns,
        step_ns=memory.facts.step_ns,
        scores=kept.frame(first_ns),
        against_labels=compared(events, [event for event in labeled if event.start_ns >= first_ns]),
        notes=tuple(dict.fromkeys(note for findings in reader.findings for note in findings.notes)),
    )


def compared(events: Sequence[StoredEvent], labeled: Sequence[StoredEvent]) -> dict[str, int]:
    """Return how many events that people called true were found or missed, and how many false ones came again."""
    judged = [event for event in labeled if event.kind == "anomaly" and event.label is not None]
    if not judged:
        return {}
    anomalies = [event for event in events if event.kind == "anomaly"]
    counts = Counter((str(event.label), any(_touches(event, found) for found in anomalies)) for event in judged)
    return {
        "true_found": counts["true", True],
        "true_missed": counts["true", False],
        "false_again": counts["false", True] + counts["expected", True],
        "false_gone": counts["false", False] + counts["expected", False],
    }


def _touches(one: StoredEvent, other: StoredEvent) -> bool:
    return one.key == other.key and one.start_ns < other.end_ns and other.start_ns < one.end_ns


class KeptScores:
    """The scores of a backtest in memory, read like the score history."""

    def __init__(self, start_ns: int) -> None:
        """Count points from ``start_ns`` on; those before are kept for reasons."""
        self._start_ns = start_ns
        self._parts: list[dict[str, np.ndarray]] = []
        self._values = 0
        self._is_whole = True
        self.points = 0
        self.scored = 0
        self.scoring_from_ns: int | None = None

    def add(self, advance: Advance) -> None:
        """Keep what came of a window."""
        columns = score_columns(advance)
        is_inside = columns["time"] >= self._start_ns
        is_scored = ~np.isnan(columns["score"])
        self.points += int(is_inside.sum())
        self.scored += int((is_inside & is_scored).sum())
        if self.scoring_from_ns is None and is_scored.any():
            self.scoring_from_ns = int(columns["time"][is_scored].min())
        self._parts.append(columns)
        self._values += len(columns["time"])
        while self._values > MOST_KEPT_VALUES and len(self._parts) > 1:
            self._values -= len(self._parts.pop(0)["time"])
            self._is_whole = False

    def read(
        self,
        monitor_id: str,
        series: Sequence[int] | None,
        start_ns: int,
        end_ns: int,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Return rows as the score history does."""
        parts = []
        for part in self._parts:
            inside = (part["time"] >= start_ns) & (part["time"] < end_ns)
            if series is not None:
                inside &= np.isin(part["series"], series)
            names = ["series", "time", *(columns or [name for name in part if name not in ("series", "time")])]
            parts.append(pl.DataFrame({name: part[name][inside] for name in names if name in part}))
        if not parts:
            return pl.DataFrame(schema={"series": pl.Int32, "time": pl.Int64})
        return pl.concat(parts, how="diagonal").sort("series", "time")

    def frame(self, start_ns: int) -> pl.DataFrame | None:
        """Return all scores from a time on; None when there were too many to keep."""
        return self.read("", None, start_ns, np.iinfo(np.int64).max) if self._is_whole else None
