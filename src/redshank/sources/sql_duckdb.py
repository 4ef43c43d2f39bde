"""How files of DuckDB are opened, and how DuckDB says the parts of an aggregation.

Nothing but the file itself can be reached: no other file, no address, no extension.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import sqlalchemy as sa

from redshank.errors import ConfigError, SourceError
from redshank.sources.sql_arrow import arrow_portion
from redshank.sources.sql_buckets import Expression, Instant, Wording
from redshank.sources.sql_patterns import time_shape
from redshank.sources.sql_rows import PORTION_ROWS
from redshank.sources.sql_session import Session, driver_error, recast

_CONFIG = {  # before the file is opened; from then on nothing of it can be changed
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "access_mode": "READ_ONLY",
}
_STATEMENTS = ("SET TimeZone = 'UTC'", "SET lock_configuration = true")
_REFUSED = ("BinderException", "CatalogException", "ParserException", "ConversionException", "OutOfRangeException")
_REMEDY = (r"could not set lock|conflicting lock", "another program has it open for writing; read a copy of it")


class DuckdbSession(Session):
    """Files of DuckDB, opened to be read only."""

    flavour: ClassVar[str] = "duckdb"
    extra: ClassVar[str] = "duckdb"
    late: ClassVar[tuple[str, ...]] = ("interrupt",)
    remedies: ClassVar[tuple[tuple[str, str], ...]] = (_REMEDY, *Session.remedies)

    def made(self) -> sa.Engine:
        """Return the engine; ConfigError when the file lies outside of the folders allowed."""
        name = self.url.database
        if not name or name.startswith(":memory:") or self.url.query:
            raise ConfigError(
                "url: duckdb must name a file, without options, such as duckdb:///shop.duckdb (four slashes begin a "
                "whole path)",
                field="url",
            )
        self.path = Path(self.access.path(name)).absolute()
        self.url = sa.URL.create("duckdb", database=str(self.path))
        engine = super().made()
        sa.event.listen(engine, "do_connect", self._look)
        return engine

    def _look(self, *_: Any) -> None:
        self.access.check(self.path)
        if not self.path.is_file():
            raise SourceError(f"sql duckdb:///{self.path}: there is no such file")

    def arguments(self) -> dict[str, Any]:
        """Return what closes every way out of the file."""
        return {"read_only": True, "config": dict(_CONFIG)}

    def prepare(self, connection: Any) -> None:
        """Let nothing of that be changed."""
        for statement in _STATEMENTS:
            connection.execute(statement)

    @contextmanager
    def within(self, connection: sa.Connection) -> Iterator[sa.Connection]:
        """Give the connection; what takes too long is interrupted."""
        timer = threading.Timer(self.limits.read, self.give_up, [connection.connection.driver_connection])
        timer.daemon = True
        timer.start()
        try:
            yield connection
        finally:
            timer.cancel()

    def frames(
        self,
        connection: sa.Connection,
        statement: sa.Select[Any],
        kinds: Mapping[str, str] | None,
        look: Callable[[], float],
    ) -> Iterator[pl.DataFrame]:
        """Yield the answer, in Arrow."""
        import duckdb

        statement = recast(statement, kinds, {"interval": _seconds})
        compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
        values = compiled.construct_params()
        driver: Any = connection.connection.driver_connection
        try:
            found = driver.sql(str(compiled), params=[values[name] for name in compiled.positiontup or ()])
            for batch in (getattr(found, "to_arrow_reader", None) or found.fetch_arrow_reader)(PORTION_ROWS):
                yield arrow_portion(batch)
        except (duckdb.Error, OSError) as error:  # the latter from Arrow, with what DuckDB said
            raise driver_error(error, str(compiled), type(error)) from error

    def is_refused(self, error: sa.exc.SQLAlchemyError) -> bool:
        """Whether it is what was asked that is wrong, told by the class of the error."""
        return type(getattr(error, "orig", None)).__name__ in _REFUSED

    def places(self, connection: sa.Connection) -> list[Any]:
        """Return tables and views, tables with the rows that DuckDB has counted."""
        from redshank.sources.survey import Place

        names = "CASE WHEN schema_name = 'main' THEN {0} ELSE schema_name || '.' || {0} END"
        tables = f"SELECT {names.format('table_name')}, 'table', estimated_size FROM duckdb_tables()"
        views = f"SELECT {names.format('view_name')}, 'view', NULL FROM duckdb_views() WHERE NOT internal"
        rows = connection.exec_driver_sql(f"{tables} UNION ALL {views} ORDER BY 1 LIMIT 1000").all()
        return [Place(name, kind, rows=count) for name, kind, count in rows]


def _seconds(column: Expression) -> Expression:
    return sa.cast(sa.extract("epoch", column), sa.Double())


class DuckdbWording(Wording):
    """DuckDB from 1.2 on."""

    percentiles: ClassVar[bool] = True
    variances: ClassVar[bool] = True

    def native(self, column: Expression, *, is_date: bool, is_local: bool) -> Instant | None:
        """Return the microseconds since 1970; endless times have none."""
        is_time = sa.func.isfinite(column)
        return Instant(sa.case((is_time, sa.func.epoch_us(column, type_=sa.BigInteger()))))

    def text(self, column: Expression, pattern: str) -> Instant | None:
        """Return whole seconds of texts that match the pattern; NULL for a day or hour that does not exist."""
        shape = time_shape(pattern)
        if shape is None:
            return None
        read = sa.func.try_strptime(sa.func.substr(column, 1, shape.length), shape.pattern)
        is_time = sa.func.regexp_full_match(column, shape.regex)
        return Instant(sa.case((is_time, sa.func.epoch_us(read, type_=sa.BigInteger()))))

    def whole(self, number: Expression, size: int) -> Expression:
        """Return a whole number divided by a size, rounded down also below zero, never by way of a float."""
        by = sa.literal_column(str(int(size)), sa.BigInteger())
        return sa.type_coerce((number - ((number % by) + by) % by).op("//", precedence=8)(by), sa.BigInteger())

    def number(self, column: Expression, kind: str) -> Expression | None:
        """Return the value as float64; intervals as seconds."""
        if kind == "interval":
            return _seconds(column)
        return (
            super().number(sa.cast(column, sa.Double()), "float") if kind in _NUMBERS else super().number(column, kind)
        )

    def different(self, column: Expression, kind: str) -> Expression | None:
        """Return what different values are told by: those of decimals as float64, as rows hand them over."""
        return super().different(column, "float" if kind == "decimal" else kind)


_NUMBERS = ("int", "float", "decimal")
