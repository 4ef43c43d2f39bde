"""Documents of Elasticsearch and OpenSearch as rows: only the fields that are asked for, in pages that miss none."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import polars as pl

from redshank.errors import SourceError
from redshank.sources import elastic_query as dsl
from redshank.sources.elastic_fields import Field
from redshank.sources.elastic_server import Server, Stop

KEEP_ALIVE = "5m"  # how long the server keeps a view between two pages
_HITS = "hits.hits.fields,hits.hits._source,hits.hits.sort"


@dataclass(frozen=True, kw_only=True)
class Documents:
    """Which documents, and what of them: the time and other fields.

    ``size``: of a page. ``nested``: path of inner documents, which become the rows; "" = none.
    """

    time: Field
    fields: tuple[Field, ...]
    clauses: tuple[Mapping[str, Any], ...] = ()
    extra: Mapping[str, Any]
    size: int
    nested: str = ""

    @property
    def _others(self) -> list[Field]:
        return [field for field in self.fields if field.name != self.time.name]

    @property
    def _of_source(self) -> list[Field]:
        return [field for field in self._others if _is_of_source(field)]

    def body(self, start_ns: int | None, end_ns: int | None) -> dict[str, Any]:
        """Return the search for documents in start <= time < end, without an order."""
        stored = [field for field in self._others if field.script is None and not _is_of_source(field)]
        made = {field.name: {"script": dict(field.script)} for field in self._others if field.script is not None}
        asked = [field.stored() for field in stored if not field.is_defined]
        asked.append(self.time.stored(is_time=True))
        defined = [field.path for field in stored if field.is_defined]
        source = [field.path for field in self._of_source] + ([self.nested] if self.nested else [])
        return {
            "size": self.size,
            "query": dsl.all_of([dsl.in_range(self.time, start_ns, end_ns), *self.clauses]),
            "_source": source or False,
            **({} if source or defined else {"stored_fields": "_none_"}),
            "docvalue_fields": asked,
            **({"script_fields": made} if made else {}),
            **({"fields": defined} if defined else {}),
            **self.extra,
        }

    def frame(self, hits: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
        """Return documents as columns of the fields' names; of several values the first."""
        rows = self._inner(hits) if self.nested else [(hit, hit.get("_source")) for hit in hits]
        found = [hit.get("fields") or {} for hit, _ in rows]
        columns = [self.time.series([_first(one.get(self.time.path)) for one in found], is_time=True)]
        of_source = {field.name for field in self._of_source}
        for field in self._others:
            if field.name in of_source:
                path = field.path.removeprefix(f"{self.nested}.") if field.nested else field.path
                sources = [inner if field.nested else hit.get("_source") for hit, inner in rows]
                columns.append(field.written([_first(_within(source, path)) for source in sources]))
            else:
                columns.append(field.series([_first(one.get(field.path)) for one in found]))
        return pl.DataFrame(columns)

    def _inner(self, hits: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], Any]]:
        """Each inner document beside the one that it is in."""
        return [(hit, inner) for hit in hits for inner in _listed(_within(hit.get("_source"), self.nested))]


def _is_of_source(field: Field) -> bool:
    return field.script is None and not field.is_defined and (bool(field.nested) or not field.has_values)


def _listed(value: Any) -> list[Any]:
    """Inner documents as a list, however they are written."""
    if isinstance(value, list):
        return [one for each in value for one in _listed(each)]
    return [] if value is None else [value]


def _first(values: Any) -> Any:
    """The first of several values."""
    while isinstance(values, list):
        values = values[0] if values else None
    return values


def _within(source: Any, path: str) -> Any:
    """A value of a document by its dotted path, whether written nested or with dots; of several documents the first."""
    source = _first(source)
    if not isinstance(source, Mapping):
        return None
    if path in source:
        return source[path]
    parts = path.split(".")
    for i in range(len(parts) - 1, 0, -1):
        head = ".".join(parts[:i])
        if head in source:
            return _within(source[head], ".".join(parts[i:]))
    return None


