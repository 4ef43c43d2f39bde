"""What each column of a table is: measure, label, or left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from redshank.errors import DataError, NoPointsError
from redshank.sources.base import ROWS, Query
from redshank.tables import names
from redshank.tables.clock import Clock, column_not_found, find_clock
from redshank.tables.numbers import NumberStyle, decimal_mark, is_missing, number_style
from redshank.tables.raw import RawTable

_TEXTS = (pl.String, pl.Categorical, pl.Enum)


@dataclass(frozen=True)
class Measure:
    """A column of values; ``style`` is how they are written when they are text.

    ``is_text``: the values are taken as texts, to be told apart only.
    """

    name: str
    style: NumberStyle | None = None
    is_text: bool = False

    def values(self) -> pl.Expr:
        """Return float64 (text when ``is_text``); null when missing or not a number."""
        column = pl.col(self.name)
        if self.is_text:
            return column.cast(pl.String)
        return self.style.values(column) if self.style else column.cast(pl.Float64, strict=False)

    def is_unreadable(self) -> pl.Expr:
        """Whether a cell holds something that is not a number and does not stand for a missing one."""
        column = pl.col(self.name)
        if self.style is None:
            return pl.lit(False)
        return self.values().is_null() & column.is_not_null() & ~is_missing(column)


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are."""

    clock: Clock
    measures: tuple[Measure, ...]
    labels: tuple[str, ...]
    notes: list[str] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """All columns that are read."""
        return list(dict.fromkeys([*self.clock.columns, *(m.name for m in self.measures), *self.labels]))


def find_roles(raw: RawTable, query: Query) -> Roles:
    """Return the roles of the columns, as asked or as the first rows show them; DataError when there is no measure."""
    sample = raw.sample()
    if sample.is_empty():
        raise NoPointsError(f"{raw.where}: must hold rows, got {'only a header' if sample.columns else 'nothing'}")
    asked = () if query.measures == ROWS else query.measures
    for name in (*asked, *(query.by or ()), *query.filter):
        if name not in sample.columns:
            raise DataError(column_not_found(raw.where, name, sample.columns), field="column")
    clock = find_clock(raw, sample, query.time)
    notes = list(clock.notes)
    single = [name for name, values in query.filter.items() if len(values) == 1 and name not in query.measures]
    rest = [name for name in sample.columns if name not in clock.columns and name not in single]
    texts = [name for name in rest if sample[name].dtype == pl.String]
    decimal = _decimal(raw, sample, texts, query)
    style = {name: _style(raw, sample, name, decimal) for name in texts}
    if query.measures == ROWS:
        measures = []
    elif query.measures and query.agg == "cardinality":
        measures = [_told_apart(raw, sample, name, style.get(name)) for name in query.measures]
    elif query.measures:
        measures = [_asked_measure(raw, sample, name, style.get(name)) for name in query.measures]
    else:
        numeric = [name for name in rest if style.get(name) or _is_number(sample[name].dtype)]
        numeric = [name for name in numeric if name not in (query.by or ())]
        measures = [Measure(name, style.get(name)) for name in _measured(sample, numeric, style, notes)]
    if not measures and query.agg != "count":
        raise DataError(_no_measure(raw, sample, clock), field="measures")
    notes += [f"{m.name!r} read as {m.style}" for m in measures if m.style and m.style != NumberStyle() and _said(m)]
    if query.by is not None:
        return Roles(clock, tuple(measures), query.by, notes)
    taken = {m.name for m in measures}
    words = [name for name in rest if name not in taken and not style.get(name) and sample[name].dtype in _TEXTS]
    return Roles(clock, tuple(measures), _labels(sample, clock, words, notes), notes)


def _said(measure: Measure) -> bool:
    style = measure.style
    return style is not None and (
        style.decimal == "," or style.thousands != "" or style.is_percent or style.is_flag or style.unit != ""
    )


