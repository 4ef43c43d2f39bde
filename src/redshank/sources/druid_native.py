"""Read the results of a native query of Druid: timeseries, groupBy, topN and scan."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from redshank.durations import format_duration
from redshank.errors import ConfigError, NoPointsError
from redshank.panel import to_datetime
from redshank.sources.base import Progress, Query, Reading
from redshank.sources.counts import Counts
from redshank.sources.druid_api import Api, names_of
from redshank.sources.druid_granularity import Granularity
from redshank.sources.druid_options import DruidOptions
from redshank.sources.druid_sql import milliseconds
from redshank.sources.sql_rows import portion
from redshank.sources.survey import Survey, survey_of
from redshank.tables.raw import RawTable
from redshank.tables.read import read_tables
from redshank.tables.spool import Spool

TIME = "timestamp"
KINDS = ("timeseries", "groupBy", "topN", "scan")
PORTION_ROWS = 50_000


class Results:
    """The rows of the results of one native query."""

    def __init__(self, api: Api, query: Mapping[str, Any], options: DruidOptions, counts: Counts) -> None:
        """Keep the query; ConfigError when its results are no points."""
        self.api, self.query, self.options, self.counts = api, query, options, counts
        self.where, self.kind = api.where, query.get("queryType")
        if self.kind not in KINDS:
            raise ConfigError(f"query: queryType must be {', '.join(KINDS)}, got {self.kind!r}", field="query")
        if "dataSource" not in query:
            raise ConfigError("query: must name a dataSource", field="query")
        self.granularity = Granularity.read(query.get("granularity", "all"))
        self.dimensions = tuple(_dimensions(query))
        self.measures = tuple(_outputs(query))
        if self.kind != "scan" and not self.measures:
            raise ConfigError("query: must have aggregations, got none", field="query")

    def read(self, query: Query, progress: Progress | None) -> Reading:
        """Return the panels of the results."""
        self.api.check_there(names_of(self.query["dataSource"]))
        asked = self._asked(query)
        with TemporaryDirectory(prefix="redshank-") as folder:
            spool = Spool(self.where, folder, {}, self.options.max_rows)
            with closing(self._frames(asked)) as frames:
                for frame in frames:
                    spool.add(frame)
                    if progress is not None:
                        progress(None, f"reading {self.where}: {spool.rows:,} results")
            self.counts.add(rows=spool.rows)
            if not spool.rows:
                raise NoPointsError(f"{self.where}: holds no results in the range asked for")
            table = RawTable(where=self.where, frame=spool.table())
            reading = read_tables([table], self._told(query), progress)
        reading.findings.unsorted = 0
        return reading

    def _told(self, query: Query) -> Query:
        """The query as it is read of the results: dimensions are labels, aggregations are measures."""
        time = TIME if self.kind != "scan" else self._scan_time(query)
        if self.kind == "scan":
            return replace(query, time=time)
        if query.time not in (None, TIME, "time", "__time"):
            raise ConfigError(f"time: results have their time in {TIME!r}, got {query.time!r}", field="time")
        by = self.dimensions if query.by is None else query.by
        return replace(query, time=time, by=by, measures=query.measures or self.measures)

    def _scan_time(self, query: Query) -> str:
        return "__time" if query.time in (None, "time") else query.time

    # ------------------------------------------------------------------ what is asked

    def _asked(self, query: Query) -> dict[str, Any]:
        """The native query for the range and step asked for."""
        asked = {name: value for name, value in self.query.items() if name != "context"}
        asked["context"] = {**(self.query.get("context") or {})}
        if self.kind == "scan":
            asked["resultFormat"] = "compactedList"
            if asked.get("columns") and "__time" not in asked["columns"]:
                asked["columns"] = ["__time", *asked["columns"]]
        granularity = self._stepped(query.step)
        if self.kind != "scan":
            asked["granularity"] = granularity.to_json()
        if self.kind == "timeseries":
            asked["context"].setdefault("skipEmptyBuckets", True)
        asked["intervals"] = self._intervals(query, granularity)
        return asked

    def _stepped(self, step: timedelta | None) -> Granularity:
        """The granularity of the query; where that is all or none, the step asked for."""
        if step is None or self.kind == "scan":
            return self.granularity
        own = self.granularity.step
        if own is None:
            return self.granularity if self.granularity.is_calendar else Granularity.of_step(step)
        if step % own:
            raise ConfigError(
                f"step: must be {format_duration(own)}, the granularity of the query, or a multiple of it, got "
                f"{format_duration(step)}",
                field="step",
            )
        return self.granularity

    def _intervals(self, query: Query, granularity: Granularity) -> Any:
        """The range asked for, in whole steps, in place of the query's own; that where none is asked for."""
        if query.start is None and query.end is None:
            own = self.query.get("intervals")
            return own if own else self._all(granularity)
        begin, end = query.start, query.end
        if begin is None or end is None:
            found = self.api.time_boundary(self.query)
            if found is None:
                raise NoPointsError(f"{self.where}: holds no rows yet")
            begin = begin or datetime.fromisoformat(found["minTime"])
            end = end or datetime.fromisoformat(found["maxTime"]) + timedelta(milliseconds=1)
        first = granularity.rounded(milliseconds(begin), is_up=query.start is not None)
        last = granularity.rounded(milliseconds(end), is_up=query.end is None)
        if first >= last:
            raise NoPointsError(f"{self.where}: the range asked for holds no whole step of the query")
        return [f"{_iso(first)}/{_iso(last)}"]

    def _all(self, granularity: Granularity) -> list[str]:
        found = self.api.time_boundary(self.query)
        if found is None:
            raise NoPointsError(f"{self.where}: holds no rows yet")
        last = milliseconds(datetime.fromisoformat(found["maxTime"])) + 1
        first = milliseconds(datetime.fromisoformat(found["minTime"]))
        return [f"{_iso(granularity.rounded(first, is_up=False))}/{_iso(granularity.rounded(last, is_up=True))}"]

    # ------------------------------------------------------------------ results

    def _frames(self, asked: Mapping[str, Any]) -> Generator[pl.DataFrame]:
        rows: list[dict[str, Any]] = []
        with closing(self.api.native(asked)) as results:
            for result in results:
                rows += _rows(result)
                if len(rows) >= PORTION_ROWS:
                    yield self._frame(rows)
                    rows = []
        if rows:
            yield self._frame(rows)

    def _frame(self, rows: list[dict[str, Any]]) -> pl.DataFrame:
        """Rows as columns: dimensions are texts, aggregations numbers, times of UTC."""
        if self.kind == "scan":
            names = list(dict.fromkeys(name for row in rows for name in row))
            frame = portion(names, [[_plain(row.get(name)) for name in names] for row in rows])
            return frame.with_columns(pl.col("__time").cast(pl.Datetime("ms", "UTC")))
        columns = [pl.Series(TIME, [row[TIME] for row in rows]).str.to_datetime("%+", time_zone="UTC", time_unit="ms")]
        columns += [pl.Series(name, [_text(row.get(name)) for row in rows], pl.String) for name in self.dimensions]
        columns += [pl.Series(name, [_number(row.get(name)) for row in rows], pl.Float64) for name in self.measures]
        return pl.DataFrame(columns)

    # ------------------------------------------------------------------ looks

    def preview(self, n: int) -> list[dict[str, Any]]:
        """Return some rows of the results, of the query's own intervals or of the newest day."""
        self.api.check_there(names_of(self.query["dataSource"]))
        asked = self._asked(Query())
        if not self.query.get("intervals"):
            newest = self.newest_ms()
            asked["intervals"] = [f"{_iso((newest or 0) - 86_400_000)}/{_iso((newest or 0) + 1)}"]
        if self.kind in ("scan", "timeseries"):
            asked["limit"] = min(n, int(asked.get("limit") or n))
        found: list[dict[str, Any]] = []
        with closing(self.api.native(asked)) as results:
            for result in results:
                found += _rows(result)
                if len(found) >= n:
                    break
        return found[:n]

    def survey(self, query: Query) -> Survey:
        """Return the columns of the results as some of them show."""
        rows = self.preview(200)
        if not rows:
            return Survey(notes=["the query has no results yet"])
        return survey_of(self.where, self._frame(rows), self._told(query))

    def newest_ms(self) -> int | None:
        """Return the newest time of the rows that the query is of; None when there is none."""
        names = names_of(self.query["dataSource"])
        self.api.check_there(names)
        found = self.api.time_boundary(self.query)
        return None if found is None else milliseconds(datetime.fromisoformat(found["maxTime"]))


