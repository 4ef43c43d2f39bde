"""Rows of a database to columns, a portion at a time, kept on disk when there are many."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from redshank.errors import DataError

PORTION_ROWS = 50_000
ROWS_IN_MEMORY = 1_000_000  # more are kept in files of a temporary folder
_NUMBERS = frozenset({int, float, Decimal, bool})
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


def usable(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Return the names of the columns that hold neither bytes nor nested values."""
    left_out = {i for row in rows for i, value in enumerate(row) if isinstance(value, _UNUSABLE)}
    return [name for i, name in enumerate(names) if i not in left_out]


class Spool:
    """Portions one after the other as one table; bounded in memory however many they are.

    ``types``: of the columns where a portion holds no value at all. ``most``: rows above which DataError is raised.
    """

    def __init__(self, where: str, folder: str, types: dict[str, pl.DataType], most: int) -> None:
        """Begin with nothing."""
        self.where, self.folder, self.types, self.most = where, Path(folder), types, most
        self.rows = 0
        self._frames: list[pl.DataFrame] = []
        self._files: list[Path] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Add a portion; DataError when there are more rows than allowed."""
        self.rows += len(frame)
        if self.rows > self.most:
            raise DataError(
                f"{self.where}: holds more than {self.most:,} rows in the range asked for; ask for less, aggregate in "
                "the query, or raise max_rows"
            )
        empty = [name for name, dtype in frame.schema.items() if dtype == pl.Null]
        self._frames.append(frame.with_columns(pl.col(name).cast(self.types[name]) for name in empty))
        if sum(map(len, self._frames)) > ROWS_IN_MEMORY:
            self._put_down()

    def _put_down(self) -> None:
        path = self.folder / f"{uuid.uuid4().hex}.arrow"
        pl.concat(self._frames, how="vertical_relaxed").write_ipc(path)
        self._files.append(path)
        self._frames = []

    def table(self) -> pl.LazyFrame:
        """Return all of it, lazily; needs the folder while it is read."""
        parts = [pl.scan_ipc(path) for path in self._files] + [frame.lazy() for frame in self._frames]
        return parts[0] if len(parts) == 1 else pl.concat(parts, how="vertical_relaxed")
