"""Read a datasource, or a query in Druid SQL: buckets by Druid where it makes them exactly, else its rows."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from redshank.errors import DataError, NoPointsError
from redshank.sources.base import ROWS, Progress, Query, Reading
from redshank.sources.counts import Counts
from redshank.sources.druid_api import TIMESTAMPS, Api, RefusedError, Statement, polars_type
from redshank.sources.druid_options import DruidOptions
from redshank.sources.druid_sql import TIME, Asked, NotPushedError, Relation, first_rows, milliseconds
from redshank.sources.parallel import in_parallel
from redshank.sources.survey import Survey, survey_of
from redshank.tables.bucketed import DEFAULT
from redshank.tables.buckets import RECENT_STEPS, Buckets, reaches_end
from redshank.tables.cells import BUCKET, CellsError, needs_last, read_cells
from redshank.tables.raw import RawTable
from redshank.tables.read import read_tables
from redshank.tables.roles import find_roles
from redshank.tables.spool import Spool

SAMPLE_ROWS = 1_000
DRUID_TIME = "__time"
MOST_TIMES = 200_000  # different ones that are looked at to tell whether the last bucket is full
_MILLISECOND = 1_000_000


@dataclass(frozen=True)
class _Known:
    """What the first rows showed."""

    time: str
    measures: tuple[str, ...]
    labels: tuple[str, ...]
    styled: tuple[str, ...]  # measures that are numbers written as text
    notes: tuple[str, ...]


class Points:
    """The rows of one relation, with their times."""

    def __init__(self, api: Api, relation: Relation, options: DruidOptions, counts: Counts) -> None:
        """Nothing is asked yet."""
        self.api, self.relation, self.options, self.counts = api, relation, options, counts
        self.where = api.where
        self._known: dict[Any, _Known] = {}
        self._types: dict[str, str] = {}
        self._sample = pl.DataFrame()

    # ------------------------------------------------------------------ reading

    def read(self, query: Query, progress: Progress | None) -> Reading:
        """Return the panels; a second time, with a new look at the columns, when they may have changed."""
        is_new = not self._types
        try:
            return self._read(query, progress)
        except NoPointsError:
            self.check_there()
            raise
        except DataError:
            if is_new:
                raise
        self.forget()
        return self._read(query, progress)

    def forget(self) -> None:
        """Look at the columns anew at the next reading."""
        self._known.clear()
        self._types = {}

    def check_there(self) -> None:
        """Raise SourceError, with near names, when there is no such datasource."""
        if self.relation.table is not None:
            self.api.check_there([self.relation.table])

    def _read(self, query: Query, progress: Progress | None) -> Reading:
        known = self._looked(query)
        asked, why, reading = self._asked(known, query), "", None
        if query.step is not None:
            try:
                reading = self._read_buckets(asked, known, query, progress)
            except (NotPushedError, CellsError, RefusedError) as error:
                why = str(error)
        if reading is None:
            reading = self._read_rows(asked, query, progress)
        reading.findings.notes[:0] = [note for note in known.notes if note not in reading.findings.notes]
        if why:
            reading.findings.notes.append(f"aggregated here, not by Druid: {why}")
        self.counts.add(rows=reading.findings.rows)
        return reading

    def _asked(self, known: _Known, query: Query) -> Asked:
        return Asked(
            relation=self.relation,
            time=known.time,
            types=self._types,
            labels=known.labels,
            measures=known.measures,
            filter=query.filter,
            start=None if query.start is None else milliseconds(query.start),
            end=None if query.end is None else milliseconds(query.end),
            count_column=self.options.count_column,
        )

    def _read_buckets(self, asked: Asked, known: _Known, query: Query, progress: Progress | None) -> Reading:
        assert query.step is not None
        agg, rule = query.agg or DEFAULT, Buckets.of(query.step, query.tz)
        if known.styled:
            raise NotPushedError(f"column {known.styled[0]!r} holds numbers as text")
        asked.cells(agg, rule, is_careful=False)
        bounds = self._span(asked)
        is_full = not needs_last(query) or self._reaches_end(asked, rule, bounds[1])

        def laid_out(*, is_careful: bool) -> Reading:
            def made(part: tuple[int, int]) -> tuple[Statement, dict[str, Any]]:
                within = replace(asked, start=part[0], end=part[1])
                return within.cells(agg, rule, is_careful=is_careful), asked.cell_types(agg)

            with closing(self._frames(_whole_buckets(rule, bounds, self.options.parallel), made, progress)) as frames:
                return read_cells(
                    (frame.with_columns(pl.col(BUCKET) * _MILLISECOND) for frame in frames),
                    labels=known.labels,
                    measures=known.measures,
                    query=replace(query, time=known.time),
                    where=self.where,
                    last_is_full=is_full,
                )

        try:
            return laid_out(is_careful=False)
        except CellsError:
            return laid_out(is_careful=True)

    def _read_rows(self, asked: Asked, query: Query, progress: Progress | None) -> Reading:
        bounds = self._span(asked)
        columns = [asked.time, *asked.labels, *asked.measures, *query.filter]
        types = {name: polars_type(self._types[name]) for name in dict.fromkeys(columns) if name != asked.time}

        def made(part: tuple[int, int]) -> tuple[Statement, dict[str, Any]]:
            return replace(asked, start=part[0], end=part[1]).rows(), {TIME: pl.Int64, **types}

        with TemporaryDirectory(prefix="redshank-") as folder:
            spool = Spool(self.where, folder, {}, self.options.max_rows)
            with closing(self._frames(_equal_parts(bounds, self.options.parallel), made, progress)) as frames:
                for frame in frames:
                    spool.add(self._timed(frame.rename({TIME: asked.time})))
            if not spool.rows:
                raise NoPointsError(f"{self.where}: holds no rows in the range asked for")
            measures = ROWS if query.measures == ROWS else tuple(asked.measures)
            told = replace(query, measures=measures, by=tuple(asked.labels), time=asked.time)
            reading = read_tables([RawTable(where=self.where, frame=spool.table())], told, progress)
        reading.findings.unsorted = 0  # rows have no order
        return reading

    def _frames(
        self,
        parts: Sequence[tuple[int, int]],
        made: Callable[[tuple[int, int]], tuple[Statement, dict[str, Any]]],
        progress: Progress | None,
    ) -> Generator[pl.DataFrame]:
        """What statements for parts of the range answer, read by several threads."""
        deadline, rows = self.api.http.deadline(), 0

        def read(part: tuple[int, int]) -> Generator[pl.DataFrame]:
            with self.api.http.reading(deadline - clock.monotonic()):
                yield from self.api.frames(*made(part))

        with closing(in_parallel(parts, read, self.options.parallel)) as frames:
            for frame in frames:
                rows += len(frame)
                if progress is not None:
                    progress(None, f"reading {self.where}: {rows:,} rows")
                if len(frame):
                    yield frame

    # ------------------------------------------------------------------ times

    def _span(self, asked: Asked) -> tuple[int, int]:
        """The milliseconds first <= time < last that hold all rows; NoPointsError when there are none."""
        (row,) = self.api.rows(asked.span())
        if row["first"] is None or row["last"] is None:
            raise NoPointsError(f"{self.where}: holds no rows in the range asked for")
        return int(row["first"]), int(row["last"]) + 1

    def newest_ms(self, query: Query) -> int | None:
        """Return the newest time; None when there is none."""
        asked = self._asked(self._looked(query), query)
        (row,) = self.api.rows(asked.span())
        if row["last"] is None:
            self.check_there()
            return None
        return int(row["last"])

    def _reaches_end(self, asked: Asked, rule: Buckets, last: int) -> bool:
        newest = (last - 1) * _MILLISECOND
        since = (newest - RECENT_STEPS * rule.step) // _MILLISECOND + 1
        begin = since if asked.start is None else max(since, asked.start)
        rows = self.api.rows(replace(asked, start=begin).times(MOST_TIMES))
        times = np.array([row[TIME] for row in rows], np.int64) * _MILLISECOND
        return reaches_end(times, rule.end_of(newest))

    def _timed(self, frame: pl.DataFrame) -> pl.DataFrame:
        times = [name for name in frame.columns if self._types.get(name) in TIMESTAMPS]
        as_times = [pl.col(name).cast(pl.Datetime("ms", "UTC")) for name in times]
        return frame.with_columns(as_times)

    # ------------------------------------------------------------------ what is known of the columns

    def _looked(self, query: Query) -> _Known:
        """What the columns are, found once: what short windows show must not change it."""
        key = (query.measures, query.by, query.time, query.agg, query.decimal, tuple(sorted(query.filter)))
        if key not in self._known:
            sample = self.sample()
            if query.measures and query.by is not None:
                self._check_columns([*(() if query.measures == ROWS else query.measures), *query.by, *query.filter])
            roles = find_roles(RawTable(where=self.where, frame=sample.lazy()), replace(query, time=self._time(query)))
            measures = tuple(measure.name for measure in roles.measures)
            styled = tuple(one.name for one in roles.measures if one.style is not None)
            own = self.options.count_column
            measures = tuple(name for name in measures if name != own or name in query.measures)
            self._known[key] = _Known(self._time(query), measures, roles.labels, styled, tuple(roles.notes))
        return self._known[key]

    def _check_columns(self, names: Sequence[str]) -> None:
        for name in names:
            kind = self._types.get(name)
            if kind is not None and polars_type(kind) is None:
                raise DataError(
                    f"{self.where}: column {name!r} is of type {kind}, which is no value of a point; let a "
                    "query make a number or text of it, such as APPROX_COUNT_DISTINCT_DS_HLL or MV_TO_STRING",
                    field="column",
                )

    def _time(self, query: Query) -> str:
        times = [name for name, kind in self._types.items() if kind in TIMESTAMPS]
        if query.time in times:
            return str(query.time)
        if query.time is not None and query.time in self._types:
            raise DataError(
                f"{self.where}: column {query.time!r} must be of type TIMESTAMP, got {self._types[query.time]}; "
                "make one in a query by TIME_PARSE or MILLIS_TO_TIMESTAMP",
                field="time",
            )
        if query.time not in (None, "time") or not times:
            known = ", ".join(times) or "none"
            raise DataError(
                f"{self.where}: must have the time {query.time or DRUID_TIME!r}; columns of type TIMESTAMP: {known}",
                field="time",
            )
        return DRUID_TIME if DRUID_TIME in times else times[0]

    def sample(self) -> pl.DataFrame:
        """Return some rows, with their times; columns that cannot be values of points are left out."""
        if not self._types or self._sample.is_empty():
            types, rows = self.first(SAMPLE_ROWS)
            kept = {name: polars_type(kind) for name, kind in types.items() if polars_type(kind) is not None}
            shown = {
                name: pl.Series(name, [_cell(row.get(name), types[name]) for row in rows], _shown(kind, types[name]))
                for name, kind in kept.items()
            }
            self._types, self._sample = types, pl.DataFrame(shown)
        return self._sample

    def first(self, n: int) -> tuple[dict[str, str], list[dict[str, Any]]]:
        """Return the types of the columns and some rows; SourceError when there is no such datasource."""
        self.check_there()
        return self.api.table(first_rows(self.relation, n))

    def survey(self, query: Query) -> Survey:
        """Return the columns as some rows show them, with Druid's names of types."""
        self.forget()
        sample = self.sample()
        found = survey_of(self.where, sample, replace(query, time=self._time(query)))
        told = tuple(replace(column, type=self._types[column.name]) for column in found.columns)
        left_out = [name for name in self._types if name not in sample.columns]
        notes = found.notes + (
            [f"left out, as they hold no values of points: {', '.join(left_out)}"] if left_out else []
        )
        return replace(found, columns=told, notes=notes)


