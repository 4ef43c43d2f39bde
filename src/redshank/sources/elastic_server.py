"""Elasticsearch and OpenSearch as one: which of them answers, what its version can, and searches with clear errors."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

import msgspec

from redshank.errors import DataError, RedshankError, SourceError, did_you_mean
from redshank.http.client import Answer, Http
from redshank.http.elastic_server import ElasticServer, elastic_server
from redshank.http.words import server_message
from redshank.sources.counts import Counts

KEPT = "timed_out,_shards.failed,_shards.total,_shards.failures,error"  # of every answer to a search
_TOO_MUCH = ("too_many_buckets", "too many buckets", "circuit_breaking", "Data too large")
_NO_LANGUAGE = re.compile(r"script_lang not supported \[([^\]]*)\]")


@dataclass(frozen=True)
class Abilities:
    """What a server can."""

    server: ElasticServer

    def __str__(self) -> str:
        return str(self.server)

    @property
    def is_opensearch(self) -> bool:
        """Whether it is OpenSearch, which says some things in another way."""
        return self.server.is_opensearch

    def has(self, elasticsearch: tuple[int, ...], opensearch: tuple[int, ...] = (1,)) -> bool:
        """Whether it is of this version or a later one."""
        return self.server.version >= (opensearch if self.is_opensearch else elasticsearch)

    @property
    def fixed_interval(self) -> str:
        """What the length of buckets is called."""
        return "fixed_interval" if self.has((7, 2)) else "interval"

    @property
    def calendar_interval(self) -> str:
        """What days and weeks of buckets are called."""
        return "calendar_interval" if self.has((7, 2)) else "interval"

    @property
    def shifts_buckets(self) -> bool:
        """Whether buckets of a composite aggregation may have an offset."""
        return self.has((7, 8))

    @property
    def page_buckets(self) -> int:
        """How many buckets an answer may have, with room to spare, unless the server is told otherwise."""
        return 30_000 if self.has((7, 10)) else 10_000

    @property
    def orders_by_shard(self) -> bool:
        """Whether a point in time can be read in an order that leaves nothing out: by ``_shard_doc``."""
        return self.has((7, 12), (3, 3))

    @property
    def runtime_section(self) -> str | None:
        """What fields that a search defines are called; None when it has none."""
        if not self.has((7, 11), (2, 15)):
            return None
        return "derived" if self.is_opensearch else "runtime_mappings"


class RefusedError(SourceError):
    """The server does not take what it is asked: perhaps fields have changed."""


class TooMuchError(RefusedError):
    """An answer would have more buckets, or take more memory, than the server allows."""


class Stop:
    """Tells the threads of one reading to end."""

    def __init__(self, where: str) -> None:
        """Go on until ``set`` is called."""
        self._where, self._event = where, threading.Event()

    def set(self) -> None:
        """Let all that look end with an error."""
        self._event.set()

    def look(self) -> None:
        """Raise SourceError when the reading was given up."""
        if self._event.is_set():
            raise SourceError(f"{self._where}: reading was given up")


class Server:
    """One cluster: any number of threads may ask.

    ``partial``: whether an answer without some of the shards will do; ``missing_shards``: how many of them the last
    reading went without. ``routing``: of documents, "" = all shards.
    """

    def __init__(self, http: Http, index: str, *, partial: bool = False, routing: str = "") -> None:
        """Keep how to reach it, and what is read; nothing is asked yet."""
        self.http, self.index, self.partial, self.routing = http, index, partial, routing
        self.where = http.where
        self.missing_shards = 0
        self._stops: set[Stop] = set()
        self._lock = threading.Lock()

    @cached_property
    def abilities(self) -> Abilities:
        """What the server can; SourceError when it is another one, too old, or none."""
        found = Abilities(elastic_server(self.http))
        if not found.has((6, 4)):
            raise self.http.fail(f"is {found}; Elasticsearch can be read from 6.8 on")
        return found

    def product(self) -> str:
        """Return which server it is, and its version."""
        return str(self.abilities)

    @contextmanager
    def reading(self, counts: Counts) -> Iterator[Stop]:
        """Bind a reading to its deadline, count what it does, and let ``cancel`` end it."""
        stop, before = Stop(self.where), self._counted()
        self.missing_shards = 0
        with self._lock:
            self._stops.add(stop)
        try:
            with self.http.reading():
                yield stop
        finally:
            with self._lock:
                self._stops.discard(stop)
            after = self._counted()
            requests, retries, size = (b - a for a, b in zip(before, after, strict=True))
            counts.add(requests=requests, retries=retries, bytes=size)

    def _counted(self) -> tuple[int, int, int]:
        counts = self.http.counts
        return counts.requests, counts.retries, counts.bytes_in

    def cancel(self) -> None:
        """End the readings of other threads."""
        with self._lock:
            for stop in self._stops:
                stop.set()
        self.http.cancel()

    # ------------------------------------------------------------------ calls

    def path(self, call: str) -> str:
        """Return the path of a call on what is read."""
        return f"/{quote(self.index, safe='*,')}/{call}"

    def params(self, **given: str) -> dict[str, str]:
        """Return the parameters of a call on what is read."""
        return {**given, **({"routing": self.routing} if self.routing else {})}

    def search(self, body: Mapping[str, Any], kept: str = "") -> dict[str, Any]:
        """Return the answer to a search of what is read, of which only the parts ``kept`` come.

        Raises:
            TooMuchError: ask for fewer at once.
            SourceError, DataError: it cannot be searched like this.
        """
        params = self.params(filter_path=f"{KEPT},{kept}" if kept else "")
        return self.ask("POST", self.path("_search"), body, params=params)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        retry: bool = True,
    ) -> dict[str, Any]:
        """Return the answer to a call; one without some shards is an error unless that will do."""
        given = {name: value for name, value in (params or {}).items() if value}
        try:
            answer = self.http.send(method, path, params=given, body=body, ok=(200, 400, 404, 500), retry=retry)
        except SourceError as error:
            if "index closed" in str(error):
                raise self._closed() from error
            raise _too_much(str(error)) or error from error
        document = _json(answer)
        if answer.status != 200:
            raise self.problem(answer, document)
        self._check_complete(document)
        return document

    def _check_complete(self, document: Mapping[str, Any]) -> None:
        if document.get("timed_out"):
            raise self.http.fail("the search took longer than the server allows; ask for less, or raise timeout")
        shards = document.get("_shards") or {}
        failed = int(shards.get("failed") or 0)
        if not failed:
            return
        reason = shards["failures"][0].get("reason") or {} if shards.get("failures") else {}
        said = server_message(msgspec.json.encode(reason)) or "no reason given"
        too_much = _too_much(f"{self.where}: {reason.get('type')}: {said}")
        if too_much is not None:
            raise too_much
        if not self.partial:
            raise self._refused(
                f"{failed} of {shards.get('total', '?')} shards failed: {said}; mend them, or set `partial: true` to "
                "read the others"
            )
        self.missing_shards = max(self.missing_shards, failed)

    def problem(self, answer: Answer, document: Mapping[str, Any]) -> RedshankError:
        """Return the error that an answer with a state other than 200 stands for."""
        said = server_message(answer.content)
        kind = _kind(document)
        if kind == "index_not_found_exception":
            return self._no_index()
        if kind == "index_closed_exception":
            return self._closed()
        no_language = _NO_LANGUAGE.search(said)
        if no_language is not None:
            return self.http.fail(f"{self.abilities} has no scripts of {no_language[1]!r} here; read a field instead")
        if "script" in kind:
            return DataError(f"{self.where}: a script failed: {_cause(document) or said}", field="scripts")
        too_much = _too_much(f"{self.where}: {kind}: {said}")
        did = "failed" if answer.status == 500 else "refused the request"
        return too_much or self._refused(f"{did} ({answer.status}): {said}")

    def _refused(self, text: str) -> RefusedError:
        return RefusedError(str(self.http.fail(text)))

    def _closed(self) -> RedshankError:
        return DataError(f"{self.where}: is closed; open it, or read another index", field="index")

    def _no_index(self) -> RedshankError:
        names = self.names()
        text = did_you_mean("index", self.index, names) if names else f"unknown index {self.index!r}"
        return DataError(f"{self.where}: {text}", field="index")

    def no_fields(self) -> RedshankError:
        """Return the error for what has no fields: nothing fits the pattern, all is closed, or nothing is mapped."""
        rows = self.rows(f"/_cat/indices/{quote(self.index, safe='*,')}", "index,status")
        if rows and all(row.get("status") == "close" for row in rows):
            return self._closed()
        if rows:
            return DataError(f"{self.where}: has no fields yet; write documents into it first", field="index")
        return self._no_index()

    def names(self) -> list[str]:
        """Return the names of all that can be read; those that may be seen."""
        rows = self.rows("/_cat/indices", "index")
        aliases = self.rows("/_cat/aliases", "alias")
        return sorted({str(row[name]) for found, name in ((rows, "index"), (aliases, "alias")) for row in found})

    def listed(self, path: str, **params: str) -> dict[str, Any]:
        """Return what the server lists; nothing when it has no such list, or does not allow it."""
        answer = self.http.send("GET", path, params=params, ok=(200, 400, 403, 404, 405))
        return _json(answer) if answer.status == 200 else {}

    def rows(self, path: str, columns: str) -> list[dict[str, Any]]:
        """Return a table that the server lists (``_cat``); empty when it does not allow it, or has no such list."""
        params = {"format": "json", "h": columns}
        answer = self.http.send("GET", path, params=params, ok=(200, 400, 403, 404, 405))
        try:
            found = msgspec.json.decode(answer.content) if answer.status == 200 else []
        except (msgspec.DecodeError, UnicodeDecodeError):
            return []
        return found if isinstance(found, list) else []


def _json(answer: Answer) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(answer.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _kind(document: Mapping[str, Any]) -> str:
    error = document.get("error")
    if not isinstance(error, Mapping):
        return str(error or "")
    causes = error.get("root_cause") or [error]
    return str(causes[0].get("type") if isinstance(causes[0], Mapping) else "")


def _cause(document: Mapping[str, Any]) -> str:
    """The innermost reason of an error."""
    found: Any = document.get("error")
    reason = ""
    while isinstance(found, Mapping):
        reason = str(found.get("reason") or reason) if isinstance(found.get("reason"), str) else reason
        shards = found.get("failed_shards")
        found = shards[0].get("reason") if shards else found.get("caused_by")
    return " ".join(reason.split())[:300]


def _too_much(text: str) -> TooMuchError | None:
    """The error that a message stands for, when it says that less must be asked for at once."""
    return TooMuchError(text) if any(words in text for words in _TOO_MUCH) else None
