"""Druid SQL for what is to be read: rows in a range of time, buckets of them, and their times."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from redshank.errors import DataError
from redshank.sources.druid_api import TIMESTAMPS, Statement
from redshank.sources.sql_quotes import pieces
from redshank.sources.sql_text import checked_query
from redshank.tables.buckets import Buckets
from redshank.tables.cells import BUCKET, COUNTED

FIRST_MS, LAST_MS = -62_135_510_400_000, 253_402_214_400_000  # within the years 1 to 9999, which is all Druid writes
TIME = "t"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_OPEN_VALUE = re.compile(r"(?<![:\w\\]):(start|end)\b")
_GREATEST = "1.7976931348623157E308"
_NUMBERS = frozenset({"BIGINT", "INTEGER", "DOUBLE", "FLOAT", "REAL", "DECIMAL"})
_WHOLE = frozenset({"BIGINT", "INTEGER"})
_FRACTIONS = _NUMBERS - _WHOLE
EXACT_COUNTS = (("useApproximateCountDistinct", False),)


class NotPushedError(DataError):
    """Druid cannot do this as local aggregation does it; the message says why."""


def name(text: str) -> str:
    """Return a name in quotes."""
    return '"' + text.replace('"', '""') + '"'


def moment(milliseconds: int) -> str:
    """Return a time, whatever zone the query counts in."""
    return f"MILLIS_TO_TIMESTAMP({int(milliseconds)})"


def milliseconds(time: datetime) -> int:
    """Return the first whole millisecond that is not before a time; Druid knows none smaller."""
    return -((_EPOCH - time) // _MILLISECOND)


@dataclass(frozen=True)
class Relation:
    """A datasource, or a query that reads; ``:start`` and ``:end`` may be open in it."""

    table: str | None = None
    query: str | None = None

    @classmethod
    def of(cls, table: str | None, query: str | None) -> Relation:
        """Return what is read; ConfigError when the query does more than read."""
        return cls(table, None if query is None else checked_query(query, "druid"))

    def text(self, start: int | None, end: int | None) -> str:
        """Return it as what stands behind FROM."""
        if self.query is None:
            return name(self.table or "")
        values = {"start": FIRST_MS if start is None else start, "end": LAST_MS if end is None else end}
        parts = [
            _OPEN_VALUE.sub(lambda found: moment(values[found[1]]), text) if is_code else text
            for is_code, text in pieces(self.query, "druid")
        ]
        return "(" + "".join(parts) + "\n)"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is read: columns by name with their types in Druid, in ``start`` <= time < ``end`` (milliseconds)."""

    relation: Relation
    time: str
    types: Mapping[str, str]
    labels: Sequence[str] = ()
    measures: Sequence[str] = ()
    filter: Mapping[str, tuple[str, ...]]
    start: int | None = None
    end: int | None = None
    count_column: str | None = None

    def _from(self, *, is_pushed: bool) -> tuple[str, tuple[str, ...]]:
        """FROM and WHERE, and the texts of their question marks; filters that are ``is_pushed`` must all be there."""
        column = name(self.time)
        conditions: list[str] = []
        texts: list[str] = []
        if self.start is not None:
            conditions.append(f"{column} >= {moment(self.start)}")
        if self.end is not None:
            conditions.append(f"{column} < {moment(self.end)}")
        for chosen, values in self.filter.items():
            kind = self.types.get(chosen, "")
            if kind == "VARCHAR" or kind in _WHOLE:
                left = name(chosen) if kind == "VARCHAR" else f"CAST({name(chosen)} AS VARCHAR)"
                conditions.append(f"{left} IN ({', '.join('?' * len(values))})" if values else "1 = 0")
                texts += values
            elif is_pushed:
                raise NotPushedError(f"values such as those of {chosen!r} are not the same text here and there")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f" FROM {self.relation.text(self.start, self.end)}{where}", tuple(texts)

    def rows(self) -> Statement:
        """Return the rows: the time as milliseconds (``t``), and the other columns by name."""
        columns = dict.fromkeys([*self.labels, *self.measures, *self.filter])
        columns.pop(self.time, None)
        others = "".join(f", {_raw(one, self.types[one])}" for one in columns)
        source, texts = self._from(is_pushed=False)
        return Statement(f"SELECT TIMESTAMP_TO_MILLIS({name(self.time)}) AS {name(TIME)}{others}{source}", texts)

    def span(self) -> Statement:
        """Return the first and the last time, in milliseconds."""
        column = name(self.time)
        source, texts = self._from(is_pushed=False)
        return Statement(
            f'SELECT TIMESTAMP_TO_MILLIS(MIN({column})) AS "first", TIMESTAMP_TO_MILLIS(MAX({column})) AS "last"'
            + source,
            texts,
        )

    def times(self, most: int) -> Statement:
        """Return the different times, in milliseconds, the newest first."""
        source, texts = self._from(is_pushed=True)
        column = name(self.time)
        return Statement(
            f"SELECT TIMESTAMP_TO_MILLIS({column}) AS {name(TIME)}{source} GROUP BY {column} "
            f"ORDER BY {column} DESC LIMIT {int(most)}",
            texts,
        )

    def cells(self, agg: str, rule: Buckets, *, is_careful: bool) -> Statement:
        """Return the buckets; ``is_careful``: labels that are null are the same as "".

        Raises:
            NotPushedError: Druid cannot do this exactly.
        """
        bucket = _bucket(name(self.time), rule)
        keys = [_label(one, self.types[one], is_careful=is_careful) for one in self.labels]
        made = [_aggregate(agg, name(one), self.types[one], name(self.time)) for one in self.measures]
        total = f"SUM({name(self.count_column)})" if self.count_column else "COUNT(*)"
        values = made or [total]
        columns = [f"{key} AS {name(f'l{i}')}" for i, key in enumerate(keys)]
        columns.append(f"TIMESTAMP_TO_MILLIS({bucket}) AS {name(BUCKET)}")
        columns += [f"{value} AS {name(f'm{i}')}" for i, value in enumerate(values)]
        if agg != "cardinality":
            columns.append(f"COUNT(*) AS {name(COUNTED)}")
        elif len(values) > 1:
            raise NotPushedError("Druid counts the different values of one column at a time")
        source, texts = self._from(is_pushed=True)
        context = EXACT_COUNTS if agg == "cardinality" else ()
        return Statement(f"SELECT {', '.join(columns)}{source} GROUP BY {', '.join([*keys, bucket])}", texts, context)

    def cell_types(self, agg: str) -> dict[str, Any]:
        """Return the types of the columns of buckets."""
        return {
            **{f"l{i}": pl.String for i in range(len(self.labels))},
            BUCKET: pl.Int64,
            **{f"m{i}": pl.Float64 for i in range(max(1, len(self.measures)))},
            **({} if agg == "cardinality" else {COUNTED: pl.Int64}),
        }


