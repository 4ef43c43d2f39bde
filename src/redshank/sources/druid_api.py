"""Calls of Druid: SQL and native queries whose answers come in portions, and what is there."""

from __future__ import annotations

import codecs
import json
import re
import threading
import uuid
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any

import polars as pl

from redshank.errors import SourceError, did_you_mean
from redshank.http.client import Http

PORTION_BYTES = 4 << 20
CUT_OFF = "the answer was cut off: the server failed while it sent rows; see its log"
_BETWEEN = re.compile(r"[\s,]*")
TIMESTAMPS = frozenset({"TIMESTAMP", "DATE"})
_TYPES: dict[str, Any] = {
    "VARCHAR": pl.String, "CHAR": pl.String, "BIGINT": pl.Int64, "INTEGER": pl.Int64, "BOOLEAN": pl.Boolean,
    "DOUBLE": pl.Float64, "FLOAT": pl.Float64, "REAL": pl.Float64, "DECIMAL": pl.Float64,
}  # fmt: skip
_REMEDIES = (
    ("resource", "ask for less at once (a shorter range, fewer labels), or raise the limits of the server"),
    ("timed out", "ask for less, or raise timeout"),
    ("timeout", "ask for less, or raise timeout"),
    ("capacity", "the server is busy; give the queries a lane or priority by context"),
)


@dataclass(frozen=True)
class Statement:
    """Druid SQL, texts for its question marks, and the settings it needs."""

    sql: str
    texts: tuple[str, ...] = ()
    context: tuple[tuple[str, Any], ...] = ()


class RefusedError(SourceError):
    """Druid understands a query, but does not do it."""


class Api:
    """Queries of one server; any number of threads may ask at once."""

    def __init__(self, http: Http, context: Mapping[str, Any]) -> None:
        """``context``: of every query."""
        self.http, self.context, self.where = http, dict(context), http.where
        self._running: dict[str, str] = {}  # id -> path of queries of its kind
        self._lock = threading.Lock()

    # ------------------------------------------------------------------ SQL

    def frames(self, asked: Statement, types: Mapping[str, Any]) -> Generator[pl.DataFrame]:
        """Yield the rows of a statement in portions; ``types``: of its columns, by name."""
        with closing(self._lines(asked)) as portions:
            for lines in portions:
                yield read_lines(lines, types)

    def table(self, asked: Statement) -> tuple[dict[str, str], list[dict[str, Any]]]:
        """Return the types of the columns as Druid says them, and the rows, of which there must be few."""
        with closing(self._lines(asked, header=True)) as portions:
            lines = b"".join(portions).split(b"\n")
        head, *rows = [json.loads(line) for line in lines if line]
        return {name: str(one["sqlType"]) for name, one in head.items()}, rows

    def rows(self, asked: Statement) -> list[dict[str, Any]]:
        """Return the rows, of which there must be few."""
        return self.table(asked)[1]

    def _lines(self, asked: Statement, *, header: bool = False) -> Generator[bytes]:
        """Whole lines; SourceError when the blank one that ends every answer has not come."""
        body = {
            "query": asked.sql,
            "resultFormat": "objectLines",
            "header": header,
            "typesHeader": header,
            "sqlTypesHeader": header,
            "parameters": [{"type": "VARCHAR", "value": text} for text in asked.texts],
        }
        with closing(self._chunks("druid/v2/sql", body, "sqlQueryId", dict(asked.context))) as chunks:
            rest, size = [], 0
            end = b""
            for chunk in chunks:
                rest.append(chunk)
                size += len(chunk)
                if size < PORTION_BYTES or b"\n" not in chunk:
                    continue
                head, _, tail = b"".join(rest).rpartition(b"\n")
                yield head
                rest, size = [b"\n" + tail], len(tail)
            last = b"".join(rest)
            end = last[-2:]
            if end not in (b"\n\n", b"\n") or (last.strip() and end != b"\n\n"):
                raise self.http.fail(CUT_OFF)
            yield last

    # ------------------------------------------------------------------ native queries

    def native(self, query: Mapping[str, Any]) -> Generator[Any]:
        """Yield the elements of the answer of a native query one after the other."""
        context = query.get("context") or {}
        with closing(self._chunks("druid/v2", {**query}, "queryId", dict(context))) as chunks:
            yield from elements(chunks, self.http.fail)

    def _chunks(self, path: str, body: dict[str, Any], id_name: str, context: dict[str, Any]) -> Generator[bytes]:
        name = f"redshank-{uuid.uuid4().hex}"
        milliseconds = max(1, round(self.http.options.timeout.total_seconds() * 1000))
        body["context"] = {**self.context, **context, "timeout": milliseconds, id_name: name}
        if id_name == "sqlQueryId":
            body["context"]["sqlTimeZone"] = "Etc/UTC"
        with self._lock:
            self._running[name] = path
        is_whole = False
        try:
            with self.http.stream("POST", path, body=body, retry=True) as chunks:
                yield from chunks
            is_whole = True
        except SourceError as error:
            raise with_remedy(error) from error
        finally:
            with self._lock:
                self._running.pop(name, None)
            if not is_whole:
                self._give_up(name, path)

    # ------------------------------------------------------------------ what is there

    def datasources(self) -> list[str]:
        """Return the names of the datasources."""
        found = self.http.json("GET", "druid/v2/datasources")
        if not isinstance(found, list):
            raise self.http.fail("answered no list of datasources; see that `url` is a broker or router of Druid")
        return sorted(map(str, found))

    def check_there(self, names: Iterable[str]) -> None:
        """Raise SourceError, with near names, for a datasource that is not there: Druid would answer nothing at all."""
        there: list[str] | None = None
        for name in names:
            there = self.datasources() if there is None else there
            if name not in there:
                raise self.http.fail(did_you_mean("datasource", name, there))

    def time_boundary(self, query: Mapping[str, Any]) -> dict[str, str] | None:
        """Return the first and last time (minTime, maxTime) of what a native query reads."""
        asked = {"queryType": "timeBoundary", "dataSource": query["dataSource"]}
        if query.get("filter"):
            asked["filter"] = query["filter"]
        for one in self.native(asked):
            result = one.get("result")
            return dict(result) if result else None
        return None

    # ------------------------------------------------------------------ giving up

    def cancel(self) -> None:
        """Let the queries of other threads end, here and on the server."""
        with self._lock:
            running = list(self._running.items())
        self.http.cancel()
        for name, path in running:
            self._give_up(name, path)

    def _give_up(self, name: str, path: str) -> None:
        """Tell the server that an answer is not wanted any more; it would find out itself after a while."""
        with suppress(SourceError), self.http.reading(2):
            self.http.send("DELETE", f"{path}/{name}", ok=range(200, 600), retry=False)


