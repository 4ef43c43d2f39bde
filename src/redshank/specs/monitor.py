"""The monitor as declared: what to watch, how, and what to do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from redshank.decide import Direction, Policy
from redshank.specs.base import Duration, Name, Spec
from redshank.specs.connection import SinkSpec, SourceSpec
from redshank.specs.schedule import When


class MeasureSpec(Spec):
    """One value to watch: a column and how the rows of a step become one value, or an expression over measures.

    As a text: ``"cpu"``, ``"mean(cpu)"``, ``"count"``.
    """

    column: str | None = None
    agg: str | None = None
    expression: str | None = None  # such as "errors / requests"
    name: str | None = None  # of the series; None: made of column and agg

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        agg, bracket, rest = given.partition("(")
        if bracket and rest.endswith(")"):
            return {"agg": agg.strip(), "column": rest[:-1].strip() or None}
        return {"agg": "count"} if given == "count" else {"column": given}


class QuietHours(Spec):
    """When events are kept but not delivered: on ``days`` (names; none = all) from ``start`` to ``end``, HH:MM."""

    days: tuple[str, ...] = ()
    start: str
    end: str
    tz: str | None = None  # None: that of the monitor


class PolicySpec(Spec):
    """Which scores are worth an event, and when nobody wants to hear of it."""

    direction: Direction = "both"
    least_deviation: float = Field(default=0.0, ge=0)
    least_relative: float = Field(default=0.0, ge=0)
    open_above: float = Field(default=1.0, gt=0)
    close_below: float = Field(default=0.5, gt=0)
    open_points: int = Field(default=1, ge=1)
    quiet_points: int | None = Field(default=None, ge=1)
    budget: str | None = None
    quiet_hours: tuple[QuietHours, ...] = ()

    def policy(self) -> Policy:
        """Return what the engine works by; ConfigError when the parts do not go together."""
        return Policy(**self.model_dump(exclude={"budget", "quiet_hours"}))


class WatchSpec(Spec):
    """What else is worth an event: series that stop, freeze or appear, and a source that is down.

    ``missing_after``: steps without a value, ``flat_after``: equal values in a row of a series that used to move,
    ``stale_after``: how long no series at all may have a new value; None = not watched.
    """

    missing_after: int | None = Field(default=3, ge=1)
    flat_after: int | None = Field(default=None, ge=2)
    stale_after: Duration | None = None
    new: bool = True
    source_down: bool = True


class RetentionSpec(Spec):
    """How long things are kept."""

    scores: Duration = timedelta(days=90)
    events: Duration = timedelta(days=365)
    runs: Duration = timedelta(days=180)
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
    by: tuple[str, ...] | None = None
    time: str | None = None
    filter: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    step: Duration | None = None
    tz: str = "UTC"
    multivariate: bool = False
    detector: str = "auto"
    params: dict[str, Any] = Field(default_factory=dict)
    policy: PolicySpec = PolicySpec()
    watch: WatchSpec = WatchSpec()
    delay: Duration | None = None
    clock: Literal["data", "wall"] | None = None
    history: Duration | None = None
    train: When | None = None
    detect: When | None = None
    tune: When | None = None
    sinks: tuple[Name | SinkSpec, ...] = ()
    tags: tuple[str, ...] = ()
    retention: RetentionSpec = RetentionSpec()
    max_series: int = Field(default=100_000, ge=1)
    enabled: bool = True

    @field_validator("measures", "by", "sinks", "tags", mode="before")
    @classmethod
    def _one_or_many(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str | dict) else given

    @property
    def sink_names(self) -> tuple[str, ...]:
        """Names of all sinks, in order; one that is written inside the monitor is called ``MONITOR#0``, ``#1`` ..."""
        return tuple(sink if isinstance(sink, str) else f"{self.name}#{i}" for i, sink in enumerate(self.sinks))


class TemplateSpec(Spec):
    """A monitor with ``{{name}}`` in its texts, and the values that make monitors of it."""

    name: Name
    monitor: dict[str, Any]
    variables: tuple[dict[str, str | int | float | bool], ...] = ()
