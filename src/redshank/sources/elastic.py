"""Read indices of Elasticsearch 6 to 9 and OpenSearch; the server aggregates where it does so exactly."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import polars as pl

from redshank.errors import ConfigError, DataError, NoPointsError
from redshank.http.client import Http
from redshank.panel import to_datetime
from redshank.sources import elastic_query as dsl
from redshank.sources.base import ROWS, Progress, Query, Reading, Source
from redshank.sources.elastic_fields import Field, Fields
from redshank.sources.elastic_options import SCHEMES, ElasticOptions, RuntimeField, Script, options_of_url
from redshank.sources.elastic_pages import Aggregation, Pages
from redshank.sources.elastic_query import NotPushedError
from redshank.sources.elastic_raw import Documents, few_documents, first_documents, pages
from redshank.sources.elastic_server import RefusedError, Server, Stop
from redshank.sources.elastic_survey import survey_of_server
from redshank.sources.elastic_times import newest_ns, reaches_last, span_of
from redshank.sources.parallel import in_parallel
from redshank.sources.survey import Survey
from redshank.specs.options import Access
from redshank.tables.bucketed import DEFAULT
from redshank.tables.buckets import Buckets
from redshank.tables.cells import CellsError, needs_last, read_cells
from redshank.tables.raw import RawTable
from redshank.tables.read import read_tables
from redshank.tables.roles import find_roles
from redshank.tables.spool import Spool

Result = TypeVar("Result")

SAMPLE_ROWS = 1_000  # newest documents that are looked at when it is not said what to read
PAGE_ROWS = 10_000  # documents of a page; no server gives more unless told to
MOST_FIELDS = 90  # of them; no server gives more than 100 at once unless told to


@dataclass(frozen=True)
class _Known:
    """What is read: the time, the measures (none: rows are counted), the labels, and the fields filtered by."""

    time: Field
    measures: tuple[Field, ...]
    labels: tuple[Field, ...]
    chosen: tuple[Field, ...]
    notes: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[Field, ...]:
        """All fields but the time, each once."""
        return tuple({one.name: one for one in (*self.measures, *self.labels, *self.chosen)}.values())


class ElasticSource(Source):
    """An index, pattern, alias or data stream of one cluster."""

    kind: ClassVar[str] = "elasticsearch"
    schemes: ClassVar[tuple[str, ...]] = SCHEMES
    Options: ClassVar[type[ElasticOptions]] = ElasticOptions

    def __init__(self, server: Server, options: ElasticOptions) -> None:
        """Keep what to read; nothing is asked yet."""
        self.server, self.options, self.where = server, options, server.where
        self.query = dsl.read_query(options.query)
        self._scripts = {name: Script.read(one) for name, one in options.scripts.items()}
        self._runtime = {name: RuntimeField.read(one) for name, one in options.runtime.items()}
        self._known: dict[Any, _Known] = {}
        self._fields: Fields | None = None

    @classmethod
    def options_of(cls, url: str) -> dict[str, Any]:
        """Return the options that an address such as ``es://host:9200/logs-*`` stands for."""
        return options_of_url(url, cls.Options.model_fields)

    @classmethod
    def build(cls, options: ElasticOptions, access: Access) -> Self:
        """Return the source; ConfigError when the address, the index or the query cannot be right."""
        where = f"elasticsearch {options.url.rstrip('/')}" + (f"/{options.index}" if options.index else "")
        http = Http.of(options, access, where)
        server = Server(http, options.index or "*", partial=options.partial, routing=options.routing or "")
        return cls(server, options)

    def describe(self) -> str:
        """Return the address without password, and the index."""
        return self.where

    # ------------------------------------------------------------------ reading

    def read(self, query: Query, progress: Progress | None = None) -> Reading:
        """Return the panels of the documents in the range asked for, aggregated by the server where it can.

        What it cannot do exactly as it is done here is done here, and a note says so.

        Raises:
            SourceError: the server cannot be reached, refuses what it is asked or takes too long.
            NoPointsError: there is no document in the range asked for.
            DataError: the documents hold nothing to score.
        """
        self._check_index()
        with self.counts.reading(), self.server.reading(self.counts) as stop:
            return self._again(lambda: self._read(query, stop, progress))

    def _read(self, query: Query, stop: Stop, progress: Progress | None) -> Reading:
        known = self._looked(query)
        why = ""
        reading = None
        if query.step is not None:
            try:
                reading = self._read_buckets(known, query, stop, progress)
            except (NotPushedError, CellsError) as error:
                why = str(error)
        if reading is None:
            reading = self._read_rows(known, query, stop, progress)
        notes = [note for note in known.notes if note not in reading.findings.notes]
        reading.findings.notes[:0] = notes
        if why:
            reading.findings.notes.append(f"aggregated here, not by the server: {why}")
        if self.server.missing_shards:
            reading.findings.notes.append(f"{self.server.missing_shards} shards failed and are missing")
        return reading

    def _read_buckets(self, known: _Known, query: Query, stop: Stop, progress: Progress | None) -> Reading:
        asked = self._aggregation(known, query)
        reader = Pages(self.server, asked, self.options.page_rows or self.server.abilities.page_buckets, stop)
        if query.start is None or query.end is None or needs_last(query):
            bounds = span_of(self.server, asked, _ns(query.start), _ns(query.end))
        else:
            bounds = dsl.to_ns(query.start), dsl.to_ns(query.end)
        if bounds is None:
            raise NoPointsError(f"{self.where}: holds no documents in the range asked for")
        is_full = not needs_last(query) or reaches_last(self.server, asked, bounds, stop)
        first, last = asked.rule.indices(np.array([bounds[0], bounds[1] - 1], np.int64)).tolist()
        with closing(self._cells(reader, (first, last + 1), bounds, progress)) as cells:
            return read_cells(
                cells,
                labels=[field.name for field in known.labels],
                measures=[field.name for field in known.measures],
                query=replace(query, time=known.time.name),
                where=self.where,
                last_is_full=is_full,
            )

    def _aggregation(self, known: _Known, query: Query) -> Aggregation:
        assert query.step is not None
        if self.options.nested is not None:
            raise NotPushedError("nested documents are read as rows")
        clauses = [self.query]
        for field in known.chosen:
            clause = dsl.is_one_of(field, query.filter[field.name])
            if clause is None:
                raise NotPushedError(f"values such as those of {field.name!r} are not the same text here and there")
            clauses.append(clause)
        return Aggregation(
            time=known.time,
            labels=known.labels,
            measures=known.measures,
            agg=query.agg or DEFAULT,
            rule=Buckets.of(query.step, query.tz),
            clauses=tuple(clause for clause in clauses if clause is not None),
            extra=self._extra(),
            approximate=self.options.approximate,
        )

    def _cells(
        self, reader: Pages, span: tuple[int, int], bounds: tuple[int, int], progress: Progress | None
    ) -> Generator[pl.DataFrame]:
        """The cells of all buckets, read by several threads."""
        deadline, rows = self.server.http.deadline(), 0

        def read(part: tuple[int, int]) -> Generator[pl.DataFrame]:
            with self.server.http.reading(deadline - clock.monotonic()):
                yield from reader.cells(*part, bounds)

        with closing(in_parallel(_parts(span, self.options.parallel), read, self.options.parallel)) as frames:
            for frame in frames:
                rows += len(frame)
                if progress is not None:
                    progress(None, f"reading {self.where}: {rows:,} buckets")
                yield frame
        self.counts.add(rows=rows)

    def _read_rows(self, known: _Known, query: Query, stop: Stop, progress: Progress | None) -> Reading:
        with TemporaryDirectory(prefix="redshank-") as folder:
            spool = Spool(self.where, folder, {}, self.options.max_rows)
            for frame in self._rows(known, query, stop):
                spool.add(frame)
                if progress is not None:
                    progress(None, f"reading {self.where}: {spool.rows:,} documents")
            self.counts.add(rows=spool.rows)
            if not spool.rows:
                raise NoPointsError(f"{self.where}: holds no documents in the range asked for")
            measures = ROWS if query.measures == ROWS else tuple(field.name for field in known.measures)
            by = tuple(field.name for field in known.labels)
            asked = replace(query, measures=measures or query.measures, by=by, time=known.time.name)
            reading = read_tables([RawTable(where=self.where, frame=spool.table())], asked, progress)
        reading.findings.unsorted = 0  # documents have no order
        return reading

    def _rows(self, known: _Known, query: Query, stop: Stop) -> Generator[pl.DataFrame]:
        """The documents of the range asked for: at once when they are few, else by several threads."""
        clauses = [self.query, *(dsl.is_one_of(field, query.filter[field.name]) for field in known.chosen)]
        asked = self._documents(known.time, known.fields, clauses)
        start, end = _ns(query.start), _ns(query.end)
        few = few_documents(self.server, asked, start, end)
        if few is not None:
            yield few
            return
        bounds = span_of(self.server, asked, start, end)
        if bounds is None:
            return
        deadline = self.server.http.deadline()

        def read(part: tuple[int, int]) -> Generator[pl.DataFrame]:
            with self.server.http.reading(deadline - clock.monotonic()):
                yield from pages(self.server, asked, *part, stop)

        parts = _parts(bounds, self.options.parallel)
        with closing(in_parallel(parts, read, self.options.parallel)) as frames:
            yield from frames

    def _documents(self, time: Field, fields: tuple[Field, ...], clauses: Sequence[dict[str, Any] | None]) -> Documents:
        return Documents(
            time=time,
            fields=fields,
            clauses=tuple(clause for clause in clauses if clause is not None),
            extra=self._extra(),
            size=min(self.options.page_rows or PAGE_ROWS, PAGE_ROWS),
            nested=self.options.nested or "",
        )

    def _extra(self) -> dict[str, Any]:
        """What every search says besides: fields that it defines, and how long the server may take."""
        seconds = max(1, int(self.options.timeout.total_seconds()))
        extra: dict[str, Any] = {"timeout": f"{seconds}s"}
        if self._runtime:
            section = self.server.abilities.runtime_section
            if section is None:
                raise ConfigError(
                    f"{self.where}: {self.server.abilities} has no runtime fields; use scripts", field="runtime"
                )
            extra[section] = self._runtime
        return extra

    def _check_index(self) -> None:
        if self.options.index is None:
            raise ConfigError(f"{self.where}: needs an index, a pattern such as logs-*, or an alias", field="index")

    # ------------------------------------------------------------------ what is known of the fields

    def _again(self, act: Callable[[], Result]) -> Result:
        """Do what needs to know the fields; a second time, with a new look at them, when they may have changed."""
        is_new = self._fields is None
        try:
            return act()
        except NoPointsError:
            raise
        except (RefusedError, DataError):
            if is_new:
                raise
        self._known.clear()
        self._fields = None
        return act()

    def _cached_fields(self) -> Fields:
        if self._fields is None:
            self._fields = self.fields()
        return self._fields

    def _key(self, query: Query) -> Any:
        return query.measures, query.by, query.time, query.agg, tuple(sorted(query.filter))

    def _looked(self, query: Query) -> _Known:
        """What the fields are, found once."""
        key = self._key(query)
        if key not in self._known:
            fields = self._cached_fields()
            time = fields.time(query.time)
            chosen = tuple(fields.find(name).as_text for name in query.filter)
            if query.by is not None and query.measures:
                asked = () if query.measures == ROWS else query.measures
                measures = tuple(fields.find(name) for name in asked)
                labels = tuple(fields.find(name).as_text for name in query.by)
                self._known[key] = _Known(time, measures, labels, chosen)
            else:
                self._known[key] = replace(self._found(fields, time, query), chosen=chosen)
        return self._known[key]

    def _found(self, fields: Fields, time: Field, query: Query) -> _Known:
        """What the newest documents show."""
        rows = self.sample(fields, time)
        if rows.is_empty():
            raise NoPointsError(f"{self.where}: holds no documents yet")
        roles = find_roles(RawTable(where=self.where, frame=rows.lazy()), replace(query, time=time.name))
        measures = tuple(fields.find(measure.name) for measure in roles.measures)
        labels = tuple(fields.find(name) for name in roles.labels)
        return _Known(time, measures, labels, (), tuple(roles.notes))

    def sample(self, fields: Fields, time: Field) -> pl.DataFrame:
        """Return the newest documents, the newest last, without columns that hold nothing."""
        likely = [field for field in fields if (field.has_values or field.nested) and field.name != time.name]
        asked = self._documents(time, tuple(likely[:MOST_FIELDS]), [self.query])
        rows = first_documents(self.server, asked, SAMPLE_ROWS).reverse()
        return rows.select([name for name in rows.columns if rows[name].null_count() < len(rows) or rows.is_empty()])

    # ------------------------------------------------------------------ looks

    def newest(self, query: Query) -> datetime | None:
        """Return the newest time, found by the server."""
        self._check_index()
        with self.server.reading(self.counts):
            found = self._again(lambda: self._newest(query))
        return None if found is None else to_datetime(np.datetime64(found, "ns"))

    def _newest(self, query: Query) -> int | None:
        fields = self._cached_fields()
        clauses = [dsl.is_one_of(fields.find(name), values) for name, values in query.filter.items()]
        asked = self._documents(fields.time(query.time), (), [self.query, *clauses])
        return newest_ns(self.server, asked, _ns(query.start), _ns(query.end))

    def preview(self, n: int = 10) -> list[dict[str, Any]]:
        """Return some documents as they stand, with dotted names."""
        self._check_index()
        with self.server.reading(self.counts):
            query = self.query or {"match_all": {}}
            answer = self.server.search({"size": n, "query": query, "sort": ["_doc"]}, "hits.hits._source")
        return [flat(hit.get("_source") or {}) for hit in (answer.get("hits") or {}).get("hits") or []]

    def check(self) -> None:
        """Reach the server and, where an index is named, see that it has fields and documents."""
        with self.server.reading(self.counts):
            if self.options.index is None:
                self.server.product()
                return
            self.fields()
        super().check()

    def survey(self, query: Query) -> Survey:
        """Return the indices, aliases and data streams, and the fields of the one that is read."""
        with self.server.reading(self.counts):
            return survey_of_server(self, query)

    def fields(self) -> Fields:
        """Return the fields of what is read."""
        return Fields.of(self.server, self._scripts, self._runtime, self.options.nested or "")

    def cancel(self) -> None:
        """Give up what other threads read; they end with SourceError soon."""
        self.server.cancel()


def _ns(moment: datetime | None) -> int | None:
    return None if moment is None else dsl.to_ns(moment)


def _parts(span: tuple[int, int], n: int) -> list[tuple[int, int]]:
    """Buckets first <= index < last, cut into as many parts as there are threads; few stay together."""
    size = max(1, -(-(span[1] - span[0]) // n))
    if size < 50:
        return [span]
    return [(begin, min(span[1], begin + size)) for begin in range(span[0], span[1], size)]


def flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a document with dotted names; lists stay as they are."""
    found: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
