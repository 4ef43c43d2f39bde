"""Connections to databases that can only read, and that end in time."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.pool import NullPool

from redshank.errors import ConfigError, MissingExtraError, SourceError, did_you_mean
from redshank.specs.options import Access

CHECK_EVERY = 20_000  # steps of SQLite's machine between two looks at the clock
# what a reader may do in SQLite; all else (ATTACH, writing, PRAGMA that changes, loading code) is refused
_SQLITE_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
_SQLITE_NO_FUNCTIONS = frozenset({"load_extension", "readfile", "writefile", "fts3_tokenizer"})
_SQLITE_PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "database_list"})
_DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_EXTRAS = {"psycopg": "'redshank[postgresql]'"}
_ON_CONNECT = {  # by dialect; {ms} is the time that a statement may take
    "postgresql": (
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SET default_transaction_read_only = on",
        "SET statement_timeout = {ms}",
        "SET TIME ZONE 'UTC'",
    ),
    "mysql": ("SET SESSION TRANSACTION READ ONLY", "SET SESSION max_execution_time = {ms}", "SET time_zone = '+00:00'"),
    "mariadb": ("SET SESSION TRANSACTION READ ONLY", "SET time_zone = '+00:00'"),
}
_KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}  # a dead server shows in 25 s


@dataclass(frozen=True)
class Limits:
    """How long connecting and one reading may take, in seconds."""

    connect: float
    read: float


def read_url(text: str) -> URL:
    """Return a database address; ConfigError, without the password, when it is none."""
    try:
        url = make_url(text)
    except (exc.ArgumentError, ValueError):
        shown = text.partition("://")[0]
        raise ConfigError(
            f"url: must be like postgresql://user@host/database or sqlite:///file.db, got {shown[:20]!r}...",
            field="url",
        ) from None
    return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))


def shown_url(url: URL) -> str:
    """Return an address for messages, without password and options."""
    plain = URL.create(url.get_backend_name(), url.username, None, url.host, url.port, url.database)
    return plain.render_as_string(hide_password=True)


def without_password(url: URL) -> str:
    """Return an address as text, its password left out."""
    bare = URL.create(url.drivername, url.username, None, url.host, url.port, url.database, url.query)
    return bare.render_as_string(hide_password=False)


def open_engine(url: URL, password: str | None, access: Access, limits: Limits) -> Engine:
    """Return an engine whose connections only read; nothing is connected yet.

    Raises:
        ConfigError: the file of a SQLite address lies outside of the folders allowed, or the dialect is not known.
        MissingExtraError: the driver is not installed.
    """
    if password is not None:
        url = url.set(password=password)
    try:
        if url.get_backend_name() == "sqlite":
            return create_engine("sqlite://", creator=_sqlite(url, access, limits), poolclass=NullPool)
        engine = create_engine(url, poolclass=NullPool, connect_args=_arguments(url, limits))
    except exc.NoSuchModuleError:
        known = ("postgresql", "sqlite", "mysql", "mariadb", "mssql", "oracle")
        raise ConfigError(f"url: {did_you_mean('kind of database', url.drivername, known)}", field="url") from None
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(error.name or "", error.name)
        raise MissingExtraError(f"sql: {url.get_backend_name()} needs a driver: pip install {extra}") from error
    event.listen(engine, "connect", _prepare(engine.dialect.name, limits))
    return engine


def _arguments(url: URL, limits: Limits) -> dict[str, Any]:
    name = url.get_backend_name()
    if name == "postgresql":
        return {"connect_timeout": max(1, round(limits.connect)), **_KEEPALIVES}
    return {"connect_timeout": max(1, round(limits.connect))} if name in ("mysql", "mariadb") else {}


def _prepare(dialect: str, limits: Limits) -> Callable[[Any, Any], None]:
    """What makes a new connection one that only reads; it holds for the session, whatever transactions follow."""

    def prepare(connection: Any, record: Any) -> None:
        statements = _ON_CONNECT.get(dialect, ())
        if not statements:
            return
        if dialect == "postgresql":
            connection.autocommit = True
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement.format(ms=round(limits.read * 1000)))
        cursor.close()
        if dialect == "postgresql":
            connection.autocommit = False

    return prepare


def _sqlite(url: URL, access: Access, limits: Limits) -> Callable[[], sqlite3.Connection]:
    if not url.database or url.database == ":memory:":
        raise ConfigError("url: sqlite must name a file, such as sqlite:///shop.db (four slashes begin a whole path)")
    path = Path(access.path(url.database.removeprefix("file:")))

    def connect() -> sqlite3.Connection:
        access.check(path)
        if not path.is_file():
            raise SourceError(f"sql {shown_url(url)}: there is no file {str(path)!r}")
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=limits.connect, check_same_thread=False
        )
        connection.execute("PRAGMA query_only = ON")
        connection.set_authorizer(_sqlite_may)
        deadline = time.monotonic() + limits.read
        connection.set_progress_handler(lambda: time.monotonic() > deadline, CHECK_EVERY)
        return connection

    return connect


def _sqlite_may(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    if action in _SQLITE_READS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in _SQLITE_NO_FUNCTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA:
        name = (first or "").lower()
        is_asked = name in _SQLITE_PRAGMAS or (name == "read_uncommitted" and second is None)  # asked by SQLAlchemy
        return sqlite3.SQLITE_OK if is_asked else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action == sqlite3.SQLITE_TRANSACTION else sqlite3.SQLITE_DENY


class RefusedError(SourceError):
    """The database understood who asks, but not what, or could not work it out."""


def _is_refused(error: exc.SQLAlchemyError) -> bool:
    if not isinstance(error, exc.DBAPIError) or error.connection_invalidated or _took_too_long(error):
        return False
    is_sqlite = isinstance(error.orig, sqlite3.OperationalError) and "locked" not in str(error.orig)
    return is_sqlite or not isinstance(error, exc.OperationalError | exc.InterfaceError)


def _took_too_long(error: exc.SQLAlchemyError) -> bool:
    reason = str(getattr(error, "orig", None) or error)
    return isinstance(error, exc.OperationalError) and ("interrupted" in reason or "statement timeout" in reason)


@contextmanager
def connected(engine: Engine, where: str) -> Iterator[Connection]:
    """Give a connection in a transaction that only reads, then close it; SourceError for what the database says."""
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection = connection.execution_options(postgresql_readonly=True)
            yield connection
    except exc.SQLAlchemyError as error:
        kind = RefusedError if _is_refused(error) else SourceError
        raise kind(f"{where}: {_reason(error)}") from error


def _reason(error: exc.SQLAlchemyError) -> str:
    original = getattr(error, "orig", None) or error
    lines = [line for line in str(original).splitlines() if line.strip()]
    reason = lines[0] if lines else type(original).__name__
    if _took_too_long(error):
        return "took longer than timeout allows; ask for less, give the table an index by time, or raise timeout"
    return reason


def give_up(connection: Any) -> None:
    """End what another thread does on a driver's connection; it sees an error soon."""
    for name in ("interrupt", "cancel_safe", "cancel"):
        end = getattr(connection, name, None)
        if end is not None:
            end()
            return
