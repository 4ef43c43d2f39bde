"""Read measurements of InfluxDB by InfluxQL; the server aggregates where it does so exactly."""

from __future__ import annotations

import time as clock
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from redshank.errors import ConfigError, DataError, NoPointsError
from redshank.http.client import Http
from redshank.panel import to_datetime, to_time
from redshank.sources.base import ROWS, Progress, Query, Reading, Source
from redshank.sources.counts import calls_counted
from redshank.sources.influxdb_api import Api, Table, frame_of
from redshank.sources.influxdb_options import SCHEMES, InfluxdbOptions, options_of_url
from redshank.sources.influxdb_text import NUMBERS, NotPushedError, Selection, function, named
from redshank.sources.parallel import in_parallel
from redshank.sources.stretches import Stretch, cut_all, stretches_of
from redshank.sources.survey import EXAMPLES, LABEL, MEASURE, TIME, Column, Place, Survey
from redshank.specs.options import Access
from redshank.tables.bucketed import DEFAULT
from redshank.tables.buckets import RECENT_STEPS, Buckets, reaches_end
from redshank.tables.cells import BUCKET, needs_last, read_cells
from redshank.tables.raw import RawTable
from redshank.tables.read import read_tables
from redshank.tables.spool import Spool

CLOCK = "time"  # what InfluxDB calls it
STEPS = 20_000  # windows of one statement
_PARTS = 4  # of the range for each thread
_TIMED = pl.Datetime("ns", "UTC")


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What is read: fields and tags by name, ``types`` of fields, and what is left to be filtered here."""

    measures: tuple[str, ...]
    labels: tuple[str, ...]
    types: dict[str, str]
    tags: tuple[str, ...]
    where: Selection
    filter: dict[str, tuple[str, ...]]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns but the time, each once; a point is found by its fields only."""
        return tuple(dict.fromkeys((*self.measures, *self.labels, *self.filter)))


