"""What SQLAlchemy must know of Snowflake to read it by Snowflake's own connector.

Snowflake's own dialect does not run with the SQLAlchemy of today, and reading needs little of it.
"""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.compiler import IdentifierPreparer

_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_type = :kind"
_COLUMNS = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = :table"
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")


class _Named(sa.types.UserDefinedType[Any]):
    """A type by its name."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        """Return the name."""
        return self.name


class _Preparer(IdentifierPreparer):
    """Writes names in lower case as what they stand for: Snowflake keeps names without quotes in capitals."""

    def quote_identifier(self, value: str) -> str:
        """Return a name in quotes."""
        return super().quote_identifier(value.upper() if _PLAIN.fullmatch(value) else value)


class SnowflakeDialect(DefaultDialect):
    """Statements for ``snowflake.connector``."""

    name = "snowflake"
    driver = "connector"
    default_paramstyle = "pyformat"
    preparer = _Preparer
    requires_name_normalize = True
    supports_native_boolean = True
    supports_native_decimal = True
    supports_statement_cache = True
    div_is_floordiv = False

    @classmethod
    def import_dbapi(cls) -> Any:
        """Return the connector."""
        from snowflake import connector

        return connector

    def create_connect_args(self, url: sa.URL) -> tuple[list[Any], dict[str, Any]]:
        """Return what the connector is told: the host of the address is the account, its path database/schema."""
        database, _, schema = (url.database or "").partition("/")
        found = {"account": url.host, "user": url.username, "password": url.password, **url.query}
        found |= {"database": database or None, "schema": schema or None}
        return [], {name: value for name, value in found.items() if value is not None}

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Run a statement; the connector does not undo doubled percent signs where there are no values."""
        if parameters:
            cursor.execute(statement, parameters)
        else:
            cursor.execute(statement.replace("%%", "%"))

    def normalize_name(self, name: Any) -> Any:
        """Return a name in capitals in lower case, as people write it."""
        return name.lower() if name and name == name.upper() and _PLAIN.fullmatch(name.lower()) else name

    def get_table_names(self, connection: sa.Connection, schema: str | None = None, **_: Any) -> list[str]:
        """Return the tables of a schema."""
        return self._names(connection, schema, "BASE TABLE")

    def get_view_names(self, connection: sa.Connection, schema: str | None = None, **_: Any) -> list[str]:
        """Return the views of a schema."""
        return self._names(connection, schema, "VIEW")

    def get_columns(self, connection: sa.Connection, table_name: str, schema: str | None = None, **_: Any) -> list[Any]:
        """Return the columns of a table with their types as Snowflake calls them."""
        place = "current_schema()" if schema is None else ":place"
        asked = sa.text(f"{_COLUMNS} AND table_schema = {place} ORDER BY ordinal_position")
        values = {"table": self._kept(table_name)} | ({} if schema is None else {"place": self._kept(schema)})
        rows = connection.execute(asked, values).all()
        return [{"name": self.normalize_name(name), "type": _Named(kind), "nullable": True} for name, kind in rows]

    def _names(self, connection: sa.Connection, schema: str | None, kind: str) -> list[str]:
        place = "current_schema()" if schema is None else ":place"
        asked = sa.text(f"{_TABLES} AND table_schema = {place} LIMIT 1000")
        values = {"kind": kind} if schema is None else {"kind": kind, "place": self._kept(schema)}
        return [self.normalize_name(name) for name in connection.execute(asked, values).scalars()]

    def _kept(self, name: str) -> str:
        return name.upper() if _PLAIN.fullmatch(name) else name


registry.register("snowflake", __name__, "SnowflakeDialect")