def read_lines(lines: bytes, types: Mapping[str, Any]) -> pl.DataFrame:
    """Return lines of JSON as columns of these types; "NaN" and "Infinity", written as texts, are numbers."""
    if not lines.strip():
        return pl.DataFrame(schema=dict(types))
    has_texts = b'"NaN"' in lines or b'Infinity"' in lines
    schema = {name: pl.String if has_texts and kind == pl.Float64 else kind for name, kind in types.items()}
    frame = pl.read_ndjson(lines, schema=schema)
    return frame.select(pl.col(name).cast(kind) for name, kind in types.items())


def polars_type(sql_type: str) -> Any:
    """Return the type of a column here; None for sketches and arrays, which are no values of points."""
    return pl.Int64 if sql_type in TIMESTAMPS else _TYPES.get(sql_type)


def with_remedy(error: SourceError) -> SourceError:
    """Return an error that also says what to do about limits; a RefusedError for what Druid cannot do."""
    text = str(error)
    remedy = next((remedy for word, remedy in _REMEDIES if word in text.lower()), None)
    if remedy is not None and "ask for less" not in text:
        text = f"{text}; {remedy}"
    return RefusedError(text) if "(400)" in text or "(501)" in text else SourceError(text)


def elements(chunks: Iterable[bytes], fail: Any) -> Generator[Any]:
    """Yield the objects of a JSON array that comes in chunks; an error when its end does not come."""
    decoder, decode = json.JSONDecoder(), codecs.getincrementaldecoder("utf-8")("replace").decode
    text, more, size, wanted = "", [""], 0, 1
    is_open = False
    for chunk in chain(chunks, [None]):
        more.append(decode(chunk or b"", chunk is None))
        size += len(more[-1])
        if chunk is not None and size < wanted:
            continue  # an element that is cut is looked at again when twice as much is there
        text, more, size = text + "".join(more), [], 0
        if not is_open and text.strip():
            text = text.lstrip()
            if text[0] != "[":
                raise fail(f"answered what is no list of results: {text[:80]!r}")
            text, is_open = text[1:], True
        found, at = _decoded(decoder, text)
        yield from found
        if text[at : at + 1] == "]":
            return
        text = text[at:]
        wanted = max(1, len(text))
    raise fail(CUT_OFF)


def _decoded(decoder: json.JSONDecoder, text: str) -> tuple[list[Any], int]:
    """The whole elements at the beginning of a text, and where they end."""
    found: list[Any] = []
    at = 0
    while True:
        at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]  # matches always
        if text[at : at + 1] in ("", "]"):
            return found, at
        try:
            element, at = decoder.raw_decode(text, at)
        except ValueError:
            return found, at
        found.append(element)


def names_of(data_source: Any) -> Sequence[str]:
    """Return the names of the datasources that a native query reads."""
    if isinstance(data_source, str):
        return [data_source]
    if not isinstance(data_source, Mapping):
        return []
    kind = data_source.get("type")
    if kind == "table":
        return [str(data_source.get("name"))]
    if kind == "union":
        return [name for one in data_source.get("dataSources") or [] for name in names_of(one)]
    if kind == "query":
        return names_of((data_source.get("query") or {}).get("dataSource"))
    return []