def first_documents(
    server: Server, asked: Documents, n: int, start_ns: int | None = None, end_ns: int | None = None
) -> pl.DataFrame:
    """Return the newest documents, the newest first."""
    newest_first = [{asked.time.path: {"order": "desc"}}]
    body = {**asked.body(start_ns, end_ns), "size": n, "sort": newest_first, "track_total_hits": False}
    return asked.frame(_hits(server.search(body, _HITS)))


def few_documents(server: Server, asked: Documents, start_ns: int | None, end_ns: int | None) -> pl.DataFrame | None:
    """Return the documents of a range of time when they fill no page; None when there are more."""
    body = {**asked.body(start_ns, end_ns), "sort": ["_doc"], "track_total_hits": False}
    hits = _hits(server.search(body, _HITS))
    return asked.frame(hits) if len(hits) < asked.size else None


def pages(
    server: Server, asked: Documents, start_ns: int | None, end_ns: int | None, stop: Stop
) -> Generator[pl.DataFrame]:
    """Yield the documents of a range of time, a page at a time, as they stood when the reading began."""
    body = asked.body(start_ns, end_ns)
    stop.look()
    read = _pointed if server.abilities.orders_by_shard else _scrolled
    with closing(read(server, body, stop)) as found:
        for hits in found:
            yield asked.frame(hits)


def _hits(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (answer.get("hits") or {}).get("hits") or []
    return found


def _pointed(server: Server, body: Mapping[str, Any], stop: Stop) -> Generator[list[dict[str, Any]]]:
    """Pages of a point in time, in the order of shards."""
    with _point_in_time(server) as point:
        after: dict[str, Any] = {}
        while True:
            stop.look()
            asked = {**body, **after, "pit": {"id": point, "keep_alive": KEEP_ALIVE}, "sort": [{"_shard_doc": "asc"}]}
            asked["track_total_hits"] = False
            answer = server.ask("POST", "/_search", asked)
            hits = _hits(answer)
            if hits:
                yield hits
            if len(hits) < int(body["size"]):
                return
            after = {"search_after": hits[-1]["sort"]}


@contextmanager
def _point_in_time(server: Server) -> Generator[str]:
    """A view of the documents as they are now, given back at the end."""
    is_opensearch = server.abilities.is_opensearch
    path, name = ("_search/point_in_time", "pit_id") if is_opensearch else ("_pit", "id")
    answer = server.ask("POST", server.path(path), params=server.params(keep_alive=KEEP_ALIVE))
    point = str(answer[name])
    try:
        yield point
    finally:
        given: dict[str, Any] = {"pit_id": [point]} if is_opensearch else {"id": point}
        _give_back(server, "/_search/point_in_time" if is_opensearch else "/_pit", given)


def _scrolled(server: Server, body: Mapping[str, Any], stop: Stop) -> Generator[list[dict[str, Any]]]:
    """Pages of a scroll, for servers whose points in time have no order that misses none."""
    answer = server.ask(
        "POST", server.path("_search"), {**body, "sort": ["_doc"]}, params=server.params(scroll=KEEP_ALIVE)
    )
    scroll = answer.get("_scroll_id")
    try:
        while hits := _hits(answer):
            yield hits
            stop.look()
            # never asked twice: the second answer would be of the next page
            answer = server.ask("POST", "/_search/scroll", {"scroll": KEEP_ALIVE, "scroll_id": scroll}, retry=False)
            scroll = answer.get("_scroll_id", scroll)
    finally:
        _give_back(server, "/_search/scroll", {"scroll_id": [scroll]})


def _give_back(server: Server, path: str, body: Mapping[str, Any]) -> None:
    """Tell the server that a view is not needed any more; it would find out itself after a while."""
    try:
        server.http.send("DELETE", path, body=body, ok=(200, 404), retry=False)
    except SourceError:
        return
