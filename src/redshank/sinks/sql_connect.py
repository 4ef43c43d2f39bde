"""Connections of the SQL sink: engines that write, and what databases say in our words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc

from redshank.errors import ConfigError, MissingExtraError, SinkError, did_you_mean
from redshank.specs.options import Access

KNOWN = ("postgresql", "mysql", "mariadb", "sqlite", "mssql")
_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mssql": "mssql+pymssql",
}
_REMEDIES = (  # by what the databases say, the particular before the general
    (("password", "authentication", "access denied for user", "login failed"), "check user and password"),
    (("unknown database", "does not exist"), "check the name in url, table_schema or events_table"),
    (("translate host", "name or service", "getaddrinfo", "name resolution"), "check the host in url"),
    (("refused", "timed out", "timeout expired", "can't connect", "unreachable"), "check that the server is up"),
    (("denied", "readonly", "read-only"), "the user needs the rights to create tables, select, insert, update, delete"),
    (("locked",), "another program writes to it"),
    (("unable to open",), "check that the folder is there and can be written"),
)
_EXTRAS = {"psycopg": "postgresql", "pymysql": "mysql", "pymssql": "mssql"}
_MYSQL_SESSION = "SET time_zone = '+00:00', sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')"


def writing_engine(url: URL, access: Access, *, connect_seconds: float, seconds: float) -> Engine:
    """Return an engine of at most two connections; nothing is connected yet.

    Raises:
        ConfigError: the file or host is none that may be reached, or the dialect is not known.
        MissingExtraError: the driver is not installed.
    """
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    backend = url.get_backend_name()
    if backend == "sqlite":
        url = _sqlite_url(url, access)
    elif url.host:
        access.check_host(url.host)
    try:
        engine = create_engine(
            url,
            pool_size=1,
            max_overflow=1,
            pool_pre_ping=backend != "sqlite",
            pool_recycle=300,
            connect_args=_arguments(backend, connect_seconds, seconds),
        )
    except exc.NoSuchModuleError:
        raise ConfigError(f"url: {did_you_mean('kind of database', url.drivername, KNOWN)}", field="url") from None
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(error.name or "")
        name = f"'redshank[{extra}]'" if extra else error.name
        raise MissingExtraError(f"sql: {backend} needs a driver: pip install {name}") from error
    if backend == "postgresql":
        event.listen(engine, "connect", _prepare(max(1, round(seconds * 1000))))
    return engine


def _prepare(milliseconds: int) -> Callable[[Any, Any], None]:
    """What a new connection of PostgreSQL is told; not at its start, where poolers between refuse it."""

    def prepare(connection: Any, record: Any) -> None:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {milliseconds}")
            cursor.execute("SET TIME ZONE 'UTC'")
        connection.autocommit = False

    return prepare


def _sqlite_url(url: URL, access: Access) -> URL:
    if not url.database or url.database == ":memory:":
        raise ConfigError(
            "url: sqlite must name a file, such as sqlite:///events.db (four slashes begin a whole path)", field="url"
        )
    return URL.create("sqlite", database=str(Path(access.path(url.database)).absolute()))


def _arguments(backend: str, connect_seconds: float, seconds: float) -> dict[str, Any]:
    connect, wait = max(1, round(connect_seconds)), max(1, round(seconds))
    if backend == "postgresql":
        keepalives = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
        return {"connect_timeout": connect, "tcp_user_timeout": wait * 1000, **keepalives}
    if backend in ("mysql", "mariadb"):
        waits = {"connect_timeout": connect, "read_timeout": wait, "write_timeout": wait}
        return {**waits, "charset": "utf8mb4", "init_command": _MYSQL_SESSION}
    if backend == "mssql":
        return {"login_timeout": connect, "timeout": wait, "charset": "UTF-8"}
    return {"timeout": connect_seconds} if backend == "sqlite" else {}


@contextmanager
def transaction(engine: Engine, where: str) -> Iterator[Connection]:
    """Give a connection whose changes are kept together at the end, or not at all.

    Raises:
        SinkError: what the database said; permanent when it is about the values that were given.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except exc.SQLAlchemyError as error:
        raise SinkError(f"{where}: {_reason(error)}", permanent=_is_about_values(error)) from error
    except (OverflowError, UnicodeEncodeError) as error:
        raise SinkError(f"{where}: {error}", permanent=True) from error


def _is_about_values(error: exc.SQLAlchemyError) -> bool:
    if isinstance(error, exc.DBAPIError):
        return isinstance(error, exc.DataError | exc.IntegrityError) and not error.connection_invalidated
    return isinstance(error, exc.StatementError)


def _reason(error: exc.SQLAlchemyError) -> str:
    original = getattr(error, "orig", None) or error
    arguments: Sequence[Any] = getattr(original, "args", ())
    text = str(arguments[1]) if len(arguments) > 1 and isinstance(arguments[0], int) else str(original)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = lines[0][:300] if lines else type(original).__name__
    remedy = next((remedy for signs, remedy in _REMEDIES if any(sign in text.lower() for sign in signs)), "")
    return f"{said}; {remedy}" if remedy else said
