"""CSV and its relatives: find separator and header, and read in a stream."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from redshank.errors import ConfigError, SourceError
from redshank.sources.base import Query
from redshank.sources.encodings import Text
from redshank.tables import names
from redshank.tables.numbers import MISSING
from redshank.tables.raw import EXTRA, RawTable
from redshank.tables.times import format_of

_SEPARATORS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"\s*[-+]?[\d.,'\s]*\d[\d.,'\s]*(?:[eE][-+]?\d+)?\s*%?\s*$")
_CHUNK = 50_000
_LOOKED_AT = 200  # lines
_NAMED = {"tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|"}


@dataclass(frozen=True)
class _Dialect:
    """How a text table is written: ``skipped`` lines stand before the header or, without one, the first row."""

    separator: str
    skipped: int
    columns: tuple[str, ...]
    has_header: bool
    end: str

    @property
    def first_row(self) -> int:
        return self.skipped + int(self.has_header)


def separated(text: Text, query: Query) -> RawTable:
    """Return the table of a text file; SourceError when it holds no table."""
    where = f"csv {text.name}"
    dialect = _dialect(where, text, query.separator)
    path = text.path
    notes = list(text.content.notes)
    if text.encoding not in ("utf-8", "utf-8-sig"):
        notes.append(f"encoding {text.encoding}")
    if dialect.separator == " ":
        frame = _slow_frame(path, dialect)
        return _raw(where, text, frame, dialect, notes)
    schema = {name: pl.String for name in (*dialect.columns, EXTRA)}
    frame = pl.scan_csv(
        path,
        has_header=False,
        separator=dialect.separator,
        skip_lines=dialect.first_row,
        schema=schema,
        truncate_ragged_lines=True,
        missing_columns="insert",
        encoding="utf8-lossy",
        eol_char=dialect.end,
        glob=False,
        raise_if_empty=False,
    )
    raw = _raw(where, text, frame, dialect, notes)
    raw.slowly = lambda: _slow_frame(path, dialect)
    return raw


def _raw(where: str, text: Text, frame: pl.LazyFrame, dialect: _Dialect, notes: list[str]) -> RawTable:
    return RawTable(
        where=where,
        frame=frame,
        label=text.content.label,
        first_line=dialect.first_row + 1,
        unit="line",
        separator=dialect.separator,
        notes=notes,
    )


def _dialect(where: str, text: Text, asked: str | None) -> _Dialect:
    end = "\r" if "\n" not in text.head and "\r" in text.head else "\n"
    lines = text.head.lstrip("\ufeff").split(end)
    if len(lines) > 2 and len(text.head) > 900_000:
        lines.pop()  # may be cut
    lines = [line.rstrip("\r") for line in lines[:_LOOKED_AT]]
    separator = _NAMED.get(asked, asked) if asked else _separator(lines)
    if len(separator) != 1 or not separator.isascii():
        raise ConfigError(f"separator: must be one character, or tab or space, got {asked!r}", field="separator")
    rows = [_fields(line, separator) for line in lines]
    width = _width(rows)
    skipped = next((i for i, row in enumerate(rows) if len(row) >= width and any(row)), 0)
    if not any(any(row) for row in rows):
        raise SourceError(f"{where}: is empty")
    body = [row for row in rows[skipped + 1 :] if any(row)]
    first = rows[skipped]
    if lines[skipped].startswith("#") and len(first) >= width:
        first = [first[0].lstrip("# "), *first[1:]]
    has_header = _is_header(first, body)
    width = max(width, len(first)) if has_header else width
    columns = _unique(first if has_header else [f"column_{i + 1}" for i in range(width)])
    return _Dialect(separator, skipped, columns, has_header, end)


def _separator(lines: list[str]) -> str:
    """The character that cuts most lines into the same number of fields."""
    filled = [line for line in lines if line.strip()][:100]
    best, best_share = ",", 0.0
    for separator in _SEPARATORS:
        widths = Counter(len(_fields(line, separator)) for line in filled)
        widths.pop(1, None)
        if not widths:
            continue
        width, agreeing = max(widths.items(), key=lambda item: (item[1], item[0]))
        share = agreeing / len(filled) + 0.01 * min(width, 10)
        if separator == "," and all(re.search(r"\d,\d", line) for line in filled[1:]) and ";" in filled[0]:
            share *= 0.5
        if share > best_share + 1e-9:
            best, best_share = separator, share
    if best_share < 0.5 and _is_spaced(filled):
        return " "
    return best


def _is_spaced(lines: list[str]) -> bool:
    widths = Counter(len(line.split()) for line in lines)
    width, agreeing = widths.most_common(1)[0] if widths else (1, 0)
    return (
        width > 1
        and agreeing >= 0.8 * len(lines)
        and not any(format_of(line.strip(), day_first=True) for line in lines)
    )


def _fields(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    try:
        return [field.strip() for field in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return line.split(separator)


def _width(rows: list[list[str]]) -> int:
    """The usual number of fields."""
    widths = Counter(len(row) for row in rows if any(row))
    return max(widths.items(), key=lambda item: (item[1], item[0]))[0] if widths else 1


def _is_header(first: list[str], body: list[list[str]]) -> bool:
    """Whether the first row names columns: none of its fields is a number or a time, or words of it are known names."""
    if any(field and (_NUMBER.match(field) or format_of(field, day_first=True)) for field in first):
        filled = [field for field in first if field]
        values = sum(bool(_NUMBER.match(f) or format_of(f, day_first=True) or f in MISSING) for f in filled)
        return values <= len(filled) // 2 and any(names.plain(field) in names.TIMESTAMPS for field in first)
    if not body:
        return True
    known = any(names.plain(field) in names.TIMESTAMPS for field in first)
    return known or any(any(_NUMBER.match(field) for field in row) for row in body) or len(first) > 1


def _unique(fields: list[str]) -> tuple[str, ...]:
    """Names of columns; an empty one is kept once, a repeated one gets a number."""
    seen: Counter[str] = Counter()
    found = []
    for field in fields:
        name = field.replace("\x00", "").strip()
        seen[name] += 1
        while seen[name] > 1 and f"{name}_{seen[name]}" in seen:
            seen[name] += 1
        unique = name if seen[name] == 1 else f"{name}_{seen[name]}"
        seen.setdefault(unique, 1)
        found.append(unique)
    return tuple(found)


def _slow_frame(path: Path, dialect: _Dialect) -> pl.LazyFrame:
    """The same rows by a reader that takes each line by itself, so that a broken quote spoils only its own line."""
    parts = list(_slow_parts(path, dialect))
    names = (*dialect.columns, EXTRA)
    return pl.concat(parts).lazy() if parts else pl.DataFrame(schema={name: pl.String for name in names}).lazy()


def _slow_parts(path: Path, dialect: _Dialect) -> Iterator[pl.DataFrame]:
    width = len(dialect.columns)
    schema = {name: pl.String for name in (*dialect.columns, EXTRA)}
    newline = "\r" if dialect.end == "\r" else None
    with path.open(encoding="utf-8-sig", errors="replace", newline=newline) as file:
        lines = islice(file, dialect.first_row, None)
        while chunk := list(islice(lines, _CHUNK)):
            rows = [_fields(line.rstrip("\r\n"), dialect.separator) for line in chunk]
            padded = [[field or None for field in row[: width + 1]] + [None] * (width + 1 - len(row)) for row in rows]
            yield pl.DataFrame(padded, schema=schema, orient="row")
