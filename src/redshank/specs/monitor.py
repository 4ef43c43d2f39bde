"""The monitor as declared: what to watch, how, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from redshank.calibrate import Budget
from redshank.decide import Direction, Policy
from redshank.errors import ConfigError
from redshank.schedules.text import read_time, read_weekdays
from redshank.sources.base import check_zone
from redshank.specs.base import Duration, Name, Spec
from redshank.specs.connection import SinkSpec, SourceSpec
from redshank.specs.expression import Input
from redshank.specs.measure import MeasureSpec
from redshank.specs.schedule import When


def _as_said(read: Callable[[str], Any], field: str) -> Callable[[str], str]:
    """Return a validator by a reader of texts; its error becomes one that pydantic adds the field to."""

    def check(given: str) -> str:
        try:
            said = read(given)
        except ConfigError as error:
            raise ValueError(str(error).removeprefix(f"{field}: ")) from None
        return said if isinstance(said, str) else given

    return check


def _above_zero(given: timedelta) -> timedelta:
    if given <= timedelta(0):
        raise ValueError("must be above zero")
    return given


def _not_negative(given: timedelta) -> timedelta:
    if given < timedelta(0):
        raise ValueError("must not be negative")
    return given


Zone = Annotated[str, AfterValidator(_as_said(check_zone, "tz"))]
TimeOfDay = Annotated[str, AfterValidator(_as_said(read_time, "at"))]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Length = Annotated[Duration, AfterValidator(_above_zero)]


class QuietHours(Spec):
    """When events are kept but not delivered: on ``days`` (names; none = all) from ``start`` to ``end``, HH:MM.

    ``end`` at or before ``start`` is that of the next day.
    """

    days: tuple[str, ...] = ()
    start: TimeOfDay
    end: TimeOfDay
    tz: Zone | None = None  # None: that of the monitor

    @field_validator("days", mode="before")
    @classmethod
    def _names(cls, given: Any) -> Any:
        texts = (given,) if isinstance(given, str) else given
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            return given
        try:
            return read_weekdays(",".join(texts)) if texts else ()
        except ConfigError as error:
            raise ValueError(str(error).partition(": ")[2]) from None


class PolicySpec(Spec):
    """Which scores are worth an event, and when nobody wants to hear of it."""

    direction: Direction = "both"
    least_deviation: float = Field(default=0.0, ge=0)
    least_relative: float = Field(default=0.0, ge=0)
    open_above: float = Field(default=1.0, gt=0)
    close_below: float = Field(default=0.5, gt=0)
    open_points: int = Field(default=1, ge=1)
    quiet_points: int | None = Field(default=None, ge=1)
    budget: Annotated[str, AfterValidator(_as_said(Budget.parse, "budget"))] | None = None
    quiet_hours: tuple[QuietHours, ...] = ()

    @field_validator("quiet_hours", mode="before")
    @classmethod
    def _one_or_many(cls, given: Any) -> Any:
        return (given,) if isinstance(given, dict) else given

    @field_validator("close_below")
    @classmethod
    def _not_above(cls, given: float, info: ValidationInfo) -> float:
        open_above = info.data.get("open_above", math.inf)
        if given > open_above:
            raise ValueError(f"must be <= open_above ({open_above:g}), got {given:g}")
        return given

    def policy(self) -> Policy:
        """Return what the engine works by; an event that opens low closes no higher, unless said otherwise."""
        given = self.model_dump(exclude={"budget", "quiet_hours"})
        return Policy(**{**given, "close_below": min(self.close_below, self.open_above)})


class WatchSpec(Spec):
    """What else is worth an event: series that stop, freeze or appear, and a source that is down.

    ``missing_after``: steps without a value, ``flat_after``: equal values in a row of a series that used to move,
    ``stale_after``: how long no series at all may have a new value. None = not watched; of several series
    ``stale_after`` is then as long as ``missing_after``.
    """

    missing_after: int | None = Field(default=3, ge=1)
    flat_after: int | None = Field(default=None, ge=2)
    stale_after: Length | None = None
    new: bool = True
    source_down: bool = True


class RetentionSpec(Spec):
    """How long things are kept."""

    scores: Length = timedelta(days=90)
    events: Length = timedelta(days=365)
    runs: Length = timedelta(days=180)
    versions: int = Field(default=5, ge=1)


class MonitorSpec(Spec):
    """What the user asks to be watched.

    ``source``: the name of a source or one written here; with ``path`` alone it is files. ``history``: how far back the
    first training looks, None = all there is up to 20,000 points a series. ``delay``: how late points may come, None =
    one step, at most a minute. ``clock``: "data" goes by the newest time in the data (files of the past), "wall" by the
    clock, None = "data" for files, "wall" for the rest. ``train``, ``detect``, ``tune``: a schedule, in fields or
    words, or the name of one; ``detect`` None = at every step.
    """

    name: Name
    source: Name | SourceSpec | None = None
    path: str | None = None
    query: str | None = None
    table: str | None = None
    index: str | None = None
    measures: tuple[MeasureSpec, ...] = ()
    by: tuple[Text, ...] | None = None
    time: Text | None = None
    filter: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    step: Length | None = Field(default=None, validate_default=True)
    tz: Zone = "UTC"
    multivariate: bool = False
    detector: str = "auto"
    params: dict[str, Any] = Field(default_factory=dict)
    policy: PolicySpec = PolicySpec()
    watch: WatchSpec = WatchSpec()
    delay: Annotated[Duration, AfterValidator(_not_negative)] | None = None
    clock: Literal["data", "wall"] | None = None
    history: Length | None = None
    train: When | None = None
    detect: When | None = None
    tune: When | None = None
    sinks: tuple[Name | SinkSpec, ...] = ()
    tags: tuple[Text, ...] = ()
    retention: RetentionSpec = RetentionSpec()
    max_series: int = Field(default=100_000, ge=1)
    enabled: bool = True

    @field_validator("measures", "by", "sinks", "tags", mode="before")
    @classmethod
    def _one_or_many(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str | dict) else given

    @field_validator("filter", mode="before")
    @classmethod
    def _texts(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        many = {name: value if isinstance(value, list | tuple) else (value,) for name, value in given.items()}
        return {name: tuple(_plain(value) for value in values) for name, values in many.items()}

    @field_validator("filter")
    @classmethod
    def _some_values(cls, given: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        empty = [name for name, values in given.items() if not values]
        if empty:
            raise ValueError(f"{empty[0]!r} must have at least one value, got none: no row would be left")
        return given

    @field_validator("measures")
    @classmethod
    def _different(cls, given: tuple[MeasureSpec, ...]) -> tuple[MeasureSpec, ...]:
        titles = [measure.title for measure in given]
        twice = next((title for title in titles if titles.count(title) > 1), None)
        if twice is not None:
            raise ValueError(f"must have different names, got {twice!r} twice; give one of them another name")
        return given

    @field_validator("by")
    @classmethod
    def _no_measures(cls, given: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        columns = [each.column for each in _inputs(info) if each.agg != "count"]
        both = next((name for name in given or () if name in columns), None)
        if both is not None:
            raise ValueError(f"must be labels, got {both!r}, which is measured")
        return None if given is None else tuple(dict.fromkeys(given))

    @field_validator("time")
    @classmethod
    def _no_label(cls, given: str | None, info: ValidationInfo) -> str | None:
        if given is not None and given in (info.data.get("by") or ()):
            raise ValueError(f"must be the column of times, got {given!r}, which is a label in by")
        return given

    @field_validator("step")
    @classmethod
    def _given_where_aggregated(cls, given: timedelta | None, info: ValidationInfo) -> timedelta | None:
        if given is None and any(each.agg is not None for each in _inputs(info)):
            raise ValueError("must be given where a measure is aggregated, such as 5m")
        return given

    @field_validator("multivariate")
    @classmethod
    def _several(cls, given: bool, info: ValidationInfo) -> bool:
        if given and len(info.data.get("measures", ())) == 1:
            raise ValueError("needs at least two measures, got one")
        return given

    @field_validator("params")
    @classmethod
    def _of_a_detector(cls, given: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if given and info.data.get("detector") == "auto":
            raise ValueError(f"need a named detector, got {', '.join(map(str, given))} with detector auto")
        return given

    @property
    def sink_names(self) -> tuple[str, ...]:
        """Names of all sinks, in order; one that is written inside the monitor is called ``MONITOR#0``, ``#1`` ..."""
        return tuple(sink if isinstance(sink, str) else f"{self.name}#{i}" for i, sink in enumerate(self.sinks))


def _inputs(info: ValidationInfo) -> list[Input]:
    """What the measures are made of; none when they are wrong themselves."""
    return [each for measure in info.data.get("measures", ()) for each in measure.inputs]


def _plain(value: Any) -> Any:
    """A value of a filter as the text that cells are compared with."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


class TemplateSpec(Spec):
    """A monitor with ``{{name}}`` in its texts, and the values that make monitors of it."""

    name: Name
    monitor: dict[str, Any]
    variables: tuple[dict[str, str | int | float | bool], ...] = ()
