"""How a text table is written: its separator, quotes and comments, and which lines stand before the first row."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from redshank.errors import ConfigError, SourceError
from redshank.tables import names
from redshank.tables.numbers import MISSING
from redshank.tables.times import format_of

_SEPARATORS = (",", ";", "\t", "|", "~", "^", "\x01", "\x1f")
_NAMED = {"tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|"}
_NUMBER = re.compile(r"\W{0,3}\d[\d.,'\u2019\s]*(?:[eE][-+]?\d+)?\s*\)?\s*(?:%|[^\W\d_/]{0,3}|[$€£¥])$")
_TOLD = re.compile(r"sep=(.)\s*$", re.IGNORECASE)  # the first line that Excel writes and obeys
_COMMENT = "#"
_LOOKED_AT = 200  # lines
_MOST_LINES = 20  # lines of one record; a quote that stays open longer is a broken one
_LONGEST_UNIT = 30


@dataclass(frozen=True)
class Dialect:
    """How a text table is written.

    ``first_row``: lines before the first row. ``end``: of a line. ``comment``: what lines to leave out start with.
    ``is_padded``: spaces stand between separator and quote.
    """

    separator: str
    columns: tuple[str, ...]
    first_row: int
    end: str = "\n"
    quote: str = '"'
    comment: str | None = None
    is_padded: bool = False
    notes: tuple[str, ...] = ()

    def fields(self, line: str) -> list[str]:
        """Return the fields of one line."""
        return _fields(line, self.separator, self.quote)


@dataclass(frozen=True)
class _Record:
    """The fields of one record, and the lines it stands on: first <= i < last."""

    fields: list[str]
    first: int
    last: int


def find_dialect(where: str, head: str, asked: str | None) -> Dialect:
    """Return how a text table that begins with ``head`` is written; SourceError when it holds nothing."""
    end = "\r" if "\n" not in head and "\r" in head else "\n"
    lines = head.lstrip("\ufeff").split(end)
    if len(lines) > 2 and len(head) > 900_000:
        lines.pop()  # may be cut
    lines = [line.rstrip("\r") for line in lines[:_LOOKED_AT]]
    if not any(line.strip() for line in lines):
        raise SourceError(f"{where}: is empty")
    told = _TOLD.match(lines[0])
    comment = _comment(lines)
    quote = "'" if _is_quoted_by(lines, "'") else '"'
    table = [line for line in lines[int(bool(told)) :] if not (comment and line.startswith(comment))]
    separator = _NAMED.get(asked, asked) if asked else (told[1] if told else _separator(table, quote))
    if len(separator) != 1 or not separator.isascii():
        raise ConfigError(f"separator: must be one character, or tab or space, got {asked!r}", field="separator")
    records = [record for record in _records(lines, separator, quote) if not (told and record.first == 0)]
    columns, first_row, notes = _layout(where, records, comment, separator)
    is_padded = bool(re.search(rf"{re.escape(separator)} +{quote}", "\n".join(table[:50])))
    return Dialect(separator, columns, first_row, end, quote, comment, is_padded, notes)


def _comment(lines: Sequence[str]) -> str | None:
    """The mark of comment lines; None when there are none, or when most lines start with it."""
    marked = sum(line.startswith(_COMMENT) for line in lines)
    return _COMMENT if 0 < marked < 0.5 * len(lines) else None


def _is_quoted_by(lines: Sequence[str], quote: str) -> bool:
    quoted = sum(line.count(quote) >= 2 and line.strip()[:1] == quote for line in lines)
    return quoted > 0.5 * len(lines) and not any('"' in line for line in lines)


def _separator(lines: Sequence[str], quote: str) -> str:
    """The character that cuts most lines into the same number of fields."""
    filled = [line for line in lines if line.strip()][:100]
    best, best_share = ",", 0.0
    for separator in _SEPARATORS:
        widths = Counter(len(_fields(line, separator, quote)) for line in filled)
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


def _is_spaced(lines: Sequence[str]) -> bool:
    widths = Counter(len(line.split()) for line in lines)
    width, agreeing = widths.most_common(1)[0] if widths else (1, 0)
    return (
        width > 1
        and agreeing >= 0.8 * len(lines)
        and not any(format_of(line.strip(), day_first=True) for line in lines)
    )


def _fields(line: str, separator: str, quote: str) -> list[str]:
    if separator == " ":
        return line.split()
    try:
        reader = csv.reader([line], delimiter=separator, quotechar=quote, skipinitialspace=True)
        return [field.strip() for field in next(reader, [])]
    except csv.Error:
        return line.split(separator)


def _records(lines: Sequence[str], separator: str, quote: str) -> list[_Record]:
    """Lines as records: one that a quoted line break cuts in two is put together again."""
    found, first = [], 0
    while first < len(lines):
        last = first + 1
        while _is_open(lines[first:last], separator, quote) and last - first < _MOST_LINES and last < len(lines):
            last += 1
        if _is_open(lines[first:last], separator, quote):
            last = first + 1  # a broken quote
        found.append(_Record(_fields("\n".join(lines[first:last]), separator, quote), first, last))
        first = last
    return found


def _is_open(lines: Sequence[str], separator: str, quote: str) -> bool:
    return separator != " " and sum(line.count(quote) for line in lines) % 2 == 1


def _layout(
    where: str, records: list[_Record], comment: str | None, separator: str
) -> tuple[tuple[str, ...], int, tuple[str, ...]]:
    """The names of the columns, the lines before the first row, and what to say of them."""
    table = [r for r in records if any(r.fields) and not (comment and r.fields[0].startswith(comment))]
    if not table:
        raise SourceError(f"{where}: is empty")
    width = _width([r.fields for r in table])
    typed = _typed([r.fields for r in table], width)
    start = _first_data(table, typed)
    if start is None:
        start = next((i for i, r in enumerate(table) if len(r.fields) >= width), 0) + 1
    above = [r for r in table[:start] if len(r.fields) >= max(width - 1, 1)]
    above = [r for r in above if r.first >= (table[start - 1].first if start else 0) - 4]
    above = above or _commented_header(records, table[start].first if start < len(table) else 0, width)
    if not above:
        return _unique([f"column_{i + 1}" for i in range(width)]), table[start].first, ()
    header = _header(above)
    notes = []
    skipped = sum(r.last <= header.first for r in table)
    if skipped:
        notes.append(f"left out {skipped} line{'s' if skipped > 1 else ''} before the header")
    first_row = header.last
    below = [r for r in above if r.first >= header.last]
    if below and all(len(r.fields) == len(header.fields) > 1 and _is_units(r.fields) for r in below):
        first_row = below[-1].last
        notes += [f"line {r.first + 1} read as units: {', '.join(r.fields)[:80]}" for r in below]
    named = [header.fields[0].lstrip("# "), *header.fields[1:]]
    return _unique(_as_wide(named, [r.fields for r in table[start:]])), first_row, tuple(notes)


def _width(rows: Sequence[list[str]]) -> int:
    """The usual number of fields."""
    widths = Counter(len(row) for row in rows)
    return max(widths.items(), key=lambda item: (item[1], item[0]))[0] if widths else 1


def _typed(rows: Sequence[list[str]], width: int) -> frozenset[int]:
    """The columns of times and numbers, by the second half of the rows."""
    body = [row for row in rows[len(rows) // 2 :] if len(row) >= width]
    found = set()
    for i in range(width):
        column = [row[i] for row in body if not _is_missing(row[i])][:50]
        if column and sum(map(_is_value, column)) > 0.6 * len(column):
            found.add(i)
    return frozenset(found)


def _is_missing(field: str) -> bool:
    return not field or field in MISSING


def _is_value(field: str) -> bool:
    return bool(_NUMBER.match(field) or format_of(field, day_first=True))


def _first_data(table: Sequence[_Record], typed: frozenset[int]) -> int | None:
    """The place of the first row that holds more values than words where values stand; None when none does."""
    for i, record in enumerate(table):
        there = [record.fields[j] for j in typed if j < len(record.fields) and not _is_missing(record.fields[j])]
        values = sum(map(_is_value, there))
        is_named = any(names.plain(field) in names.TIMESTAMPS for field in record.fields)
        if values > 0.5 * len(there) and not (is_named and values < len(there)):
            return i
    return None


def _commented_header(records: Sequence[_Record], before: int, width: int) -> list[_Record]:
    """The header when it stands in the comment line right before the first row."""
    above = [r for r in records if r.first < before and any(r.fields)][-1:]
    return [r for r in above if r.fields[0].startswith(_COMMENT) and len(r.fields) == width]


def _header(above: Sequence[_Record]) -> _Record:
    """The row of names among those above the first row of values: units may stand under it, titles over it."""
    for record in reversed(above):
        if not _is_bracketed(record.fields) and any(
            names.plain(field.lstrip("# ")) in names.TIMESTAMPS for field in record.fields
        ):
            return record
    is_under = len(above) > 1 and ("" in above[-1].fields[:-1] or _is_bracketed(above[-1].fields))
    return above[-2] if is_under else above[-1]


def _is_bracketed(fields: Sequence[str]) -> bool:
    return any(field[:1] + field[-1:] in ("[]", "()", "<>") for field in fields)


def _is_units(fields: Sequence[str]) -> bool:
    return all(len(field) <= _LONGEST_UNIT and not _is_value(field) for field in fields)


def _as_wide(named: list[str], rows: Sequence[list[str]]) -> list[str]:
    """Names for all columns where the rows are one field longer: by a separator at their end, or by row names."""
    longer = [row for row in rows if len(row) == len(named) + 1]
    if not rows or len(longer) <= 0.5 * len(rows):
        return named
    if not any(row[-1] for row in longer):
        return [*named, ""]
    at = next((i for i, name in enumerate(named) if names.plain(name) in names.TIMESTAMPS), None)
    is_shifted = at is not None and format_of(longer[-1][at + 1], day_first=True)
    return ["", *named] if is_shifted else named


def _unique(fields: Sequence[str]) -> tuple[str, ...]:
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
