"""How each kind of database is connected: so that it can only be read, and that every wait has an end.

``open_session`` finds the ``Session`` of a database by the scheme of its address. The class itself does what can be
done for any database that SQLAlchemy knows; a database has a subclass, in its file ``sql_NAME.py``, and a line in
``SESSIONS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import polars as pl
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    LargeBinary,
    Select,
    create_engine,
    event,
    exc,
    inspect,
    select,
)
from sqlalchemy.pool import NullPool

from redshank.errors import ConfigError, MissingExtraError, did_you_mean
from redshank.sources.sql_rows import PORTION_ROWS, decoded, portion
from redshank.sources.survey import Place
from redshank.specs.options import Access

SESSIONS = {  # scheme -> module and class
    "postgresql": ("redshank.sources.sql_postgresql", "PostgresqlSession"),
    "postgres": ("redshank.sources.sql_postgresql", "PostgresqlSession"),
    "redshift": ("redshank.sources.sql_postgresql", "RedshiftSession"),
    "clickhouse": ("redshank.sources.sql_clickhouse", "ClickhouseSession"),
    "clickhousedb": ("redshank.sources.sql_clickhouse", "ClickhouseSession"),
    "duckdb": ("redshank.sources.sql_duckdb", "DuckdbSession"),
    "mssql": ("redshank.sources.sql_mssql", "MssqlSession"),
    "snowflake": ("redshank.sources.sql_snowflake", "SnowflakeSession"),
    "trino": ("redshank.sources.sql_trino", "TrinoSession"),
    "mysql": ("redshank.sources.sql_mysql", "MysqlSession"),
    "mariadb": ("redshank.sources.sql_mysql", "MysqlSession"),
    "sqlite": ("redshank.sources.sql_sqlite", "SqliteSession"),
}
REMEDIES = (
    (r"password|authentication|access denied|login failed", "check user and password"),
    (r"could not translate host|name or service not known|getaddrinfo|resolve", "check the name of the host"),
    (
        r"refused|no route|unreachable|reset by peer",
        "check host and port, and that the database runs and lets this host in",
    ),
    (
        r"connection timeout|timeout expired|timed out",
        "nothing answers there in time; check host and port, or raise connect_timeout",
    ),
    (r"database .* does not exist|unknown database", "check the name of the database, the last part of url"),
    (r"permission denied|command denied", "let the user read it: GRANT SELECT"),
    (r"certificate|SSL", "check the options of encryption in url, such as ?sslmode=verify-full&sslrootcert=ca.pem"),
)
_LATE = ("interrupted", "statement timeout")


@dataclass(frozen=True)
class Limits:
    """How long connecting and one reading may take, in seconds."""

    connect: float
    read: float


class Session:
    """Connections to one database; see the top of this file."""

    driver: ClassVar[str] = ""  # of SQLAlchemy, where the address names none
    settings: ClassVar[Mapping[str, Any]] = {}  # of SQLAlchemy's engine
    flavour: ClassVar[str] = ""  # how it speaks (sql_buckets.py, sql_quotes.py); "" = as SQLAlchemy's dialect is named
    extra: ClassVar[str] = ""  # what to install: redshank[extra]
    encoding: ClassVar[str] = "utf-8"  # of texts that are asked for as bytes
    late: ClassVar[tuple[str, ...]] = _LATE  # what the database says of a statement that took too long
    remedies: ClassVar[tuple[tuple[str, str], ...]] = REMEDIES  # pattern of what it says, and what to do about it

    def __init__(self, url: URL, access: Access, limits: Limits) -> None:
        """Make an engine; nothing is connected yet.

        Raises:
            ConfigError: the address leads to a file or host that must not be reached, or no such dialect is known.
            MissingExtraError: the driver is not installed.
        """
        self.url, self.access, self.limits = url, access, limits
        for host in (url.host, url.query.get("host"), url.query.get("hostaddr")):
            if isinstance(host, str) and host:
                access.check_host(host)
        try:
            self.engine = self.made()
        except (exc.NoSuchModuleError, ModuleNotFoundError) as error:
            raise self._missing(error) from error
        self.speaks = self.flavour or self.engine.dialect.name

    def _missing(self, error: Exception) -> ConfigError | MissingExtraError:
        """What to say when there is no such dialect, or its driver is not installed."""
        name = self.url.get_backend_name()
        if isinstance(error, exc.NoSuchModuleError) and not self.extra:
            kinds = [kind for kind in SESSIONS if kind not in ("postgres", "clickhousedb")]
            return ConfigError(f"url: {did_you_mean('kind of database', self.url.drivername, kinds)}", field="url")
        wanted = f"'redshank[{self.extra}]'" if self.extra else getattr(error, "name", None)
        return MissingExtraError(f"sql: {name} needs a driver: pip install {wanted}")

    def made(self) -> Engine:
        """Return the engine."""
        name = self.url.drivername
        url = self.url.set(drivername=name if "+" in name else self.driver or name)
        engine = create_engine(url, poolclass=NullPool, connect_args=self.arguments(), **self.settings)
        event.listen(engine, "connect", lambda connection, record: self.prepare(connection))
        return engine

    def arguments(self) -> dict[str, Any]:
        """Return what the driver is told to connect."""
        return {}

    def prepare(self, connection: Any) -> None:
        """Make a new connection of the driver one that only reads, for the session whatever transactions follow."""

    @contextmanager
    def within(self, connection: Connection) -> Iterator[Connection]:
        """Give a connection whose work ends in time."""
        yield connection

    def frames(
        self, connection: Connection, statement: Select[Any], kinds: Mapping[str, str] | None, look: Callable[[], float]
    ) -> Iterator[pl.DataFrame]:
        """Yield the answer to a statement, some rows at a time.

        ``kinds``: of all its columns (``sql_rows.kinds``), None = not known. ``look``: raises when it is time to end;
        else returns the seconds that are left.
        """
        names = [column.name for column in statement.selected_columns]
        texts = byte_columns(statement)
        with connection.execution_options(yield_per=PORTION_ROWS).execute(statement) as result:
            for rows in result.partitions():
                yield portion(names, decoded(rows, texts, self.encoding))

    def places(self, connection: Connection) -> list[Place]:
        """Return what can be read, with roughly how many rows where that costs nothing."""
        inspector = inspect(connection)
        tables = [Place(name, "table") for name in inspector.get_table_names()]
        return tables + [Place(name, "view") for name in inspector.get_view_names()]

    def give_up(self, connection: Any) -> None:
        """End what another thread does on a driver's connection; it sees an error soon."""
        for name in ("interrupt", "cancel_safe", "cancel"):
            end = getattr(connection, name, None)
            if end is not None:
                end()
                return

    def cut(self, connection: Any) -> None:
        """End a connection of the driver whose other end does not answer, from another thread."""
        self.give_up(connection)

    def is_late(self, error: exc.SQLAlchemyError) -> bool:
        """Whether the database ended a statement because it took too long."""
        reason = str(getattr(error, "orig", None) or error).lower()
        return isinstance(error, exc.DBAPIError) and any(text in reason for text in self.late)

    def is_refused(self, error: exc.SQLAlchemyError) -> bool:
        """Whether the database understood who asks, but not what, or could not work it out."""
        if not isinstance(error, exc.DBAPIError) or error.connection_invalidated or self.is_late(error):
            return False
        return not isinstance(error, exc.OperationalError | exc.InterfaceError)


