"""Write documents to Elasticsearch or OpenSearch by ``_bulk``: in batches, each document with an outcome of its own."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from redshank.http.client import Http
from redshank.http.patience import Patience

MOST_BYTES, MOST_DOCUMENTS = 4 << 20, 2000  # of one call
BUSY = frozenset({429, 502, 503, 504})
_CONFLICT = 409
_FOR_ALL = ("index_not_found_exception", "index_closed_exception", "cluster_block_exception", "security_exception")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, kw_only=True)
class Write:
    """One document to write.

    ``version``: that of the document, so that an older form never takes the place of a newer one; None = the last one
    written holds. ``is_new``: it is written only when there is none of that id.
    """

    index: str
    id: str
    document: Any
    version: int | None = None
    is_new: bool = False


@dataclass(frozen=True)
class Refused:
    """A document that will never be taken as it is, and why."""

    id: str
    reason: str


class Bulk:
    """Writes to one server. ``type_name``: the type of documents, for servers that have types."""

    def __init__(self, http: Http, *, type_name: str | None, refresh: bool, compress: bool) -> None:
        """Write nothing yet; ``refresh``: what is written can be searched when a call returns."""
        self._http, self._type, self._compress = http, type_name, compress
        self._params = {"refresh": "wait_for"} if refresh else {}

    def write(self, writes: Iterable[Write]) -> list[Refused]:
        """Write documents; return those refused for good, all others are there.

        A document that is there already in this or a newer form counts as written.

        Raises:
            SinkError: some could not be written for now; all may be written again.
        """
        refused: list[Refused] = []
        for batch in self._batches(writes):
            refused += self._batch(batch)
        return refused

    def _batch(self, batch: Sequence[tuple[Write, bytes]]) -> list[Refused]:
        patience = Patience(self._http.options.retries, self._http.deadline())
        refused: list[Refused] = []
        while batch:
            outcomes = self._send(b"".join(lines for _, lines in batch))
            if len(outcomes) != len(batch):
                raise self._http.fail(f"answered for {len(outcomes)} documents where {len(batch)} were written")
            waiting, reason = [], ""
            for entry, outcome in zip(batch, outcomes, strict=True):
                status = int(outcome.get("status", 0))
                if status in BUSY:
                    waiting.append(entry)
                    reason = _reason(outcome)
                elif _is_for_all(status, outcome):
                    raise self._http.fail(_remedy(outcome, entry[0].index))
                elif status >= 300 and status != _CONFLICT:
                    refused.append(Refused(entry[0].id, _reason(outcome)))
            if waiting and not patience.wait(None, lambda: 0):
                raise self._http.fail(f"is too busy: {len(waiting)} documents wait ({reason}); they are written later")
            batch = waiting
        return refused

    def _batches(self, writes: Iterable[Write]) -> Iterator[list[tuple[Write, bytes]]]:
        batch: list[tuple[Write, bytes]] = []
        size = 0
        for one in writes:
            lines = self._lines(one)
            if batch and (size + len(lines) > MOST_BYTES or len(batch) >= MOST_DOCUMENTS):
                yield batch
                batch, size = [], 0
            batch.append((one, lines))
            size += len(lines)
        if batch:
            yield batch

    def _send(self, content: bytes) -> list[dict[str, Any]]:
        headers = {"Content-Type": "application/x-ndjson"}
        if self._compress:
            content, headers = gzip.compress(content, 1), {**headers, "Content-Encoding": "gzip"}
        told = self._http.json("POST", "/_bulk", params=self._params, content=content, headers=headers, retry=True)
        return [next(iter(item.values())) for item in told.get("items", [])]

    def _lines(self, one: Write) -> bytes:
        """What to do with a document, and the document."""
        about: dict[str, Any] = {"_index": one.index, "_id": one.id}
        if self._type is not None:
            about["_type"] = self._type
        if one.version is not None:
            about |= {"version": one.version, "version_type": "external_gte"}
        verb = "create" if one.is_new else "index"
        return _encode({verb: about}) + b"\n" + _encode(one.document) + b"\n"


def _is_for_all(status: int, outcome: dict[str, Any]) -> bool:
    """Whether the fault lies with the index or with who writes, and not with the document."""
    return status in (401, 403, 404) or _type(outcome) in _FOR_ALL


def _remedy(outcome: dict[str, Any], index: str) -> str:
    remedies = {
        "index_not_found_exception": "let action.auto_create_index allow it, or make the index",
        "cluster_block_exception": "is the disk full? Free space, then lift the block of the index",
        "security_exception": "let the user write there",
    }
    hint = remedies.get(_type(outcome), "see the state of the index")
    return f"index {index!r} cannot be written: {_reason(outcome)}; {hint}"


def _type(outcome: dict[str, Any]) -> str:
    error = outcome.get("error")
    return str(error.get("type", "")) if isinstance(error, dict) else ""


def _reason(outcome: dict[str, Any]) -> str:
    """What the server says of a document, its innermost cause, in one line."""
    error = outcome.get("error")
    parts: list[str] = []
    while isinstance(error, dict) and len(parts) < 4:
        parts.append(f"{error.get('type', '')}: {error.get('reason', '')}".strip(": "))
        error = error.get("caused_by")
    text = "; ".join(dict.fromkeys(parts)) or str(error or f"status {outcome.get('status')}")
    return " ".join(text.split())[:300]
