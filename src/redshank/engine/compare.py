"""Two ways of watching the same series over the same range, side by side: what each saw, and what only one did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redshank.engine.backtest import Backtest, backtest, event_json, time_text
from redshank.engine.job import Job
from redshank.engine.setting import Monitor
from redshank.engine.watch import RunShards, in_turn
from redshank.errors import ConfigError
from redshank.sources.base import Source
from redshank.specs.monitor import MonitorSpec
from redshank.specs.problems import checked
from redshank.store.records import StoredEvent

MOST_SHOWN = 200  # events of each list in the result


@dataclass(frozen=True)
class Side:
    """One of the two: its detector, and how much it alarms."""

    detector: str
    params: Mapping[str, Any]
    events: int
    per_day: float
    points: int
    scored: int

    @classmethod
    def of(cls, found: Backtest) -> Side:
        """Return the figures of a backtest; events are anomalies only."""
        events = len(_anomalies(found.events))
        return cls(found.detector, found.params, events, found.per_day, found.points, found.scored)

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        return {
            "detector": self.detector,
            "params": dict(self.params),
            "events": self.events,
            "events_per_day": round(self.per_day, 3),
            "points": self.points,
            "scored": self.scored,
        }


@dataclass(frozen=True)
class Compared:
    """``both``: pairs of events that overlap in one series, each event in one pair at most; the others stand alone."""

    start_ns: int
    end_ns: int
    one: Side
    other: Side
    both: list[tuple[StoredEvent, StoredEvent]]
    only_one: list[StoredEvent]
    only_other: list[StoredEvent]

    def to_json(self) -> dict[str, Any]:
        """Return figures and events as JSON values; of very many events the worst."""
        return {
            "start": time_text(self.start_ns),
            "end": time_text(self.end_ns),
            "one": self.one.to_json(),
            "other": self.other.to_json(),
            "n_both": len(self.both),
            "n_only_one": len(self.only_one),
            "n_only_other": len(self.only_other),
            "both": [[event_json(left), event_json(right)] for left, right in self.both[:MOST_SHOWN]],
            "only_one": [event_json(event) for event in _worst(self.only_one)],
            "only_other": [event_json(event) for event in _worst(self.only_other)],
        }


def compared(one: Backtest, other: Backtest) -> Compared:
    """Return two backtests of the same range side by side; ConfigError when the ranges do not overlap."""
    start_ns, end_ns = max(one.start_ns, other.start_ns), min(one.end_ns, other.end_ns)
    if start_ns >= end_ns:
        raise ConfigError("compare: the ranges must overlap", field="start")
    left = [event for event in _anomalies(one.events) if event.start_ns < end_ns and event.end_ns > start_ns]
    right = [event for event in _anomalies(other.events) if event.start_ns < end_ns and event.end_ns > start_ns]
    both = pairs(left, right)
    paired = {id(event) for pair in both for event in pair}
    return Compared(
        start_ns,
        end_ns,
        Side.of(one),
        Side.of(other),
        both,
        [event for event in left if id(event) not in paired],
        [event for event in right if id(event) not in paired],
    )


def pairs(left: Sequence[StoredEvent], right: Sequence[StoredEvent]) -> list[tuple[StoredEvent, StoredEvent]]:
    """Return events of the same series that overlap, in order of time; each event is in one pair at most."""
    waiting: dict[Any, list[StoredEvent]] = {}
    for event in sorted(right, key=lambda each: each.start_ns):
        waiting.setdefault(event.key, []).append(event)
    found = []
    for event in sorted(left, key=lambda each: each.start_ns):
        candidates = waiting.get(event.key, [])
        while candidates and candidates[0].end_ns <= event.start_ns:
            candidates.pop(0)
        if candidates and candidates[0].start_ns < event.end_ns:
            found.append((event, candidates.pop(0)))
    return found


def compare(
    monitor: Monitor,
    changes: Sequence[Mapping[str, Any]],
    source: Source,
    *,
    start_ns: int | None,
    end_ns: int | None,
    now_ns: int,
    job: Job,
    run: RunShards = in_turn,
) -> Compared:
    """Return what a monitor would have done in a past range with either of two changes to its declaration.

    ``changes``: two mappings of fields, such as ``{"detector": "seasonal"}``; an empty one is the monitor as it is.

    Raises:
        ConfigError: there are not two changes, or one makes a declaration that is wrong.
        NoPointsError, SourceError, DataError: as in a backtest.
    """
    if len(changes) != 2:
        raise ConfigError(f"compare: needs two declarations, got {len(changes)}", field="against")
    found = []
    for change in changes:
        spec = changed(monitor.spec, change)
        made = backtest(
            Monitor(monitor.id, spec), source, start_ns=start_ns, end_ns=end_ns, now_ns=now_ns, job=job, run=run
        )
        found.append(made)
    return compared(*found)


def changed(spec: MonitorSpec, change: Mapping[str, Any]) -> MonitorSpec:
    """Return a declaration with other values in some fields; another detector comes without the params of the old one.

    Raises:
        ConfigError: what comes of it is wrong.
    """
    given = spec.model_dump(mode="json", exclude_unset=True)
    if "detector" in change and "params" not in change:
        given.pop("params", None)
    made, problems = checked(MonitorSpec, {**given, **change})
    if made is None:
        raise ConfigError(f"params: {problems[0]}", field="params")
    return made


def _anomalies(events: Sequence[StoredEvent]) -> list[StoredEvent]:
    return [event for event in events if event.kind == "anomaly"]


def _worst(events: Sequence[StoredEvent]) -> list[StoredEvent]:
    return sorted(events, key=lambda event: (-event.severity, event.start_ns))[:MOST_SHOWN]