def _rows(result: Any) -> list[dict[str, Any]]:
    """The rows within one element of an answer, each with its time and values by name."""
    if "events" in result:
        return [dict(zip(result["columns"], event, strict=True)) for event in result["events"]]
    values = result.get("event", result.get("result"))
    inner = values if isinstance(values, list) else [values]
    return [{**one, TIME: result[TIME]} for one in inner if one]


def _dimensions(query: Mapping[str, Any]) -> list[str]:
    """The names that the dimensions of a query have in its results."""
    given = query.get("dimensions") or ([query["dimension"]] if query.get("dimension") else [])
    if query.get("queryType") not in ("groupBy", "topN"):
        return []
    return [
        str(one.get("outputName") or one.get("dimension") or (one.get("delegate") or {}).get("outputName"))
        if isinstance(one, Mapping)
        else str(one)
        for one in given
    ]


def _outputs(query: Mapping[str, Any]) -> list[str]:
    """The names of what a query aggregates, and of what is computed of that."""
    found = [_output(one) for one in query.get("aggregations") or []]
    found += [str(one.get("name")) for one in query.get("postAggregations") or []]
    return list(dict.fromkeys(name for name in found if name))


def _output(aggregation: Mapping[str, Any]) -> str:
    inner = aggregation.get("aggregator")
    return str(aggregation.get("name") or (_output(inner) if isinstance(inner, Mapping) else ""))


def _iso(milliseconds: int) -> str:
    moment = to_datetime(np.datetime64(milliseconds, "ms")).astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def _text(value: Any) -> str | None:
    return None if value is None else value if isinstance(value, str) else str(value)


def _plain(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _number(value: Any) -> float | None:
    """A number as Druid writes it; what is none, such as a sketch, is no value."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
