"""How MS SQL Server is connected, and how it says the parts of an aggregation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects.mssql import NVARCHAR, VARBINARY
from sqlalchemy.sql.visitors import replacement_traverse

from redshank.errors import ConfigError
from redshank.sources.sql_buckets import Expression, Instant, Wording
from redshank.sources.sql_range import TimeForm
from redshank.sources.sql_session import CursorSession

_STATEMENTS = (
    "SET ANSI_NULLS, QUOTED_IDENTIFIER, ANSI_WARNINGS ON",  # as sql_quotes.py reads queries
    "SET LANGUAGE us_english",
    "SET DATEFORMAT ymd",
    "SET LOCK_TIMEOUT {ms}",
)


class MssqlSession(CursorSession):
    """MS SQL Server by pymssql; asks for a replica that only reads, and never commits.

    It has no session that only reads: that is what the role db_datareader of the user is for.
    """

    driver: ClassVar[str] = "mssql+pymssql"
    flavour: ClassVar[str] = "mssql"
    extra: ClassVar[str] = "mssql"
    encoding: ClassVar[str] = "utf-16-le"
    late: ClassVar[tuple[str, ...]] = ("timed out", "lock request time out")

    def made(self) -> sa.Engine:
        """Return the engine; ConfigError for options of the address."""
        if self.url.query:
            raise ConfigError(f"url: mssql takes no options, got {next(iter(self.url.query))!r}", field="url")
        engine = super().made()
        sa.event.listen(engine, "before_execute", _rewritten, retval=True)
        return engine

    def arguments(self) -> dict[str, Any]:
        """Return the time-outs, and that nothing will be written."""
        seconds = max(1, round(self.limits.read))
        connect = max(1, round(self.limits.connect))
        return {
            "login_timeout": connect,
            "timeout": seconds,
            "read_only": True,
            "charset": "UTF-8",
            "appname": "redshank",
        }

    def prepare(self, connection: Any) -> None:
        """Let texts and times be read in one way, and no lock be waited for longer than a reading may take."""
        with closing(connection.cursor()) as cursor:
            for statement in _STATEMENTS:
                cursor.execute(statement.format(ms=round(self.limits.read * 1000)))

    def stop(self, cursor: Any) -> None:
        """Let the server end a statement."""
        cursor.connection._conn.cancel()


def _rewritten(connection: Any, statement: Any, many: Any, values: Any, options: Any) -> tuple[Any, Any, Any]:
    return _with_instants(statement) if isinstance(statement, sa.Select) else statement, many, values


def _with_instants(statement: Any) -> Any:
    """The statement with its times in full: the driver would cut them to milliseconds, and leave their zone out."""

    def instant(element: Any, **_: Any) -> Any:
        value = getattr(element, "value", None) if isinstance(element, sa.BindParameter) else None
        if not isinstance(value, datetime):
            return None
        kind = "DATETIME2(6)" if value.tzinfo is None else "DATETIMEOFFSET(6)"
        return sa.literal_column(f"CAST('{value.isoformat(timespec='microseconds')}' AS {kind})")

    return replacement_traverse(statement, {}, instant)


class MssqlWording(Wording):
    """MS SQL Server from 2016 on; its percentiles are windows only, so they are made of ranks."""

    def instant(self, column: Expression, form: TimeForm) -> Instant | None:
        """Return the time of a row; counts with a fraction are not put into buckets here."""
        return None if form.clock.nanoseconds and not form.clock.is_whole else super().instant(column, form)

    def native(self, column: Expression, *, is_date: bool, is_local: bool) -> Instant | None:
        """Return the microseconds since 1970."""
        unit: Expression = sa.literal_column("MICROSECOND")
        first: Expression = sa.literal_column("CAST('1970-01-01' AS DATETIME2)")
        return Instant(sa.func.DATEDIFF_BIG(unit, first, column, type_=sa.BigInteger()))

    def number(self, column: Expression, kind: str) -> Expression | None:
        """Return the value as float64."""
        return sa.cast(column, sa.Double()) if kind in ("int", "float", "decimal", "bool") else None

    def key(self, column: Expression, kind: str) -> Expression | None:
        """Return the label by its characters, as bytes: texts alike but for spaces at the end count as equal."""
        if kind == "uuid":
            return None  # which is written in capitals there
        return _characters(column) if kind == "str" else super().key(column, kind)

    def is_one_of(self, column: Expression, kind: str, values: Sequence[str]) -> Expression | None:
        """Return whether a column is one of these values, by an index that it has, and by its characters."""
        if kind == "bool":
            return sa.cast(column, sa.Integer()).in_([int(text == "true") for text in values if text in _BOOLS])
        alike = super().is_one_of(column, kind, values)
        if kind != "str" or alike is None:
            return alike
        exactly = [_characters(sa.bindparam(None, value, type_=sa.Unicode(), unique=True)) for value in values]
        return sa.and_(alike, _characters(column).in_(exactly))


_BYTES: Any = VARBINARY("max")  # type: ignore[no-untyped-call]
_BOOLS = ("true", "false")


def _characters(column: Expression) -> Expression:
    return sa.cast(sa.cast(column, NVARCHAR()), _BYTES)
