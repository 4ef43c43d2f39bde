"""SQL of BigQuery for what is to be read: rows in a range of time, and buckets of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redshank.errors import DataError
from redshank.sources.sql_quotes import pieces
from redshank.sources.sql_text import checked_query
from redshank.tables.buckets import Buckets
from redshank.tables.cells import BUCKET, COUNTED

TIME = "t"
TIMES = frozenset({"TIMESTAMP", "DATETIME", "DATE"})
WHOLE = frozenset({"INTEGER", "INT64"})
FRACTIONS = frozenset({"FLOAT", "FLOAT64"})
DECIMALS = frozenset({"NUMERIC", "BIGNUMERIC"})
TEXTS = frozenset({"STRING"})
FLAGS = frozenset({"BOOLEAN", "BOOL"})
_DAY = 86_400_000_000_000
_OPEN_VALUE = re.compile(r"(?<![:\w\\]):(start|end)\b")
_OPEN = {"start": datetime(1, 1, 2, tzinfo=UTC), "end": datetime(9999, 12, 30, tzinfo=UTC)}


class NotPushedError(DataError):
    """BigQuery cannot do this as local aggregation does it; the message says why."""


def name(text: str) -> str:
    """Return a name in ticks; DataError for one that cannot be written so."""
    if "`" in text or "\\" in text:
        raise DataError(f"column {text!r}: cannot be named in BigQuery")
    return f"`{text}`"


@dataclass(frozen=True)
class Statement:
    """SQL with its values by name: a text, a time, or texts."""

    sql: str
    values: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is read: columns by name with their types, in ``start`` <= time < ``end``.

    ``source``: what stands behind FROM. ``tz``: zone of times without one.
    """

    source: str
    time: str
    types: Mapping[str, str]
    labels: Sequence[str] = ()
    measures: Sequence[str] = ()
    filter: Mapping[str, tuple[str, ...]]
    start: datetime | None = None
    end: datetime | None = None
    tz: str = "UTC"

    @property
    def instant(self) -> str:
        """The time of a row, as TIMESTAMP."""
        column = name(self.time)
        return column if self.types[self.time] == "TIMESTAMP" else f"TIMESTAMP({column}, '{self.tz}')"

    def rows(self) -> Statement:
        """Return the rows: the time as microseconds (``t``), and the other columns."""
        columns = dict.fromkeys([*self.labels, *self.measures, *self.filter])
        columns.pop(self.time, None)
        others = "".join(f", {name(one)}" for one in columns)
        return self._statement(f"SELECT UNIX_MICROS({self.instant}) AS {TIME}{others}", is_pushed=False)

    def newest(self) -> Statement:
        """Return the newest time, in microseconds."""
        return self._statement(f"SELECT UNIX_MICROS(MAX({self.instant})) AS {TIME}", is_pushed=True)

    def times(self, most: int) -> Statement:
        """Return different times, in microseconds, the newest first."""
        asked = self._statement(f"SELECT DISTINCT UNIX_MICROS({self.instant}) AS {TIME}", is_pushed=True)
        return Statement(f"{asked.sql} ORDER BY {TIME} DESC LIMIT {int(most)}", asked.values)

    def cells(self, agg: str, rule: Buckets) -> Statement:
        """Return the buckets by their numbers.

        Raises:
            NotPushedError: BigQuery cannot do this exactly.
        """
        keys = [f"{_label(one, self.types[one])} AS l{i}" for i, one in enumerate(self.labels)]
        values = [_aggregate(agg, one, self.types[one], self.instant) for one in self.measures] or ["COUNT(*)"]
        columns = [*keys, f"{self._bucket(rule)} AS {BUCKET}"]
        columns += [f"{value} AS m{i}" for i, value in enumerate(values)]
        grouped = ", ".join([f"l{i}" for i in range(len(keys))] + [BUCKET])
        asked = self._statement(f"SELECT {', '.join(columns)}, COUNT(*) AS {COUNTED}", is_pushed=True)
        return Statement(f"{asked.sql} GROUP BY {grouped}", asked.values)

    def _bucket(self, rule: Buckets) -> str:
        if rule.step % 1000:
            raise NotPushedError("the step is no whole number of microseconds")
        if rule.tz:
            days = f"DATE_DIFF(DATE({self.instant}, '{rule.tz}'), DATE '1970-01-01', DAY)"
            return _floored(f"({days} - {rule.origin // _DAY})", rule.step // _DAY)
        return _floored(f"(UNIX_MICROS({self.instant}) - {rule.origin // 1000})", rule.step // 1000)

    def _statement(self, selected: str, *, is_pushed: bool) -> Statement:
        conditions: list[str] = []
        values: dict[str, Any] = {}
        for moment, sign, bound in ((self.start, ">=", "start"), (self.end, "<", "end")):
            if moment is not None or f"@{bound}" in self.source:
                values[bound] = moment or _OPEN[bound]
            if moment is not None:
                conditions += self._bounds(sign, bound)
        for i, (chosen, texts) in enumerate(self.filter.items()):
            kind = self.types.get(chosen, "")
            if kind in TEXTS | WHOLE:
                left = name(chosen) if kind in TEXTS else f"CAST({name(chosen)} AS STRING)"
                conditions.append(f"{left} IN UNNEST(@f{i})")
                values[f"f{i}"] = texts
            elif is_pushed:
                raise NotPushedError(f"values such as those of {chosen!r} are not the same text here and there")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return Statement(f"{selected} FROM {self.source}{where}", values)

    def _bounds(self, sign: str, bound: str) -> list[str]:
        """Conditions for one end of the range; on the column itself too, so that partitions outside are not read."""
        found = [f"{self.instant} {sign} @{bound}"]
        kind = self.types[self.time]
        if kind != "TIMESTAMP":
            wider = "DATE_SUB" if sign == ">=" else "DATE_ADD"
            found.append(f"{name(self.time)} {sign} CAST({wider}(DATE(@{bound}), INTERVAL 2 DAY) AS {kind})")
        return found


def source_of(table: str | None, query: str | None) -> str:
    """Return what stands behind FROM; ConfigError when a query does more than read.

    ``:start`` and ``:end`` in a query become ``@start`` and ``@end``.
    """
    if query is None:
        return name(table or "")
    checked = checked_query(query, "bigquery")
    parts = [_OPEN_VALUE.sub(r"@\1", text) if is_code else text for is_code, text in pieces(checked, "bigquery")]
    return "(" + "".join(parts) + "\n)"


def first_rows(source: str, n: int) -> Statement:
    """Return some rows."""
    values = {bound: moment for bound, moment in _OPEN.items() if f"@{bound}" in source}
    return Statement(f"SELECT * FROM {source} LIMIT {int(n)}", values)


def _floored(number: str, size: int) -> str:
    """A whole number divided by a size, rounded down also below zero."""
    return f"DIV(({number} - MOD((MOD({number}, {size}) + {size}), {size})), {size})"


def _label(column: str, kind: str) -> str:
    if kind in TEXTS:
        return f"IFNULL({name(column)}, '')"
    if kind in WHOLE | FLAGS:
        return f"IFNULL(CAST({name(column)} AS STRING), '')"
    raise NotPushedError(f"labels such as those of {column!r} are not the same text here and there")


def _aggregate(agg: str, column: str, kind: str, time: str) -> str:
    """The aggregate of the values that are there and finite."""
    value = name(column)
    if agg == "cardinality" and kind in TEXTS:
        return f"COUNT(DISTINCT {value})"
    if kind in FRACTIONS:
        value = f"IF(IS_NAN({value}) OR IS_INF({value}), NULL, {value})"
    elif kind in DECIMALS:
        value = f"CAST({value} AS FLOAT64)"
    elif kind not in WHOLE:
        raise NotPushedError("only columns of numbers are aggregated by BigQuery")
    ordered = f"IF({value} IS NULL, NULL, {time})"
    made = {
        "count": f"COUNT({value})",
        "cardinality": f"COUNT(DISTINCT {value})",
        "min": f"MIN({value})",
        "max": f"MAX({value})",
        "sum": f"SUM(CAST({value} AS FLOAT64))",
        "mean": f"AVG(CAST({value} AS FLOAT64))",
        "first": f"MIN_BY({value}, {ordered})",
        "last": f"MAX_BY({value}, {ordered})",
    }
    if agg not in made:
        raise NotPushedError(f"BigQuery has no {agg} that is exact")
    return made[agg]