class CursorSession(Session):
    """Where a cursor is what can be stopped: the last one of each connection is kept in mind."""

    def made(self) -> Engine:
        """Return the engine."""
        self._cursors: dict[int, Any] = {}
        engine = super().made()
        event.listen(engine, "before_cursor_execute", self._begun)
        event.listen(engine, "close", lambda connection, record: self._cursors.pop(id(connection), None))
        return engine

    def _begun(self, connection: Connection, cursor: Any, *_: Any) -> None:
        self._cursors[id(connection.connection.driver_connection)] = cursor

    def give_up(self, connection: Any) -> None:
        """End what another thread does on a driver's connection; it sees an error soon."""
        cursor = self._cursors.get(id(connection))
        if cursor is not None:
            with suppress(*self._errors()):
                self.stop(cursor)

    def _errors(self) -> tuple[type[Exception], ...]:
        error = getattr(self.engine.dialect.loaded_dbapi, "Error", OSError)
        return error, OSError, RuntimeError, AttributeError  # it may have ended by itself, or not begun

    def stop(self, cursor: Any) -> None:
        """End what a cursor of the driver does."""


def driver_error(error: Exception, statement: str, base: type[Exception]) -> exc.DBAPIError:
    """Return what a driver says, when asked without SQLAlchemy, as SQLAlchemy says it; ``base``: of its errors."""
    found = exc.DBAPIError.instance(statement, None, error, base)
    return found if isinstance(found, exc.DBAPIError) else exc.InterfaceError(statement, None, error)


def byte_columns(statement: Select[Any]) -> list[int]:
    """Return where a statement asks for bytes, which it does for texts that are compared by their characters."""
    return [i for i, column in enumerate(statement.selected_columns) if isinstance(column.type, LargeBinary)]


def _said(column: ColumnElement[Any], cast: Callable[[Any], ColumnElement[Any]] | None) -> ColumnElement[Any]:
    return column if cast is None else cast(column)


def recast(
    statement: Select[Any], kinds: Mapping[str, str] | None, casts: Mapping[str, Callable[[Any], ColumnElement[Any]]]
) -> Select[Any]:
    """Return a statement of which the columns of some kinds are said otherwise."""
    names = [column.name for column in statement.selected_columns]
    if kinds is None or not casts.keys() & {kinds.get(name) for name in names}:
        return statement
    answer = statement.subquery("answer").c
    return select(*(_said(answer[name], casts.get(kinds.get(name, ""))).label(name) for name in names))


def open_session(url: URL, password: str | None, access: Access, limits: Limits) -> Session:
    """Return how a database is connected; nothing is connected yet.

    Raises:
        ConfigError: the address leads to a file or host that must not be reached, or no such dialect is known.
        MissingExtraError: the driver is not installed.
    """
    if password is not None:
        url = url.set(password=password)
    module, name = SESSIONS.get(url.get_backend_name(), ("redshank.sources.sql_session", "Session"))
    found: type[Session] = getattr(import_module(module), name)
    return found(url, access, limits)
