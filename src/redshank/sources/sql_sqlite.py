"""How SQLite says the parts of an aggregation.

Its times are texts or numbers, and any column may hold values of any kind.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from redshank.errors import ConfigError, SourceError
from redshank.sources.sql_buckets import Expression, Instant, Wording
from redshank.sources.sql_patterns import TimeShape, time_shape
from redshank.sources.sql_session import Session

_TYPES = {"int": ("integer",), "float": ("real", "integer"), "str": ("text",)}
CHECK_EVERY = 20_000  # steps of SQLite's machine between two looks at the clock
# what a reader may do in SQLite; all else (ATTACH, writing, PRAGMA that changes, loading code) is refused
_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
_NO_FUNCTIONS = frozenset({"load_extension", "readfile", "writefile", "fts3_tokenizer"})
_PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "database_list"})


class SqliteSession(Session):
    """Files of SQLite."""

    def made(self) -> sa.Engine:
        """Return the engine; ConfigError when the file lies outside of the folders allowed."""
        return sa.create_engine("sqlite://", creator=self._opener(), poolclass=NullPool)

    def _opener(self) -> Callable[[], sqlite3.Connection]:
        name, limits = self.url.database, self.limits
        if not name or name == ":memory:":
            raise ConfigError(
                "url: sqlite must name a file, such as sqlite:///shop.db (four slashes begin a whole path)"
            )
        path = Path(self.access.path(name.removeprefix("file:")))
        where = f"sql sqlite:///{name}"

        def connect() -> sqlite3.Connection:
            self.access.check(path)
            if not path.is_file():
                raise SourceError(f"{where}: there is no file {str(path)!r}")
            connection = sqlite3.connect(
                f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=limits.connect, check_same_thread=False
            )
            connection.execute("PRAGMA query_only = ON")
            connection.set_authorizer(_may)
            deadline = time.monotonic() + limits.read
            connection.set_progress_handler(lambda: time.monotonic() > deadline, CHECK_EVERY)
            return connection

        return connect

    def is_refused(self, error: sa.exc.SQLAlchemyError) -> bool:
        """Whether it is what was asked that is wrong: SQLite says so by the error of a broken connection."""
        is_operational = isinstance(getattr(error, "orig", None), sqlite3.OperationalError)
        is_asked = is_operational and "locked" not in str(error) and not self.is_late(error)
        return is_asked or super().is_refused(error)


def _may(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    if action in _READS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in _NO_FUNCTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA:
        name = (first or "").lower()
        is_asked = name in _PRAGMAS or (name == "read_uncommitted" and second is None)  # asked by SQLAlchemy
        return sqlite3.SQLITE_OK if is_asked else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action == sqlite3.SQLITE_TRANSACTION else sqlite3.SQLITE_DENY


class SqliteWording(Wording):
    """SQLite, from 3.28 on."""

    def text(self, column: Expression, pattern: str) -> Instant | None:
        """Return whole seconds of texts like ``2024-01-31T12:00:05.5Z`` or ``202401311200``.

        NULL where writing the time again in that pattern does not give the same text.
        """
        shape = time_shape(pattern)
        if shape is None:
            return None
        written = _written(column, shape)
        rest: Expression = sa.func.substr(column, shape.length + 1)
        if shape.ending:
            size = len(shape.ending)
            is_zone = sa.func.substr(column, -size) == shape.ending
            rest = sa.case((is_zone, sa.func.substr(rest, 1, sa.func.length(rest) - size)))
        is_rest: Expression = rest == ""
        if shape.has_fraction:
            is_rest = sa.and_(sa.func.rtrim(rest, "0123456789").in_(["", "."]), rest != ".")
        is_same = sa.func.strftime(shape.pattern, written) == sa.func.substr(column, 1, shape.length)
        is_read = sa.and_(is_rest, is_same)
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


def _written(column: Expression, shape: TimeShape) -> Expression:
    """The time as SQLite reads it, ``2024-01-31 12:00:05``."""
    if shape.pattern in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"):
        return sa.func.substr(column, 1, 19)
    written: Expression = sa.literal("")
    for sign, before in (("%Y", ""), ("%m", "-"), ("%d", "-"), ("%H", " "), ("%M", ":"), ("%S", ":")):
        place = shape.place(sign)
        digits = sa.literal("00") if place is None else sa.func.substr(column, place, 4 if sign == "%Y" else 2)
        written = written + before + digits if before else digits
    return written
