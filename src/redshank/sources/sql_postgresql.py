"""How PostgreSQL, and databases that speak like it (TimescaleDB, Redshift), say the parts of an aggregation."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import polars as pl
import sqlalchemy as sa

from redshank.errors import ConfigError
from redshank.sources.sql_buckets import Expression, Instant, Wording
from redshank.sources.sql_copy import copied
from redshank.sources.sql_patterns import time_shape
from redshank.sources.sql_session import Session
from redshank.sources.survey import Place

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DATE_BIN = (14,)  # the first version that has it
_WORDS = {"%Y": "YYYY", "%m": "MM", "%d": "DD", "%H": "HH24", "%M": "MI", "%S": "SS"}
_PLACES = """
    SELECT n.nspname, c.relname, c.relkind::text,
           CASE WHEN c.reltuples >= 0 AND c.relkind <> 'v' THEN c.reltuples::bigint END
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^(pg_toast|_timescaledb)'
      AND has_table_privilege(c.oid, 'SELECT')
    ORDER BY 1, 2 LIMIT 1000
"""
_KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}  # a dead server shows in 25 s


class PostgresqlSession(Session):
    """PostgreSQL and TimescaleDB by psycopg."""

    driver: ClassVar[str] = "postgresql+psycopg"
    extra: ClassVar[str] = "postgresql"
    statements: ClassVar[tuple[str, ...]] = (
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SET default_transaction_read_only = on",
        "SET statement_timeout = {ms}",
        "SET TIME ZONE 'UTC'",
        "SET standard_conforming_strings = on",  # as sql_quotes.py reads queries
    )

    def arguments(self) -> dict[str, Any]:
        """Return the time-outs."""
        return {"connect_timeout": max(1, round(self.limits.connect)), **_KEEPALIVES}

    def made(self) -> sa.Engine:
        """Return the engine; where private addresses are forbidden, it connects to the very address looked at."""
        if not self.access.private and (not self.url.host or self.url.query.get("host")):
            raise ConfigError("url: must name one host, as the server's settings forbid private addresses", field="url")
        engine = super().made()
        if not self.access.private:
            sa.event.listen(engine, "do_connect", self._pin)
        return engine

    def _pin(self, dialect: Any, record: Any, arguments: list[Any], named: dict[str, Any]) -> None:
        host = str(self.url.host)
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return  # the driver says what is wrong
        addresses = [str(address[0]) for *_, address in found]
        for address in addresses:
            self.access.check_address(host, address)
        named["hostaddr"] = addresses[0]

    def cut(self, connection: Any) -> None:
        """Shut the socket, which wakes whoever waits for it."""
        try:
            with socket.socket(fileno=os.dup(connection.fileno())) as silent:
                silent.shutdown(socket.SHUT_RDWR)
        except (OSError, connection.OperationalError):
            return  # it is closed already

    def prepare(self, connection: Any) -> None:
        """Let the session only read."""
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in self.statements:
                cursor.execute(statement.format(ms=round(self.limits.read * 1000)))
        connection.autocommit = False
        _read_all_times(connection)

    def places(self, connection: sa.Connection) -> list[Place]:
        """Return tables and views of all schemas that the user may read, with the rows that its statistics count."""
        rows = connection.execute(sa.text(_PLACES)).all()
        kinds = {"v": "view", "m": "view"}
        return [
            Place(name if schema == "public" else f"{schema}.{name}", kinds.get(kind, "table"), rows=count)
            for schema, name, kind, count in rows
        ]

    @contextmanager
    def within(self, connection: sa.Connection) -> Iterator[sa.Connection]:
        """Give the connection in a transaction that only reads."""
        yield connection.execution_options(postgresql_readonly=True)

    def frames(
        self,
        connection: sa.Connection,
        statement: sa.Select[Any],
        kinds: Mapping[str, str] | None,
        look: Callable[[], float],
    ) -> Iterator[pl.DataFrame]:
        """Yield the answer, by COPY where the kinds of its columns are known."""
        if kinds is None:
            return super().frames(connection, statement, kinds, look)
        return copied(connection, statement, kinds, look)


def _read_all_times(connection: Any) -> None:
    """Let times that Python cannot hold, infinity and such before Christ, be none instead of an error."""
    from psycopg.errors import DataError
    from psycopg.types import datetime as types

    def forgiving(loader: Any) -> Any:
        class Forgiving(loader):  # type: ignore[misc]
            def load(self, data: Any) -> Any:
                try:
                    return super().load(data)
                except DataError:
                    return None

        return Forgiving

    for name, loader in (
        ("timestamptz", types.TimestamptzLoader),
        ("timestamp", types.TimestampLoader),
        ("date", types.DateLoader),
    ):
        connection.adapters.register_loader(name, forgiving(loader))


class RedshiftSession(PostgresqlSession):
    """Redshift over the wire of PostgreSQL; it has no COPY to a client."""

    flavour: ClassVar[str] = "redshift"
    settings: ClassVar[Mapping[str, Any]] = {"use_native_hstore": False}  # a look at types that it does not have
    statements: ClassVar[tuple[str, ...]] = ("SET statement_timeout = {ms}", "SET timezone = 'UTC'")

    def frames(
        self,
        connection: sa.Connection,
        statement: sa.Select[Any],
        kinds: Mapping[str, str] | None,
        look: Callable[[], float],
    ) -> Iterator[pl.DataFrame]:
        """Yield the answer, some rows at a time."""
        return Session.frames(self, connection, statement, kinds, look)

    def places(self, connection: sa.Connection) -> list[Place]:
        """Return tables and views, without their rows."""
        return Session.places(self, connection)


def _micros(value: Expression) -> Expression:
    return sa.cast(sa.func.round(sa.extract("epoch", value) * 1_000_000), sa.BigInteger())


def _finite(value: Expression) -> Expression:
    edges: list[Expression] = [sa.literal_column(f"'{sign}Infinity'::float8", sa.Double()) for sign in ("-", "")]
    return sa.case((sa.and_(value > edges[0], value < edges[1]), value))


class PostgresqlWording(Wording):
    """PostgreSQL: times stay times where ``date_bin`` is there, which is faster than counting microseconds."""

    percentiles: ClassVar[bool] = True
    variances: ClassVar[bool] = True
    tainted: ClassVar[frozenset[str]] = frozenset({"sum", "mean", "variance", "std", "min", "max", "first", "last"})

    def native(self, column: Expression, *, is_date: bool, is_local: bool) -> Instant | None:
        """Return the column as it is (dates as times), or its microseconds where they are too old for that."""
        kind = sa.DateTime(timezone=not is_local)
        value = sa.cast(column, kind) if is_date else sa.type_coerce(column, kind)
        if self.version >= DATE_BIN:
            return Instant(value, is_number=False)
        return Instant(_micros(value))

    def text(self, column: Expression, pattern: str) -> Instant | None:
        """Return whole seconds of texts that match the pattern; a day or hour that does not exist is an error."""
        shape = time_shape(pattern)
        if shape is None:
            return None
        form = shape.said({"T": '"T"', **_WORDS})
        read = sa.cast(sa.func.to_timestamp(sa.func.substr(column, 1, shape.length), form), sa.DateTime())
        is_time = column.regexp_match(shape.regex)
        if self.version >= DATE_BIN:
            return Instant(sa.case((is_time, read)), is_number=False)
        return Instant(sa.case((is_time, _micros(read))))

    def moment(self, microseconds: int, like: Instant) -> Expression:
        """Return a number, or a time with or without a zone, as the instant is."""
        if like.is_number:
            return super().moment(microseconds, like)
        has_zone = bool(getattr(like.value.type, "timezone", False))
        time = _EPOCH + timedelta(microseconds=microseconds)
        given = time if has_zone else time.replace(tzinfo=None)
        return sa.bindparam(None, given, type_=sa.DateTime(timezone=has_zone), unique=True)

    def later(self, instant: Instant, microseconds: int) -> Expression:
        """Return an instant moved on; adding an interval of hours knows no daylight saving."""
        if instant.is_number:
            return super().later(instant, microseconds)
        return instant.value + sa.bindparam(
            None, timedelta(microseconds=microseconds), type_=sa.Interval(), unique=True
        )

    def bucket(self, instant: Instant, step: int, origin: int) -> Expression:
        """Return the start of the bucket, or its number where instants are numbers."""
        if instant.is_number:
            return super().bucket(instant, step, origin)
        length = sa.bindparam(None, timedelta(microseconds=step), type_=sa.Interval(), unique=True)
        return sa.func.date_bin(length, instant.value, self.moment(origin, instant), type_=instant.value.type)

    def number(self, column: Expression, kind: str) -> Expression | None:
        """Return the value; intervals as seconds, real as the float64 that it is."""
        if kind == "float":
            return _finite(sa.cast(column, sa.Double()))
        return super().number(column, kind) if kind != "interval" else self.bare(column, kind)

    def bare(self, column: Expression, kind: str) -> Expression | None:
        """Return the same without a look at each value; NaN is above all others here."""
        if kind == "interval":
            return sa.cast(sa.extract("epoch", column), sa.Double())
        if kind == "float":
            return sa.cast(column, sa.Double())
        return column if kind == "decimal" else self.number(column, kind)

    def key(self, column: Expression, kind: str) -> Expression | None:
        """Return the label; other types that are read as text (enumerations, citext) as that text."""
        found = super().key(column, kind)
        return sa.cast(found, sa.Text()) if found is not None and kind == "str" else found

    def is_one_of(self, column: Expression, kind: str, values: Sequence[str]) -> Expression | None:
        """Return whether the column is, as text, one of these values; for text that is the column as it is."""
        return super().is_one_of(sa.cast(column, sa.Text()) if kind == "str" else column, kind, values)

    def different(self, column: Expression, kind: str) -> Expression | None:
        """Return what different values are told by: those of numeric as float64, as rows hand them over."""
        return super().different(column, "float" if kind == "decimal" else kind)


class RedshiftWording(PostgresqlWording):
    """Redshift, which comes from PostgreSQL 8: instants are numbers, medians and variances as there."""

    percentiles: ClassVar[bool] = False

    def native(self, column: Expression, *, is_date: bool, is_local: bool) -> Instant | None:
        """Return the microseconds since 1970."""
        value = sa.cast(column, sa.DateTime()) if is_date or not is_local else column
        origin: Expression = sa.literal_column("'1970-01-01'::timestamp")
        return Instant(sa.func.datediff(sa.literal_column("microsecond"), origin, value))