class InfluxdbSource(Source):
    """A measurement, or a SELECT, of one database."""

    kind: ClassVar[str] = "influxdb"
    schemes: ClassVar[tuple[str, ...]] = SCHEMES
    Options: ClassVar[type[InfluxdbOptions]] = InfluxdbOptions

    def __init__(self, api: Api, options: InfluxdbOptions) -> None:
        """Keep what to read; nothing is asked yet."""
        self.api, self.options, self.http, self.where = api, options, api.http, api.http.where

    @classmethod
    def options_of(cls, url: str) -> dict[str, Any]:
        """Return the options that ``influxdb://host:8086/database?table=cpu`` stands for."""
        return options_of_url(url, cls.Options.model_fields)

    @classmethod
    def build(cls, options: InfluxdbOptions, access: Access) -> Self:
        """Return the source; ConfigError when the address or what to read cannot be right."""
        if options.query is not None and options.table is not None:
            raise ConfigError("source of kind 'influxdb': takes a table or a query, not both", field="query")
        what = options.query or options.table or ""
        http = Http.of(options, access, f"influxdb {options.url.rstrip('/')}/{options.database} {what}".rstrip())
        token = access.reveal(options.token)
        headers = {} if token is None else {"Authorization": f"Token {token}"}
        return cls(Api(http, options.database, headers, page_rows=options.page_rows), options)

    def describe(self) -> str:
        """Return the address without password, the database, and what is read."""
        return self.where

    # ------------------------------------------------------------------ reading

    def read(self, query: Query, progress: Progress | None = None) -> Reading:
        """Return the panels of the points in the range asked for, aggregated by the server where it can.

        What it cannot do exactly as it is done here is done here, and a note says so.

        Raises:
            SourceError: the server cannot be reached, refuses what it is asked or takes too long.
            NoPointsError: there is no point in the range asked for.
        """
        with self.counts.reading(), self.http.reading(), calls_counted(self.http.counts, self.counts):
            reading = self._read(query, progress)
        reading.findings.unsorted = 0
        self.counts.add(rows=reading.findings.rows)
        return reading

    def _read(self, query: Query, progress: Progress | None) -> Reading:
        if self.options.query is not None:
            return self._queried(query, progress)
        asked = self._asked(query)
        why = ""
        if query.step is not None:
            try:
                return self._pushed(asked, query)
            except NotPushedError as error:
                why = f"aggregated here, not by the server: {error}"
        names = (CLOCK, *asked.columns)
        any_value = pl.any_horizontal(pl.col(asked.measures).is_not_null())
        types = {**asked.types, CLOCK: "integer"}
        frames = (frame_of(table, names, types).filter(any_value) for table in self._points(asked, query))
        measures = ROWS if query.measures == ROWS else asked.measures
        changed = replace(query, measures=measures, by=asked.labels, filter=asked.filter)
        reading = self._tables(frames, changed, progress)
        reading.findings.notes += [why] if why else []
        return reading

    def _pushed(self, asked: _Asked, query: Query) -> Reading:
        assert query.step is not None
        agg = query.agg or DEFAULT
        self._check_pushed(asked, query, agg)
        span = self._span(asked, query)
        rule = Buckets.of(query.step, query.tz)
        parts = cut_all(stretches_of(rule, *span), STEPS)
        is_full = not needs_last(query) or self._reaches_last(asked, rule, span)
        deadline = self.http.deadline()

        def read(part: Stretch) -> Generator[pl.DataFrame]:
            with self.http.reading(deadline - clock.monotonic()):
                statement = asked.where.buckets(agg, asked.measures, asked.labels, part)
                yield from (_cells(table, asked, agg) for table in self.api.tables(statement))

        with closing(in_parallel(parts, read, self.options.parallel)) as frames:
            return read_cells(
                frames,
                labels=asked.labels,
                measures=asked.measures,
                query=replace(query, time=query.time or CLOCK),
                where=self.where,
                last_is_full=is_full,
            )

    def _check_pushed(self, asked: _Asked, query: Query, agg: str) -> None:
        if query.measures == ROWS:
            raise NotPushedError("rows are counted")
        if asked.filter:
            raise NotPushedError(f"{', '.join(asked.filter)} is no tag")
        for name in asked.measures:
            function(agg, name)
            if asked.types[name] not in NUMBERS:
                raise NotPushedError(f"field {name!r} is {asked.types[name]}")
        wrong = next((name for name in asked.labels if name not in asked.tags), None)
        if wrong is not None:
            raise NotPushedError(f"{wrong!r} is a field, by which the server cannot group")

    def _points(self, asked: _Asked, query: Query) -> Generator[Table]:
        """The points as they are stored, in portions."""
        span = self._span(asked, query)
        n = self.options.parallel * _PARTS
        edges = np.linspace(*span, n + 1, dtype=np.float64).astype(np.int64).tolist()
        edges[0], edges[-1] = span
        parts = [pair for pair in pairwise(edges) if pair[0] < pair[1]]
        deadline = self.http.deadline()

        def read(part: tuple[int, int]) -> Generator[Table]:
            with self.http.reading(deadline - clock.monotonic()):
                yield from self.api.tables(asked.where.points(asked.columns, *part))

        with closing(in_parallel(parts, read, self.options.parallel)) as tables:
            yield from tables

    def _queried(self, query: Query, progress: Progress | None) -> Reading:
        """The rows of a SELECT in the range asked for; the roles of columns are found as in any table."""
        whole = Selection(f"({self.options.query})", {})
        tables = self.api.tables(whole.points((), _ns(query.start), _ns(query.end)))
        return self._tables((_plain(table) for table in tables), query, progress)

    def _tables(self, frames: Generator[pl.DataFrame], query: Query, progress: Progress | None) -> Reading:
        with TemporaryDirectory(prefix="redshank-") as folder, closing(frames):
            spool = Spool(self.where, folder, {}, self.options.max_rows)
            for frame in frames:
                spool.add(frame.with_columns(pl.col(CLOCK).cast(_TIMED)))
                if progress is not None:
                    progress(None, f"reading {self.where}: {spool.rows:,} points")
            if not spool.rows:
                raise NoPointsError(f"{self.where}: holds no points in the range asked for")
            named_time = query.time or CLOCK
            table = spool.table().rename({CLOCK: named_time})
            return read_tables([RawTable(where=self.where, frame=table)], replace(query, time=named_time), progress)

    # ------------------------------------------------------------------ what to read

    def _asked(self, query: Query) -> _Asked:
        """The fields and tags, the filter put into the conditions where it is of tags."""
        types, tags = self._fields(), self._tags()
        if not types:
            raise NoPointsError(f"{self.where}: holds no points yet")
        known = (*types, *tags)
        named_all = () if query.measures == ROWS else query.measures
        for name in (*named_all, *(query.by or ()), *query.filter):
            if name not in known:
                raise DataError(f"{self.where}: column {name!r} not found; columns are {', '.join(known[:50])}")
        measures = named_all or tuple(name for name, kind in types.items() if kind in NUMBERS) or tuple(types)
        wrong = next((name for name in measures if name in tags), None)
        if wrong is not None and query.agg != "cardinality":
            raise DataError(f"{self.where}: {wrong!r} is a tag and holds no numbers", field="measures")
        chosen = {name: values for name, values in query.filter.items() if name in tags}
        return _Asked(
            measures=measures,
            labels=tags if query.by is None else query.by,
            types=types | dict.fromkeys((name for name in measures if name in tags), "tag"),
            tags=tags,
            where=Selection(self._source, chosen),
            filter={name: values for name, values in query.filter.items() if name not in tags},
        )

    @property
    def _source(self) -> str:
        if self.options.table is None:
            raise ConfigError(f"{self.where}: needs a table (a measurement) or a query", field="table")
        return named(self.options.retention_policy, self.options.table)

    def _fields(self) -> dict[str, str]:
        """The types of fields; one that has several is ``mixed``."""
        found: dict[str, str] = {}
        for name, kind in self.api.rows(f"SHOW FIELD KEYS FROM {self._source}"):
            found[name] = kind if found.get(name, kind) == kind else "mixed"
        return found

    def _tags(self) -> tuple[str, ...]:
        return tuple(str(row[0]) for row in self.api.rows(f"SHOW TAG KEYS FROM {self._source}"))

    # ------------------------------------------------------------------ times

    def _span(self, asked: _Asked, query: Query) -> tuple[int, int]:
        """Nanoseconds first <= t < last that hold all points of the range asked for."""
        start, end = _ns(query.start), _ns(query.end)
        first = self._end(asked, start, end, "ASC") if start is None else start
        last = self._end(asked, start, end, "DESC") if end is None else end - 1
        if first is None or last is None:
            raise NoPointsError(f"{self.where}: holds no points in the range asked for")
        return first, last + 1

    def _end(self, asked: _Asked, start: int | None, end: int | None, order: str) -> int | None:
        rows = self.api.rows(asked.where.points(asked.measures, start, end, tail=f" ORDER BY time {order} LIMIT 1"))
        return int(rows[0][0]) if rows else None

    def _reaches_last(self, asked: _Asked, rule: Buckets, span: tuple[int, int]) -> bool:
        newest = self._end(asked, *span, "DESC")
        if newest is None:
            raise NoPointsError(f"{self.where}: holds no points in the range asked for")
        end, since = rule.end_of(newest), max(span[0], newest - RECENT_STEPS * rule.step + 1)
        times = np.array([newest], np.int64)
        statement = asked.where.points(asked.measures, since, newest + 1, tail=" ORDER BY time DESC")
        with closing(self.api.tables(statement)) as tables:
            for table in tables:
                times = np.union1d(times, np.array([row[0] for row in table.values], np.int64))
                if len(times) > 1 and newest + 1.25 * 2 * RECENT_STEPS * rule.step / (len(times) - 1) < end:
                    return False  # regular times as many as these are too close together to reach that far
        return reaches_end(times, end)

    def newest(self, query: Query) -> datetime | None:
        """Return the time of the newest point, found by the server."""
        with self.http.reading():
            if self.options.query is not None:
                whole = Selection(f"({self.options.query})", {})
                tail = " ORDER BY time DESC LIMIT 1"
                rows = self.api.rows(whole.points((), _ns(query.start), _ns(query.end), tail=tail))
                found = int(rows[0][0]) if rows else None
            else:
                try:
                    found = self._end(self._asked(query), _ns(query.start), _ns(query.end), "DESC")
                except NoPointsError:
                    return None
        return None if found is None else to_datetime(np.datetime64(found, "ns"))

    # ------------------------------------------------------------------ looks

    def preview(self, n: int = 10) -> list[dict[str, Any]]:
        """Return the newest points."""
        source = self._source if self.options.query is None else f"({self.options.query})"
        statement = Selection(source, {}).points((), None, None, tail=f" ORDER BY time DESC LIMIT {n}")
        with self.http.reading():
            frames = [_plain(table) for table in self.api.tables(statement)]
        return [row for frame in frames for row in frame.with_columns(pl.col(CLOCK).cast(_TIMED)).to_dicts()]

    def check(self) -> None:
        """Reach the database, and read one point when it is said of what."""
        if self.options.table is not None or self.options.query is not None:
            super().check()
            return
        with self.http.reading():
            self.api.rows("SHOW MEASUREMENTS LIMIT 1")

    def survey(self, query: Query) -> Survey:
        """Return the measurements there are, and of the one that is read its fields, and tags with their values."""
        if self.options.query is not None:
            return super().survey(query)
        with self.http.reading():
            places = tuple(Place(str(row[0]), "measurement") for row in self.api.rows("SHOW MEASUREMENTS"))
            if self.options.table is None:
                return Survey(places=places)
            columns = [Column(CLOCK, "nanoseconds", TIME)]
            for name, kind in self._fields().items():
                columns.append(Column(name, kind, MEASURE if kind in NUMBERS else LABEL if kind == "string" else ""))
            for name in self._tags():
                rows = self.api.rows(f"SHOW TAG VALUES FROM {self._source} WITH KEY = {named(name)}")
                columns.append(
                    Column(name, "tag", LABEL, len(rows), tuple(str(row[1])[:80] for row in rows[:EXAMPLES]))
                )
        return Survey(places=places, columns=tuple(columns), time=CLOCK)

    def cancel(self) -> None:
        """Give up what other threads read; they end with SourceError soon."""
        self.http.cancel()


def _ns(moment: datetime | None) -> int | None:
    return None if moment is None else int(to_time(moment).astype("datetime64[ns]").view(np.int64))


def _plain(table: Table) -> pl.DataFrame:
    """Rows whose types are as their values show."""
    columns = list(zip(*table.values, strict=True)) or [()] * len(table.columns)
    given = dict(zip(table.columns, columns, strict=True))
    return pl.DataFrame({name: pl.Series(name, values, strict=False) for name, values in given.items()})


def _cells(table: Table, asked: _Asked, agg: str) -> pl.DataFrame:
    """The buckets of one series as ``read_cells`` takes them."""
    columns: Sequence[Sequence[Any]] = list(zip(*table.values, strict=True))
    frame = pl.DataFrame(
        {
            BUCKET: pl.Series(columns[0], dtype=pl.Int64),
            **{f"m{i}": pl.Series(values, dtype=pl.Float64, strict=False) for i, values in enumerate(columns[1:])},
        }
    )
    labels = [pl.lit(table.tags.get(name) or None, pl.String).alias(f"l{i}") for i, name in enumerate(asked.labels)]
    if agg == "variance":
        frame = frame.with_columns(pl.exclude(BUCKET).pow(2))
    return frame.with_columns(labels)