def first_rows(relation: Relation, n: int) -> Statement:
    """Return some rows."""
    return Statement(f"SELECT * FROM {relation.text(None, None)} LIMIT {int(n)}")


def _raw(column: str, kind: str) -> str:
    quoted = name(column)
    return f"TIMESTAMP_TO_MILLIS({quoted}) AS {quoted}" if kind in TIMESTAMPS else quoted


def _bucket(time: str, rule: Buckets) -> str:
    """The start of the bucket of a time."""
    if rule.step % 1_000_000:
        raise NotPushedError("the step is no whole number of milliseconds")
    if rule.step % 86_400_000_000_000 == 0:
        period = f"P{rule.step // 86_400_000_000_000}D"
    else:
        seconds, rest = divmod(rule.step // 1_000_000, 1000)
        period = f"PT{seconds}.{rest:03d}S" if rest else f"PT{seconds}S"
    origin = int(rule.starts(np.zeros(1, np.int64))[0]) // 1_000_000
    return f"TIME_FLOOR({time}, '{period}', {moment(origin)}, '{rule.tz or 'Etc/UTC'}')"


def _label(column: str, kind: str, *, is_careful: bool) -> str:
    if kind == "VARCHAR":
        return f"COALESCE({name(column)}, '')" if is_careful else name(column)
    if kind in _WHOLE:
        return f"CAST({name(column)} AS VARCHAR)"
    raise NotPushedError(f"labels such as those of {column!r} are not the same text here and there")


def _aggregate(agg: str, column: str, kind: str, time: str) -> str:
    """The aggregate of the values that are there and finite."""
    if agg == "cardinality" and kind in ("VARCHAR", *_WHOLE):
        return f"COUNT(DISTINCT {column})"
    if kind not in _NUMBERS:
        raise NotPushedError("only columns of numbers are aggregated by Druid")
    made = {
        "count": f"COUNT({column})",
        "min": f"MIN({column})",
        "max": f"MAX({column})",
        "sum": f"SUM(CAST({column} AS DOUBLE))",
        "mean": f"AVG(CAST({column} AS DOUBLE))",
        "first": f"EARLIEST_BY({column}, {time})",
        "last": f"LATEST_BY({column}, {time})",
    }
    if agg == "cardinality":
        return f"COUNT(DISTINCT CASE WHEN {column} BETWEEN -{_GREATEST} AND {_GREATEST} THEN {column} END)"
    if agg not in made:
        raise NotPushedError(f"Druid has no {agg} that is exact")
    if kind in _FRACTIONS:
        return f"{made[agg]} FILTER (WHERE {column} BETWEEN -{_GREATEST} AND {_GREATEST})"
    return f"{made[agg]} FILTER (WHERE {column} IS NOT NULL)" if agg in ("first", "last") else made[agg]
