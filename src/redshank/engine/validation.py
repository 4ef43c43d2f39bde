"""Whether a monitor can work as it is declared, found out before it is saved: by its data, its schedules and its needs.

The same first look at the data that a monitor begins with; nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from redshank.durations import format_duration
from redshank.engine.backtest import time_text
from redshank.engine.capacity import Limits, Need, check, need_of
from redshank.engine.reading import Facts, Reader
from redshank.engine.setting import Monitor, delay_ns, plan_of
from redshank.engine.start import Outset, look
from redshank.errors import ConfigError, NoPointsError, TooLargeError
from redshank.panel import Panel
from redshank.schedules.times import next_time
from redshank.sources.base import Source
from redshank.specs.monitor import MonitorSpec
from redshank.specs.schedule import ScheduleSpec

VERBS = ("train", "detect", "tune")
MOST_READ = 2_000_000  # values that are read to see how much history there is
OLD_STEPS = 20  # steps without anything new, after which one is told so
SHOWN_SERIES = 10
SECOND = 1_000_000_000
ScheduleOf = Callable[[str], ScheduleSpec]


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What a monitor will be.

    ``facts``: the grid, None while there are no points. ``need``: of the machine, None while it is not known.
    ``scoring_from_ns``: time of the first score, None = not known. ``next``: when each scheduled verb runs next.
    ``warnings``: what is not wrong and should be known.
    """

    facts: Facts | None = None
    detector: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    n_series: int = 0
    series: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    need: Need | None = None
    scoring_from_ns: int | None = None
    next: Mapping[str, datetime] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        facts = self.facts
        return {
            "step_seconds": None if facts is None else facts.step_ns / 1e9,
            "measures": [] if facts is None else list(facts.measures),
            "by": None if facts is None or facts.by is None else list(facts.by),
            "detector": self.detector,
            "params": dict(self.params),
            "why": self.why,
            "n_series": self.n_series,
            "series": list(self.series),
            "channels": list(self.channels),
            "need": None if self.need is None else self.need.to_json(),
            "scoring_from": None if self.scoring_from_ns is None else time_text(self.scoring_from_ns),
            "next": {verb: moment.isoformat().replace("+00:00", "Z") for verb, moment in self.next.items()},
            "warnings": list(self.warnings),
        }


def examine(
    spec: MonitorSpec,
    source: Source,
    *,
    now_ns: int,
    limits: Limits | None = None,
    taken: Sequence[Need] = (),
    schedule_of: ScheduleOf | None = None,
) -> Examined:
    """Return what a monitor will be, and what to know of it.

    ``limits``, ``taken``: what there is, and what other monitors take of it. ``schedule_of``: gives a named schedule.

    Raises:
        SourceError: the source cannot be reached or read.
        DataError: a column is not there, or does not hold what it must.
        ConfigError: times are irregular and nothing is aggregated, a schedule has no next time, a part is wrong.
        TooLargeError: there are too many series, or they need more than there is; the message holds the figures.
    """
    made = Examined(next=_next(spec, now_ns, schedule_of))
    try:
        outset = look(Monitor("examined", spec), source, now_ns)
    except NoPointsError as error:
        return replace(made, warnings=(f"nothing can be scored yet: {error}",))
    _check_times(spec, outset.facts)
    if outset.n_series > spec.max_series:
        raise TooLargeError(
            f"series: must be at most max_series ({spec.max_series:,}), got {outset.n_series:,}; name fewer labels in "
            "by, filter, or raise max_series",
            field="max_series",
        )
    reader = Reader(spec, source, outset.facts)
    step = timedelta(microseconds=outset.facts.step_ns / 1000)
    detector = plan_of(spec, "", outset.choice.kind, outset.choice.params).new_detector()
    need = need_of(detector, series=outset.n_series, step=step, channels=len(reader.channels))
    if limits is not None:
        check(need, limits, taken)
    panel = _newest_points(reader, outset, detector.warmup)
    scoring_ns, missing = _scoring_from(spec, outset, panel, detector.warmup)
    return replace(
        made,
        facts=outset.facts,
        detector=outset.choice.kind,
        params=outset.choice.params,
        why=outset.choice.why,
        n_series=outset.n_series,
        series=() if panel is None else tuple(str(key) for key in panel.keys[:SHOWN_SERIES]),
        channels=reader.channels,
        need=need,
        scoring_from_ns=scoring_ns,
        warnings=(*_of_steps(spec, outset.facts), *missing, *_of_age(outset, now_ns)),
    )


