"""How Snowflake is connected, and how it says the parts of an aggregation."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

import sqlalchemy as sa

from redshank.errors import ConfigError
from redshank.sources.sql_buckets import Expression, Instant, Wording
from redshank.sources.sql_patterns import time_shape
from redshank.sources.sql_session import CursorSession

_OPTIONS = ("warehouse", "role", "host", "port", "protocol", "account")
_WORDS = {"%Y": "YYYY", "%m": "MM", "%d": "DD", "%H": "HH24", "%M": "MI", "%S": "SS"}


class SnowflakeSession(CursorSession):
    """Snowflake by its own connector, one statement at a time.

    It has no session that only reads: that is what the role of the user is for.
    """

    driver: ClassVar[str] = "snowflake"
    flavour: ClassVar[str] = "snowflake"
    extra: ClassVar[str] = "snowflake"
    late: ClassVar[tuple[str, ...]] = ("statement reached its statement or warehouse timeout", "timed out")

    def made(self) -> sa.Engine:
        """Return the engine; ConfigError for options of the address that change the session."""
        for name in self.url.query:
            if name not in _OPTIONS:
                raise ConfigError(f"url: snowflake takes the options {', '.join(_OPTIONS)}, got {name!r}", field="url")
        import_module("redshank.sources.sql_snowflake_dialect")  # makes it known to SQLAlchemy
        return super().made()

    def arguments(self) -> dict[str, Any]:
        """Return the time-outs, and what holds for the session."""
        seconds = max(1, round(self.limits.read))
        return {
            "login_timeout": max(1, round(self.limits.connect)),
            "network_timeout": seconds + 5,
            "client_session_keep_alive": False,
            "application": "Redshank",
            "session_parameters": {
                "STATEMENT_TIMEOUT_IN_SECONDS": seconds,
                "TIMEZONE": "UTC",
                "MULTI_STATEMENT_COUNT": 1,
                "QUERY_TAG": "redshank",
            },
        }

    def stop(self, cursor: Any) -> None:
        """Let Snowflake end a query."""
        if cursor.sfqid:
            cursor.abort_query(cursor.sfqid)


class SnowflakeWording(Wording):
    """Snowflake."""

    percentiles: ClassVar[bool] = True
    variances: ClassVar[bool] = True

    def native(self, column: Expression, *, is_date: bool, is_local: bool) -> Instant | None:
        """Return the microseconds since 1970."""
        return Instant(_micros(sa.cast(column, sa.TIMESTAMP()) if is_date else column))

    def text(self, column: Expression, pattern: str) -> Instant | None:
        """Return whole seconds of texts that match the pattern; NULL for a day or hour that does not exist."""
        shape = time_shape(pattern)
        if shape is None:
            return None
        read = sa.func.try_to_timestamp(sa.func.substr(column, 1, shape.length), shape.said(_WORDS).replace("T", '"T"'))
        return Instant(sa.case((sa.func.regexp_like(column, shape.regex), _micros(read))))

    def whole(self, number: Expression, size: int) -> Expression:
        """Return a whole number divided by a size, rounded down also below zero."""
        by = sa.literal_column(str(int(size)), sa.BigInteger())
        exact = (number - ((number % by) + by) % by).op("/", precedence=8)(by)
        return sa.cast(sa.func.floor(exact), sa.BigInteger())

    def number(self, column: Expression, kind: str) -> Expression | None:
        """Return the value as float64, NULL for NaN and infinite: means of NUMBER are cut to some digits."""
        if kind == "bool":
            return sa.cast(sa.cast(column, sa.Integer()), sa.Double())
        return super().number(sa.cast(column, sa.Double()), "float") if kind in ("int", "float", "decimal") else None

    def different(self, column: Expression, kind: str) -> Expression | None:
        """Return what different values are told by: those of decimals as float64, as rows hand them over."""
        return super().different(column, "float" if kind == "decimal" else kind)

    def is_one_of(self, column: Expression, kind: str, values: Any) -> Expression | None:
        """Return whether a column is, as text, one of these values."""
        if kind == "bool":
            return super().is_one_of(sa.cast(column, sa.String()), "str", values)
        return super().is_one_of(column, kind, values)


def _micros(value: Expression) -> Expression:
    return sa.func.date_part(sa.literal_column("EPOCH_MICROSECOND"), value, type_=sa.BigInteger())
