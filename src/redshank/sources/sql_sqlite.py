"""How SQLite says the parts of an aggregation.

Its times are texts or numbers, and any column may hold values of any kind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from redshank.sources.sql_buckets import Expression, Instant, Wording

_PARTS = re.compile(r"%Y([-/.]?)%m\1%d(?:(T| |)%H(?:(:?)%M(?:\3%S)?)?)?")
_TYPES = {"int": ("integer",), "float": ("real", "integer"), "str": ("text",)}


class SqliteWording(Wording):
    """SQLite, from 3.28 on."""

    def text(self, column: Expression, pattern: str) -> Instant | None:
        """Return whole seconds of texts like ``2024-01-31T12:00:05.5Z`` or ``202401311200``.

        NULL where writing the time again in that pattern does not give the same text.
        """
        shape = _PARTS.match(pattern)
        end = pattern[shape.end() :].replace("%.f", "") if shape else "%"
        if not shape or "%" in end:
            return None
        length = len(shape[0]) + (2 if "%Y" in shape[0] else 0)
        written = _written(column, shape)
        rest: Expression = sa.func.substr(column, length + 1)
        if end:
            is_zone = sa.func.substr(column, -len(end)) == end
            rest = sa.case((is_zone, sa.func.substr(rest, 1, sa.func.length(rest) - len(end))))
        is_rest: Expression = rest == ""
        if "%.f" in pattern:
            is_rest = sa.and_(sa.func.rtrim(rest, "0123456789").in_(["", "."]), rest != ".")
        is_read = sa.and_(is_rest, sa.func.strftime(shape[0], written) == sa.func.substr(column, 1, length))
        seconds = sa.cast(sa.func.strftime("%s", written), sa.BigInteger())
        return Instant(sa.case((is_read, seconds * 1_000_000)))

    def key(self, column: Expression, kind: str) -> Expression | None:
        """Return the label by its characters, whatever the column's own order."""
        found = super().key(column, kind)
        return found.collate("BINARY") if found is not None and kind == "str" else found

    def is_one_of(self, column: Expression, kind: str, values: Sequence[str]) -> Expression | None:
        """Return whether a column is one of these values, by their characters."""
        return super().is_one_of(column.collate("BINARY") if kind == "str" else column, kind, values)

    def odd(self, columns: Mapping[str, str]) -> Expression | None:
        """Return whether a value is of another type than those of its column seen first."""
        checks = [
            sa.func.typeof(sa.column(name)).notin_([*_TYPES.get(kind, ()), "null"]) for name, kind in columns.items()
        ]
        return sa.or_(sa.false(), *checks)

    def total(self, value: Expression) -> Expression:
        """Return the sum as a float: one of integers fails when it does not fit."""
        return sa.func.total(value)


def _written(column: Expression, shape: re.Match[str]) -> Expression:
    """The time as SQLite reads it, ``2024-01-31 12:00:05``."""
    date, between, clock = shape[1], shape[2], shape[3]
    if date == "-" and clock == ":" and between in ("T", " ") and "%S" in shape[0]:
        return sa.func.substr(column, 1, 19)
    widths = [4, len(date), 2, len(date), 2, len(between or ""), 2, len(clock or ""), 2, len(clock or ""), 2]
    starts = [1 + sum(widths[:i]) for i in range(0, 11, 2)]
    signs = ("%Y", "%m", "%d", "%H", "%M", "%S")
    written: Expression = sa.literal("")
    for sign, start, before in zip(signs, starts, ("", "-", "-", " ", ":", ":"), strict=True):
        part = sa.func.substr(column, start, 4 if sign == "%Y" else 2) if sign in shape[0] else sa.literal("00")
        written = written + before + part if before else part
    return written
