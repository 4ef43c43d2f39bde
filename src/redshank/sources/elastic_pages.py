"""Buckets that the server aggregates, page by page: of each page the server looks at a short slice of time only.

A composite aggregation gives its buckets in pages, and looks at all documents of its range again for each of them. So
the range is cut into slices of whole buckets, as long as fills about one page; how long that is shows while reading.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from redshank.sources import elastic_query as dsl
from redshank.sources.elastic_fields import NANOS, Field
from redshank.sources.elastic_query import NotPushedError
from redshank.sources.elastic_server import Abilities, Server, Stop, TooMuchError
from redshank.tables.buckets import Buckets
from redshank.tables.cells import BUCKET, COUNTED

CELLS, TIME = "cells", "t"
LEAST_PAGE = 10  # buckets; where the server does not even give these, it gives none
FEW_CELLS = 1_000  # of a page whose buckets hold whole documents
_COUNTED_VALUES = 4_000_000  # different values that the buckets of a page may keep apart: 32 MB of the server
_FIRST_SHARE = 8  # so many times fewer buckets than a page holds are asked for at first
_MOST_GROWTH = 8.0  # of a slice after an empty one
_FILLED = 0.9  # share of a page that a slice should fill
_MILLISECOND, _DAY = 1_000_000, 86_400_000_000_000


@dataclass(frozen=True, kw_only=True)
class Aggregation:
    """What to ask for: buckets of ``time`` by ``labels``, and ``agg`` of each measure (none: documents are counted).

    ``clauses``: documents that all of these are true of. ``approximate``: estimates of the server will do.
    """

    time: Field
    labels: tuple[Field, ...]
    measures: tuple[Field, ...]
    agg: str
    rule: Buckets
    clauses: tuple[Mapping[str, Any], ...] = ()
    extra: Mapping[str, Any]
    approximate: bool = False

    def metrics(self, precision: int) -> dict[str, Any]:
        """Return the aggregations of a bucket, exact for so many different values.

        Raises:
            NotPushedError: the server has none that is the same as here.
        """
        given = [
            dsl.metric(self.agg, field, self.time, approximate=self.approximate, precision=precision)
            for field in self.measures
        ]
        return {f"m{i}": one for i, one in enumerate(given)}

    def sources(self, abilities: Abilities) -> list[dict[str, Any]]:
        """Return what buckets are told apart by: the time, then the labels."""
        histogram = {"date_histogram": {"field": self.time.path, **self._interval(abilities)}}
        return [{TIME: histogram}, *({f"l{i}": _terms(label)} for i, label in enumerate(self.labels))]

    def _interval(self, abilities: Abilities) -> dict[str, Any]:
        """How the length of the buckets is said; NotPushedError when the server cuts time in another way."""
        step, tz = self.rule.step, self.rule.tz
        zone = {"time_zone": tz} if tz else {}
        if step % _MILLISECOND:
            raise NotPushedError("its buckets are whole milliseconds")
        if step == 7 * _DAY:
            return {abilities.calendar_interval: "1w", **zone}
        if step == _DAY and tz:
            return {abilities.calendar_interval: "1d", **zone}
        if self.rule.origin and (tz or not abilities.shifts_buckets):
            raise NotPushedError("it has no buckets of several weeks that begin on the same Mondays")
        shift = {"offset": f"{self.rule.origin // _DAY}d"} if self.rule.origin else {}
        return {abilities.fixed_interval: _length(step), **zone, **shift}


def _length(step: int) -> str:
    for unit, name in ((_DAY, "d"), (3_600_000_000_000, "h"), (60_000_000_000, "m"), (1_000_000_000, "s")):
        if step % unit == 0:
            return f"{step // unit}{name}"
    return f"{step // _MILLISECOND}ms"


def _terms(label: Field) -> dict[str, Any]:
    if not label.has_values:
        raise NotPushedError(f"field {label.name!r} is {label.type} without values that can be told apart")
    if label.kind == NANOS:
        raise NotPushedError(f"times such as {label.name!r} are cut to milliseconds in its buckets")
    return {"terms": {**label.source(), "missing_bucket": True}}


class Pages:
    """Reads the buckets of ranges of time; ``size``: buckets of a page, fewer when the server does not allow it."""

    def __init__(self, server: Server, asked: Aggregation, size: int, stop: Stop) -> None:
        """Ask nothing yet; NotPushedError when the server cannot aggregate like this."""
        self.server, self.asked, self.stop = server, asked, stop
        self.size = min(size, FEW_CELLS) if asked.agg in ("first", "last") else size
        self.sources, self.metrics = asked.sources(server.abilities), asked.metrics(dsl.LEAST_PRECISION)
        self.precision = dsl.LEAST_PRECISION if asked.agg == "cardinality" else 0
        self.size = min(self.size, self._most_cells())

    def cells(self, first: int, last: int, bounds: tuple[int, int]) -> Generator[pl.DataFrame]:
        """Yield the cells of the buckets first <= index < last; ``bounds``: nanoseconds that times are within."""
        width = float(max(1, self.size // _FIRST_SHARE))
        begin, after, fresh, found = first, None, first, 0
        while begin < last:
            end = min(last, begin + max(1, int(width)))
            page, size = self._page(begin, end, bounds, after)
            buckets = page["buckets"]
            if buckets:
                yield self._frame(buckets)
            found += len(buckets)
            if len(buckets) < size:
                covered, begin, after = end - fresh, end, None
            else:
                after = page.get("after_key") or buckets[-1]["key"]
                begin = self._index(after[TIME])
                covered = begin + 1 - fresh
            width = min(_MOST_GROWTH * width, _FILLED * size * covered / max(found, 1))
            if after is None:
                fresh, found = begin, 0

    def _page(self, begin: int, end: int, bounds: tuple[int, int], after: Any) -> tuple[dict[str, Any], int]:
        """One page of the buckets begin <= index < end, and how many it could hold; smaller where that is too much."""
        starts = self.asked.rule.starts(np.array([begin, end], np.int64))
        times = dsl.in_range(self.asked.time, max(bounds[0], int(starts[0])), min(bounds[1], int(starts[1])))
        while True:
            self.stop.look()
            size = self.size
            composite = {"size": size, "sources": self.sources, **({"after": after} if after else {})}
            aggs = {CELLS: {"composite": composite, **({"aggs": self.metrics} if self.metrics else {})}}
            body = {"size": 0, "query": dsl.all_of([times, *self.asked.clauses]), "aggs": aggs, **self.asked.extra}
            try:
                answer = self.server.search(body, f"aggregations.{CELLS}")
            except TooMuchError:
                if size // 2 < LEAST_PAGE:
                    raise
                self.size = min(self.size, size // 2)
                continue
            found: dict[str, Any] = answer.get("aggregations", {}).get(CELLS, {"buckets": []})
            if self._is_precise(found["buckets"]):
                return found, size

    def _is_precise(self, buckets: list[dict[str, Any]]) -> bool:
        """Whether different values were counted closely; if not, the next pages are asked for more closely."""
        most = max((int(bucket["doc_count"]) for bucket in buckets), default=0)
        if not 0 < self.precision < min(most, dsl.MOST_PRECISION):
            return True
        self.precision = min(max(most, 4 * self.precision), dsl.MOST_PRECISION)
        self.metrics = self.asked.metrics(self.precision)
        self.size = min(self.size, self._most_cells())
        return False

    def _most_cells(self) -> int:
        """How many buckets may keep values apart at once."""
        kept = self.precision * len(self.asked.measures)
        return max(10, _COUNTED_VALUES // kept) if kept else self.size

    def _index(self, milliseconds: int) -> int:
        return int(self.asked.rule.indices(np.array([milliseconds * _MILLISECOND], np.int64))[0])

    def _frame(self, buckets: list[dict[str, Any]]) -> pl.DataFrame:
        """Buckets as cells of tables/cells.py."""
        asked, keys = self.asked, [bucket["key"] for bucket in buckets]
        columns = {BUCKET: pl.Series([key[TIME] for key in keys], dtype=pl.Int64) * _MILLISECOND}
        for i, label in enumerate(asked.labels):
            name = f"l{i}"
            columns[name] = label.labels([key[name] for key in keys])
        counted = pl.Series([bucket["doc_count"] for bucket in buckets], dtype=pl.Float64)
        for i, field in enumerate(asked.measures):
            name = f"m{i}"
            columns[name] = dsl.values(asked.agg, field, [bucket[name] for bucket in buckets])
        if not asked.measures:
            columns["m0"] = counted
        return pl.DataFrame({**columns, COUNTED: counted.cast(pl.Int64)})
