"""The statement that lets a database aggregate rows into buckets, and what it answers as cells.

It is a select of the rows (labels, bucket, values), within one that ranks or centres values where the database has no
aggregate of its own, within one that groups.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import sqlalchemy as sa

from redshank.errors import DataError
from redshank.sources.sql_buckets import Expression, Instant, Wording
from redshank.sources.sql_offsets import Offsets
from redshank.sources.sql_range import TimeForm
from redshank.tables.buckets import Buckets
from redshank.tables.cells import BUCKET, COUNTED

ODD, NEAR = "odd", timedelta(days=2)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400_000_000


class CarelessError(DataError):
    """There are values that are not finite; to be asked again with ``is_careful``."""


class NotPushedError(DataError):
    """The database cannot do this as local aggregation does it; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Aggregation:
    """What is to be aggregated: columns by name with their kinds (``sql_rows.kinds``), and how.

    ``chosen``: columns that rows are chosen by. ``span``: the time of UTC that the rows are within, None = not known;
    needed where there are clocks to change. ``is_careful``: look at each value whether it is finite, and let labels
    without a value be "", instead of finding that out from the answer (``CarelessError``).
    """

    form: TimeForm
    time: str
    labels: Sequence[str]
    measures: Sequence[str]
    kinds: dict[str, str]
    agg: str
    rule: Buckets
    start: datetime | None = None
    end: datetime | None = None
    chosen: Sequence[str] = ()
    span: tuple[datetime, datetime] | None = None
    is_careful: bool = False

    @property
    def columns(self) -> list[str]:
        """All columns that are looked at."""
        return list(dict.fromkeys([self.time, *self.labels, *self.measures, *self.chosen]))

    @property
    def needs_span(self) -> bool:
        """Whether the range of time must be known, because clocks change within."""
        is_local = self.form.clock.is_local and self.form.tz != "UTC"
        return bool(is_local or self.rule.tz) and self.span is None

    @property
    def parts(self) -> tuple[str, ...]:
        """What is asked for each measure: the aggregate, or the two values that a percentile lies between."""
        is_ranked = self.share is not None
        return ("m", "h", "n") if is_ranked else ("m",)

    @property
    def share(self) -> float | None:
        """Of a percentile, 0 to 1; None for other aggregations."""
        if self.agg == "median":
            return 0.5
        return float(self.agg[1:]) / 100 if self.agg[0] == "p" else None


def cells_statement(wording: Wording, asked: Aggregation, rows: sa.Select[Any]) -> sa.Select[Any]:
    """Return the statement; ``rows``: a select of the rows in the range and filter, without columns.

    Raises:
        NotPushedError: the database cannot do this exactly.
    """
    inner = rows.add_columns(*_row_columns(wording, asked)).subquery("points")
    if _is_windowed(wording, asked):
        inner = _with_windows(asked, inner)
    keys = [inner.c[f"l{i}"] for i in range(len(asked.labels))] + [inner.c[BUCKET]]
    counted = [sa.func.count().label(COUNTED)]
    if ODD in inner.c:
        counted.append(sa.func.max(inner.c[ODD]).label(ODD))
    values = [value for i in range(len(asked.measures)) for value in _aggregates(wording, asked, inner, i)]
    if not asked.measures:
        values = [sa.func.count().label("m0")]
    return sa.select(*keys, *values, *counted).group_by(*keys)


def _row_columns(wording: Wording, asked: Aggregation) -> list[sa.Label[Any]]:
    """The columns of the rows that are aggregated: l0 .., bucket, v0 .., and order and odd where they are needed."""
    found = [sa.label(BUCKET, _bucket(wording, asked))]
    for i, name in enumerate(asked.labels):
        key = wording.key(sa.column(name), asked.kinds.get(name, ""))
        if key is None:
            raise NotPushedError(f"labels such as those of {name!r} are not the same text here and there")
        if asked.is_careful and asked.kinds.get(name) == "str":
            key = sa.func.coalesce(key, sa.literal("", sa.String()))
        found.append(sa.label(f"l{i}", key))
    for i, name in enumerate(asked.measures):
        kind = asked.kinds.get(name, "")
        value = _measured(wording, asked)(sa.column(name), kind)
        if value is None:
            raise NotPushedError(f"column {name!r} holds no numbers that the database can aggregate")
        found.append(sa.label(f"v{i}", value))
    if asked.agg in ("first", "last"):
        found.append(sa.label("t", sa.column(asked.time)))
    odd = wording.odd({name: asked.kinds.get(name, "") for name in asked.columns})
    if odd is not None:
        found.append(sa.label(ODD, sa.case((odd, 1), else_=0)))
    return found


