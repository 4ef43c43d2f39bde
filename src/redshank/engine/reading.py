"""From what a monitor declares to panels on its grid: measures, aggregations, expressions, labels and filter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from redshank.engine.steps import Grid
from redshank.errors import NoPointsError
from redshank.panel import VALUE, Floats, Key, Panel, to_datetime, to_time
from redshank.sources.base import ROWS, Findings, Query, Reading, Source
from redshank.specs.expression import Expression, Input
from redshank.specs.measure import MeasureSpec
from redshank.specs.monitor import MonitorSpec
from redshank.tables.buckets import ZERO_WHEN_EMPTY
from redshank.tables.join import FILE_LABELS

Labels = tuple[tuple[str, str], ...]
LEAST_TIMES = 8  # distinct times before a step is told from them
ROUND_SECONDS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 21600, 86400, 604800)
PER_STEP = 10  # rows of a series in a step that is found for irregular times


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was found in the data and must stay as it is: kept with the monitor's live state as JSON.

    ``step_ns``: of the grid. ``row_ns``: the time that a row stands for, 0 = its moment only. ``measures``: columns
    that were found. ``by``: labels, None = those of each reading.
    """

    step_ns: int
    row_ns: int = 0
    measures: tuple[str, ...] = ()
    by: tuple[str, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        by = None if self.by is None else list(self.by)
        return {"step_ns": self.step_ns, "row_ns": self.row_ns, "measures": list(self.measures), "by": by}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Facts:
        """Read ``to_json``."""
        by = None if given["by"] is None else tuple(given["by"])
        return cls(step_ns=given["step_ns"], row_ns=given["row_ns"], measures=tuple(given["measures"]), by=by)


@dataclass(frozen=True)
class Wanted:
    """One value of each combination of labels: the name of its series, and how it is made of columns.

    ``columns``: what is read, by what the expression calls it; without an expression the only column as it is.
    """

    name: str
    columns: Mapping[Input, Input]
    expression: Expression | None = None

    @property
    def column(self) -> Input:
        """The only column, of one that is no expression."""
        return next(iter(self.columns.values()))


def wanted(measures: Sequence[MeasureSpec], found: Sequence[str] = ()) -> tuple[Wanted, ...]:
    """Return what is declared, or each column found where nothing is.

    A name of another measure stands in an expression for what that measure is.
    """
    if not measures:
        return tuple(Wanted(name, {Input(name): Input(name)}) for name in found)
    plain = {measure.title: measure.inputs[0] for measure in measures if measure.expression is None}
    return tuple(_wanted(measure, plain) for measure in measures)


def _wanted(measure: MeasureSpec, plain: Mapping[str, Input]) -> Wanted:
    if measure.expression is None:
        (column,) = measure.inputs
        return Wanted(measure.title, {column: column})
    expression = Expression.parse(measure.expression)
    columns = {one: plain.get(one.column or "", one) if one.agg is None else one for one in expression.inputs}
    return Wanted(measure.title, columns, expression)


class Reader:
    """Reads a monitor's source on the monitor's grid. A source reads the same twice, and so does this."""

    def __init__(self, spec: MonitorSpec, source: Source, facts: Facts) -> None:
        """Read as ``spec`` says, with what it leaves open as in ``facts``."""
        self.spec = spec
        self.source = source
        self.facts = facts
        self.grid = Grid(facts.step_ns, spec.tz)
        self.wanted = wanted(spec.measures, facts.measures)
        self.findings: list[Findings] = []  # of the last reading
        self._groups = _groups(self.wanted)
        self._keys: tuple[Key, ...] = ()
        self._query = Query(
            by=facts.by if spec.by is None else spec.by,
            time=spec.time,
            step=timedelta(microseconds=facts.step_ns / 1000),
            tz=spec.tz,
            filter=plain_filter(spec),
            closed=True,
        )

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of its panels."""
        return tuple(one.name for one in self.wanted) if self.is_joint else (VALUE,)

    @property
    def is_joint(self) -> bool:
        """Whether the measures are channels of one series."""
        return self.spec.multivariate and len(self.wanted) > 1

    @property
    def zero_measures(self) -> frozenset[str]:
        """Names of the series that are 0, and not without a value, in a step without rows."""
        counted = (one for one in self.wanted if one.expression is None and one.column.agg in ZERO_WHEN_EMPTY)
        return frozenset() if self.is_joint else frozenset(one.name for one in counted)

    def newest_ns(self, before_ns: int) -> int | None:
        """Return the newest time in the source before a time; None when there is nothing yet."""
        group = next((group for group in self._groups if not group.is_of_any_kind), self._groups[0])
        agg = group.agg if group.is_of_any_kind else None
        try:
            query = replace(self._query, measures=group.names, agg=agg, step=None, closed=False, end=_moment(before_ns))
            newest = self.source.newest(query)
        except NoPointsError:
            return None
        return None if newest is None else min(before_ns, int(to_time(newest).view(np.int64)))

    def read(self, start_ns: int, end_ns: int) -> Panel:
        """Return the steps in start <= t < end, both of which begin steps; without rows there are no series in it.

        Raises:
            SourceError, DataError: the source cannot be reached or read.
        """
        times = self.grid.times(start_ns, end_ns)
        self.findings = []
        readings = [self._reading(group, start_ns, end_ns) for group in self._groups]
        plain = self._plain(readings[0], times) if len(readings) == 1 else None
        return plain or self._composed(_cells(self._groups, readings, times), times)

    def _reading(self, group: _Group, start_ns: int, end_ns: int) -> Reading | None:
        start, end = _moment(start_ns), _moment(end_ns)
        query = replace(self._query, measures=group.names, agg=group.agg, start=start, end=end)
        try:
            reading = self.source.read(query)
        except NoPointsError:
            return None
        self.findings.append(reading.findings)
        return reading if reading.panels else None

    def _plain(self, reading: Reading | None, times: np.ndarray) -> Panel | None:
        """The panel where each column is a series as it stands; None where there is more to do."""
        names = {one.column.column or "count": one.name for one in self.wanted if one.expression is None}
        if self.is_joint or len(names) < len(self.wanted):
            return None
        if reading is None:
            return Panel((), times, np.empty((0, len(times), 1)))
        keys: tuple[Key, ...] = ()
        for panel in reading.panels:
            same = all(names[name] == name for name in {key.measure for key in panel.keys})
            keys += panel.keys if same else tuple(Key(names[key.measure], key.labels) for key in panel.keys)
        values = [_on_grid(panel, times) for panel in reading.panels]
        joined = values[0] if len(values) == 1 else np.concatenate(values)
        return Panel(self._same(keys), times, joined[:, :, None])

    def _same(self, keys: tuple[Key, ...]) -> tuple[Key, ...]:
        """The keys; those of the last reading when they are equal, so that others see at a glance that they are."""
        if keys != self._keys:
            self._keys = keys
        return self._keys

    def _composed(self, cells: Mapping[Labels, dict[Input, Floats]], times: np.ndarray) -> Panel:
        """The panel of expressions, several aggregations, or channels."""
        found: dict[Labels, list[Floats]] = {
            labels: [_value(one, columns, len(times)) for one in self.wanted]
            for labels, columns in sorted(cells.items())
        }
        if self.is_joint:
            names = [one.name for one in self.wanted]
            name = "+".join(names) if len(names) <= 3 else f"{len(names)} measures"
            values = np.array([np.stack(each, axis=1) for each in found.values()])
            keys = tuple(Key(name, labels) for labels in found)
            shape = (len(keys), len(times), len(names))
            return Panel(keys, times, values.reshape(shape), self.channels)
        keys = tuple(Key(one.name, labels) for labels in found for one in self.wanted)
        flat = np.array([values for each in found.values() for values in each])
        return Panel(keys, times, flat.reshape(len(keys), len(times), 1))


def plain_filter(spec: MonitorSpec) -> dict[str, tuple[str, ...]]:
    """Return the filter of a monitor with all values as tuples."""
    return {name: (value,) if isinstance(value, str) else tuple(value) for name, value in spec.filter.items()}


@dataclass(frozen=True)
class _Group:
    """Columns that are read together."""

    agg: str | None
    names: tuple[str, ...]

    @property
    def is_of_any_kind(self) -> bool:
        """Whether its columns need not hold numbers."""
        return self.agg == "cardinality"

    def column(self, measure: str) -> Input:
        """The column that a series of the reading is of."""
        return Input(None if self.names == ROWS else measure, self.agg)


def _groups(measures: Iterable[Wanted]) -> list[_Group]:
    """The columns to read, by their aggregation."""
    columns = dict.fromkeys(column for one in measures for column in one.columns.values())
    named: dict[str, list[str]] = defaultdict(list)
    for column in columns:
        if column.column is not None:
            named[column.agg or ""].append(column.column)
    groups = [_Group(agg or None, tuple(names)) for agg, names in sorted(named.items())]
    return [*groups, _Group("count", ROWS)] if Input(None, "count") in columns else groups


def _moment(time_ns: int) -> datetime:
    return to_datetime(np.datetime64(time_ns, "ns"))


def _on_grid(panel: Panel, times: np.ndarray) -> Floats:
    """The values (n_series, n_time) of a univariate panel at the steps ``times``, NaN where it has none."""
    if panel.n_time == len(times) and np.array_equal(panel.times, times):
        return panel.values[:, :, 0]
    at = np.searchsorted(times, panel.times)
    inside = at < len(times)
    inside[inside] &= times[at[inside]] == panel.times[inside]
    values = np.full((panel.n_series, len(times)), np.nan)
    values[:, at[inside]] = panel.values[:, inside, 0]
    return values


def _cells(
    groups: Sequence[_Group], readings: Sequence[Reading | None], times: np.ndarray
) -> dict[Labels, dict[Input, Floats]]:
    """The values (n_time,) of each column by labels."""
    found: dict[Labels, dict[Input, Floats]] = defaultdict(dict)
    for group, reading in zip(groups, readings, strict=True):
        for panel in reading.panels if reading is not None else ():
            values = _on_grid(panel, times)
            for key, row in zip(panel.keys, values, strict=True):
                found[key.labels][group.column(key.measure)] = row
    return found


def _value(one: Wanted, columns: Mapping[Input, Floats], n_time: int) -> Floats:
    """The value of one measure; in an expression what is counted is 0 where other columns of these labels have rows."""
    nothing = np.full(n_time, np.nan)
    if one.expression is None:
        return columns.get(one.column, nothing)
    has_rows = ~np.isnan(np.array(list(columns.values()))).all(axis=0)
    given = {}
    for name, column in one.columns.items():
        values = columns.get(column, nothing)
        is_zero = np.isnan(values) & has_rows & (column.agg in ZERO_WHEN_EMPTY)
        given[name] = np.where(is_zero, 0.0, values)
    result: Floats = np.broadcast_to(one.expression.evaluate(given), (n_time,))
    return result


# ---------------------------------------------------------------------- what is found in the data


def find_facts(spec: MonitorSpec, source: Source, *, start_ns: int | None, end_ns: int) -> tuple[Facts, list[Panel]]:
    """Look at the data in start <= t < end, and settle what ``spec`` leaves open; return that and the rows as they are.

    Raises:
        NoPointsError: there is nothing yet, or too little to tell the step from.
        SourceError, DataError: it cannot be read.
        ConfigError: measures or expressions are wrong.
    """
    groups = _groups(wanted(spec.measures))
    numbers = [group for group in groups if group.names != ROWS and not group.is_of_any_kind]
    named = tuple(dict.fromkeys(name for group in numbers for name in group.names))
    is_counted = bool(groups) and not named
    query = Query(
        measures=ROWS if is_counted else named,
        agg="count" if is_counted else None,
        step=timedelta(seconds=1) if is_counted else None,
        by=spec.by,
        time=spec.time,
        tz=spec.tz,
        filter=plain_filter(spec),
        start=None if start_ns is None else _moment(start_ns),
        end=_moment(end_ns),
    )
    reading = source.read(query)
    if not reading.panels:
        raise NoPointsError(f"{source.describe()}: has no points in the range looked at")
    facts = settle(spec, reading)
    return (replace(facts, row_ns=0) if is_counted else facts), reading.panels


def settle(spec: MonitorSpec, reading: Reading) -> Facts:
    """Settle what ``spec`` leaves open by a reading of the rows as they are."""
    longest = max(reading.panels, key=lambda panel: panel.n_time)
    row_ns = _row_ns(reading)
    if spec.step is None and longest.n_time < LEAST_TIMES:
        raise NoPointsError(
            f"step: is told from {LEAST_TIMES} times of a series, there are {longest.n_time}; it can be set in `step`",
            field="step",
        )
    step_ns = row_ns or _suggested_ns(longest)
    if spec.step is not None:
        step_ns = spec.step // timedelta(microseconds=1) * 1000
    labels = reading.findings.labels
    is_by_file = reading.findings.n_files > 1 and not FILE_LABELS.isdisjoint(labels)
    by = None if is_by_file else labels
    return Facts(step_ns=step_ns, row_ns=row_ns, measures=tuple(reading.findings.measures), by=by)


def _row_ns(reading: Reading) -> int:
    step = reading.findings.step
    regular = [panel for panel in reading.panels if panel.n_time > 1]
    if step is None or not regular:
        return 0
    return step // timedelta(microseconds=1) * 1000


def _suggested_ns(panel: Panel) -> int:
    """A round step of about PER_STEP rows each."""
    usual = float(np.median(np.diff(panel.times.view(np.int64)))) / 1e9
    seconds = next((step for step in ROUND_SECONDS if step >= PER_STEP * usual), ROUND_SECONDS[-1])
    return seconds * 1_000_000_000
