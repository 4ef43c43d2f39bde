"""Buckets aggregated by the database: what to ask, whether its last bucket is full, and the panels of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import sqlalchemy as sa

from redshank.errors import NoPointsError
from redshank.panel import to_datetime
from redshank.sources.base import ROWS, Progress, Query, Reading
from redshank.sources.sql_buckets import Wording
from redshank.sources.sql_cells import (
    Aggregation,
    CarelessError,
    NotPushedError,
    answer_kinds,
    as_cells,
    cells_statement,
    exact_range,
    without_time,
)
from redshank.sources.sql_database import Database
from redshank.sources.sql_range import TimeForm
from redshank.sources.sql_rows import portion
from redshank.sources.sql_statement import Selection
from redshank.tables.bucketed import DEFAULT
from redshank.tables.buckets import RECENT_STEPS, Buckets, reaches_end
from redshank.tables.cells import BUCKET, CellsError, needs_last, read_cells
from redshank.tables.roles import Roles


@dataclass(frozen=True)
class Known:
    """What the first rows showed: the types of the columns, their roles, and how the database compares times."""

    sample: pl.DataFrame
    kinds: dict[str, str]
    roles: Roles
    form: TimeForm | None
    selection: Selection

    @property
    def time(self) -> str:
        """The column of times, or those that make it up."""
        return "+".join(self.roles.clock.columns)


def read_pushed(database: Database, known: Known, query: Query, progress: Progress | None) -> Reading:
    """Return the panels of buckets that the database aggregated.

    Raises:
        NotPushedError: it cannot do that exactly as it is done here.
        SourceError: it cannot be reached, or refuses what it is asked.
        NoPointsError: there are no rows in the range.
    """
    if progress is not None:
        progress(None, f"waiting for buckets of {database.where}")
    try:
        reading = _read(database, known, query, is_careful=False)
    except (CarelessError, CellsError):
        reading = _read(database, known, query, is_careful=True)
    reading.findings.time_format = known.roles.clock.kind
    reading.findings.notes[:0] = known.roles.notes
    return reading


def _read(database: Database, known: Known, query: Query, *, is_careful: bool) -> Reading:
    with database.connected() as connection:
        wording = database.wording(connection)
        if wording is None:
            raise NotPushedError(f"how {database.flavour} aggregates is not known")
        pushed = _Pushed(database, connection, wording, known, query)
        return pushed.read(replace(pushed.asked(), is_careful=is_careful))


@dataclass(frozen=True)
class _Pushed:
    """One reading of buckets over one connection."""

    database: Database
    connection: sa.Connection
    wording: Wording
    known: Known
    query: Query

    def asked(self) -> Aggregation:
        """What to ask for."""
        known, query = self.known, self.query
        if known.form is None:
            raise NotPushedError("the database cannot compare times such as these")
        styled = [measure.name for measure in known.roles.measures if measure.style is not None]
        if styled:
            raise NotPushedError(f"column {styled[0]!r} holds numbers as text")
        assert query.step is not None
        found = Aggregation(
            form=known.form,
            time=known.roles.clock.columns[0],
            labels=known.roles.labels,
            measures=() if query.measures == ROWS else tuple(m.name for m in known.roles.measures),
            kinds=known.kinds,
            agg=query.agg or DEFAULT,
            rule=Buckets.of(query.step, query.tz),
            start=query.start,
            end=query.end,
            chosen=tuple(query.filter),
        )
        return replace(found, span=self._span()) if found.needs_span else found

    def read(self, asked: Aggregation) -> Reading:
        """Return the panels."""
        cells, bad = self._cells(asked)
        if not any(map(len, cells)):
            raise NoPointsError(f"{self.database.where}: holds no rows in the range asked for")
        reading = read_cells(
            cells,
            labels=asked.labels,
            measures=asked.measures,
            query=replace(self.query, time=self.known.time),
            where=self.database.where,
            last_is_full=not needs_last(self.query) or self.reaches_end(asked, cells),
        )
        reading.findings.rows += bad
        reading.findings.bad_count = bad
        return reading

    def _cells(self, asked: Aggregation) -> tuple[list[pl.DataFrame], int]:
        """The cells, and how many rows have no time."""
        rows = self._rows((), exact_range(self.wording, asked))
        statement = cells_statement(self.wording, asked, rows)
        kinds = answer_kinds(asked, statement)
        cells, bad = [], 0
        with closing(self.database.portions(self.connection, statement, kinds)) as portions:
            for frame in portions:
                cells.append(as_cells(frame, asked, self.wording))
                bad += without_time(frame)
        if bad and self.query.strict:
            raise NotPushedError("rows have no time")
        return cells, bad

    def reaches_end(self, asked: Aggregation, cells: Sequence[pl.DataFrame]) -> bool:
        """Whether the rows reach the end of the last bucket."""
        last = max(int(frame[BUCKET].max()) for frame in cells if len(frame))  # type: ignore[arg-type]
        since = last - RECENT_STEPS * asked.rule.step
        statement = self._rows((asked.time,), exact_range(self.wording, asked), since=_moment(since)).distinct()
        frames = list(self.database.portions(self.connection, statement, self.known.kinds))
        times = pl.concat(frames).select(self._utc()).to_series().drop_nulls().to_numpy()
        if not len(times):
            return False
        return reaches_end(times[times > times.max() - RECENT_STEPS * asked.rule.step], asked.rule.end_of(times.max()))

    def _span(self) -> tuple[datetime, datetime]:
        """The time that the rows are within: as asked for, or as they are."""
        start, end = self.query.start, self.query.end
        if start is not None and end is not None:
            return start, end
        column = self.known.selection.sorted(sa.column(self.known.roles.clock.columns[0]), self.known.form)
        statement = self._rows((), ()).add_columns(sa.func.min(column), sa.func.max(column))
        ends = self.connection.execute(statement).one()
        frame = portion([self.known.roles.clock.columns[0]], [(each,) for each in ends])
        times = frame.select(self._utc()).to_series().drop_nulls().to_list()
        if len(times) < 2:
            raise NotPushedError("the first and last times cannot be read")
        return start or _moment(times[0]), end or _moment(times[1]) + timedelta(seconds=1)

    def _utc(self) -> pl.Expr:
        return self.known.roles.clock.nanos(self.query.tz or "UTC")

    def _rows(self, names: Sequence[str], exactly: Sequence[Any], since: datetime | None = None) -> sa.Select[Any]:
        """The rows in the range and of the filter."""
        conditions = list(exactly)
        for name, values in self.query.filter.items():
            condition = self.wording.is_one_of(sa.column(name), self.known.kinds.get(name, ""), values)
            if condition is None:
                raise NotPushedError(f"values such as those of {name!r} are not the same text here and there")
            conditions.append(condition)
        start = self.query.start if since is None else max(since, self.query.start or since)
        return self.known.selection.statement(
            names,
            self.known.roles.clock.columns[0],
            self.known.form,
            start=start,
            end=self.query.end,
            conditions=conditions,
        )


def _moment(time_ns: int) -> datetime:
    return to_datetime(np.datetime64(time_ns, "ns"))
