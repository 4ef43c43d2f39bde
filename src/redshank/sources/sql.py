"""Read tables and queries of any database that SQLAlchemy knows; the range of time is asked of the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
import sqlalchemy as sa
from pydantic import Field, SecretStr, model_validator

from redshank.errors import ConfigError, NoPointsError, SourceError
from redshank.panel import to_datetime
from redshank.sources.base import ROWS, Progress, Query, Reading, Source
from redshank.sources.sql_connect import Limits, connected, give_up, open_engine, read_url, shown_url, without_password
from redshank.sources.sql_range import TimeForm, time_form
from redshank.sources.sql_rows import PORTION_ROWS, portion
from redshank.sources.sql_statement import Selection, first_rows
from redshank.specs.base import Duration
from redshank.specs.options import Access, Options
from redshank.tables.newest import newest_time
from redshank.tables.raw import RawTable
from redshank.tables.read import read_tables
from redshank.tables.roles import Roles, find_roles
from redshank.tables.spool import Spool

MOST_ROWS = 50_000_000


class SqlOptions(Options):
    """Which database, and which of its tables or what query; a password in ``url`` is taken out of it."""

    alternatives: ClassVar[tuple[str, ...]] = ("query", "table")

    url: str
    user: str | None = None
    password: SecretStr | None = None
    query: str | None = None
    table: str | None = None
    connect_timeout: Duration = Field(default=timedelta(seconds=10), gt=timedelta(0))
    timeout: Duration = Field(default=timedelta(minutes=1), gt=timedelta(0))
    max_rows: int = Field(default=MOST_ROWS, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _without_password_in_url(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or not isinstance(given.get("url"), str):
            return given
        try:
            url = read_url(given["url"])
        except ConfigError as error:
            raise ValueError(str(error).removeprefix("url: ")) from None
        if url.password is None:
            return given
        return {"password": str(url.password), **given, "url": without_password(url)}


@dataclass(frozen=True)
class _Known:
    """What the first rows showed: the types of the columns, their roles, and how the database compares times."""

    sample: pl.DataFrame
    roles: Roles
    form: TimeForm | None

    @property
    def time(self) -> str:
        return "+".join(self.roles.clock.columns)


class SqlSource(Source):
    """A table, or a query that reads, of one database; every connection is one that cannot write."""

    kind: ClassVar[str] = "sql"
    Options: ClassVar[type[Options]] = SqlOptions

    def __init__(self, engine: sa.Engine, selection: Selection, where: str, limits: Limits, max_rows: int) -> None:
        """Keep what to read; nothing is connected yet."""
        self.engine, self.selection, self.where = engine, selection, where
        self.limits, self.max_rows = limits, max_rows
        self._known: dict[Any, _Known] = {}
        self._lock = threading.Lock()
        self._open: set[Any] = set()
        self._given_up = 0

    @classmethod
    def build(cls, options: SqlOptions, access: Access) -> Self:
        """Return the source; ConfigError when the address, the query or the table cannot be right."""
        if (options.query is None) == (options.table is None):
            raise ConfigError("source of kind 'sql': needs a table or a query, and not both", field="query")
        url = read_url(options.url)
        if options.user is not None:
            url = url.set(username=options.user)
        limits = Limits(options.connect_timeout.total_seconds(), options.timeout.total_seconds())
        engine = open_engine(url, access.reveal(options.password), access, limits)
        selection = Selection.of(engine.dialect.name, query=options.query, table=options.table)
        where = f"sql {shown_url(url)} {selection}"
        return cls(engine, selection, where, limits, options.max_rows)

    def describe(self) -> str:
        """Return the address without password, and the table or query."""
        return self.where

    def preview(self, n: int = 10) -> list[dict[str, Any]]:
        """Return the first ``n`` rows the database gives."""
        return first_rows(self.engine, self.selection, self.where, n)[0].to_dicts()

    def read(self, query: Query, progress: Progress | None = None) -> Reading:
        """Return the panels of the rows in the range asked for.

        Raises:
            SourceError: the database cannot be reached, refuses the query or takes too long.
            NoPointsError: there is no row in the range asked for.
            DataError: the rows hold nothing to score.
        """
        known = self._looked(query)
        with TemporaryDirectory(prefix="redshank-") as folder:
            spool = self._fetched(known, query, known.roles.columns, folder, progress)
            if not spool.rows:
                raise NoPointsError(f"{self.where}: holds no rows in the range asked for")
            measures = ROWS if query.measures == ROWS else tuple(m.name for m in known.roles.measures)
            asked = replace(query, measures=measures, by=known.roles.labels, time=known.time)
            reading = read_tables([self._raw(spool.table(), known)], asked, progress)
        reading.findings.notes[:0] = [note for note in known.roles.notes if note not in reading.findings.notes]
        return reading

    def newest(self, query: Query) -> datetime | None:
        """Return the newest time, found by the database itself where it can compare such times."""
        known = self._looked(query)
        column = known.roles.clock.columns[0]
        if known.form is None or known.form.is_by_day:
            with TemporaryDirectory(prefix="redshank-") as folder:
                spool = self._fetched(known, query, list(known.roles.clock.columns), folder, None)
                asked = replace(query, measures=ROWS, by=(), agg="count", time=known.time, filter={})
                return newest_time([self._raw(spool.table(), known)], asked) if spool.rows else None
        with self._connected() as connection:
            newest = connection.execute(self._statement(known, query, [column], is_newest=True)).scalar()
        if newest is None:
            return None
        frame = portion([column], [(newest,)])
        nanos = frame.select(known.roles.clock.nanos(query.tz or "UTC")).item()
        return to_datetime(np.datetime64(int(nanos), "ns"))

    def cancel(self) -> None:
        """Give up what other threads read; they end with SourceError soon.

        One that is just about to ask the database may go on until the next call.
        """
        with self._lock:
            self._given_up += 1
            for connection in self._open:
                give_up(connection)

    # ------------------------------------------------------------------ what is known of the columns

    def _looked(self, query: Query) -> _Known:
        """What the columns are, found once: what short windows show must not change it."""
        key = (query.measures, query.by, query.time, query.tz, query.agg, query.decimal, tuple(sorted(query.filter)))
        if key not in self._known:
            sample, self.selection = first_rows(self.engine, self.selection, self.where)
            roles = find_roles(RawTable(where=self.where, frame=sample.lazy()), query)
            if not roles.clock.columns:
                raise SourceError(f"{self.where}: must have a column of times; name it by time")
            self._known[key] = _Known(sample, roles, time_form(roles.clock, sample, query.tz))
        return self._known[key]

    def _raw(self, frame: pl.LazyFrame, known: _Known) -> RawTable:
        """The rows as a table; dates of which day and month were told apart once are read the same way ever after."""
        clock = known.roles.clock
        if len(clock.columns) == 1 and any(one.day_first is not None for one in clock.formats):
            zone = None if clock.is_local else "UTC"
            times = clock.nanos(None).cast(pl.Datetime("ns")).dt.replace_time_zone(zone)
            frame = frame.with_columns(times.alias(clock.columns[0]))
        return RawTable(where=self.where, frame=frame)

    # ------------------------------------------------------------------ rows

    def _fetched(
        self, known: _Known, query: Query, columns: list[str], folder: str, progress: Progress | None
    ) -> Spool:
        names = list(dict.fromkeys([*columns, *query.filter]))
        spool = Spool(self.where, folder, dict(known.sample.schema), self.max_rows)
        try:
            statement = self._statement(known, query, names)
            with self._connected() as connection, closing(self._portions(connection, statement, names)) as portions:
                for frame in portions:
                    spool.add(frame)
                    if progress is not None:
                        progress(None, f"reading {self.where}: {spool.rows:,} rows")
        except SourceError:
            self._known.clear()  # columns may have changed
            raise
        return spool

    def _portions(self, connection: sa.Connection, statement: Any, names: list[str]) -> Generator[pl.DataFrame]:
        deadline, given_up = time.monotonic() + self.limits.read, self._given_up
        with connection.execution_options(yield_per=PORTION_ROWS).execute(statement) as result:
            for rows in result.partitions():
                if self._given_up != given_up:
                    raise SourceError(f"{self.where}: reading was given up")
                if time.monotonic() > deadline:
                    raise SourceError(f"{self.where}: took longer than timeout allows; ask for less, or raise timeout")
                yield portion(names, rows)

    def _statement(self, known: _Known, query: Query, names: list[str], *, is_newest: bool = False) -> Any:
        column = known.roles.clock.columns[0]
        texts = {name: values for name, values in query.filter.items() if known.sample.schema.get(name) == pl.String}
        return self.selection.statement(
            names, column, known.form, start=query.start, end=query.end, one_of=texts, is_newest=is_newest
        )

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        given_up = self._given_up
        try:
            with connected(self.engine, self.where) as connection:
                driver = connection.connection.driver_connection
                with self._lock:
                    self._open.add(driver)
                try:
                    yield connection
                finally:
                    with self._lock:
                        self._open.discard(driver)
        except SourceError as error:
            if self._given_up != given_up:
                raise SourceError(f"{self.where}: reading was given up") from error
            raise
