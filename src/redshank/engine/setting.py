"""What a monitor's declaration means for the engine: detector, policy, budget, grid, clock and delay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from redshank.calibrate import Budget
from redshank.detectors.auto import Amount, Choice, choose_for
from redshank.engine.batch import Plan, check_mode
from redshank.engine.reading import Facts
from redshank.engine.steps import Grid
from redshank.engine.watch_shard import Rules
from redshank.errors import ConfigError
from redshank.sources.base import Source
from redshank.specs.monitor import MonitorSpec
from redshank.store.records import Resource

OpenSource = Callable[[MonitorSpec], Source]
MOST_DELAY = timedelta(minutes=1)
ENOUGH_POINTS = 1_000_000  # a live detector warms up by itself, so what is there at first is no obstacle


@dataclass(frozen=True)
class Monitor:
    """A monitor as it works: its id for ever, and its declaration as it is now."""

    id: str
    spec: MonitorSpec
    revision: int = 0

    @classmethod
    def of(cls, resource: Resource) -> Monitor:
        """Return the monitor of a declaration that was checked when it was saved."""
        return cls(resource.id, MonitorSpec.model_validate(resource.spec), resource.revision)

    @property
    def name(self) -> str:
        """The name, which can change."""
        return self.spec.name


def choose_detector(spec: MonitorSpec, amount: Amount) -> Choice:
    """Return the detector asked for, or the best one for so much data that works live.

    Raises:
        ConfigError: it looks both ways in time, or a parameter is wrong.
    """
    if spec.detector != "auto":
        check_mode(plan_of(spec, "", spec.detector, spec.params).new_detector(), "live")
        return Choice(spec.detector, dict(spec.params), "as asked")
    if spec.params:
        raise ConfigError("params: parameters need a named detector, such as seasonal", field="params")
    return choose_for(replace(amount, points=max(amount.points, ENOUGH_POINTS)), "live")


def plan_of(
    spec: MonitorSpec, name: str, detector: str, params: Mapping[str, Any], step: timedelta | None = None
) -> Plan:
    """Return detector, policy and budget; ``name`` enters the ids of events."""
    return Plan(
        detector=detector,
        params=params,
        policy=spec.policy.policy(),
        budget=None if spec.policy.budget is None or step is None else Budget.parse(spec.policy.budget, step),
        tz=spec.tz,
        name=name,
    )


def rules_of(
    spec: MonitorSpec, name: str, facts: Facts, detector: str, params: Mapping[str, Any], channels: tuple[str, ...]
) -> Rules:
    """Return what the watch of a monitor goes by."""
    step = timedelta(microseconds=facts.step_ns / 1000)
    return Rules(
        plan=plan_of(spec, name, detector, params, step),
        step_ns=facts.step_ns,
        channels=channels,
        missing_steps=spec.watch.missing_after or 0,
        flat_points=spec.watch.flat_after or 0,
    )


def stale_steps(spec: MonitorSpec, facts: Facts) -> int:
    """Return the steps without any value after which a monitor of several series is stale; 0 = never."""
    if spec.watch.stale_after is None:
        return spec.watch.missing_after or 0
    step = timedelta(microseconds=facts.step_ns / 1000)
    return max(1, -(-spec.watch.stale_after // step))


def goes_by_data(spec: MonitorSpec, source: Source) -> bool:
    """Whether the newest time in the data is the clock."""
    return spec.clock == "data" or (spec.clock is None and source.kind == "files")


def delay_ns(spec: MonitorSpec, facts: Facts) -> int:
    """Return how late points may come."""
    step = timedelta(microseconds=facts.step_ns / 1000)
    delay = min(step, MOST_DELAY) if spec.delay is None else spec.delay
    return delay // timedelta(microseconds=1) * 1000


def complete_until(spec: MonitorSpec, facts: Facts, *, newest_ns: int | None, now_ns: int) -> int:
    """Return the end of the last step that is complete for sure; ``newest_ns``: in the data, None = by the clock."""
    grid = Grid(facts.step_ns, spec.tz)
    surely = now_ns if newest_ns is None else newest_ns + facts.row_ns
    return grid.floor(surely - delay_ns(spec, facts))
