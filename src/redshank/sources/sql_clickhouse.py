"""How ClickHouse is connected, and how it says the parts of an aggregation."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, ClassVar

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.visitors import replacement_traverse

from redshank.errors import ConfigError
from redshank.sources.sql_arrow import arrow_portion
from redshank.sources.sql_buckets import Expression, Instant, Wording
from redshank.sources.sql_patterns import time_shape
from redshank.sources.sql_session import Session, driver_error, recast
from redshank.sources.survey import Place

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_BYTES = 16 << 30  # of one answer
_OPTIONS = ("secure", "verify", "ca_cert", "client_cert", "client_cert_key", "server_host_name", "compress")
_OF_ACCESS = ("192", "193", "194", "210", "497", "516")  # codes of errors about users, passwords, rights and networks
_FILES = ("ca_cert", "client_cert", "client_cert_key")
_LATE = ("timeout_exceeded", "timeout exceeded", "read timed out")
_PLACES = """
    SELECT database, name, engine LIKE '%View', total_rows FROM system.tables
    WHERE NOT is_temporary AND database NOT IN ('system', 'INFORMATION_SCHEMA', 'information_schema')
    ORDER BY 1, 2 LIMIT 1000
"""


class ClickhouseSession(Session):
    """ClickHouse over HTTP by clickhouse-connect."""

    driver: ClassVar[str] = "clickhousedb+connect"
    flavour: ClassVar[str] = "clickhouse"
    extra: ClassVar[str] = "clickhouse"
    late: ClassVar[tuple[str, ...]] = _LATE

    def made(self) -> sa.Engine:
        """Return the engine; ConfigError for options of the address that change more than how it is encrypted."""
        for name in self.url.query:
            if name not in _OPTIONS:
                raise ConfigError(f"url: clickhouse takes the options {', '.join(_OPTIONS)}, got {name!r}", field="url")
        for name in set(_FILES) & set(self.url.query):
            self.access.path(str(self.url.query[name]))
        self._running: dict[Any, str] = {}
        engine = super().made()
        common = import_module("clickhouse_connect.common")
        common.set_setting("invalid_setting_action", "drop")  # of users whose profile lets them change none
        sa.event.listen(engine, "before_execute", _rewritten, retval=True)
        return engine

    def arguments(self) -> dict[str, Any]:
        """Return the time-outs, and the settings of every statement."""
        settings = {
            "readonly": 1,
            "max_execution_time": max(1, round(self.limits.read)),
            "max_result_bytes": MOST_BYTES,
            "result_overflow_mode": "throw",
            "session_timezone": "UTC",
            "aggregate_functions_null_for_empty": 1,
            "join_use_nulls": 1,
        }
        return {
            "connect_timeout": max(1, round(self.limits.connect)),
            "send_receive_timeout": round(self.limits.read) + 5,
            "autogenerate_session_id": False,
            "query_retries": 1,
            "tz_mode": "aware",  # what ClickHouse calls a time is an instant, whatever zone it is shown in
            **settings,  # what is no argument of the driver it takes as a setting
        }

    def frames(
        self,
        connection: sa.Connection,
        statement: sa.Select[Any],
        kinds: Mapping[str, str] | None,
        look: Callable[[], float],
    ) -> Iterator[pl.DataFrame]:
        """Yield the answer, in Arrow; empty where there are no rows."""
        from clickhouse_connect.dbapi import Error
        from clickhouse_connect.driver.exceptions import ClickHouseError

        statement = _with_instants(recast(statement, kinds, _CASTS))
        compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
        driver: Any = connection.connection.driver_connection
        self._running[driver] = query_id = uuid.uuid4().hex
        values = compiled.construct_params()
        text = str(compiled) if values else str(compiled).replace("%%", "%")  # which is undone where there are values
        try:
            answer = driver.client.query_arrow_stream(text, values, {"query_id": query_id}, use_strings=True)
            with answer as batches:
                for batch in batches:
                    yield arrow_portion(batch)
        except (ClickHouseError, OSError) as error:
            raise driver_error(error, text, Error) from error
        finally:
            self._running.pop(driver, None)

    def give_up(self, connection: Any) -> None:
        """Let the server end what a connection reads."""
        query_id = self._running.get(connection)
        if query_id is None:
            return
        with suppress(sa.exc.SQLAlchemyError), self.engine.connect() as other:
            client: Any = other.connection.driver_connection
            client.client.params.pop("readonly", None)
            client.client.command(f"KILL QUERY WHERE query_id = '{query_id}' ASYNC")

    def is_refused(self, error: sa.exc.SQLAlchemyError) -> bool:
        """Whether it is what was asked that is wrong."""
        found = re.search(r"code: (\d+)", str(error), re.IGNORECASE)
        return found is not None and found[1] not in _OF_ACCESS and not self.is_late(error)

    def places(self, connection: sa.Connection) -> list[Place]:
        """Return tables and views of all databases, with the rows that ClickHouse has counted."""
        here = self.url.database or "default"
        rows = connection.exec_driver_sql(_PLACES).all()
        return [
            Place(name if schema == here else f"{schema}.{name}", "view" if is_view else "table", rows=count)
            for schema, name, is_view, count in rows
        ]


_UTC: Expression = sa.literal_column("'UTC'")
_MICROS: Expression = sa.literal_column("6")
_CASTS: dict[str, Callable[[Any], Expression]] = {  # of what Arrow has as numbers or bytes
    "datetime": lambda column: sa.func.toDateTime64(column, _MICROS, _UTC),
    "datetimetz": lambda column: sa.func.toDateTime64(column, _MICROS, _UTC),
    "date": lambda column: sa.func.toDate32(column),
    "str": lambda column: sa.func.toString(column),
    "uuid": lambda column: sa.func.toString(column),
}


def _rewritten(connection: Any, statement: Any, many: Any, values: Any, options: Any) -> tuple[Any, Any, Any]:
    return _with_instants(statement) if isinstance(statement, sa.Select) else statement, many, values


def _with_instants(statement: Any) -> Any:
    """The statement with its times as instants: as text they would be read in the zone of a column, and cut."""

    def instant(element: Any, **_: Any) -> Any:
        value = getattr(element, "value", None) if isinstance(element, sa.BindParameter) else None
        if not isinstance(value, datetime):
            return None
        micros = (value if value.tzinfo else value.replace(tzinfo=UTC)) - _EPOCH
        return sa.func.fromUnixTimestamp64Micro(
            sa.cast(sa.literal_column(str(micros // timedelta(microseconds=1))), sa.BigInteger()), _UTC
        )

    return replacement_traverse(statement, {}, instant)


class _Percentile(FunctionElement[float]):
    """``quantileExactInclusive(share)(value)``."""

    name = "quantile"
    type = sa.Double()
    inherit_cache = False

    def __init__(self, value: Expression, share: float) -> None:
        super().__init__(value)
        self.share = share


@compiles(_Percentile)
def _percentile(element: _Percentile, compiler: Any, **given: Any) -> str:
    return f"quantileExactInclusive({element.share!r})({compiler.process(element.clauses, **given)})"


class ClickhouseWording(Wording):
    """ClickHouse from 22.8 on."""

    percentiles: ClassVar[bool] = True
    variances: ClassVar[bool] = True

    def native(self, column: Expression, *, is_date: bool, is_local: bool) -> Instant | None:
        """Return the microseconds since 1970."""
        time = sa.func.toDateTime64(column, _MICROS, _UTC)
        return Instant(sa.func.toUnixTimestamp64Micro(time, type_=sa.BigInteger()))

    def text(self, column: Expression, pattern: str) -> Instant | None:
        """Return whole seconds of texts that match the pattern; NULL for a day or hour that does not exist."""
        shape = time_shape(pattern)
        if shape is None:
            return None
        first = sa.func.substring(column, 1, shape.length)
        written = sa.func.parseDateTime64BestEffortOrNull(first, _MICROS, _UTC)
        micros = sa.func.toUnixTimestamp64Micro(written, type_=sa.BigInteger())
        is_time = sa.func.match(column, shape.regex)
        return Instant(sa.case((is_time, micros)))

    def whole(self, number: Expression, size: int) -> Expression:
        """Return a whole number divided by a size, rounded down also below zero, never by way of a float."""
        by = sa.literal_column(str(int(size)), sa.BigInteger())
        return sa.func.intDiv(number - ((number % by) + by) % by, by, type_=sa.BigInteger())

    def number(self, column: Expression, kind: str) -> Expression | None:
        """Return the value as float64, NULL for NaN and infinite."""
        if kind not in ("int", "float", "decimal"):
            return super().number(column, kind)
        double: Expression = sa.func.toFloat64(column, type_=sa.Double())
        return sa.case((sa.func.isFinite(double), double))

    def different(self, column: Expression, kind: str) -> Expression | None:
        """Return what different values are told by: those of decimals as float64, as rows hand them over."""
        return super().different(column, "float" if kind == "decimal" else kind)

    def key(self, column: Expression, kind: str) -> Expression | None:
        """Return the label; enumerations and texts of low cardinality as plain text."""
        return sa.cast(column, sa.String()) if kind == "uuid" else super().key(column, kind)

    def percentile(self, value: Expression, share: float) -> Expression:
        """Return a percentile of all values, linearly interpolated."""
        return _Percentile(value, share)

    def variance(self, value: Expression) -> Expression:
        """Return the variance of a sample by the way that is exact for large numbers; it is endless for one value."""
        return sa.case((sa.func.count(value) > 1, sa.func.varSampStable(value)))
