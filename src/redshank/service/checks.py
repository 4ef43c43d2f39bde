"""What is found out when a monitor is saved: do its schedules come, is its source there, does it fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from redshank.engine.capacity import Limits, Need, check, need_of, total
from redshank.engine.live_memory import LiveMemory
from redshank.engine.setting import OpenSource
from redshank.engine.validation import Examined, examine
from redshank.errors import ConfigError, NoPointsError, NotFoundError, TooLargeError
from redshank.executors.machine import machine_limits
from redshank.registry import build_detector
from redshank.schedules.times import check_schedule
from redshank.service.deadline import within
from redshank.specs.base import Spec
from redshank.specs.monitor import MonitorSpec
from redshank.specs.schedule import NamedSchedule, ScheduleSpec
from redshank.store.records import Kind
from redshank.store.store import Store

LOOK_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What a monitor will need, what all together may take, and what the others take; ``problem`` None = it fits."""

    need: Need
    limits: Limits
    n_taken: int
    taken_total: tuple[int, float]
    problem: str | None


class SaveChecks:
    """Checks of declarations that ask the clock, the source and the machine."""

    def __init__(self, store: Store, open_source: OpenSource, clock: Callable[[], int]) -> None:
        """``clock`` gives nanoseconds since 1970."""
        self._store, self._open_source, self._clock = store, open_source, clock

    def __call__(self, kind: Kind, spec: Spec) -> None:
        """Raise what is wrong with a declaration beyond its form.

        Raises:
            ConfigError: a schedule never comes, or what is named is not there.
            SourceError, DataError: the source cannot be read, or not as declared. No points yet is no error.
            TooLargeError: it would need more than there is.
        """
        now = datetime.fromtimestamp(self._clock() / 1e9, UTC)
        if isinstance(spec, NamedSchedule):
            check_schedule(spec, now)
        if not isinstance(spec, MonitorSpec):
            return
        for verb in ("train", "detect", "tune"):
            schedule = getattr(spec, verb)
            if isinstance(schedule, ScheduleSpec):
                _check_schedule_of(verb, schedule, now)
        try:
            found = self.fit(spec)
        except NoPointsError:
            return
        if found.problem is not None:
            raise TooLargeError(f"monitor {spec.name!r}: {found.problem}")

    def fit(self, spec: MonitorSpec) -> Fit:
        """Return what a monitor will need, by a look at its data, and whether there is room.

        Raises:
            NoPointsError: there are no points yet by which to tell.
            SourceError, DataError, ConfigError: its source cannot be read, or not as declared.
        """
        found = self.examined(spec)
        if found.need is None:
            raise NoPointsError(found.warnings[0])
        return self.fitted(found.need, spec.name)

    def fitted(self, need: Need, name: str = "") -> Fit:
        """Return whether there is room for a need beside all monitors but the one of a name."""
        limits, taken = machine_limits(), self._taken(besides=name)
        try:
            check(need, limits, taken)
        except TooLargeError as error:
            return Fit(need=need, limits=limits, n_taken=len(taken), taken_total=total(taken), problem=str(error))
        return Fit(need=need, limits=limits, n_taken=len(taken), taken_total=total(taken), problem=None)

    def examined(self, spec: MonitorSpec) -> Examined:
        """Return what a monitor will be, by a first look at its data, with what to know of it."""
        try:
            source = self._open_source(spec)
        except NotFoundError as error:
            raise ConfigError(f"monitor: source: {error}", field="source") from None
        work = partial(examine, spec, source, now_ns=self._clock())
        return within(LOOK_SECONDS, work, source.cancel, source.describe())

    def _taken(self, besides: str) -> Sequence[Need]:
        """Return what the monitors that work need."""
        names = {each.id: each.name for each in self._store.resources.all("monitors") if _is_enabled(each.spec)}
        made: dict[tuple[Any, ...], Need] = {}
        found = []
        for live in self._store.live.all():
            if names.get(live.monitor_id, besides) == besides:
                continue
            memory = LiveMemory.from_json(live.memory)
            key = (memory.detector, repr(memory.params), memory.facts.step_ns, memory.expected_series)
            if key not in made:
                made[key] = _need(memory)
            found.append(made[key])
        return found


def _check_schedule_of(verb: str, schedule: ScheduleSpec, now: datetime) -> None:
    try:
        check_schedule(schedule, now)
    except ConfigError as error:
        raise ConfigError(f"monitor: {verb}: {error}", field=f"{verb}.{error.field}" if error.field else verb) from None


def _is_enabled(spec: Mapping[str, Any]) -> bool:
    return bool(spec.get("enabled", True))


def _need(memory: LiveMemory) -> Need:
    detector = build_detector(memory.detector, memory.params)
    step = timedelta(microseconds=memory.facts.step_ns / 1000)
    return need_of(detector, series=max(1, memory.expected_series), step=step)