def _measured(wording: Wording, asked: Aggregation) -> Callable[[Expression, str], Expression | None]:
    if asked.agg == "cardinality":
        return wording.different
    return wording.bare if asked.agg in wording.tainted and not asked.is_careful else wording.number


def _bucket(wording: Wording, asked: Aggregation) -> Expression:
    instant = _in_utc(wording, asked)
    step, origin = asked.rule.step // 1000, asked.rule.origin // 1000
    if asked.form.pattern and step % 1_000_000:
        raise NotPushedError("times are texts, and the step is no whole number of seconds")
    if asked.rule.tz:
        assert asked.span is not None
        offsets = Offsets.of(asked.rule.tz, *_micros(asked.span))
        instant = _moved(wording, instant, offsets.from_utc())
    return wording.bucket(instant, step, origin)


def _in_utc(wording: Wording, asked: Aggregation) -> Instant:
    instant = wording.instant(sa.column(asked.time), asked.form)
    if instant is None:
        raise NotPushedError("times such as these cannot be put into buckets by the database")
    if not asked.form.clock.is_local or asked.form.tz == "UTC":
        return instant
    assert asked.span is not None
    return _moved(wording, instant, Offsets.of(asked.form.tz, *_micros(asked.span)).from_local())


def exact_range(wording: Wording, asked: Aggregation) -> list[Expression]:
    """Return conditions for the range of time to the microsecond, where those by the column alone are wider."""
    if is_exact(asked.form, asked.start) and is_exact(asked.form, asked.end):
        return []
    for moment in (asked.start, asked.end):
        if asked.form.pattern and moment is not None and moment.microsecond:
            raise NotPushedError("times are texts, and the range begins or ends within a second")
    instant = _in_utc(wording, asked)
    found = []
    if asked.start is not None:
        found.append(instant.value >= wording.moment(_micro(asked.start), instant))
    if asked.end is not None:
        found.append(instant.value < wording.moment(_micro(asked.end), instant))
    return found


