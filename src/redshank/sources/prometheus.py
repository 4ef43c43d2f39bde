"""Read metrics and expressions of Prometheus and its like; the server aggregates where it does so exactly."""

from __future__ import annotations

import time as clock
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from redshank.errors import ConfigError, NoPointsError
from redshank.http.client import Http
from redshank.panel import to_datetime, to_time
from redshank.sources.base import ROWS, Progress, Query, Reading, Source
from redshank.sources.counts import calls_counted
from redshank.sources.parallel import in_parallel
from redshank.sources.prometheus_api import IDENTITY, MILLISECOND, MOST_STEPS, Api, frame_of
from redshank.sources.prometheus_cells import Cells
from redshank.sources.prometheus_options import SCHEMES, PrometheusOptions, options_of_url
from redshank.sources.prometheus_text import NAME, NotPushedError, Selector, is_label
from redshank.sources.prometheus_times import newest_ms, now_ms, parts_of, reaches_last, span_of
from redshank.sources.stretches import stretches_of
from redshank.sources.survey import EXAMPLES, LABEL, MEASURE, TIME, Column, Place, Survey
from redshank.specs.options import Access
from redshank.tables.bucketed import DEFAULT
from redshank.tables.buckets import Buckets
from redshank.tables.cells import needs_last, read_cells
from redshank.tables.raw import RawTable
from redshank.tables.read import read_tables
from redshank.tables.spool import Spool

