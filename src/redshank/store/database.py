"""One database, SQLite or PostgreSQL: reading from a snapshot, writing in one transaction behind a fence.

A database is used by any number of threads; within a thread one transaction at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, select, text, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from redshank.errors import ConfigError, LeaseLostError, UnavailableError
from redshank.store.records import Fence
from redshank.store.tables import counters, leases

BEGIN = "redshank_begin"  # execution option: the word behind BEGIN on SQLite
DAMAGED = ("malformed", "not a database", "database corruption", "invalid page")
FULL = ("disk is full", "no space left", "disk full")
_HELD = (  # statements that are executed at every tick are made once
    select(leases.c.name)
    .where(leases.c.name == bindparam("of"), leases.c.owner == bindparam("by"), leases.c.token == bindparam("at"))
    .with_for_update(read=True)
)
_RAISED = (
    update(counters)
    .where(counters.c.name == bindparam("of"))
    .values(value=counters.c.value + bindparam("count"))
    .returning(counters.c.value)
)


class Database:
    """The one way to the tables."""

    def __init__(self, engine: Engine, name: str, file: Path | None = None) -> None:
        """``name`` is how messages call it: the path, or the address without its password. ``file``: that of SQLite."""
        self.engine = engine
        self._file = file
        self._inode: int | None = None
        self.name = name
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._reader = engine.execution_options(**self._reading())
        self._writer = engine.execution_options(**{BEGIN: "IMMEDIATE"})
        self._turn = threading.Lock()
        self._used = threading.local()

    def _reading(self) -> dict[str, Any]:
        if self.is_sqlite:
            return {BEGIN: "DEFERRED"}
        return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one moment of the database and changes nothing.

        Raises:
            UnavailableError: the database is away, full, locked or damaged.
        """
        with self._alone(), self._said(), self._reader.connect() as connection, connection.begin() as transaction:
            yield connection
            transaction.rollback()

    @contextmanager
    def write(self, fence: Fence | None = None) -> Iterator[Connection]:
        """Give a connection whose changes are kept together at the end, or not at all when an error is raised.

        With a fence nothing is kept unless the lease is still held: a new holder waits for this transaction, or this
        one fails.

        Raises:
            LeaseLostError: somebody else holds the lease now.
            UnavailableError: the database is away, full, locked or damaged; nothing was kept.
        """
        with self._alone(), self._said(), self._in_turn(), self._writer.connect() as connection, connection.begin():
            self._check_file()
            if fence is not None:
                self._check(connection, fence)
            yield connection

    def numbers(self, connection: Connection, name: str, count: int) -> int:
        """Return the first of ``count`` new numbers of a counter, in the order in which transactions are kept."""
        value = connection.execute(_RAISED, {"of": name, "count": count}).scalar()
        if value is None:  # counters are made by the first migration
            raise UnavailableError(f"database {self.name}: counter {name!r} is missing; the schema is damaged")
        return int(value) - count + 1

    def one_at_a_time(self, connection: Connection, name: str) -> None:
        """Let nobody else pass here until this transaction ends. SQLite has one writer anyway."""
        if not self.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _check_file(self) -> None:
        """Refuse to write into a file that has lost its name: SQLite would, and all of it would be lost at the end."""
        if self._file is None:
            return
        try:
            inode = self._file.stat().st_ino
        except OSError:
            inode = -1
        if self._inode is None:
            self._inode = inode
        if inode != self._inode or inode == -1:
            raise UnavailableError(
                f"database {self.name}: was removed or replaced while it was in use; stop the server, put it back"
            )

    def _check(self, connection: Connection, fence: Fence) -> None:
        if connection.execute(_HELD, {"of": fence.name, "by": fence.owner, "at": fence.token}).first() is None:
            raise LeaseLostError(f"lease {fence.name!r}: must be held by {fence.owner!r} with token {fence.token}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Refuse a transaction inside a transaction: it would wait for itself, or not see what the outer one did."""
        if getattr(self._used, "now", False):
            raise RuntimeError("store: a transaction must not be begun inside a transaction of the same thread")
        self._used.now = True
        try:
            yield
        finally:
            self._used.now = False

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Queue the writers of this process in SQLite, where one writes at a time; cheaper than asking again."""
        if not self.is_sqlite:
            yield
            return
        with self._turn:
            yield

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Turn what the driver raises into an error that says what to do."""
        try:
            yield
        except IntegrityError:
            raise
        except (DataError, OverflowError, UnicodeEncodeError) as error:
            said = " ".join(str(error.orig if isinstance(error, DataError) else error).split())
            raise ConfigError(f"store: numbers must have 64 bits, texts must be Unicode: {said}") from error
        except PoolTimeoutError as error:
            raise UnavailableError(f"database {self.name}: all connections are in use; try again") from error
        except DBAPIError as error:
            raise self._error(error) from error
        except StatementError as error:  # what was given cannot be written as JSON
            raise ConfigError(f"store: must be JSON with finite numbers: {error.orig}") from error

    def _error(self, error: DBAPIError) -> Exception:
        said = " ".join(str(error.orig).split())
        lower = said.lower()
        if any(sign in lower for sign in FULL):
            return UnavailableError(f"database {self.name}: the disk is full, nothing was changed; make room")
        if any(sign in lower for sign in DAMAGED):
            return UnavailableError(
                f"database {self.name}: the file is damaged ({said}); see `redshank doctor`, restore a backup"
            )
        if "locked" in lower:
            return UnavailableError(f"database {self.name}: locked by another process; try again")
        return UnavailableError(f"database {self.name}: {said}")
