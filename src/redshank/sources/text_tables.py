"""CSV and its relatives, read in a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import polars as pl

from redshank.errors import SourceError
from redshank.sources.base import Query
from redshank.sources.dialects import Dialect, find_dialect
from redshank.sources.encodings import Text
from redshank.tables.raw import EXTRA, RawTable

_CHUNK = 50_000
LONGEST_LINE_BYTES = 1 << 24


def separated(text: Text, query: Query) -> RawTable:
    """Return the table of a text file; SourceError when it holds no table."""
    where = f"csv {text.name}"
    _check_first_line(where, text)
    dialect = find_dialect(where, text.head, query.separator)
    path = text.path
    notes = [*text.content.notes, *dialect.notes]
    if text.encoding not in ("utf-8", "utf-8-sig"):
        notes.append(f"encoding {text.encoding}")
    by_line = dialect.separator == " " or dialect.is_padded
    raw = RawTable(
        where=where,
        frame=_slow_frame(path, dialect) if by_line else _fast_frame(path, dialect),
        label=text.content.label,
        first_line=dialect.first_row + 1,
        unit="line",
        separator=dialect.separator,
        notes=notes,
    )
    if not by_line:
        raw.slowly = lambda: _slow_frame(path, dialect)
    if dialect.comment or dialect.quote in text.head:
        raw.lines = lambda rows: _line_numbers(path, dialect, rows, by_line=raw.slowly is None)
    return raw


def _check_first_line(where: str, text: Text) -> None:
    """Raise SourceError for a file that is one line without end, which would have to be held in memory as a whole."""
    if "\n" in text.head or "\r" in text.head:
        return
    with text.path.open("rb") as file:
        start = file.read(LONGEST_LINE_BYTES + 1)
    if len(start) > LONGEST_LINE_BYTES and b"\n" not in start and b"\r" not in start:
        raise SourceError(f"{where}: is no table: its first line is longer than {LONGEST_LINE_BYTES >> 20} MB")


def _schema(dialect: Dialect) -> dict[str, type[pl.DataType]]:
    return {name: pl.String for name in (*dialect.columns, EXTRA)}


def _fast_frame(path: Path, dialect: Dialect) -> pl.LazyFrame:
    return pl.scan_csv(
        path,
        has_header=False,
        separator=dialect.separator,
        quote_char=dialect.quote,
        comment_prefix=dialect.comment,
        skip_lines=dialect.first_row,
        schema=_schema(dialect),
        truncate_ragged_lines=True,
        missing_columns="insert",
        encoding="utf8-lossy",
        eol_char=dialect.end,
        glob=False,
        raise_if_empty=False,
    )


def _slow_frame(path: Path, dialect: Dialect) -> pl.LazyFrame:
    """The same rows by a reader that takes each line by itself, so that a broken quote spoils only its own line."""
    parts = list(_slow_parts(path, dialect))
    return pl.concat(parts).lazy() if parts else pl.DataFrame(schema=_schema(dialect)).lazy()


def _slow_parts(path: Path, dialect: Dialect) -> Iterator[pl.DataFrame]:
    width = len(dialect.columns)
    lines = _row_lines(path, dialect)
    while chunk := list(islice(lines, _CHUNK)):
        rows = [dialect.fields(line.rstrip("\r\n")) for _, line in chunk]
        padded = [[field or None for field in row[: width + 1]] + [None] * (width + 1 - len(row)) for row in rows]
        yield pl.DataFrame(padded, schema=_schema(dialect), orient="row")


def _row_lines(path: Path, dialect: Dialect) -> Iterator[tuple[int, str]]:
    """The lines from the first row on with their numbers from 1, without comments."""
    newline = "\r" if dialect.end == "\r" else None
    with path.open(encoding="utf-8-sig", errors="replace", newline=newline) as file:
        for number, line in enumerate(islice(file, dialect.first_row, None), dialect.first_row + 1):
            if not (dialect.comment and line.startswith(dialect.comment)):
                yield number, line


def _line_numbers(path: Path, dialect: Dialect, rows: Sequence[int], *, by_line: bool) -> list[int]:
    """The lines that rows (counted from 0, rising) start on, where some rows take several lines."""
    found: dict[int, int] = {}
    wanted = set(rows)
    row, is_open = -1, False
    for number, line in _row_lines(path, dialect):
        if not is_open:
            row += 1
            if row in wanted:
                found[row] = number
                if len(found) == len(wanted):
                    break
        if not by_line and line.count(dialect.quote) % 2:
            is_open = not is_open
    return [found.get(row, dialect.first_row + 1 + row) for row in rows]
