"""Files of rows that grow safely: each row by its key once, a torn end mended, never half a file."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from redshank.errors import SinkError
from redshank.sinks.files import write_whole

FORMATS = (".csv", ".jsonl", ".parquet")
TIMES = ("time", "start", "end", "opened", "peak")
NUMBERS = ("score", "actual", "expected", "lower", "upper", "rarity")
WHOLE = ("severity", "points", "sequence")
Key = tuple[str, ...]
Value = str | int | float | bool | None
Values = Mapping[str, Value]


class Layout(Protocol):
    """What the rows of a file are; values are as they were given, or as they were read back (texts from CSV)."""

    @property
    def columns(self) -> Sequence[str]:
        """Return the columns that all files have, in order."""

    @property
    def lead(self) -> int:
        """Return after how many of them the others come."""

    def series(self, values: Values) -> Key:
        """Return what the row is a part of: in it, rows are told apart by their order or take each other's place."""

    def order(self, values: Values) -> int:
        """Return where the row stands in its series; rises as far as nothing comes again."""

    def key(self, values: Values) -> Key:
        """Return what only one row has."""


@dataclass
class RowFile:
    """One file. Rows that are all new are added at its end; otherwise it is read, merged and put whole in its place.

    It is read at the first use, and whenever somebody else changed it, so that what a crash or a repeated delivery left
    is known. Of rows with one key that of the highest order is kept, of equal ones the last.
    """

    path: Path
    layout: Layout
    _names: Sequence[str] = ()
    _last: dict[Key, int] = field(default_factory=dict)  # highest order by series
    _state: tuple[int, int, int] | None = None  # inode, size and time of the file as it was left

    def put(self, rows: Sequence[Values]) -> None:
        """Write rows; SinkError when the disk refuses or the file is none of ours."""
        if not rows:
            return
        try:
            if self.path.suffix != ".parquet" and self._is_as_left() and self._are_new(rows):
                self._append(rows)
            else:
                self._merge(rows)
            status = self.path.stat()
        except OSError as error:
            self._state = None
            raise SinkError(f"{self.path}: cannot be written: {error.strerror or error}") from error
        self._state = (status.st_ino, status.st_size, status.st_mtime_ns)

    def forget(self) -> None:
        """Read the file anew at the next use."""
        self._state = None

    def _is_as_left(self) -> bool:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return False
        return self._state == (status.st_ino, status.st_size, status.st_mtime_ns)

    def _are_new(self, rows: Sequence[Values]) -> bool:
        """Whether all rows are behind those that are there, in order among themselves, and have no new column."""
        last: dict[Key, int] = {}
        for row in rows:
            series, order = self.layout.series(row), self.layout.order(row)
            before = last.get(series, self._last.get(series))
            if before is not None and (order <= before or self.layout.key(row) == series):
                return False
            last[series] = order
        known = set(self._names)
        if not all(known.issuperset(row) for row in rows):
            return False
        self._last |= last
        return True

    def _append(self, rows: Sequence[Values]) -> None:
        text = _text(self.path.suffix, self._names, rows, with_header=False)
        with self.path.open("ab") as file:
            file.write(text.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())

    def _merge(self, rows: Sequence[Values]) -> None:
        merged = self._there()
        for values in rows:
            key, order = self.layout.key(values), self.layout.order(values)
            before = merged.get(key)
            if before is None or before[0] <= order:
                merged[key] = (order, values)
        kept = [values for _, values in merged.values()]
        self._names = _names(self.layout, kept)
        write_whole(self.path, lambda partial: _write(partial, self.path.suffix, self._names, kept))
        self._last = {}
        for order, values in merged.values():
            series = self.layout.series(values)
            self._last[series] = max(order, self._last.get(series, order))

    def _there(self) -> dict[Key, tuple[int, Values]]:
        """What the file holds: order and values of each row, by its key."""
        if not self.path.exists():
            return {}
        try:
            return {self.layout.key(row): (self.layout.order(row), row) for row in _read(self.path)}
        except (ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
            text = f"{self.path}: holds something else than this sink writes ({error}); move it away"
            raise SinkError(text) from error


def _names(layout: Layout, rows: Iterable[Values]) -> list[str]:
    """The columns of a file: those of its layout, and after the first of them those that only some rows have."""
    known = set(layout.columns)
    others = sorted({name for row in rows for name in row} - known)
    return [*layout.columns[: layout.lead], *others, *layout.columns[layout.lead :]]


def _write(path: Path, suffix: str, names: Sequence[str], rows: Sequence[Values]) -> None:
    if suffix == ".parquet":
        _write_parquet(path, names, rows)
        return
    with path.open("wb") as file:
        file.write(_text(suffix, names, rows, with_header=True).encode("utf-8", "replace"))
        file.flush()
        os.fsync(file.fileno())


def _text(suffix: str, names: Sequence[str], rows: Iterable[Values], *, with_header: bool) -> str:
    if suffix == ".jsonl":
        return "".join(json.dumps({n: row.get(n) for n in names}, ensure_ascii=False) + "\n" for row in rows)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if with_header:
        writer.writerow(names)
    writer.writerows([cell(row.get(name)) for name in names] for row in rows)
    return out.getvalue()


def cell(value: Value) -> str:
    """Return a value as a text; None is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, without one at its end that a crash cut short; ValueError when it holds something else."""
    if path.suffix == ".parquet":
        return _read_parquet(path)
    text = _whole_lines(path.read_bytes(), is_csv=path.suffix == ".csv").decode()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.split("\n") if line]
    return _read_csv(text)


def _read_csv(text: str) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows = [{name: value or None for name, value in row.items()} for row in reader]
    if any(None in row for row in rows):
        raise ValueError("a row has more cells than the header")
    return rows


def _whole_lines(data: bytes, *, is_csv: bool) -> bytes:
    """The file up to its last whole line; in CSV a line may go on inside of quotes."""
    end = data.rfind(b"\n") + 1
    if is_csv:
        while end and data.count(b'"', 0, end) % 2:
            end = data.rfind(b"\n", 0, end - 1) + 1
    return data[:end]


def _write_parquet(path: Path, names: Sequence[str], rows: Sequence[Values]) -> None:
    """Write columns of the same types each day: what is no time, number or truth is text."""
    import polars as pl

    kinds: dict[str, Any] = {
        **dict.fromkeys(TIMES, pl.String),
        **dict.fromkeys(NUMBERS, pl.Float64),
        **dict.fromkeys(WHOLE, pl.Int64),
        "is_open": pl.Boolean,
    }
    columns = [pl.Series(name, [row.get(name) for row in rows], dtype=kinds.get(name, pl.String)) for name in names]
    times = pl.col([name for name in names if name in TIMES]).str.to_datetime("%+", time_unit="us", time_zone="UTC")
    pl.DataFrame(columns).with_columns(times).write_parquet(path)


def _read_parquet(path: Path) -> list[dict[str, Any]]:
    import polars as pl

    try:
        rows = pl.read_parquet(path).to_dicts()
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error)) from error
    return [{name: time_text(value) if name in TIMES else value for name, value in row.items()} for row in rows]


def time_text(moment: datetime) -> str:
    """Return a time as RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
