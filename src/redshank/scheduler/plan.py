"""What is to be done, read from the declarations: which monitors are watched live, and which schedules there are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import structlog
from pydantic import ValidationError

from redshank.scheduler.timetable import Timer
from redshank.scheduler.watch import DEFAULT_STEP_NS, SECOND
from redshank.specs.monitor import MonitorSpec
from redshank.specs.schedule import NamedSchedule, ScheduleSpec
from redshank.store.records import Resource, Verb
from redshank.store.store import Store

log = structlog.get_logger("redshank.scheduler")

VERBS: tuple[Verb, ...] = ("train", "detect", "tune")


@dataclass(frozen=True)
class Plan:
    """``live``: monitors that are ticked at every step, by id with the name of their source and the step in ns."""

    live: Mapping[str, tuple[Resource, str, int]]
    timers: tuple[Timer, ...]
    monitor_ids: frozenset[str]


class Planner:
    """Reads the declarations anew when they changed; what did not change is not read again."""

    def __init__(self, store: Store) -> None:
        """Begin with nothing read."""
        self._store = store
        self._seen: tuple[int, int, int] | None = None
        self._read: dict[tuple[str, int], MonitorSpec | None] = {}

    def is_changed(self) -> bool:
        """Whether a declaration was changed since the last ``plan``, by whichever process."""
        return self._store.resources.fingerprint() != self._seen

    def plan(self) -> Plan:
        """Return what is declared now. A monitor that cannot be read is left out, and said so in the log."""
        self._seen = self._store.resources.fingerprint()
        schedules = self._schedules()
        monitors = self._store.resources.all("monitors")
        specs = {monitor.id: self._spec(monitor) for monitor in monitors}
        self._read = {(monitor.id, monitor.revision): specs[monitor.id] for monitor in monitors}
        live, timers = {}, []
        for monitor in monitors:
            spec = specs[monitor.id]
            if spec is None or not spec.enabled:
                continue
            timers += _timers(monitor, spec, schedules)
            if spec.detect is None:
                live[monitor.id] = (monitor, source_of(monitor, spec), _step_ns(spec))
        return Plan(live=live, timers=tuple(timers), monitor_ids=frozenset(specs))

    def _schedules(self) -> dict[str, ScheduleSpec]:
        found = {}
        for resource in self._store.resources.all("schedules"):
            try:
                found[resource.name] = NamedSchedule.model_validate({"name": resource.name, **resource.spec})
            except ValidationError as error:
                log.error("schedule cannot be read", schedule=resource.name, error=_first(error))
        return cast(dict[str, ScheduleSpec], found)

    def _spec(self, monitor: Resource) -> MonitorSpec | None:
        key = (monitor.id, monitor.revision)
        if key in self._read:
            return self._read[key]
        try:
            return MonitorSpec.model_validate({"name": monitor.name, **monitor.spec})
        except ValidationError as error:
            log.error("monitor cannot be read", monitor=monitor.name, error=_first(error))
            return None


def source_of(monitor: Resource, spec: MonitorSpec) -> str:
    """Return a name that is equal for monitors that read from the same place."""
    if isinstance(spec.source, str):
        return spec.source
    if spec.source is not None:
        return json.dumps(monitor.spec["source"], sort_keys=True)
    return f"path {spec.path}" if spec.path else f"monitor {monitor.id}"


def _timers(monitor: Resource, spec: MonitorSpec, schedules: Mapping[str, ScheduleSpec]) -> list[Timer]:
    found = []
    for verb in VERBS:
        given: Any = getattr(spec, verb)
        schedule = schedules.get(given) if isinstance(given, str) else given
        if schedule is None and given is not None:
            log.error("schedule not found", monitor=monitor.name, verb=verb, schedule=given)
        if schedule is not None:
            found.append(Timer(monitor.id, monitor.name, verb, schedule))
    return found


def _step_ns(spec: MonitorSpec) -> int:
    return DEFAULT_STEP_NS if spec.step is None else int(spec.step.total_seconds() * SECOND)


def _first(error: ValidationError) -> str:
    return error.errors(include_url=False, include_input=False)[0]["msg"]
