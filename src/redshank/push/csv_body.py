"""Pushed points as CSV: a header, then rows; numbers and times are read as strictly as in the other formats."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from redshank.errors import DataError
from redshank.push.columns import MEASURE, NUMBER, VALUE, Table, find_roles, read_columns
from redshank.push.points import Intake
from redshank.push.rows import TIME_NAMES
from redshank.push.times import TimeReader

_SEPARATORS = ",;\t|"
_LOOKED_AT = 1000
_BLOCK = 8 << 20
_MOST_COLUMNS = 1000


def read_csv(body: bytes, intake: Intake, times: TimeReader) -> None:
    """Read rows below a header; rows are numbered from the header, which is 1, without blank lines.

    A column is a measure when at least half of its first values are numbers. DataError when there is no usable header.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    if not body.strip():
        return
    _check_text(body)
    separator = _separator(body)
    frame, invalid = _parsed(body, separator)
    for number, row, reason in invalid:
        intake.reject(number, row, reason)
    intake.rows += len(invalid)
    numbers = np.setdiff1d(np.arange(2, len(frame) + len(invalid) + 2), [number for number, _, _ in invalid])
    kinds = {name: _kind(frame[name], name) for name in frame.columns}
    roles = find_roles(kinds)

    def text(i: int) -> str:
        return separator.join("" if value is None else str(value) for value in frame.row(i))

    read_columns(Table(frame, numbers.astype(np.int64), text), roles, intake, times)


def _check_text(body: bytes) -> None:
    try:
        if not body.isascii():
            body.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"push: the body must be CSV in UTF-8: {error}") from error


def _separator(body: bytes) -> str:
    header = body[: _BLOCK // 8].lstrip(b"\r\n").split(b"\n", 1)[0].decode(errors="replace")
    return max(_SEPARATORS, key=lambda one: (header.count(one), -_SEPARATORS.index(one)))


def _parsed(body: bytes, separator: str) -> tuple[pl.DataFrame, list[tuple[int, str, str]]]:
    """All columns as texts (null = empty), and the rows with another number of fields than the header."""
    most = min(_MOST_COLUMNS, body.count(separator.encode(), 0, _LOOKED_AT * 100) + 1)
    invalid: list[tuple[int, str, str]] = []

    def note(row: Any) -> str:
        invalid.append((row.number, row.text, f"has {row.actual_columns} fields, the header {row.expected_columns}"))
        return "skip"

    try:
        table = pa_csv.read_csv(
            pa.py_buffer(body),
            pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK, autogenerate_column_names=True),
            pa_csv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=note),
            pa_csv.ConvertOptions(
                column_types=dict.fromkeys((f"f{i}" for i in range(most)), pa.large_string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(f"push: the body must be CSV in UTF-8: {str(error).splitlines()[0]}") from error
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    names = _names(frame)
    return frame[1:].rename(dict(zip(frame.columns, names, strict=True))), invalid


def _names(frame: pl.DataFrame) -> list[str]:
    """The names in the first row."""
    if frame.width > _MOST_COLUMNS or frame.is_empty() or set(frame.dtypes) != {pl.String}:
        raise DataError(f"push: a CSV must have a header of at most {_MOST_COLUMNS:,} names")
    names = [(name or "").strip() for name in frame.row(0)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None or "" in names:
        what = "has no name" if twice in (None, "") else f"{twice!r} comes twice"
        raise DataError(f"push: each column of the header must have a name of its own; one {what}")
    return names


def _kind(column: pl.Series, name: str) -> str:
    if name in (MEASURE, VALUE, *TIME_NAMES):
        return "number" if name == VALUE else "text"
    there = column.drop_nulls().head(_LOOKED_AT)
    if there.is_empty():
        return "none"
    return "number" if there.str.strip_chars().str.contains(NUMBER).sum() * 2 >= len(there) else "text"
