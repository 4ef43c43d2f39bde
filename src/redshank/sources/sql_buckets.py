"""How each kind of database says the parts of an aggregation into buckets.

``wording_of`` finds the ``Wording`` of a database by the name of its SQLAlchemy dialect. The class itself says things
as most databases do; a database has a subclass, in a file ``sql_NAME.py``, that overrides what it says otherwise or
better, and a line in ``WORDINGS``. A method returns None for what the database cannot do exactly as local aggregation
does it: rows are then read and aggregated here. What is always right, and must be overridden where it is not so:

- instants are whole microseconds since 1970 (BIGINT), so the least to write is ``native``;
- ``//`` of integers, one a multiple of the other, is that integer (``whole``), and the mean of integers is not cut to
  one (``number``);
- texts compare and group by their characters, case and trailing spaces included (``key``, ``is_one_of``);
- window functions are there (what has no aggregate of its own is made of them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, TypeAlias

import polars as pl
import sqlalchemy as sa

from redshank.sources.sql_range import TimeForm

Expression: TypeAlias = sa.ColumnElement[Any]

GREATEST = 1.7976931348623157e308  # of float64
LATEST_NS = 9_200_000_000_000_000_000  # nanoseconds that fit
WORDINGS = {  # dialect -> module and class
    "postgresql": ("redshank.sources.sql_postgresql", "PostgresqlWording"),
    "redshift": ("redshank.sources.sql_postgresql", "RedshiftWording"),
    "clickhouse": ("redshank.sources.sql_clickhouse", "ClickhouseWording"),
    "duckdb": ("redshank.sources.sql_duckdb", "DuckdbWording"),
    "mssql": ("redshank.sources.sql_mssql", "MssqlWording"),
    "snowflake": ("redshank.sources.sql_snowflake", "SnowflakeWording"),
    "trino": ("redshank.sources.sql_trino", "TrinoWording"),
    "mysql": ("redshank.sources.sql_mysql", "MysqlWording"),
    "sqlite": ("redshank.sources.sql_sqlite", "SqliteWording"),
}


@dataclass(frozen=True)
class Instant:
    """A time in the database: microseconds since 1970, or (not ``is_number``) a type of its own."""

    value: Expression
    is_number: bool = True


class Wording:
    """How a database says the parts of an aggregation; see the top of this file."""

    percentiles: ClassVar[bool] = False  # whether PERCENTILE_CONT is an aggregate (with WITHIN GROUP)
    variances: ClassVar[bool] = False  # whether VAR_SAMP is an aggregate that is exact for large numbers
    tainted: ClassVar[frozenset[str]] = frozenset()  # aggregations that any NaN or infinite value that counts shows in

    def __init__(self, version: tuple[int, ...] = ()) -> None:
        """``version``: of the server, () = not known."""
        self.version = version

    # ------------------------------------------------------------------ time

    def instant(self, column: Expression, form: TimeForm) -> Instant | None:
        """Return the time of a row, by the clock that the column is written in; NULL where it cannot be read."""
        clock = form.clock
        if clock.origin:
            return None
        if clock.nanoseconds:
            return Instant(_counted(self, column, clock.nanoseconds, is_whole=clock.is_whole))
        if clock.native is not None:
            return self.native(column, is_date=clock.native == pl.Date, is_local=clock.is_local)
        if form.pattern:
            text = sa.cast(column, sa.Text()) if form.is_number else column
            return self.text(text, clock.formats[0].pattern)
        return None

    def native(self, column: Expression, *, is_date: bool, is_local: bool) -> Instant | None:
        """Return the instant of a column of dates or times; ``is_local``: which have no zone, and count as UTC."""
        return None

    def text(self, column: Expression, pattern: str) -> Instant | None:
        """Return the instant of texts; ``pattern``: of strptime, year first, of digits and signs (sql_range.py).

        Only where a text that does not fit gives NULL. Fractions of seconds may be cut off (``reads_fractions``).
        """
        return None

    def moment(self, microseconds: int, like: Instant) -> Expression:
        """Return a time as a value to compare an instant with."""
        return sa.bindparam(None, microseconds, type_=sa.BigInteger(), unique=True)

    def later(self, instant: Instant, microseconds: int) -> Expression:
        """Return an instant moved on."""
        return instant.value + self.moment(microseconds, instant)

    def bucket(self, instant: Instant, step: int, origin: int) -> Expression:
        """Return the number of the bucket, (instant - origin) / step rounded down; or the time at which it starts.

        ``step``, ``origin``: microseconds.
        """
        return self.whole(instant.value - self.moment(origin, instant) if origin else instant.value, step)

    def whole(self, number: Expression, size: int) -> Expression:
        """Return a whole number divided by a size, rounded down also below zero."""
        by = sa.literal_column(str(int(size)), sa.BigInteger())
        return (number - ((number % by) + by) % by) // by

    # ------------------------------------------------------------------ values, labels, filters

    def number(self, column: Expression, kind: str) -> Expression | None:
        """Return the value of a measure, NULL for NaN and infinite; ``kind``: as of ``sql_rows.kinds``."""
        if kind == "int":
            return column
        if kind in ("float", "decimal"):
            return sa.case((sa.func.abs(column) <= sa.literal_column(repr(GREATEST)), column))
        if kind == "bool":
            return sa.case((column.is_(sa.true()), 1), (column.is_(sa.false()), 0))
        return None

    def bare(self, column: Expression, kind: str) -> Expression | None:
        """Return the value of a measure with NaN and infinite ones still in it, which is faster."""
        return self.number(column, kind)

    def different(self, column: Expression, kind: str) -> Expression | None:
        """Return what the different values of a column are told by, where they are counted."""
        if kind in ("float", "decimal", "interval"):
            return self.number(column, kind)
        return self.key(column, kind)

    def key(self, column: Expression, kind: str) -> Expression | None:
        """Return what rows are grouped by for a label: equal only for equal texts."""
        return column if kind == "str" or kind in ("int", "bool", "date", "datetime", "datetimetz", "uuid") else None

    def is_one_of(self, column: Expression, kind: str, values: Sequence[str]) -> Expression | None:
        """Return whether a column is, as text, one of these values."""
        if kind == "str":
            return column.in_([sa.bindparam(None, value, type_=sa.String(), unique=True) for value in values])
        if kind == "int":
            numbers = [int(value) for value in values if _is_whole(value)]
            inside = [number for number in numbers if -(1 << 63) <= number < 1 << 63]
            return column.in_([sa.bindparam(None, one, type_=sa.BigInteger(), unique=True) for one in inside])
        if kind == "bool":
            wanted = [one for text, one in (("true", sa.true()), ("false", sa.false())) if text in values]
            return sa.or_(sa.false(), *(column.is_(one) for one in wanted))
        return None

    def odd(self, columns: Mapping[str, str]) -> Expression | None:
        """Return whether a row holds a value of another kind than found (by name), where a column may; None = never."""
        return None

    # ------------------------------------------------------------------ aggregates

    def total(self, value: Expression) -> Expression:
        """Return the sum; it must not overflow for integers."""
        return sa.func.sum(value)

    def mean(self, value: Expression) -> Expression:
        """Return the mean."""
        return sa.func.avg(value)

    def variance(self, value: Expression) -> Expression:
        """Return the variance of a sample, where there are ``variances``."""
        return sa.func.var_samp(value)

    def percentile(self, value: Expression, share: float) -> Expression:
        """Return a percentile, linearly interpolated, where there are ``percentiles``."""
        return sa.func.percentile_cont(share).within_group(value)


def wording_of(dialect: str, version: tuple[int, ...] = ()) -> Wording | None:
    """Return how a database says things; None when that is not known."""
    if dialect not in WORDINGS:
        return None
    module, name = WORDINGS[dialect]
    found: type[Wording] = getattr(import_module(module), name)
    return found(version)


def _is_whole(text: str) -> bool:
    """Whether a text is how an integer is written."""
    return text.removeprefix("-").isascii() and text.removeprefix("-").isdecimal() and str(int(text)) == text


def _counted(wording: Wording, column: Expression, nanoseconds: int, *, is_whole: bool) -> Expression:
    """Microseconds of a count of some unit since 1970; NULL where they do not fit."""
    most = LATEST_NS // nanoseconds
    fits = column.between(sa.literal_column(str(-most)), sa.literal_column(str(most)))
    if is_whole:
        scale = sa.literal_column(str(nanoseconds // 1000), sa.BigInteger())
        count = sa.cast(column, sa.BigInteger())
        return sa.case((fits, count * scale if nanoseconds >= 1000 else wording.whole(count, 1000)))
    if nanoseconds >= 1000:
        return sa.case((fits, sa.cast(sa.func.round(column * (nanoseconds // 1000)), sa.BigInteger())))
    return sa.case((fits, wording.whole(sa.cast(sa.func.round(column), sa.BigInteger()), 1000)))
