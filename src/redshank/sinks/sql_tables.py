"""The tables of the SQL sink, made when they are not there and brought up to date when they are older."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator, TypeEngine

from redshank.errors import SinkError

VERSION = 1  # of the columns below; rises when one is added
VERSIONS = "redshank_version"
TRIAL = "redshank-check"  # key of the row that is put in to find out whether one can
_MYSQL: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
_MARIADB: dict[str, Any] = {name.replace("mysql", "mariadb"): value for name, value in _MYSQL.items()}


class UtcTime(TypeDecorator[datetime]):
    """A time to the microsecond: with its zone where the database has such a type, else in UTC."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of a dialect."""
        if dialect.name in ("mysql", "mariadb"):
            from sqlalchemy.dialects.mysql import DATETIME

            return dialect.type_descriptor(DATETIME(fsp=6))
        if dialect.name == "mssql":
            from sqlalchemy.dialects.mssql import DATETIME2

            return dialect.type_descriptor(DATETIME2(6))  # type: ignore[no-untyped-call]
        return dialect.type_descriptor(sa.DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return what is kept."""
        if value is None:
            return None
        return value if dialect.name == "postgresql" else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return what was given."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class Words(TypeDecorator[str]):
    """A text of any length; what databases cannot keep in it (NUL, half a character) is replaced."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of a dialect."""
        if dialect.name in ("mysql", "mariadb"):
            from sqlalchemy.dialects.mysql import MEDIUMTEXT

            return dialect.type_descriptor(MEDIUMTEXT())
        return dialect.type_descriptor(sa.UnicodeText() if dialect.name == "mssql" else sa.Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return what is kept."""
        return None if value is None else value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


class Number(TypeDecorator[float]):
    """A number of 64 bits; NaN and infinite are NULL."""

    impl = sa.Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """Return what is kept."""
        return None if value is None or not math.isfinite(value) else value


@dataclass(frozen=True)
class Tables:
    """The tables of one sink, by the names it was told."""

    metadata: sa.MetaData
    events: sa.Table
    series: sa.Table
    scores: sa.Table
    versions: sa.Table

    def wanted(self, *, events: bool, scores: bool) -> Sequence[sa.Table]:
        """Return those that are used."""
        return [*([self.events] if events else []), *([self.series, self.scores] if scores else [])]


def tables_of(events: str, scores: str, schema: str | None) -> Tables:
    """Return the tables by their names; that of the series of the scores is called as those, with ``_series``."""
    metadata = sa.MetaData(schema=schema)
    return Tables(
        metadata,
        _table(events, metadata, *_event_columns(events[:40])),
        _table(
            f"{scores}_series",
            metadata,
            sa.Column("series_id", sa.String(32), primary_key=True),
            *_owner(),
            *_identity(),
            sa.Column("channel", Words, nullable=False),
        ),
        _table(
            scores,
            metadata,
            sa.Column("series_id", sa.String(32), primary_key=True),
            sa.Column("time", UtcTime, primary_key=True),
            *_numbers("actual", "expected", "lower", "upper", "score", "rarity"),
            sa.Index(f"ix_{scores[:40]}_time", "time"),
        ),
        _table(
            VERSIONS,
            metadata,
            sa.Column("name", sa.String(100), primary_key=True),
            sa.Column("version", sa.Integer, nullable=False),
        ),
    )


def _table(name: str, metadata: sa.MetaData, *items: SchemaItem) -> sa.Table:
    return sa.Table(name, metadata, *items, **_MYSQL, **_MARIADB)


def _event_columns(short: str) -> list[SchemaItem]:
    """The columns and indexes of events; ``short``: begin of the names of indexes."""
    times = ("start_time", "end_time", "opened_time", "peak_time")
    return [
        sa.Column("id", sa.String(100), primary_key=True),
        *_owner(),
        sa.Column("kind", sa.String(20), nullable=False),
        *_identity(),
        *(sa.Column(name, UtcTime, nullable=False) for name in times),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("severity", sa.Integer, nullable=False),
        sa.Column("direction", sa.String(10), nullable=False),
        *_numbers("score", "actual", "expected", "lower", "upper", "rarity"),
        sa.Column("points", sa.BigInteger, nullable=False),
        *(sa.Column(name, Words, nullable=False) for name in ("share", "reason", "tags")),
        sa.Column("url", Words),
        sa.Column("label", sa.String(20)),
        sa.Column("acknowledged_by", Words),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Index(f"ix_{short}_start", "start_time"),
        sa.Index(f"ix_{short}_monitor", "monitor_id", "start_time"),
    ]


def _owner() -> list[sa.Column[Any]]:
    """The columns that say whose it is."""
    return [sa.Column("monitor", Words, nullable=False), sa.Column("monitor_id", sa.String(64), nullable=False)]


def _numbers(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, Number) for name in names]


def _identity() -> list[sa.Column[Any]]:
    """The columns that say which series it is: as people write it, and in its parts, labels as JSON."""
    return [sa.Column(name, Words, nullable=False) for name in ("series", "measure", "labels")]


def bring_up_to_date(connection: sa.Connection, tables: Tables, wanted: Sequence[sa.Table], where: str) -> None:
    """Make the tables that are not there, add columns that are missing, and note the version.

    Raises:
        SinkError: a table of that name is somebody else's, or was made by a newer version.
    """
    tables.metadata.create_all(connection, [tables.versions, *wanted], checkfirst=True)
    known = dict(iter_rows(connection, sa.select(tables.versions.c.name, tables.versions.c.version)))
    for table in wanted:
        version = known.get(table.name)
        if version is not None and version > VERSION:
            raise SinkError(
                f"{where}: table {table.name!r} is of version {version}, newer than {VERSION}; upgrade redshank"
            )
        _add_columns(connection, table, where)
        if version != VERSION:
            connection.execute(sa.delete(tables.versions).where(tables.versions.c.name == table.name))
            connection.execute(sa.insert(tables.versions), {"name": table.name, "version": VERSION})


def _add_columns(connection: sa.Connection, table: sa.Table, where: str) -> None:
    found = {column["name"] for column in sa.inspect(connection).get_columns(table.name, schema=table.schema)}
    keys = [column.name for column in table.primary_key]
    strange = [name for name in keys if name not in found]
    if strange:
        raise SinkError(
            f"{where}: table {table.name!r} is there already, without column {strange[0]!r}; choose another name"
        )
    preparer = connection.dialect.identifier_preparer
    for column in table.columns:
        if column.name not in found:
            kind = column.type.compile(connection.dialect)
            word = "ADD" if connection.dialect.name == "mssql" else "ADD COLUMN"
            statement = f"ALTER TABLE {preparer.format_table(table)} {word} {preparer.format_column(column)} {kind}"
            connection.execute(sa.text(statement.replace(":", "\\:")))


def try_out(connection: sa.Connection, table: sa.Table) -> None:
    """Put a row in and take it out again, all in one transaction: nobody else sees it."""
    first = next(iter(table.primary_key.columns))
    row = {**{column.name: _blank(column.type) for column in table.columns}, first.name: TRIAL}
    connection.execute(sa.delete(table).where(first == TRIAL))
    connection.execute(sa.insert(table), row)
    connection.execute(sa.delete(table).where(first == TRIAL))


def _blank(kind: TypeEngine[Any]) -> Any:
    if isinstance(kind, UtcTime):
        return datetime(2000, 1, 1, tzinfo=UTC)
    if isinstance(kind, Number):
        return None
    return False if isinstance(kind, sa.Boolean) else 0 if isinstance(kind, sa.Integer) else ""


def iter_rows(connection: sa.Connection, query: sa.Select[Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a query as tuples."""
    return [tuple(row) for row in connection.execute(query)]