def _shown(kind: Any, sql_type: str) -> Any:
    return pl.Datetime("ms", "UTC") if sql_type in TIMESTAMPS else kind


def _cell(value: Any, sql_type: str) -> Any:
    """A value of JSON as one of its column."""
    if sql_type in TIMESTAMPS and isinstance(value, str):
        return pl.Series([value]).str.to_datetime("%+", time_zone="UTC", time_unit="ms").item()
    if isinstance(value, str) and sql_type in ("DOUBLE", "FLOAT", "REAL", "DECIMAL"):
        return float(value)  # NaN and Infinity
    return value


def _equal_parts(bounds: tuple[int, int], n: int) -> list[tuple[int, int]]:
    """A range cut into as many parts as there are threads."""
    size = max(1, -(-(bounds[1] - bounds[0]) // n))
    return [(begin, min(bounds[1], begin + size)) for begin in range(bounds[0], bounds[1], size)]


def _whole_buckets(rule: Buckets, bounds: tuple[int, int], n: int) -> list[tuple[int, int]]:
    """A range cut where buckets begin; few buckets stay together."""
    first, last = rule.indices(np.array([bounds[0], bounds[1] - 1], np.int64) * _MILLISECOND).tolist()
    if n < 2 or last - first < 50:
        return [bounds]
    size = -(-(last + 1 - first) // n)
    cuts = rule.starts(np.arange(first + size, last + 1, size, dtype=np.int64)) // _MILLISECOND
    edges = [bounds[0], *cuts.tolist(), bounds[1]]
    return [(edges[i], edges[i + 1]) for i in range(len(edges) - 1)]