def _next(spec: MonitorSpec, now_ns: int, schedule_of: ScheduleOf | None) -> dict[str, datetime]:
    """When each scheduled verb runs next; ConfigError for one that never does."""
    now = datetime.fromtimestamp(now_ns / 1e9, UTC)
    found = {}
    for verb in VERBS:
        given = getattr(spec, verb)
        if isinstance(given, str):
            if schedule_of is None:
                continue
            given = schedule_of(given)
        if given is None:
            continue
        moment = next_time(given, now, spec.name)
        if moment is None:
            raise ConfigError(f"{verb}: the schedule has no next time: it is over; set another", field=verb)
        found[verb] = moment
    return found


def _check_times(spec: MonitorSpec, facts: Facts) -> None:
    """Raise ConfigError for times that are irregular where no step is set."""
    if spec.step is None and facts.row_ns == 0:
        step = _text(facts.step_ns)
        raise ConfigError(
            f"step: times are irregular, so rows must be made one value a step; set step: {step} and how, such as "
            "measures: mean(COLUMN), or count",
            field="step",
        )


def _of_steps(spec: MonitorSpec, facts: Facts) -> list[str]:
    """What to know of steps that are not those of the rows."""
    if spec.step is None or facts.row_ns in (0, facts.step_ns):
        return []
    step, row = _text(facts.step_ns), _text(facts.row_ns)
    if facts.row_ns > facts.step_ns:
        return [f"rows are {row} apart and steps {step}: most steps will have no value"]
    has_plain = any(each.agg is None for measure in spec.measures for each in measure.inputs) or not spec.measures
    return [f"a step of {step} holds about {facts.step_ns // facts.row_ns:,} rows: their mean is taken"] * has_plain


def _newest_points(reader: Reader, outset: Outset, warmup: int) -> Panel | None:
    """The last ``warmup`` steps; None where that would be too much to read."""
    if outset.n_series * warmup * len(reader.channels) > MOST_READ:
        return None
    start_ns = max(outset.start_ns, reader.grid.after(outset.end_ns, -warmup))
    return reader.read(start_ns, outset.end_ns) if start_ns < outset.end_ns else None


def _scoring_from(spec: MonitorSpec, outset: Outset, panel: Panel | None, warmup: int) -> tuple[int | None, list[str]]:
    """When the first score is made, by the series in the middle; and a warning when that is to come."""
    if panel is None or panel.n_series == 0:
        return None, []
    points = int(np.median(np.isfinite(panel.values).any(axis=2).sum(axis=1)))
    if points >= warmup:
        return outset.end_ns, []
    moment = outset.end_ns + (warmup - points) * outset.facts.step_ns + delay_ns(spec, outset.facts)
    begins = time_text(moment // SECOND * SECOND)
    needs = f"{outset.choice.kind} needs {warmup:,} points of a series, there are {points:,}"
    return moment, [f"scoring begins about {begins}: {needs}"]


def _of_age(outset: Outset, now_ns: int) -> list[str]:
    age_ns = now_ns - outset.end_ns
    if age_ns < OLD_STEPS * outset.facts.step_ns:
        return []
    return [f"the newest complete step is from {time_text(outset.end_ns)}, {_text(age_ns)} ago"]


def _text(nanoseconds: int) -> str:
    return format_duration(timedelta(microseconds=nanoseconds // 1000))
