"""Read tables and queries of Google BigQuery; it aggregates where it does so exactly, and within a limit of cost."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from redshank.errors import ConfigError, DataError, NoPointsError
from redshank.panel import to_datetime
from redshank.sources.base import ROWS, Progress, Query, Reading, Source
from redshank.sources.bigquery_api import Api, RefusedError, types_of
from redshank.sources.bigquery_options import BigqueryOptions, options_of_url
from redshank.sources.bigquery_sql import TIME, TIMES, Asked, NotPushedError, Statement, first_rows, source_of
from redshank.sources.survey import Place, Survey, survey_of
from redshank.specs.options import Access
from redshank.tables.bucketed import DEFAULT
from redshank.tables.buckets import RECENT_STEPS, Buckets, reaches_end
from redshank.tables.cells import BUCKET, CellsError, needs_last, read_cells
from redshank.tables.raw import RawTable
from redshank.tables.read import read_tables
from redshank.tables.roles import find_roles
from redshank.tables.spool import Spool

SAMPLE_ROWS = 1_000
MOST_TIMES = 200_000  # different ones that are looked at to tell whether the last bucket is full
_ONE_OF = "source of kind 'bigquery': needs a table or a query, and not both"
_UNUSABLE = frozenset({"ARRAY", "RECORD", "STRUCT", "BYTES", "GEOGRAPHY", "JSON", "RANGE"})


@dataclass(frozen=True)
class _Known:
    """What the first rows showed."""

    time: str
    measures: tuple[str, ...]
    labels: tuple[str, ...]
    styled: tuple[str, ...]  # measures that are numbers written as text
    notes: tuple[str, ...]


class BigquerySource(Source):
    """A table, or a query that reads, of one project."""

    kind: ClassVar[str] = "bigquery"
    schemes: ClassVar[tuple[str, ...]] = ("bigquery",)
    Options: ClassVar[type[BigqueryOptions]] = BigqueryOptions

    def __init__(self, api: Api, source: str | None, table: str | None) -> None:
        """``source``: what stands behind FROM, None = nothing is chosen; ``table``: its full name where it is one."""
        self.api, self.source, self.table, self.where = api, source, table, api.where
        self._types: dict[str, str] = {}
        self._sample = pl.DataFrame()
        self._known: dict[Any, _Known] = {}

    @classmethod
    def options_of(cls, url: str) -> dict[str, Any]:
        """Return the options that ``bigquery://project/dataset?table=name`` stands for."""
        return options_of_url(url, cls.Options.model_fields)

    @classmethod
    def build(cls, options: BigqueryOptions, access: Access) -> Self:
        """Return the source; ConfigError when the credentials or what to read cannot be right."""
        if options.query is not None and options.table is not None:
            raise ConfigError(_ONE_OF, field="query")
        place = ".".join(part for part in (options.project, options.dataset) if part)
        table = None if options.table is None else _full_name(options)
        source = None if table is None and options.query is None else source_of(table, options.query)
        what = table or (f"{place} query" if options.query else place)
        return cls(Api.of(options, access, f"bigquery {what}"), source, table)

    def describe(self) -> str:
        """Return the project, and the table."""
        return self.where

    # ------------------------------------------------------------------ reading

    def read(self, query: Query, progress: Progress | None = None) -> Reading:
        """Return the panels of the rows in the range asked for, aggregated by BigQuery where it can.

        What it cannot do exactly as it is done here is done here, and a note says so.

        Raises:
            SourceError: BigQuery cannot be reached, refuses the query, takes too long, or it would cost too much.
            NoPointsError: there is no row in the range asked for.
            DataError: the rows hold nothing to score.
        """
        with self.counts.reading():
            known = self._looked(query)
            asked, why, reading = self._asked(known, query), "", None
            if query.step is not None:
                try:
                    reading = self._read_buckets(asked, known, query)
                except (NotPushedError, CellsError, RefusedError) as error:
                    why = str(error)
            if reading is None:
                reading = self._read_rows(asked, query, progress)
            self.counts.add(rows=reading.findings.rows)
        reading.findings.notes[:0] = [note for note in known.notes if note not in reading.findings.notes]
        if why:
            reading.findings.notes.append(f"aggregated here, not by BigQuery: {why}")
        return reading

    def _asked(self, known: _Known, query: Query) -> Asked:
        assert self.source is not None
        return Asked(
            source=self.source,
            time=known.time,
            types=self._types,
            labels=known.labels,
            measures=known.measures,
            filter=query.filter,
            start=query.start,
            end=query.end,
            tz=query.tz or "UTC",
        )

    def _read_buckets(self, asked: Asked, known: _Known, query: Query) -> Reading:
        assert query.step is not None
        agg, rule = query.agg or DEFAULT, Buckets.of(query.step, query.tz)
        if known.styled:
            raise NotPushedError(f"column {known.styled[0]!r} holds numbers as text")
        is_full = not needs_last(query) or self._reaches_end(asked, rule)
        with closing(self._cells(asked.cells(agg, rule), rule)) as cells:
            return read_cells(
                cells,
                labels=known.labels,
                measures=known.measures,
                query=replace(query, time=known.time),
                where=self.where,
                last_is_full=is_full,
            )

    def _cells(self, statement: Statement, rule: Buckets) -> Generator[pl.DataFrame]:
        for frame in self._frames(statement):
            index = frame[BUCKET].cast(pl.Int64).to_numpy()
            yield frame.with_columns(pl.Series(BUCKET, rule.starts(index)))

    def _frames(self, statement: Statement) -> Generator[pl.DataFrame]:
        self.counts.add(requests=1)
        before = self.api.bytes
        with closing(self.api.frames(statement)) as frames:
            yield from frames
        self.counts.add(bytes=self.api.bytes - before)

    def _reaches_end(self, asked: Asked, rule: Buckets) -> bool:
        newest = self._newest_ns(asked)
        if newest is None:
            raise NoPointsError(f"{self.where}: holds no rows in the range asked for")
        since = to_datetime(
            np.datetime64((newest - RECENT_STEPS * rule.step) // 1000 + 1, "us").astype("datetime64[ns]")
        )
        recent = replace(asked, start=since if asked.start is None else max(since, asked.start))
        times = [frame[TIME].to_numpy() * 1000 for frame in self._frames(recent.times(MOST_TIMES))]
        return reaches_end(np.concatenate(times), rule.end_of(newest))

    def _newest_ns(self, asked: Asked) -> int | None:
        for frame in self._frames(asked.newest()):
            value = frame[TIME].item()
            return None if value is None else int(value) * 1000
        return None

    def _read_rows(self, asked: Asked, query: Query, progress: Progress | None) -> Reading:
        types = {name: dtype for name, dtype in self._sample.schema.items() if dtype != pl.Null}
        with TemporaryDirectory(prefix="redshank-") as folder:
            spool = Spool(
                self.where, folder, {**dict.fromkeys(self._types, pl.String()), **types}, self.api.options.max_rows
            )
            for frame in self._frames(asked.rows()):
                times = pl.col(TIME).cast(pl.Datetime("us", "UTC")).alias(asked.time)
                spool.add(frame.with_columns(times).drop(TIME))
                if progress is not None:
                    progress(None, f"reading {self.where}: {spool.rows:,} rows")
            if not spool.rows:
                raise NoPointsError(f"{self.where}: holds no rows in the range asked for")
            measures = ROWS if query.measures == ROWS else tuple(asked.measures)
            wanted = replace(query, measures=measures, by=tuple(asked.labels), time=asked.time)
            reading = read_tables([RawTable(where=self.where, frame=spool.table())], wanted, progress)
        reading.findings.unsorted = 0  # rows have no order
        return reading

    # ------------------------------------------------------------------ what is known of the columns

    def _looked(self, query: Query) -> _Known:
        """What the columns are, found once; an error where a range is needed and not given."""
        key = (query.measures, query.by, query.time, query.agg, query.decimal, tuple(sorted(query.filter)))
        if key not in self._known:
            sample = self._first_rows()
            time = self._time(query)
            roles = find_roles(RawTable(where=self.where, frame=sample.lazy()), replace(query, time=time))
            measures = tuple(measure.name for measure in roles.measures)
            styled = tuple(one.name for one in roles.measures if one.style is not None)
            self._known[key] = _Known(time, measures, roles.labels, styled, tuple(roles.notes))
        self._check_partitions(self._known[key].time, query)
        return self._known[key]

    def _time(self, query: Query) -> str:
        times = [name for name, kind in self._types.items() if kind in TIMES]
        if query.time is None and times:
            return next((name for name in times if self._types[name] == "TIMESTAMP"), times[0])
        if query.time in times:
            return str(query.time)
        raise DataError(
            f"{self.where}: must have a time of type TIMESTAMP, DATETIME or DATE, got {query.time!r}; there are "
            f"{', '.join(times) or 'none'}; make one in a query by TIMESTAMP_SECONDS or PARSE_TIMESTAMP",
            field="time",
        )

    def _check_partitions(self, time: str, query: Query) -> None:
        if self.table is None or not self._partitions:
            return
        if self._partitions != time:
            raise DataError(
                f"{self.where}: only takes queries with a filter on {self._partitions!r}, by which it is partitioned; "
                "name that as time, or read it by a query that has such a filter",
                field="time",
            )
        if query.start is None and query.end is None:
            raise DataError(f"{self.where}: only takes queries with a range of time; say from when on", field="start")

    _partitions = ""  # column that a table must be filtered by

    def _first_rows(self) -> pl.DataFrame:
        """Some rows, read once: those of a table cost nothing."""
        if self.source is None:
            raise ConfigError(_ONE_OF, field="query")
        if not self._types or self._sample.is_empty():
            if self.table is not None:
                found = self.api.table(self.table)
                self._types = types_of(found.schema)
                self._partitions = _filtered_by(found)
            else:
                self._types = self.api.schema(self._some(1))[0]
            self._sample = self._first(SAMPLE_ROWS)
        return self._sample

    def _first(self, n: int) -> pl.DataFrame:
        if self.table is not None:
            sample = self.api.first(self.table, n)
        else:
            frames = list(self._frames(self._some(n)))
            sample = frames[0] if frames else pl.DataFrame()
        return sample.select([name for name in sample.columns if self._types.get(name) not in _UNUSABLE])

    def _some(self, n: int) -> Statement:
        assert self.source is not None
        return first_rows(self.source, n)

    # ------------------------------------------------------------------ looks

    def newest(self, query: Query) -> datetime | None:
        """Return the newest time, found by BigQuery."""
        found = self._newest_ns(self._asked(self._looked(query), query))
        return None if found is None else to_datetime(np.datetime64(found, "ns"))

    def preview(self, n: int = 10) -> list[dict[str, Any]]:
        """Return some rows; those of a table cost nothing."""
        self._first_rows()
        return self._sample.head(n).to_dicts()

    def check(self) -> None:
        """Reach BigQuery, and read one row when it is said of what; SourceError when all of it costs too much."""
        if self.source is None:
            self.api.datasets()
            return
        super().check()

    def survey(self, query: Query) -> Survey:
        """Return the tables of the dataset, or the datasets, and the columns of what is read."""
        dataset = self.api.options.dataset
        if dataset is None:
            places = tuple(Place(name, "dataset") for name in self.api.datasets())
        else:
            places = tuple(Place(name, "table") for name in self.api.tables(dataset))
        if self.source is None:
            return Survey(places=places, notes=["name one of these by dataset and table to see its columns"])
        sample = self._first_rows()
        found = survey_of(self.where, sample, replace(query, time=self._time(query)), places)
        columns = tuple(replace(column, type=self._types[column.name]) for column in found.columns)
        scanned = self.api.schema(self._some(1))[1]
        notes = [
            *found.notes,
            f"all of it is {scanned:,} bytes to scan; at most {self.api.options.max_bytes_billed:,} a query",
        ]
        return replace(found, columns=columns, notes=notes)

    def cancel(self) -> None:
        """Give up what other threads read; they end with SourceError soon, and their jobs too."""
        self.api.cancel()


def _full_name(options: BigqueryOptions) -> str:
    """The table with its dataset and project."""
    parts = str(options.table).split(".")
    if len(parts) == 1 and options.dataset is None:
        raise ConfigError("source of kind 'bigquery': table needs a dataset beside it", field="dataset")
    before = [options.project, *([options.dataset] if options.dataset and len(parts) == 1 else [])]
    return ".".join([*before[: 3 - len(parts)], *parts])


def _filtered_by(table: Any) -> str:
    """The column that each query must filter by; "" = none."""
    if not table.require_partition_filter:
        return ""
    for parts in (table.time_partitioning, table.range_partitioning):
        if parts is not None:
            return str(parts.field or "_PARTITIONTIME")
    return ""
