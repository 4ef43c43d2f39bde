"""The first, the newest and the last times of documents, asked of the server."""

from __future__ import annotations

from typing import Any

import numpy as np

from redshank.sources import elastic_query as dsl
from redshank.sources.elastic_fields import NANOS
from redshank.sources.elastic_pages import TIME, Aggregation
from redshank.sources.elastic_raw import Documents, first_documents
from redshank.sources.elastic_server import Server, Stop
from redshank.tables.buckets import RECENT_STEPS, reaches_end

_MILLISECOND = 1_000_000
_TIMES = 10_000  # of a page


def span_of(
    server: Server, asked: Aggregation | Documents, start: int | None, end: int | None
) -> tuple[int, int] | None:
    """Return nanoseconds first <= time < last that hold all documents of a range; None when there are none."""
    aggs = {"first": {"min": {"field": asked.time.path}}, "last": {"max": {"field": asked.time.path}}}
    query = dsl.all_of([dsl.in_range(asked.time, start, end), *asked.clauses])
    found = server.search({"size": 0, "query": query, "aggs": aggs, **asked.extra}, "aggregations")["aggregations"]
    ends = [found[name].get("value") for name in ("first", "last")]
    if not all(isinstance(value, int | float) for value in ends):
        return None
    first, last = int(np.floor(ends[0])) * _MILLISECOND, (int(np.floor(ends[1])) + 1) * _MILLISECOND
    return first if start is None else max(first, start), last if end is None else min(last, end)


def reaches_last(server: Server, asked: Aggregation, bounds: tuple[int, int], stop: Stop) -> bool:
    """Whether the times reach the end of the bucket that the last of them is in."""
    step = asked.rule.step
    newest = _newest(server, asked, bounds)
    end = asked.rule.end_of(newest)
    since = max(bounds[0], newest - RECENT_STEPS * step + 1)
    times = np.array([newest // _MILLISECOND * _MILLISECOND], np.int64)  # as buckets give them
    after: Any = None
    while True:
        stop.look()
        page = _distinct(server, asked, (since, newest + 1), after)
        found = np.array([bucket["key"][TIME] for bucket in page["buckets"]], np.int64) * _MILLISECOND
        times = np.union1d(times, found[found >= since])
        after = page.get("after_key")
        if len(found) < _TIMES or after is None:
            return reaches_end(times, end)
        if newest + 1.25 * 2 * RECENT_STEPS * step / (len(times) - 1) < end:
            return False  # regular times as many as these are too close together to reach that far


def _newest(server: Server, asked: Aggregation, bounds: tuple[int, int]) -> int:
    if asked.time.kind != NANOS:
        return bounds[1] - _MILLISECOND if bounds[1] % _MILLISECOND == 0 else bounds[1] // _MILLISECOND * _MILLISECOND
    documents = Documents(time=asked.time, fields=(), clauses=asked.clauses, extra=asked.extra, size=1)
    found = newest_ns(server, documents, *bounds)
    return bounds[1] - 1 if found is None else found


def _distinct(server: Server, asked: Aggregation, bounds: tuple[int, int], after: Any) -> dict[str, Any]:
    """A page of the different times of a range."""
    sources = [{TIME: {"terms": {"field": asked.time.path}}}]
    composite = {"size": _TIMES, "sources": sources, **({"after": after} if after else {})}
    query = dsl.all_of([dsl.in_range(asked.time, *bounds), *asked.clauses])
    body = {"size": 0, "query": query, "aggs": {"times": {"composite": composite}}, **asked.extra}
    found: dict[str, Any] = server.search(body, "aggregations")["aggregations"]["times"]
    return found


def newest_ns(server: Server, asked: Documents, start: int | None, end: int | None) -> int | None:
    """Return the nanoseconds of the newest of some documents; None when there are none."""
    rows = first_documents(server, asked, 1, start, end)
    return None if rows.is_empty() else int(rows[asked.time.name].dt.epoch("ns").item())