def _is_number(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype == pl.Boolean


def _decimal(raw: RawTable, sample: pl.DataFrame, texts: Sequence[str], query: Query) -> str | None:
    """The decimal mark asked for, or a comma that the columns together settle; None = each column by itself."""
    if query.decimal is not None:
        return query.decimal
    found = decimal_mark((sample[name].head(2000) for name in texts), raw.separator)
    return found if found == "," else None


def _style(raw: RawTable, sample: pl.DataFrame, name: str, decimal: str | None) -> NumberStyle | None:
    if names.plain(name.rsplit(".", 1)[-1]) in names.KEYS and raw.separator is None:
        return None  # a key written as text where numbers have a type of their own
    return number_style(sample[name].drop_nulls(), decimal)


def _asked_measure(raw: RawTable, sample: pl.DataFrame, name: str, style: NumberStyle | None) -> Measure:
    column = sample[name]
    if style or _is_number(column.dtype):
        return Measure(name, style)
    loose = number_style(column.drop_nulls(), None, readable=0.01) if column.dtype == pl.String else None
    if loose:
        return Measure(name, loose)
    shown = column.drop_nulls().head(1).to_list()
    got = repr(str(shown[0])) if shown else "no value"
    raise DataError(f"{raw.where}: column {name!r} must hold numbers, got {got}", field="measures")


def _told_apart(raw: RawTable, sample: pl.DataFrame, name: str, style: NumberStyle | None) -> Measure:
    """A column whose different values are counted: floats as numbers, what else has a type of its own as it stands."""
    is_number = sample[name].dtype.is_float() or (style is not None and raw.separator is not None)
    return Measure(name, style if is_number else None, is_text=not is_number)


def _measured(
    sample: pl.DataFrame, numeric: list[str], style: dict[str, NumberStyle | None], notes: list[str]
) -> list[str]:
    """The numeric columns that measure something: not row numbers, identifiers or marks of known anomalies."""
    kept, ids, truths = [], [], []
    for name in numeric:
        if not names.is_identifier(name) and names.plain(name) not in names.TRUTH:
            kept.append(name)
            continue
        values = sample.select(Measure(name, style.get(name)).values()).to_series().drop_nulls()
        if _is_row_number(name, values):
            ids.append(name)
        elif names.plain(name) in names.TRUTH and bool(values.is_in([0.0, 1.0]).all()):
            truths.append(name)
        else:
            kept.append(name)
    if not kept:
        return truths or ids[:0]
    if ids:
        notes.append(f"left out {', '.join(map(repr, ids))}: row numbers or identifiers")
    if truths:
        notes.append(f"left out {', '.join(map(repr, truths))}: 0/1 marks of known anomalies, not a measure")
    return kept


def _is_row_number(name: str, values: pl.Series) -> bool:
    if values.is_empty() or not names.is_identifier(name):
        return False
    return bool((values == values.round()).all())


def _no_measure(raw: RawTable, sample: pl.DataFrame, clock: Clock) -> str:
    columns = ", ".join(f"{name} ({_seen(sample[name], name in clock.columns)})" for name in sample.columns[:12])
    return f"{raw.where}: must have a column of numbers, got {columns or 'no columns'}"


def _seen(column: pl.Series, is_time: bool) -> str:
    if is_time:
        return "time"
    values = column.drop_nulls()
    return "empty" if values.is_empty() else f"such as {str(values[0])[:20]!r}"


def _labels(sample: pl.DataFrame, clock: Clock, texts: Sequence[str], notes: list[str]) -> tuple[str, ...]:
    """The text columns that tell series apart.

    A column with about as many values as rows is free text. A column that changes from time to time within a series,
    without any two rows sharing a time, says something about the moment (a status, a weekday) and is no label.
    """
    time = sample.select(clock.nanos(None).alias("t")).to_series()
    rows, distinct_times = len(sample), time.n_unique()
    few = []
    for name in texts:
        distinct = sample[name].n_unique()
        if distinct <= max(1, rows // 2) or (distinct_times <= rows // 2 and distinct < rows):
            few.append(name)
    looked = sample.select(pl.col(few)).with_columns(time.alias("\x00t")) if few else sample.select([])
    kept = list(few)
    for name in sorted(few, key=lambda n: names.plain(n) in names.IDENTITY):
        others = [other for other in kept if other != name]
        if _is_of_the_moment(looked, name, others):
            kept.remove(name)
            notes.append(f"left out text column {name!r}: it changes within a series (--by {name} splits by it)")
    return tuple(name for name in texts if name in kept)


def _is_of_the_moment(looked: pl.DataFrame, name: str, others: list[str]) -> bool:
    """Whether ``name`` is not needed to keep rows of one time apart, and is not settled by the other labels."""
    if looked[name].n_unique() <= 1:
        return False
    without = looked.select(["\x00t", *others]).n_unique()
    if without < looked.select(["\x00t", *others, name]).n_unique():
        return False
    if not others:
        return names.plain(name) not in names.IDENTITY or looked[name].n_unique() > len(looked) // 4
    return looked.select(others).n_unique() < looked.select([*others, name]).n_unique()
