"""The events of a tick: anomalies with their reasons, and those about the data itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from redshank.decide import Event
from redshank.durations import format_duration
from redshank.engine.absence_kernel import FIRST_TIME, GAP, SEEN
from redshank.engine.live_memory import LiveMemory
from redshank.engine.replay import ScoreRows
from redshank.engine.setting import Monitor, stale_steps
from redshank.engine.telling import Told, stored, typed
from redshank.engine.watch import Watch
from redshank.engine.watch_answer import Absence, Admitted, Advance
from redshank.panel import Floats, Key, Panel
from redshank.reasons import Telling, explain, number
from redshank.store.records import StoredEvent

LOOK_BACK_NS = 35 * 86_400_000_000_000  # of history that a reason is told from
MOST_EXPLAINED = 200  # events of a tick whose reasons look at history; a storm gets the short form


class EventMaker:
    """Makes the events of one monitor's ticks."""

    def __init__(self, monitor: Monitor, watch: Watch, memory: LiveMemory, history: ScoreRows) -> None:
        """``history``: the score history, read for reasons only."""
        self._monitor = monitor
        self._watch = watch
        self._memory = memory
        self._history = history
        detector = watch.rules.plan.new_detector()
        self._telling = Telling(
            tz=monitor.spec.tz, compares_shapes=detector.compares_shapes, looks_back=True, rarest=50_000.0
        )

    def found(self, advances: Sequence[Advance], told: Told, end_ns: int, pending: int) -> list[StoredEvent]:
        """Return the events that closed in a tick or are open at its end.

        ``pending``: steps up to ``end_ns`` in which nothing came yet.
        """
        events = {event.id: event for advance in advances for event in advance.events}
        still = {event.id for event in (advances[-1].events if advances else ()) if event.is_open}
        kept = [event for event in events.values() if not event.is_open or event.id in still]
        anomalies = list(self._anomalies(kept, advances, told))
        if not advances:
            anomalies = [event for event in told.open.values() if event.kind == "anomaly"]
        return [*anomalies, *self._about_data(advances, end_ns, pending)]

    # ------------------------------------------------------------------ anomalies

    def _anomalies(self, events: Sequence[Event], advances: Sequence[Advance], told: Told) -> Iterator[StoredEvent]:
        explained = 0
        for event in events:
            plain = stored(self._monitor.id, self._monitor.name, event, "")
            old = told.open.get(event.id)
            if old is not None and old.peak_ns == plain.peak_ns and old.is_open and event.is_open:
                yield replace(plain, reason=old.reason)
                continue
            explained += 1
            reason = self._reason(event, advances) if explained <= MOST_EXPLAINED else self._short(event)
            yield replace(plain, reason=reason)

    def _reason(self, event: Event, advances: Sequence[Advance]) -> str:
        panel = self._around(event, advances)
        reason = explain(event, panel, 0, self._telling) if panel.n_time else self._short(event)
        return "; ".join(part for part in (reason, self._newness(event)) if part)

    def _short(self, event: Event) -> str:
        if event.expected != event.expected:
            return f"{number(event.actual)}, unusual for this series"
        return f"{number(event.actual)} where {number(event.expected)} was expected"

    def _newness(self, event: Event) -> str:
        """Say that a series is so new that it was judged by what a sibling has learned."""
        shard, row = self._watch.place(self._watch.index[event.key])
        seed, wide = int(shard.seed[row]), int(shard.wide[row, 1])
        if seed < 0 or shard.marks[row, SEEN] > 2 * wide:
            return ""
        first = int(shard.marks[row, FIRST_TIME])
        since = np.datetime64(first, "ns").astype("datetime64[m]").astype(str).replace("T", " ")
        return f"new since {since}, judged by what is known of {self._watch.keys[seed]} with a wider range at first"

    def _around(self, event: Event, advances: Sequence[Advance]) -> Panel:
        """The series of an event with the history before it, up to the end of the tick."""
        row = self._watch.index[event.key]
        channels = self._watch.rules.channels
        end_ns = int(np.datetime64(event.end.replace(tzinfo=None), "ns").view(np.int64))
        start_ns = int(np.datetime64(event.start.replace(tzinfo=None), "ns").view(np.int64)) - LOOK_BACK_NS
        frame = self._history.read(
            self._monitor.id, [row], start_ns, end_ns, [f"value.{channel}" for channel in channels]
        )
        times, values = [frame["time"].to_numpy()], [_values(frame, channels)]
        for advance in advances:
            if row < len(advance.values):
                new = advance.scores.times.view(np.int64)
                there = np.isfinite(advance.values[row]).any(axis=1) & (new >= start_ns) & (new < end_ns)
                times.append(new[there])
                values.append(advance.values[row][there])
        joined = np.concatenate(times).view("datetime64[ns]")
        return Panel((event.key,), joined, np.concatenate(values)[None], channels)

    # ------------------------------------------------------------------ about the data itself

    def _about_data(self, advances: Sequence[Advance], end_ns: int, pending: int) -> Iterator[StoredEvent]:
        watch, spec = self._watch, self._monitor.spec
        closed = [absence for advance in advances for absence in advance.absences]
        for absence in [*closed, *watch.open_absences(end_ns, pending)]:
            yield self._absence(absence)
        yield from self._stale(advances, end_ns, pending)
        if spec.watch.new:
            for advance in advances:
                yield from (self._new(one) for one in advance.admitted if one.is_late)

    def _absence(self, absence: Absence) -> StoredEvent:
        kind = "missing" if absence.kind == "missing" else "flat"
        event = self._typed(kind, self._watch.keys[absence.row], absence, absence.is_open)
        shard, row = self._watch.place(absence.row)
        if kind == "flat":
            value = number(float(shard.last[row, 0])) if absence.is_open else ""
            return replace(event, reason=f"the same value{f' {value}' if value else ''} again and again")
        usual = float(shard.usual[row, GAP])
        every = f", usually one every {number(usual + 1, 2)} steps" if usual >= 1 else ""
        if absence.is_open:
            return replace(event, reason=f"no value since then{every}")
        span = self._span(absence.start_ns, absence.end_ns)
        ending = "; not waited for any longer" if absence.is_given_up else ""
        return replace(event, reason=f"no value for {span}{every}{ending}")

    def _stale(self, advances: Sequence[Advance], end_ns: int, pending: int) -> Iterator[StoredEvent]:
        """Stretches in which no series at all has a value; of a single series they are its own absence."""
        watch, spec = self._watch, self._monitor.spec
        after = stale_steps(spec, self._memory.facts)
        if not after or (watch.n_series <= 1 and spec.watch.stale_after is None) or watch.n_series == 0:
            return
        step_ns = watch.rules.step_ns
        many = f"any of {watch.n_series:,} series" if watch.n_series > 1 else "the series"
        for start, end, steps in (stretch for advance in advances for stretch in advance.blank):
            if steps >= after:
                absence = Absence(0, "stale", start, end, start + (after - 1) * step_ns, False)
                reason = f"nothing new in {many} for {self._span(start, end)}"
                yield replace(self._typed("stale", self._own_key, absence, False), reason=reason)
        steps = watch.blank_steps + pending
        if steps >= after:
            start = watch.blank_since if watch.blank_steps else end_ns - pending * step_ns
            absence = Absence(0, "stale", start, end_ns, start + (after - 1) * step_ns, True)
            yield replace(
                self._typed("stale", self._own_key, absence, True), reason=f"nothing new in {many} since then"
            )

    @property
    def _own_key(self) -> Key:
        return Key.of(self._monitor.name)

    def _new(self, one: Admitted) -> StoredEvent:
        end_ns = one.time_ns + self._watch.rules.step_ns
        absence = Absence(one.row, "new", one.time_ns, end_ns, one.time_ns, False)
        if one.sibling is None:
            reason = f"first seen; scored from {self._watch.warmup:,} values on"
        else:
            reason = f"first seen; judged at first by what is known of {one.sibling}, with a wider range"
        return replace(self._typed("new", one.key, absence, False), reason=reason)

    def _typed(self, kind: str, key: Key, absence: Absence, is_open: bool) -> StoredEvent:
        end_ns = absence.opened_ns + self._watch.rules.step_ns if is_open else absence.end_ns
        return typed(
            kind,  # type: ignore[arg-type]  # a literal of EventKind at each call
            self._monitor.id,
            self._monitor.name,
            key,
            start_ns=absence.start_ns,
            end_ns=end_ns,
            opened_ns=absence.opened_ns,
            is_open=is_open,
        )

    def _span(self, start_ns: int, end_ns: int) -> str:
        return format_duration(timedelta(microseconds=(end_ns - start_ns) // 1000))


def _values(frame: object, channels: tuple[str, ...]) -> Floats:
    import polars as pl

    assert isinstance(frame, pl.DataFrame)
    nothing = np.full(len(frame), np.nan)
    columns = [frame[f"value.{c}"].to_numpy() if f"value.{c}" in frame.columns else nothing for c in channels]
    return np.stack(columns, axis=1)
