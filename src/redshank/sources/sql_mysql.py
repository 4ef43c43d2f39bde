"""How MySQL and MariaDB are connected, and how they say the parts of an aggregation.

A session has the quotes of ``SQL_MODE`` (sql_quotes.py reads queries the same way), and its zone is UTC: columns of
TIMESTAMP are times with a zone, those of DATETIME are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import UTC, date, datetime
from typing import Any, ClassVar

import polars as pl
import sqlalchemy as sa

from redshank.errors import ConfigError
from redshank.sources.sql_buckets import Expression, Instant, Wording
from redshank.sources.sql_patterns import time_shape
from redshank.sources.sql_rows import PORTION_ROWS, decoded, portion
from redshank.sources.sql_session import Session, byte_columns, recast

SQL_MODE = "STRICT_TRANS_TABLES"
_STATEMENTS = (
    "SET NAMES utf8mb4",
    f"SET SESSION sql_mode = '{SQL_MODE}'",
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION TRANSACTION READ ONLY",
)
_FILES = ("ssl_ca", "ssl_cert", "ssl_key")
_OPTIONS = ("charset", "ssl_verify_cert", "ssl_verify_identity", *_FILES)
_REFUSED = frozenset({1054, 1064, 1146, 1235, 1267, 1271, 1300, 1305, 1365, 1690})  # whatever PyMySQL calls them
_SIGNS = {"%M": "%i", "%S": "%s"}  # where STR_TO_DATE differs from strptime


class MysqlSession(Session):
    """MySQL and MariaDB by PyMySQL."""

    driver: ClassVar[str] = "mysql+pymysql"
    flavour: ClassVar[str] = "mysql"
    extra: ClassVar[str] = "mysql"
    late: ClassVar[tuple[str, ...]] = (
        "max_statement_time exceeded",
        "maximum statement execution time exceeded",
        "timed out",
    )

    def made(self) -> sa.Engine:
        """Return the engine; ConfigError for options of the address that change more than how it is encrypted."""
        for name in self.url.query:
            if name not in _OPTIONS:
                raise ConfigError(f"url: mysql takes the options {', '.join(_OPTIONS)}, got {name!r}", field="url")
        for name in set(_FILES) & set(self.url.query):
            self.access.path(str(self.url.query[name]))
        return super().made()

    def arguments(self) -> dict[str, Any]:
        """Return the time-outs, and how values are read; a server that is gone shows a little after its time-out."""
        wait = round(self.limits.read) + 5
        limits = {"connect_timeout": max(1, round(self.limits.connect)), "read_timeout": wait, "write_timeout": wait}
        return {**limits, "conv": _conversions(), "local_infile": False}

    def prepare(self, connection: Any) -> None:
        """Let the session only read, and end its statements in time."""
        seconds = self.limits.read
        is_mariadb = "mariadb" in connection.get_server_info().lower()
        limit = f"max_statement_time = {seconds:.3f}" if is_mariadb else f"max_execution_time = {round(seconds * 1000)}"
        with closing(connection.cursor()) as cursor:
            for statement in (*_STATEMENTS, f"SET SESSION {limit}"):
                cursor.execute(statement)

    def frames(
        self,
        connection: sa.Connection,
        statement: sa.Select[Any],
        kinds: Mapping[str, str] | None,
        look: Callable[[], float],
    ) -> Iterator[pl.DataFrame]:
        """Yield the answer; FLOAT with all its digits, of which MySQL shows six."""
        names = [column.name for column in statement.selected_columns]
        texts = byte_columns(statement)
        statement = recast(statement, kinds, {"float": _double})
        result = connection.execution_options(yield_per=PORTION_ROWS).execute(statement)
        is_done = False
        try:
            for rows in result.partitions():
                yield portion(names, decoded(rows, texts, self.encoding))
            is_done = True
        finally:
            if not is_done:
                self._drain(connection, result.cursor)
            result.close()

    def _drain(self, connection: sa.Connection, cursor: Any) -> None:
        """Let the server break off an answer, of which PyMySQL would fetch all rows before it closes."""
        import pymysql

        self.give_up(connection.connection.driver_connection)
        with suppress(pymysql.Error, OSError):
            while cursor.fetchmany(PORTION_ROWS):
                pass

    def give_up(self, connection: Any) -> None:
        """Let the server end the statement of a connection."""
        with suppress(sa.exc.SQLAlchemyError), self.engine.connect() as other:
            other.exec_driver_sql(f"KILL QUERY {int(connection.thread_id())}")

    def is_refused(self, error: sa.exc.SQLAlchemyError) -> bool:
        """Whether it is what was asked that is wrong, told by the number of the error."""
        arguments = getattr(getattr(error, "orig", None), "args", ())
        return bool(arguments and arguments[0] in _REFUSED) or super().is_refused(error)


def _conversions() -> dict[Any, Any]:
    """How PyMySQL reads values: times as what they are, a date that is none (0000-00-00) as no value."""
    from pymysql.constants import FIELD_TYPE
    from pymysql.converters import conversions

    return {
        **conversions,
        FIELD_TYPE.DATETIME: _datetime,
        FIELD_TYPE.TIMESTAMP: lambda text: None if (time := _datetime(text)) is None else time.replace(tzinfo=UTC),
        FIELD_TYPE.DATE: _date,
        FIELD_TYPE.BIT: lambda bits: int.from_bytes(bits, "big"),
    }


def _datetime(text: str) -> datetime | None:
    with suppress(ValueError):
        return datetime.fromisoformat(text)
    return None


def _date(text: str) -> date | None:
    with suppress(ValueError):
        return date.fromisoformat(text)
    return None


def _double(column: Expression) -> Expression:
    return sa.type_coerce(column + sa.literal_column("0e0"), sa.Double())


def _characters(column: Expression) -> Expression:
    """A text as bytes, which compare by themselves and not by a collation."""
    return sa.cast(sa.func.convert(column.op("USING")(sa.literal_column("utf8mb4"))), sa.LargeBinary())


class MysqlWording(Wording):
    """MySQL from 8 on, MariaDB from 10.2 on; older ones know no windows, so what needs them is not pushed down."""

    variances: ClassVar[bool] = True

    def native(self, column: Expression, *, is_date: bool, is_local: bool) -> Instant | None:
        """Return the microseconds since 1970, NULL for a date that is none."""
        return Instant(_micros(column))

    def text(self, column: Expression, pattern: str) -> Instant | None:
        """Return whole seconds of texts that match the pattern; NULL for a day or hour that does not exist."""
        shape = time_shape(pattern)
        if shape is None:
            return None
        read = sa.func.str_to_date(sa.func.substr(column, 1, shape.length), shape.said(_SIGNS))
        is_time = column.op("REGEXP")(shape.regex)
        return Instant(sa.case((is_time, _micros(read))))

    def whole(self, number: Expression, size: int) -> Expression:
        """Return a whole number divided by a size, rounded down also below zero, never by way of a decimal."""
        by = sa.literal_column(str(int(size)), sa.BigInteger())
        return sa.type_coerce((number - ((number % by) + by) % by).op("DIV", precedence=8)(by), sa.BigInteger())

    def number(self, column: Expression, kind: str) -> Expression | None:
        """Return the value as float64: means of DECIMAL and of integers are cut to a few digits."""
        return _double(column) if kind in ("int", "float", "decimal") else None

    def key(self, column: Expression, kind: str) -> Expression | None:
        """Return the label by its characters, whatever its collation."""
        found = super().key(column, kind)
        return _characters(found) if found is not None and kind == "str" else found

    def is_one_of(self, column: Expression, kind: str, values: Sequence[str]) -> Expression | None:
        """Return whether a column is one of these values, by an index that it has, and by its characters."""
        alike = super().is_one_of(column, kind, values)
        exactly = super().is_one_of(_characters(column), kind, values) if kind == "str" else None
        return alike if alike is None or exactly is None else sa.and_(alike, exactly)


def _micros(value: Expression) -> Expression:
    unit: Expression = sa.literal_column("MICROSECOND")
    first: Expression = sa.literal_column("'1970-01-01'")
    return sa.func.timestampdiff(unit, first, value, type_=sa.BigInteger())
