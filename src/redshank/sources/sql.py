"""Read tables and queries of any database that SQLAlchemy knows; the range of time is asked of the database."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
import sqlalchemy as sa
from pydantic import Field

from redshank.errors import ConfigError, DataError, NoPointsError, SourceError
from redshank.panel import to_datetime
from redshank.sources.base import ROWS, Progress, Query, Reading, Source
from redshank.sources.counts import Counts
from redshank.sources.sql_buckets import Wording
from redshank.sources.sql_cells import NotPushedError
from redshank.sources.sql_connect import RefusedError
from redshank.sources.sql_database import Database
from redshank.sources.sql_pushed import Known, read_pushed
from redshank.sources.sql_range import time_form
from redshank.sources.sql_rows import portion
from redshank.sources.sql_session import SESSIONS, Limits, open_session
from redshank.sources.sql_statement import FirstRows, Selection, first_rows
from redshank.sources.sql_survey import survey_database
from redshank.sources.survey import Survey
from redshank.specs.base import Duration
from redshank.specs.database_url import DatabaseOptions, shown_url
from redshank.specs.options import Access, Options
from redshank.tables.cells import CellsError
from redshank.tables.newest import newest_time
from redshank.tables.raw import RawTable
from redshank.tables.read import read_tables
from redshank.tables.roles import find_roles
from redshank.tables.spool import Spool

_ONE_OF = "source of kind 'sql': needs a table or a query, and not both"
MOST_ROWS = 50_000_000


class SqlOptions(DatabaseOptions):
    """Which database, and which of its tables or what query."""

    alternatives: ClassVar[tuple[str, ...]] = ("query", "table")

    query: str | None = None
    table: str | None = None
    timeout: Duration = Field(default=timedelta(minutes=1), gt=timedelta(0))
    max_rows: int = Field(default=MOST_ROWS, ge=1)


class SqlSource(Source):
    """A table, or a query that reads, of one database; every connection is one that cannot write."""

    kind: ClassVar[str] = "sql"
    schemes: ClassVar[tuple[str, ...]] = tuple(SESSIONS)
    Options: ClassVar[type[Options]] = SqlOptions

    def __init__(self, database: Database, selection: Selection | None, max_rows: int) -> None:
        """Keep what to read, None = nothing yet (``survey`` says what there is); nothing is connected yet."""
        self.database, self._selection, self.max_rows = database, selection, max_rows
        self.session, self.where = database.session, database.where
        self.engine = self.session.engine
        self._first: FirstRows | None = None
        self._known: dict[Any, Known] = {}

    @classmethod
    def build(cls, options: SqlOptions, access: Access) -> Self:
        """Return the source; ConfigError when the address, the query or the table cannot be right."""
        if options.query is not None and options.table is not None:
            raise ConfigError(_ONE_OF, field="query")
        url = options.address()
        limits = Limits(options.connect_timeout.total_seconds(), options.timeout.total_seconds())
        session = open_session(url, access.reveal(options.password), access, limits)
        selection = None
        if options.query is not None or options.table is not None:
            selection = Selection.of(session.speaks, query=options.query, table=options.table)
        where = f"sql {shown_url(url)} {selection or ''}".rstrip()
        return cls(Database(session, where, Counts()), selection, options.max_rows)

    @classmethod
    def options_of(cls, url: str) -> dict[str, Any]:
        """Return the options of an address; seconds without a unit, as drivers take them, are seconds."""
        found = super().options_of(url)
        seconds = str(found.get("connect_timeout", ""))
        return {**found, "connect_timeout": f"{seconds}s"} if seconds.isdecimal() else found

    @property
    def selection(self) -> Selection:
        """What is read; ConfigError when that was not said."""
        if self._selection is None:
            raise ConfigError(_ONE_OF, field="query")
        return self._selection

    @property
    def counts(self) -> Counts:
        """What this object did so far."""
        return self.database.counts

    def describe(self) -> str:
        """Return the address without password, and the table or query."""
        return self.where

    def preview(self, n: int = 10) -> list[dict[str, Any]]:
        """Return the first ``n`` rows the database gives."""
        return first_rows(self.session, self.selection, self.where, n).frame.to_dicts()

    def survey(self, query: Query) -> Survey:
        """Return the tables there are, and the columns of the one that is read."""
        return survey_database(self.database, self._selection, query)

    def check(self) -> None:
        """Reach the database, and read one row when it is said of what."""
        if self._selection is not None:
            super().check()
            return
        with self.database.connected() as connection:
            connection.execute(sa.select(1))

    def read(self, query: Query, progress: Progress | None = None) -> Reading:
        """Return the panels of the rows in the range asked for, buckets aggregated by the database where it can.

        What it cannot do exactly as it is done here is done here, and a note says so.

        Raises:
            SourceError: the database cannot be reached, refuses the query or takes too long.
            NoPointsError: there is no row in the range asked for.
            DataError: the rows hold nothing to score.
        """
        with self.counts.reading():
            is_new = self._first is None
            try:
                return self._read(query, progress)
            except RefusedError:
                if is_new:
                    raise
            self._first = None  # columns may have changed
            self._known.clear()
            reading = self._read(query, progress)
            reading.findings.notes.append("the columns have changed since the last reading; looked at them again")
            return reading

    def _read(self, query: Query, progress: Progress | None) -> Reading:
        known = self._looked(query)
        why = ""
        if query.step is not None:
            try:
                return read_pushed(self.database, known, query, progress)
            except (NotPushedError, RefusedError, CellsError) as error:
                why = str(error)
        reading = self._read_rows(known, query, progress)
        reading.findings.notes[:0] = [note for note in known.roles.notes if note not in reading.findings.notes]
        if why:
            reading.findings.notes.append(f"aggregated here, not by the database: {why}")
        return reading

    def _read_rows(self, known: Known, query: Query, progress: Progress | None) -> Reading:
        with TemporaryDirectory(prefix="redshank-") as folder:
            spool = self._fetched(known, query, known.roles.columns, folder, progress)
            if not spool.rows:
                raise NoPointsError(f"{self.where}: holds no rows in the range asked for")
            measures = ROWS if query.measures == ROWS else tuple(m.name for m in known.roles.measures)
            asked = replace(query, measures=measures, by=known.roles.labels, time=known.time)
            return read_tables([self._raw(spool.table(), known)], asked, progress)

    def newest(self, query: Query) -> datetime | None:
        """Return the newest time, found by the database itself where it can compare such times."""
        known = self._looked(query)
        if known.form is None or known.form.is_by_day:
            with TemporaryDirectory(prefix="redshank-") as folder:
                spool = self._fetched(known, query, list(known.roles.clock.columns), folder, None)
                asked = replace(query, measures=ROWS, by=(), agg="count", time=known.time, filter={})
                return newest_time([self._raw(spool.table(), known)], asked) if spool.rows else None
        column = known.roles.clock.columns[0]
        greatest = sa.func.max(known.selection.sorted(sa.column(column), known.form))
        with self.database.connected() as connection:
            newest = connection.execute(self._statement(connection, known, query, []).add_columns(greatest)).scalar()
        if newest is None:
            return None
        nanos = portion([column], [(newest,)]).select(known.roles.clock.nanos(query.tz or "UTC")).item()
        return to_datetime(np.datetime64(int(nanos), "ns"))

    def cancel(self) -> None:
        """Give up what other threads read; they end with SourceError soon."""
        self.database.cancel()

    # ------------------------------------------------------------------ what is known of the columns

    def _key(self, query: Query) -> Any:
        chosen = tuple(sorted(query.filter))
        return query.measures, query.by, query.time, query.tz, query.agg, query.decimal, chosen

    def _looked(self, query: Query) -> Known:
        """What the columns are, found once: what short windows show must not change it."""
        key = self._key(query)
        if key not in self._known:
            is_old = self._first is not None
            try:
                self._known[key] = self._found(query)
            except DataError:
                if not is_old:
                    raise
                self._first = None  # columns may have come since
                self._known[key] = self._found(query)
        return self._known[key]

    def _found(self, query: Query) -> Known:
        first = self._first_rows()
        roles = find_roles(RawTable(where=self.where, frame=first.frame.lazy()), query)
        if not roles.clock.columns:
            raise SourceError(f"{self.where}: must have a column of times; name it by time")
        form = time_form(roles.clock, first.frame, query.tz)
        return Known(first.frame, first.kinds, roles, form, first.selection)

    def _first_rows(self) -> FirstRows:
        """The first rows, read once for all queries."""
        if self._first is None or self._first.frame.is_empty():
            self._first = first_rows(self.session, self.selection, self.where)
        return self._first

    def _raw(self, frame: pl.LazyFrame, known: Known) -> RawTable:
        """The rows as a table; dates of which day and month were told apart once are read the same way ever after."""
        clock = known.roles.clock
        if len(clock.columns) == 1 and any(one.day_first is not None for one in clock.formats):
            zone = None if clock.is_local else "UTC"
            times = clock.nanos(None).cast(pl.Datetime("ns")).dt.replace_time_zone(zone)
            frame = frame.with_columns(times.alias(clock.columns[0]))
        return RawTable(where=self.where, frame=frame)

    # ------------------------------------------------------------------ rows

    def _fetched(self, known: Known, query: Query, columns: list[str], folder: str, progress: Progress | None) -> Spool:
        names = list(dict.fromkeys([*columns, *query.filter]))
        spool = Spool(self.where, folder, dict(known.sample.schema), self.max_rows)
        with self.database.connected() as connection:
            statement = self._statement(connection, known, query, names)
            with closing(self.database.portions(connection, statement, known.kinds)) as portions:
                for frame in portions:
                    spool.add(frame)
                    if progress is not None:
                        progress(None, f"reading {self.where}: {spool.rows:,} rows")
        return spool

    def _statement(self, connection: sa.Connection, known: Known, query: Query, names: list[str]) -> Any:
        """The rows in the range; those that the database can tell to be outside of the filter are left out."""
        wording = self.database.wording(connection) or Wording()
        texts = {name: values for name, values in query.filter.items() if known.kinds.get(name) == "str"}
        chosen = [wording.is_one_of(sa.column(name), "str", values) for name, values in texts.items()]
        return known.selection.statement(
            names,
            known.roles.clock.columns[0],
            known.form,
            start=query.start,
            end=query.end,
            conditions=[condition for condition in chosen if condition is not None],
        )