def is_exact(form: TimeForm, moment: datetime | None) -> bool:
    """Whether the bound of a form for a moment cuts exactly there."""
    if moment is None:
        return True
    if form.is_by_day or (form.clock.is_local and form.tz != "UTC"):
        return False
    nanoseconds = _micro(moment) * 1000
    if form.clock.nanoseconds:
        return form.clock.is_whole and (nanoseconds - form.clock.origin) % form.clock.nanoseconds == 0
    if form.clock.native == pl.Date:
        return nanoseconds % (_DAY * 1000) == 0
    return not form.pattern or nanoseconds % (form.unit // _MICROSECOND * 1000) == 0


def _moved(wording: Wording, instant: Instant, offsets: list[tuple[int, int]]) -> Instant:
    """The instant moved by offsets, each of which holds before a time of the instant's own clock."""
    *changing, (_, last) = offsets
    if not changing:
        return replace(instant, value=wording.later(instant, last)) if last else instant
    cases = [
        (instant.value < wording.moment(time, instant), wording.later(instant, offset)) for time, offset in changing
    ]
    return replace(
        instant, value=sa.type_coerce(sa.case(*cases, else_=wording.later(instant, last)), instant.value.type)
    )


def _micro(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _micros(span: tuple[datetime, datetime]) -> tuple[int, int]:
    return _micro(span[0] - NEAR), _micro(span[1] + NEAR)


# ---------------------------------------------------------------------- aggregates


def _is_windowed(wording: Wording, asked: Aggregation) -> bool:
    if asked.agg in ("variance", "std"):
        return not wording.variances
    if asked.share is not None:
        return not wording.percentiles
    return asked.agg in ("first", "last")


def _with_windows(asked: Aggregation, rows: sa.Subquery) -> sa.Subquery:
    """The rows with, for each value, its rank (r) among the n of its bucket, or the mean (a) of its bucket."""
    partition = [rows.c[f"l{i}"] for i in range(len(asked.labels))] + [rows.c[BUCKET]]
    more: list[sa.Label[Any]] = []
    for i in range(len(asked.measures)):
        value = rows.c[f"v{i}"]
        if asked.agg in ("variance", "std"):
            more.append(sa.func.avg(value).over(partition_by=partition).label(f"a{i}"))
            continue
        missing_last = sa.case((value.is_(None), 1), else_=0)
        order = value if asked.share is not None else rows.c.t.desc() if asked.agg == "last" else rows.c.t
        more.append(sa.func.row_number().over(partition_by=partition, order_by=[missing_last, order]).label(f"r{i}"))
        if asked.share is not None:
            more.append(sa.func.count(value).over(partition_by=partition).label(f"n{i}"))
    return sa.select(rows, *more).subquery("ranked")


def _aggregates(wording: Wording, asked: Aggregation, rows: sa.Subquery, i: int) -> list[sa.Label[Any]]:
    value, agg = rows.c[f"v{i}"], asked.agg
    if asked.share is not None:
        if wording.percentiles:
            return [wording.percentile(value, asked.share).label(f"m{i}")]
        return _between(rows, i, asked.share)
    if agg in ("variance", "std"):
        if wording.variances:
            return [wording.variance(value).label(f"m{i}")]
        apart = value - rows.c[f"a{i}"]
        several = sa.func.count(value) > 1
        return [sa.case((several, wording.total(apart * apart) / (sa.func.count(value) - 1))).label(f"m{i}")]
    if agg in ("first", "last"):
        return [sa.func.max(sa.case((rows.c[f"r{i}"] == 1, value))).label(f"m{i}")]
    made = {
        "count": sa.func.count(value),
        "cardinality": sa.func.count(sa.distinct(value)),
        "min": sa.func.min(value),
        "max": sa.func.max(value),
        "sum": wording.total(value),
        "mean": wording.mean(value),
    }
    return [made[agg].label(f"m{i}")]


def _between(rows: sa.Subquery, i: int, share: float) -> list[sa.Label[Any]]:
    """The values just below (m) and above (h) a percentile, and of how many (n) it is one."""
    value, rank, number = rows.c[f"v{i}"], rows.c[f"r{i}"] - 1, rows.c[f"n{i}"]
    place = (number - 1) * sa.bindparam(None, share, type_=sa.Double(), unique=True)
    low = sa.case((sa.and_(rank <= place, rank + 1 > place), value))
    high = sa.case((sa.and_(rank >= place, rank - 1 < place), value))
    return [sa.func.max(low).label(f"m{i}"), sa.func.max(high).label(f"h{i}"), sa.func.max(number).label(f"n{i}")]


# ---------------------------------------------------------------------- the answer


def answer_kinds(asked: Aggregation, statement: sa.Select[Any]) -> dict[str, str]:
    """Return the kinds of the columns of the answer (``sql_rows.kinds``)."""
    found = {f"l{i}": asked.kinds.get(name, "") for i, name in enumerate(asked.labels)}
    bucket = statement.selected_columns[BUCKET].type
    found[BUCKET] = "int"
    if isinstance(bucket, sa.DateTime):
        found[BUCKET] = "datetimetz" if bucket.timezone else "datetime"
    for i in range(max(1, len(asked.measures))):
        found |= {f"m{i}": "float", f"h{i}": "float", f"n{i}": "int"}
    return {**found, COUNTED: "int", ODD: "int"}


def without_time(frame: pl.DataFrame) -> int:
    """Return how many rows of a portion of the answer have no time."""
    return int(frame.filter(pl.col(BUCKET).is_null())[COUNTED].sum() or 0)


def as_cells(frame: pl.DataFrame, asked: Aggregation, wording: Wording) -> pl.DataFrame:
    """Return a portion of the answer as ``read_cells`` takes it; rows without a time are left out.

    Raises:
        NotPushedError: some rows are of another kind than found, or their times cannot be read.
    """
    if ODD in frame.columns and (frame[ODD].max() or 0):
        raise NotPushedError("some values are of another type than the first ones of their column")
    if frame[BUCKET].null_count() and asked.form.pattern:
        raise NotPushedError("some times cannot be read by the database")
    frame = frame.drop_nulls(BUCKET)
    rule = asked.rule
    if frame[BUCKET].dtype.is_temporal():
        times = frame[BUCKET].dt.epoch("ns").to_numpy()
        index = (times - rule.origin) // rule.step
    else:
        index = frame[BUCKET].cast(pl.Int64).to_numpy()
    starts = rule.starts(index.astype(np.int64))
    columns = [pl.Series(BUCKET, starts), frame[COUNTED].cast(pl.Int64)]
    columns += [frame[f"l{i}"].cast(pl.String) for i in range(len(asked.labels))]
    columns += [_value(frame, asked, wording, i) for i in range(max(1, len(asked.measures)))]
    return pl.DataFrame(columns)


def _value(frame: pl.DataFrame, asked: Aggregation, wording: Wording, i: int) -> pl.Series:
    value = frame[f"m{i}"].cast(pl.Float64)
    if not asked.is_careful and not value.is_finite().all():
        raise CarelessError(f"m{i}")
    if asked.agg == "std":
        return value.sqrt()
    if asked.share is None or wording.percentiles:
        return value
    place = (frame[f"n{i}"].cast(pl.Float64) - 1) * asked.share
    part = place - place.floor()
    return value + (frame[f"h{i}"].cast(pl.Float64) - value) * part
