"""Monitors at work: switched on and off, where they stand, and the versions of what they learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast, get_args

from redshank.errors import ConfigError
from redshank.schedules.times import next_time
from redshank.service.actor import Actor
from redshank.service.audit import Audit
from redshank.service.resources import Resources, Saving
from redshank.service.worker import Worker
from redshank.specs.monitor import MonitorSpec
from redshank.specs.schedule import ScheduleSpec
from redshank.store.records import Live, Resource, Run, Verb, Version
from redshank.store.runs import RunFilter
from redshank.store.store import Store

SCHEDULED: tuple[Verb, ...] = ("train", "detect", "tune")


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where a monitor stands.

    ``live``: None before the first tick. ``lag_seconds``: from the cursor to now, None where the data is the clock.
    ``next_ns``: when each scheduled verb runs next. ``series``, ``open_events``: how many. ``last_run``: the newest
    that is not the continuous detection.
    """

    name: str
    enabled: bool
    live: Live | None
    lag_seconds: float | None
    next_ns: Mapping[str, int | None]
    series: int
    open_events: int
    last_run: Run | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two versions of a monitor, and what differs between them: field -> (of the one, of the other)."""

    one: Version
    other: Version
    differences: Mapping[str, tuple[Any, Any]]


def lag_seconds(spec: Mapping[str, Any], kinds: Mapping[str, str], live: Live | None, now_ns: int) -> float | None:
    """Return how far what is scored is behind now; None before the first tick, or where the data is the clock.

    ``kinds``: of sources, by name.
    """
    source = spec.get("source") or {"kind": "files"}
    kind = kinds.get(source) if isinstance(source, str) else source.get("kind")
    clock = spec.get("clock") or ("data" if kind == "files" else "wall")
    return None if live is None or clock == "data" else max(0.0, (now_ns - live.cursor_ns) / 1e9)


def source_kinds(store: Store) -> dict[str, str]:
    """Return the kind of each source by its name."""
    return {source.name: str(source.spec.get("kind")) for source in store.resources.all("sources")}


class Monitors:
    """Monitors at work."""

    def __init__(
        self, store: Store, resources: Resources, audit: Audit, worker: Worker, clock: Callable[[], int]
    ) -> None:
        """``clock`` gives nanoseconds since 1970; ``worker`` is told of changes."""
        self._store, self._resources, self._audit = store, resources, audit
        self._worker, self._clock = worker, clock

    def enable(self, name: str, is_enabled: bool, *, actor: Actor) -> Resource:
        """Let a monitor work, or rest; what it learned is kept."""
        change = {"enabled": is_enabled}
        return self._resources.merge("monitors", name, change, actor=actor, saving=Saving(is_checked=False))

    def status(self, name: str) -> Status:
        """Return where a monitor stands; NotFoundError when there is none of that name."""
        monitor = self._store.resources.get("monitors", name)
        spec = cast(MonitorSpec, self._resources.spec("monitors", name))
        live = self._store.live.get(monitor.id)
        return Status(
            name=name,
            enabled=spec.enabled,
            live=live,
            lag_seconds=lag_seconds(monitor.spec, source_kinds(self._store), live, self._clock()),
            next_ns={verb: self._next_ns(spec, verb) for verb in SCHEDULED if getattr(spec, verb) is not None},
            series=self._store.series.count(monitor.id),
            open_events=len(self._store.events.open_of(monitor.id)),
            last_run=self._last_run(monitor.id),
        )

    def versions(self, name: str) -> Sequence[Version]:
        """Return the versions of a monitor, newest first."""
        return self._store.states.versions(self._store.resources.get("monitors", name).id)

    def version(self, name: str, number: int) -> Version:
        """Return one version; NotFoundError when there is none."""
        return self._store.states.version(self._store.resources.get("monitors", name).id, number)

    def compare(self, name: str, number: int, other: int) -> Comparison:
        """Return two versions and what differs between them."""
        left, right = self.version(name, number), self.version(name, other)
        fields = ("detector", "start_ns", "cursor_ns", "n_series", "size_bytes")
        found = {field: (getattr(left, field), getattr(right, field)) for field in fields}
        names = {*left.params, *right.params}
        found |= {f"params.{each}": (left.params.get(each), right.params.get(each)) for each in sorted(names)}
        differences = {field: pair for field, pair in found.items() if pair[0] != pair[1]}
        return Comparison(one=left, other=right, differences=differences)

    def restore(self, name: str, number: int, *, actor: Actor) -> Version:
        """Make an earlier version the live one; it catches up by the points since."""
        monitor = self._store.resources.get("monitors", name)
        version = self._store.states.restore(monitor.id, number)
        self._audit.note(actor.name, "restore", "monitors", name, {"version": number})
        self._worker.changed()
        return version

    def prune(self, name: str, keep: int, *, actor: Actor) -> int:
        """Drop all but the newest versions and the live one; return how many went."""
        if keep < 1:
            raise ConfigError(f"keep: must be at least 1, got {keep}", field="keep")
        monitor = self._store.resources.get("monitors", name)
        gone = self._store.states.prune(monitor.id, keep)
        self._audit.note(actor.name, "prune", "monitors", name, {"keep": keep, "gone": gone})
        return gone

    def _next_ns(self, spec: MonitorSpec, verb: str) -> int | None:
        given = getattr(spec, verb)
        schedule = self._resources.spec("schedules", given) if isinstance(given, str) else given
        now = datetime.fromtimestamp(self._clock() / 1e9, UTC)
        moment = next_time(cast(ScheduleSpec, schedule), now, spec.name) if spec.enabled else None
        return None if moment is None else int(moment.timestamp()) * 1_000_000_000

    def _last_run(self, monitor_id: str) -> Run | None:
        verbs = tuple(verb for verb in get_args(Verb) if verb != "detect")
        page = self._store.runs.list(RunFilter(monitor_ids=[monitor_id], verbs=verbs), limit=1)
        return page.items[0] if page.items else None
