"""From what a tick found to events as kept, and to whom each is to be told."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from redshank.decide import Event, event_id
from redshank.panel import Key, to_datetime, to_time
from redshank.specs.monitor import MonitorSpec, QuietHours
from redshank.store.records import EventKind, StoredEvent

SEVERITY: dict[EventKind, int] = {"missing": 60, "flat": 55, "stale": 75, "new": 10, "source_down": 80}
BANDS = (75, 90)  # severities at which a growing event is told of again
UNWANTED = ("false", "expected")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_JUDGED = ("label", "acknowledged_by", "acknowledged_ns", "created_ns", "updated_ns", "sequence", "backfill")


def stored(monitor_id: str, monitor: str, event: Event, reason: str) -> StoredEvent:
    """Return an anomaly as kept."""
    return StoredEvent(
        id=event.id,
        monitor_id=monitor_id,
        monitor=monitor,
        kind="anomaly",
        key=event.key,
        start_ns=_ns(event.start),
        end_ns=_ns(event.end),
        opened_ns=_ns(event.opened),
        peak_ns=_ns(event.peak),
        score=known(event.score),
        severity=event.severity,
        direction=event.direction,
        actual=known(event.actual),
        expected=known(event.expected),
        lower=known(event.lower),
        upper=known(event.upper),
        rarity=known(event.rarity),
        points=event.points,
        is_open=event.is_open,
        share=event.share,
        reason=reason,
    )


def typed(
    kind: EventKind,
    monitor_id: str,
    monitor: str,
    key: Key,
    *,
    start_ns: int,
    end_ns: int,
    opened_ns: int,
    is_open: bool,
) -> StoredEvent:
    """Return an event about the data itself; the reason is for the caller to add."""
    return StoredEvent(
        id=event_id(f"{monitor_id}/{kind}", key, np.datetime64(start_ns, "ns")),
        monitor_id=monitor_id,
        monitor=monitor,
        kind=kind,
        key=key,
        start_ns=start_ns,
        end_ns=max(end_ns, start_ns),
        opened_ns=opened_ns,
        peak_ns=opened_ns,
        score=None,
        severity=SEVERITY[kind],
        direction="unknown",
        actual=None,
        expected=None,
        lower=None,
        upper=None,
        rarity=None,
        points=0,
        is_open=is_open,
    )


def known(number: float) -> float | None:
    """Return a number, None for NaN; infinite becomes the largest there is."""
    if math.isnan(number):
        return None
    return number if math.isfinite(number) else math.copysign(1.7e308, number)


def _ns(moment: datetime) -> int:
    return int(to_time(moment).view(np.int64))


@dataclass(frozen=True)
class Change:
    """An event that is new or another than before, and whether people are to hear of it."""

    event: StoredEvent
    is_told: bool


@dataclass
class Told:
    """The events of a monitor that are open, as they were last kept."""

    open: dict[str, StoredEvent] = field(default_factory=dict)

    def changes(self, found: Iterable[StoredEvent], end_ns: int) -> list[Change]:
        """Return what changed; open events that were not found again are closed at ``end_ns`` at the latest."""
        newest = {event.id: event for event in found}
        changed = [self._change(event) for event in newest.values()]
        gone = [event for event in self.open.values() if event.id not in newest and event.kind != "source_down"]
        return [change for change in changed if change is not None] + [_ended(event, end_ns) for event in gone]

    def keep(self, changes: Iterable[Change]) -> None:
        """Remember events as they are kept now."""
        for change in changes:
            if change.event.is_open:
                self.open[change.event.id] = change.event
            else:
                self.open.pop(change.event.id, None)

    def _change(self, event: StoredEvent) -> Change | None:
        old = self.open.get(event.id)
        if old is None:
            return Change(event, True)
        event = replace(event, **{name: getattr(old, name) for name in _JUDGED})
        if is_same(event, old):
            return None
        is_told = not event.is_open or _band(old) < _band(event)
        return Change(event, is_told and not old.backfill and old.label not in UNWANTED)


def is_same(one: StoredEvent, other: StoredEvent) -> bool:
    """Whether two forms of an event say the same, whatever their reasons."""
    return replace(one, reason="", monitor="") == replace(other, reason="", monitor="")


def _band(event: StoredEvent) -> int:
    return sum(event.severity >= band for band in BANDS)


def _ended(event: StoredEvent, end_ns: int) -> Change:
    why = "; its points came later" if event.kind in ("missing", "stale", "flat") else "; not so by what is known now"
    closed = replace(
        event, is_open=False, end_ns=max(event.start_ns, min(event.end_ns, end_ns)), reason=event.reason + why
    )
    return Change(closed, not event.backfill and event.label not in UNWANTED)


def is_quiet(spec: MonitorSpec, now_ns: int) -> bool:
    """Whether now is in the monitor's quiet hours."""
    return any(_is_within(hours, spec.tz, now_ns) for hours in spec.policy.quiet_hours)


def _is_within(hours: QuietHours, tz: str, now_ns: int) -> bool:
    local = to_datetime(np.datetime64(now_ns, "ns")).astimezone(ZoneInfo(hours.tz or tz))
    start, end, at = time.fromisoformat(hours.start), time.fromisoformat(hours.end), local.time()
    if start < end:
        return start <= at < end and _is_on(hours, local)
    if at >= start:
        return _is_on(hours, local)
    return at < end and _is_on(hours, local - timedelta(days=1))  # the night that began yesterday


def _is_on(hours: QuietHours, moment: datetime) -> bool:
    day = DAYS[moment.weekday()]
    return not hours.days or any(day.startswith(name.strip().lower()[:3]) for name in hours.days)


def deliveries(changes: Sequence[Change], sinks: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs of a sink and the id of an event that it is to be told of."""
    return [(sink, change.event.id) for change in changes if change.is_told for sink in sinks]
