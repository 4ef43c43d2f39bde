"""How Trino is connected, and how it says the parts of an aggregation."""

from __future__ import annotations

from typing import Any, ClassVar

import sqlalchemy as sa

from redshank.errors import ConfigError
from redshank.sources.sql_buckets import Expression, Instant, Wording
from redshank.sources.sql_patterns import time_shape
from redshank.sources.sql_session import CursorSession

_OPTIONS = ("verify", "source", "roles")
_SIGNS = {"%M": "%i", "%S": "%s"}  # where date_parse differs from strptime


class TrinoSession(CursorSession):
    """Trino over HTTP by its own client; every statement runs in a transaction that only reads."""

    driver: ClassVar[str] = "trino"
    flavour: ClassVar[str] = "trino"
    extra: ClassVar[str] = "trino"
    late: ClassVar[tuple[str, ...]] = (
        "exceeded_time_limit",
        "exceeded the maximum",
        "exceeded maximum time",
        "timed out",
    )

    def made(self) -> sa.Engine:
        """Return the engine; ConfigError for options of the address that change the session."""
        for name in self.url.query:
            if name not in _OPTIONS:
                raise ConfigError(f"url: trino takes the options {', '.join(_OPTIONS)}, got {name!r}", field="url")
        engine = super().made()
        sa.event.listen(engine, "begin", _begin)
        return engine

    def arguments(self) -> dict[str, Any]:
        """Return the time-outs, and what holds for the session."""
        return {
            "http_scheme": "https" if self.url.password or self.url.port == 443 else "http",
            "request_timeout": (self.limits.connect, self.limits.read + 5),
            "max_attempts": 3,
            "timezone": "UTC",
            "source": "redshank",
            "session_properties": {"query_max_execution_time": f"{max(1, round(self.limits.read))}s"},
        }

    def stop(self, cursor: Any) -> None:
        """Let the server end a query."""
        cursor.cancel()


def _begin(connection: sa.Connection) -> None:
    """Begin a transaction that only reads, as Trino's client has none of that kind."""
    from requests import RequestException
    from trino.exceptions import Error, TrinoConnectionError
    from trino.transaction import Transaction

    driver: Any = connection.connection.driver_connection
    request = driver._create_request()
    try:
        request.transaction_id = _begun(request)
    except (RequestException, Error, TrinoConnectionError) as error:
        raise sa.exc.OperationalError("START TRANSACTION READ ONLY", None, error) from error
    driver._transaction = Transaction(request)
    driver._transaction._id = request.transaction_id


def _begun(request: Any) -> str:
    """Begin, and return the id of the transaction."""
    from trino import constants
    from trino.transaction import NO_TRANSACTION

    found: str = NO_TRANSACTION
    response = request.post("START TRANSACTION READ ONLY")
    while True:
        given = response.headers.get(constants.HEADER_STARTED_TRANSACTION, NO_TRANSACTION)
        found = given if given != NO_TRANSACTION else found
        status = request.process(response)
        if not status.next_uri:
            return found
        response = request.get(status.next_uri)


class TrinoWording(Wording):
    """Trino; its percentiles are estimates, so they are made of windows."""

    variances: ClassVar[bool] = True

    def native(self, column: Expression, *, is_date: bool, is_local: bool) -> Instant | None:
        """Return the microseconds since 1970."""
        return Instant(_micros(sa.cast(column, sa.TIMESTAMP()) if is_date else column))

    def text(self, column: Expression, pattern: str) -> Instant | None:
        """Return whole seconds of texts that match the pattern; NULL for a day or hour that does not exist."""
        shape = time_shape(pattern)
        if shape is None:
            return None
        first = sa.func.substr(column, 1, shape.length)
        read = sa.func.TRY(sa.func.date_parse(first, shape.said(_SIGNS)))
        return Instant(sa.case((sa.func.regexp_like(column, shape.regex), _micros(read))))

    def number(self, column: Expression, kind: str) -> Expression | None:
        """Return the value as float64, NULL for NaN and infinite."""
        if kind == "bool":
            return sa.cast(sa.cast(column, sa.Integer()), sa.Double())
        if kind not in ("int", "float", "decimal"):
            return None
        double: Expression = sa.cast(column, sa.Double())
        return sa.case((sa.func.is_finite(double), double))

    def different(self, column: Expression, kind: str) -> Expression | None:
        """Return what different values are told by: those of decimals as float64, as rows hand them over."""
        return super().different(column, "float" if kind == "decimal" else kind)

    def is_one_of(self, column: Expression, kind: str, values: Any) -> Expression | None:
        """Return whether a column is, as text, one of these values."""
        if kind == "bool":
            return super().is_one_of(sa.cast(column, sa.String()), "str", values)
        return super().is_one_of(column, kind, values)


def _micros(value: Expression) -> Expression:
    return sa.cast(sa.func.round(sa.func.to_unixtime(value) * sa.literal_column("1000000")), sa.BigInteger())