MOST_METRICS = 100  # read at once without being named
EXPRESSION_MS = 7 * 86_400_000  # evaluated where no start is asked for
LOOKED_MS = 300_000  # before the newest point, for a look


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What is read: the metrics by measure (or one expression), and the labels.

    ``more``: metrics that rows are filtered by. ``filter``: what is left to be filtered here.
    """

    metrics: dict[str, Selector]
    labels: tuple[str, ...]
    more: dict[str, Selector]
    filter: dict[str, tuple[str, ...]]
    time: str

    @property
    def columns(self) -> dict[str, Selector]:
        return {**self.more, **self.metrics}

    @property
    def selectors(self) -> list[Selector]:
        return list(self.metrics.values())


class PrometheusSource(Source):
    """Metrics, or an expression, of one server."""

    kind: ClassVar[str] = "prometheus"
    schemes: ClassVar[tuple[str, ...]] = SCHEMES
    Options: ClassVar[type[PrometheusOptions]] = PrometheusOptions

    def __init__(self, http: Http, options: PrometheusOptions) -> None:
        """Keep what to read; nothing is asked yet."""
        self.http, self.options, self.where = http, options, http.where
        self._text = options.query or options.metric or ""
        self._selector = Selector.read(self._text) if self._text else Selector(None)

    @classmethod
    def options_of(cls, url: str) -> dict[str, Any]:
        """Return the options that ``prometheus://host:9090/prefix?query=up`` stands for."""
        return options_of_url(url, cls.Options.model_fields)

    @classmethod
    def build(cls, options: PrometheusOptions, access: Access) -> Self:
        """Return the source; ConfigError when the address or what to read cannot be right."""
        if options.query is not None and options.metric is not None:
            raise ConfigError("source of kind 'prometheus': takes a query or a metric, not both", field="query")
        what = options.query or options.metric or ""
        return cls(Http.of(options, access, f"prometheus {options.url.rstrip('/')} {what}".rstrip()), options)

    def describe(self) -> str:
        """Return the address without password, and what is read."""
        return self.where

    # ------------------------------------------------------------------ reading

    def read(self, query: Query, progress: Progress | None = None) -> Reading:
        """Return the panels of the points in the range asked for, aggregated by the server where it can.

        What it cannot do exactly as it is done here is done here, and a note says so.

        Raises:
            SourceError: the server cannot be reached, refuses what it is asked or takes too long.
            NoPointsError: there is no point in the range asked for.
        """
        api = self._api()
        with self.counts.reading(), self.http.reading(), calls_counted(self.http.counts, self.counts):
            reading = self._read(api, query, progress)
        reading.findings.unsorted = 0
        reading.findings.notes += api.warnings
        self.counts.add(rows=reading.findings.rows)
        return reading

    def _api(self) -> Api:
        return Api(self.http, partial=self.options.partial)

    def _read(self, api: Api, query: Query, progress: Progress | None) -> Reading:
        if self._selector is None:
            return self._evaluated(api, query, progress)
        asked = self._asked(api, query)
        why = ""
        if query.step is not None:
            try:
                return self._pushed(api, asked, query)
            except NotPushedError as error:
                why = f"aggregated here, not by the server: {error}"
        span = self._span(api, asked, query)
        reading = self._tables(self._rows(api, asked, span), asked, query, progress)
        reading.findings.notes += [why] if why else []
        return reading

    def _pushed(self, api: Api, asked: _Asked, query: Query) -> Reading:
        assert query.step is not None
        if query.measures == ROWS:
            raise NotPushedError("rows are counted")
        if asked.more:
            raise NotPushedError(f"{', '.join(asked.more)} is no label")
        rule = Buckets.of(query.step, query.tz)
        span = self._span(api, asked, query)
        cells = Cells(
            api=api,
            measures=asked.metrics,
            labels=asked.labels,
            agg=query.agg or DEFAULT,
            most=self.options.page_points,
            parallel=self.options.parallel,
        )
        stretches = stretches_of(rule, span[0] * MILLISECOND, span[1] * MILLISECOND)
        with closing(cells.read(stretches)) as frames:
            is_full = not needs_last(query) or reaches_last(api, asked.selectors, rule, span, self.options.page_points)
            return read_cells(
                frames,
                labels=asked.labels,
                measures=list(asked.metrics),
                query=replace(query, time=asked.time),
                where=self.where,
                last_is_full=is_full,
            )

    def _span(self, api: Api, asked: _Asked, query: Query) -> tuple[int, int]:
        found = span_of(api, asked.selectors, _ms(query.start), _ms(query.end))
        if found is None:
            raise NoPointsError(f"{self.where}: holds no points in the range asked for")
        return found

    def _rows(self, api: Api, asked: _Asked, span: tuple[int, int]) -> Generator[pl.DataFrame]:
        """The points as they are stored, metrics of the same labels and time beside each other."""
        deadline = self.http.deadline()

        def read(part: tuple[int, int]) -> Generator[pl.DataFrame]:
            with self.http.reading(deadline - clock.monotonic()):
                yield _beside(api, asked, part)

        parts = list(parts_of(api, list(asked.columns.values()), *span, self.options.page_points))
        with closing(in_parallel(parts, read, self.options.parallel)) as frames:
            yield from frames

    def _tables(
        self, frames: Generator[pl.DataFrame], asked: _Asked, query: Query, progress: Progress | None
    ) -> Reading:
        with TemporaryDirectory(prefix="redshank-") as folder, closing(frames):
            spool = Spool(self.where, folder, {}, self.options.max_rows)
            for frame in frames:
                spool.add(frame)
                if progress is not None:
                    progress(None, f"reading {self.where}: {spool.rows:,} points")
            if not spool.rows:
                raise NoPointsError(f"{self.where}: holds no points in the range asked for")
            table = spool.table().with_columns(pl.col(asked.time).cast(pl.Datetime("ns", "UTC")))
            whole = [name for name in asked.more if _is_whole(table, name)]
            table = table.with_columns(pl.col(name).cast(pl.Int64) for name in whole)
            measures = ROWS if query.measures == ROWS else tuple(asked.metrics)
            changed = replace(query, measures=measures, by=asked.labels, time=asked.time, filter=asked.filter)
            return read_tables([RawTable(where=self.where, frame=table)], changed, progress)

    def _evaluated(self, api: Api, query: Query, progress: Progress | None) -> Reading:
        """The values of an expression, one ``every`` so long; aggregated here."""
        every = self.options.every if query.agg is not None or query.step is None else query.step
        every_ms = max(1, every // timedelta(milliseconds=1))
        start, end = self._evaluated_range(query)
        first = -(-start // every_ms) * every_ms
        n = max(0, -(-(end - first) // every_ms))
        parts = [(first + i * every_ms, min(MOST_STEPS, n - i)) for i in range(0, n, MOST_STEPS)]
        found = [each for at, many in parts for each in api.steps(self._text, at, every_ms, many)]
        labels = query.by if query.by is not None else sorted({name for each in found for name in each.metric} - {NAME})
        shown = (*labels, *(name for name in query.filter if name not in labels))
        asked = self._of_expression(query, tuple(labels))
        frame = frame_of(found, shown, asked.time, next(iter(asked.metrics)), label_names=shown)
        agg = query.agg or ("last" if query.step is not None else None)
        reading = self._tables((one for one in [frame]), asked, replace(query, agg=agg), progress)
        if query.start is None:
            reading.findings.notes.append("an expression is evaluated over the last 7 days where no start is asked for")
        return reading

    def _evaluated_range(self, query: Query) -> tuple[int, int]:
        start, end = _ms(query.start), _ms(query.end)
        last = now_ms() + 1 if end is None else end
        return last - EXPRESSION_MS if start is None else start, last

    def _of_expression(self, query: Query, labels: tuple[str, ...]) -> _Asked:
        if query.measures != ROWS and len(query.measures) > 1:
            raise ConfigError(
                f"{self.where}: an expression gives one measure, got {len(query.measures)}", field="measures"
            )
        measure = query.measures[0] if query.measures and query.measures != ROWS else "value"
        return _Asked(
            metrics={measure: Selector(None)},
            labels=labels,
            more={},
            filter=dict(query.filter),
            time=_time_name(query, (*labels, measure)),
        )

    # ------------------------------------------------------------------ what to read

    def _asked(self, api: Api, query: Query) -> _Asked:
        """The metrics and labels, the filter put into the selectors where it is of labels."""
        assert self._selector is not None
        metrics = self._metrics(api, query)
        bounds = None if query.start is None or query.end is None else (_ms(query.start) or 0, _ms(query.end) or 0)
        known: list[str] | None = None
        if query.by is None or any(name not in query.by for name in query.filter):
            known = api.labels([str(one) for one in metrics.values()], bounds)
        labels = query.by if query.by is not None else tuple(known or ())
        chosen = {name: given for name, given in query.filter.items() if name in labels or name in (known or ())}
        for name, given in chosen.items():
            metrics = {measure: one.where(name, given) for measure, one in metrics.items()}
        wrong = next((name for name in (*labels, *chosen) if not is_label(name)), None)
        if wrong is not None:
            raise ConfigError(f"{self.where}: {wrong!r} cannot be the name of a label", field="by")
        more = {name: self._selector.named(name) for name in query.filter if name not in chosen}
        return _Asked(
            metrics=metrics,
            labels=labels,
            more=more,
            filter={name: query.filter[name] for name in more},
            time=_time_name(query, (*labels, *metrics, *more)),
        )

    def _metrics(self, api: Api, query: Query) -> dict[str, Selector]:
        """The metrics that are read, by measure."""
        selector = self._selector
        assert selector is not None
        named = () if query.measures == ROWS else query.measures
        if selector.name is not None:
            if len(named) > 1:
                raise ConfigError(f"{self.where}: is one metric, got {len(named)} measures", field="measures")
            return {named[0] if named else selector.name: selector}
        if named:
            return {name: selector.named(name) for name in named}
        names = api.values(NAME, [str(selector)])
        if not names:
            raise NoPointsError(f"{self.where}: holds no points yet")
        if len(names) > MOST_METRICS:
            raise ConfigError(
                f"{self.where}: holds {len(names):,} metrics; name those to read by measures", field="measures"
            )
        return {name: selector.named(name) for name in names}

    # ------------------------------------------------------------------ looks

    def newest(self, query: Query) -> datetime | None:
        """Return the time of the newest point; of an expression the last moment at which it has a value."""
        api = self._api()
        with self.http.reading():
            if self._selector is None:
                found = self._newest_value(api, query)
            else:
                try:
                    selectors = self._asked(api, query).selectors
                except NoPointsError:
                    return None
                found = newest_ms(api, selectors, _ms(query.start), _ms(query.end))
        return None if found is None else to_datetime(np.datetime64(found, "ms").astype("datetime64[ns]"))

    def _newest_value(self, api: Api, query: Query) -> int | None:
        every = max(1, self.options.every // timedelta(milliseconds=1))
        start, end = self._evaluated_range(query)
        last = (end - 1) // every * every
        n = max(0, (last - start) // every + 1)
        for many in (60, MOST_STEPS):
            size = min(n, many)
            found = api.steps(f"count({self._text})", last - (size - 1) * every, every, size) if size else []
            if found:
                return round(found[0].points[-1][0] * 1000)
        return None

    def preview(self, n: int = 10) -> list[dict[str, Any]]:
        """Return the last points there are."""
        api = self._api()
        with self.http.reading():
            if self._selector is None:
                newest = self._newest_value(api, Query())
                answer = api.instant(self._text, now_ms() if newest is None else newest)
                labels = sorted({name for each in answer for name in each.metric} - {NAME})
                frame = frame_of(answer, labels, "time", "value", label_names=labels)
            else:
                asked = self._asked(api, Query())
                newest = newest_ms(api, asked.selectors, None, None)
                if newest is None:
                    return []
                frame = _beside(api, asked, (newest - LOOKED_MS, newest + 1))
        name = frame.columns[0]
        return (
            frame.sort(name)
            .tail(n)
            .with_columns(pl.col(name).cast(pl.Datetime("ns", "UTC")).dt.cast_time_unit("ms"))
            .to_dicts()
        )

    def check(self) -> None:
        """Reach the server, and read one point when it is said of what."""
        if self._text:
            super().check()
            return
        with self.http.reading():
            self._api().instant("vector(1)", now_ms())

    def survey(self, query: Query) -> Survey:
        """Return the metrics there are, and of what is read its labels with how many values they have."""
        api = self._api()
        with self.http.reading():
            types = api.types()
            within = [str(self._selector)] if self._selector is not None else []
            places = tuple(Place(name, "metric") for name in api.values(NAME, within))
            if self._selector is None:
                rows = self.preview(200)
                names = [name for name in (rows[0] if rows else {}) if name not in ("time", "value")]
                columns = [Column("value", "", MEASURE), *(Column(name, "text", LABEL) for name in names)]
                return Survey(places=places, columns=(Column("time", "milliseconds", TIME), *columns), time="time")
            if not self._text and not query.measures:
                return Survey(places=places)
            asked = self._asked(api, query if query.by is None else replace(query, by=None))
            matching = [str(one) for one in asked.selectors]
            columns = [Column(name, types.get(name, ""), MEASURE) for name in asked.metrics]
            for name in asked.labels:
                values = api.values(name, matching)
                columns.append(Column(name, "text", LABEL, len(values), tuple(values[:EXAMPLES])))
        notes = list(api.warnings)
        return Survey(
            places=places, columns=(Column(asked.time, "milliseconds", TIME), *columns), time=asked.time, notes=notes
        )

    def cancel(self) -> None:
        """Give up what other threads read; they end with SourceError soon."""
        self.http.cancel()


def _ms(moment: datetime | None) -> int | None:
    """The first millisecond that is not before a moment; a range of whole ones holds the same points."""
    if moment is None:
        return None
    return -(-int(to_time(moment).astype("datetime64[ns]").view(np.int64)) // MILLISECOND)


def _time_name(query: Query, taken: tuple[str, ...]) -> str:
    return query.time or next(name for name in ("time", "timestamp", "__time__") if name not in taken)


def _beside(api: Api, asked: _Asked, part: tuple[int, int]) -> pl.DataFrame:
    """The points of start <= t < end as rows: those of all metrics with the same labels and time in one."""
    start, end = part
    names, whole = asked.labels, None
    for column, selector in asked.columns.items():
        found = api.instant(f"{selector}[{end - start}ms]", end - 1)
        frame = frame_of(found, names, asked.time, column, label_names=names, identity=True)
        frame = frame.filter(pl.col(asked.time) >= start * MILLISECOND)
        if whole is None:
            whole = frame
        else:
            whole = whole.join(frame, on=[asked.time, *names, IDENTITY], how="full", coalesce=True, nulls_equal=True)
    assert whole is not None
    is_there = pl.any_horizontal(pl.col(list(asked.metrics)).is_not_null())
    return whole.filter(is_there).select(asked.time, *names, *asked.columns)


def _is_whole(table: pl.LazyFrame, name: str) -> bool:
    """Whether all numbers of a column are whole, so that they are written without a point."""
    column = pl.col(name)
    is_whole = (column.is_null() | (column.is_finite() & (column == column.round()) & (column.abs() < 2**53))).all()
    return bool(table.select(is_whole).collect().item())
