"""Rows of a database to columns, a portion at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import polars as pl

PORTION_ROWS = 50_000
_NUMBERS = frozenset({int, float, Decimal, bool})
_KINDS: dict[type, str] = {
    bool: "bool", int: "int", float: "float", Decimal: "decimal", str: "str", datetime: "datetime", date: "date",
    time: "time", timedelta: "interval", UUID: "uuid",
}  # fmt: skip
_UNUSABLE = (bytes, bytearray, memoryview, dict, list, tuple)


def portion(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """Return rows as a table: numbers as int64 or float64, times with a zone in UTC, what is left as text."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return pl.DataFrame([_column(name, values) for name, values in zip(names, columns, strict=True)])


def _column(name: str, values: Sequence[Any]) -> pl.Series:
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pl.Series(name, values, pl.Null)
    if kinds == {bool}:
        return pl.Series(name, values, pl.Boolean)
    if kinds <= {int, bool} and all(v is None or -(1 << 63) <= v < 1 << 63 for v in values):
        return pl.Series(name, values, pl.Int64)
    if kinds <= _NUMBERS:
        return pl.Series(name, [None if v is None else _float(v) for v in values], pl.Float64)
    if kinds == {datetime}:
        return _times(name, values)
    simple: dict[type, Any] = {str: pl.String, date: pl.Date, time: pl.Time}
    if len(kinds) == 1 and next(iter(kinds)) in simple:
        return pl.Series(name, values, simple[next(iter(kinds))])
    if kinds == {timedelta}:
        return pl.Series(name, [None if v is None else v.total_seconds() for v in values], pl.Float64)
    return pl.Series(name, [None if v is None else str(v) for v in values], pl.String)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _times(name: str, values: Sequence[datetime | None]) -> pl.Series:
    if any(v is not None and v.tzinfo is not None for v in values):
        in_utc = [None if v is None else v.astimezone(UTC) for v in values]
        return pl.Series(name, in_utc, pl.Datetime("us", "UTC"))
    return pl.Series(name, values, pl.Datetime("us"))


def kinds(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, str]:
    """Return what the values of each column are: a name of ``_KINDS``.

    "datetimetz" are times with a zone, "" is a column without a value yet, "mixed" one of several kinds.
    """
    seen: list[set[str]] = [set() for _ in names]
    for row in rows:
        for found, value in zip(seen, row, strict=True):
            if value is not None:
                kind = _KINDS.get(type(value), "mixed")
                found.add("datetimetz" if kind == "datetime" and value.tzinfo is not None else kind)
    return {name: _kind(found) for name, found in zip(names, seen, strict=True)}


def _kind(found: set[str]) -> str:
    if len(found) == 1:
        return found.pop()
    return "" if not found else "float" if found == {"int", "float"} else "mixed"


def usable(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Return the names of the columns that hold neither bytes nor nested values."""
    left_out = {i for row in rows for i, value in enumerate(row) if isinstance(value, _UNUSABLE)}
    return [name for i, name in enumerate(names) if i not in left_out]


def decoded(rows: Sequence[Sequence[Any]], places: Sequence[int], encoding: str) -> Sequence[Sequence[Any]]:
    """Return rows that hold texts instead of bytes at some places."""
    if not places or not rows:
        return rows
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for i in places:
        columns[i] = [None if value is None else value.decode(encoding, "replace") for value in columns[i]]
    return list(zip(*columns, strict=True))
