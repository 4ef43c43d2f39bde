"""Sources, sinks, schedules, templates and monitors: what all of them can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from redshank.client.answers import Checked, Declaration, Delivery, Page
from redshank.client.described import Described
from redshank.client.lists import PAGE, all_pages, equal, page_request
from redshank.client.operations import Group, Mode, operation, stream
from redshank.client.request import Flow, Received, Request, as_json, encode, nothing, place, plain
from redshank.errors import ConfigError

_META = ("id", "revision", "created", "updated", "origin")


def declaration(given: Mapping[str, Any]) -> Declaration:
    """Return a declaration of the JSON that the server answers."""
    meta = given.get("meta") or {}
    known = {name: meta[name] for name in _META if name in meta}
    spec = {name: value for name, value in given.items() if name != "meta"}
    return msgspec.convert({**known, "name": given["name"], "spec": spec}, Declaration)


def read_declaration(received: Received) -> Declaration:
    """Read one declaration."""
    return declaration(msgspec.json.decode(received.body))


def _read_page(received: Received) -> Page[Declaration]:
    given = msgspec.json.decode(received.body)
    return Page(items=[declaration(item) for item in given["items"]], next_cursor=given["next_cursor"])


def _validated(is_validated: bool) -> list[tuple[str, str]]:
    return [] if is_validated else [("validate", "false")]


def _match(etag: str | None) -> dict[str, str]:
    return {} if etag is None else {"If-Match": etag}


class Declarations(Group[Mode]):
    """Declarations of one kind. ``validate=False`` saves without reaching sources and estimating the cost.

    ``etag``: of a ``Declaration`` that was read; what somebody else changed since is not overwritten (RevisionError).
    """

    kind: ClassVar[str]

    @operation
    def list(
        self,
        *,
        name: str | None = None,
        origin: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
        sort: str | None = None,
        filter: Mapping[str, str] | None = None,
    ) -> Request[Page[Declaration]]:
        """Return a page. ``name``: occurs in the name; ``filter``: fields and their values."""
        where = _where(name, origin, filter)
        return page_request(place(self.kind), _read_page, limit=limit, cursor=cursor, sort=sort, where=where)

    @stream
    def iterate(
        self,
        *,
        name: str | None = None,
        origin: str | None = None,
        sort: str | None = None,
        filter: Mapping[str, str] | None = None,
    ) -> Flow[Declaration]:
        """Give all, page after page."""
        where, path = _where(name, origin, filter), place(self.kind)
        return all_pages(
            lambda cursor: page_request(path, _read_page, limit=PAGE, cursor=cursor, sort=sort, where=where)
        )

    @operation
    def get(self, name: str) -> Request[Declaration]:
        """Return one; NotFoundError with the near names when there is none."""
        return Request(method="GET", path=place(self.kind, name), read=read_declaration)

    @operation
    def create(self, spec: Mapping[str, Any], *, validate: bool = True) -> Request[Declaration]:
        """Make one; ConflictError when the name is taken."""
        return Request(
            method="POST",
            path=place(self.kind),
            read=read_declaration,
            params=_validated(validate),
            body=encode(dict(spec)),
            once=True,
        )

    @operation
    def replace(
        self, name: str, spec: Mapping[str, Any], *, etag: str | None = None, validate: bool = True
    ) -> Request[Declaration]:
        """Put another in its place, or make it; another name in ``spec`` renames it."""
        return Request(
            method="PUT",
            path=place(self.kind, name),
            read=read_declaration,
            params=_validated(validate),
            headers=_match(etag),
            body=encode(dict(spec)),
        )

    @operation
    def change(
        self, name: str, fields: Mapping[str, Any], *, etag: str | None = None, validate: bool = True
    ) -> Request[Declaration]:
        """Change some fields; None takes one away, mappings are merged."""
        return Request(
            method="PATCH",
            path=place(self.kind, name),
            read=read_declaration,
            params=_validated(validate),
            headers=_match(etag),
            body=encode(dict(fields)),
        )

    @operation
    def delete(self, name: str, *, etag: str | None = None) -> Request[None]:
        """Delete one; ConflictError names those that use it."""
        return Request(method="DELETE", path=place(self.kind, name), read=nothing, headers=_match(etag))


def _where(name: str | None, origin: str | None, more: Mapping[str, str] | None) -> list[str]:
    return [
        *equal("name", name),
        *equal("origin", origin),
        *(condition for field, value in (more or {}).items() for condition in equal(field, value)),
    ]


def _target(path: str | None, query: str | None, table: str | None, index: str | None) -> list[tuple[str, str]]:
    given = (("path", path), ("query", query), ("table", table), ("index", index))
    return [(name, value) for name, value in given if value is not None]


class Sources(Declarations[Mode]):
    """Where points come from. ``path``, ``query``, ``table``, ``index``: what a monitor would read of one."""

    kind = "sources"

    @operation
    def check(
        self,
        name: str,
        *,
        path: str | None = None,
        query: str | None = None,
        table: str | None = None,
        index: str | None = None,
    ) -> Request[Checked]:
        """Reach it and read one row; what is wrong is in the answer."""
        params = _target(path, query, table, index)
        return Request(
            method="POST", path=place("sources", name, "check"), read=as_json(Checked), params=params, once=True
        )

    @operation
    def describe(
        self,
        name: str,
        *,
        path: str | None = None,
        query: str | None = None,
        table: str | None = None,
        index: str | None = None,
    ) -> Request[Described]:
        """Say what there is in it, and what its last days hold: measures, labels, the time, the step."""
        params = _target(path, query, table, index)
        return Request(method="GET", path=place("sources", name, "describe"), read=as_json(Described), params=params)

    @operation
    def preview(
        self,
        name: str,
        *,
        rows: int = 10,
        path: str | None = None,
        query: str | None = None,
        table: str | None = None,
        index: str | None = None,
    ) -> Request[dict[str, Any]]:
        """Return its first rows as they stand there."""
        params = [("rows", str(rows)), *_target(path, query, table, index)]
        return Request(method="GET", path=place("sources", name, "preview"), read=plain, params=params)

    @operation
    def check_new(self, spec: Mapping[str, Any]) -> Request[Checked]:
        """Check a source as it would be declared, which is not kept."""
        return Request(method="POST", path=place("sources", "check"), read=as_json(Checked), body=encode(dict(spec)))

    @operation
    def describe_new(self, spec: Mapping[str, Any]) -> Request[Described]:
        """Describe a source as it would be declared, which is not kept."""
        return Request(
            method="POST", path=place("sources", "describe"), read=as_json(Described), body=encode(dict(spec))
        )

    @operation
    def preview_new(self, spec: Mapping[str, Any], *, rows: int = 10) -> Request[dict[str, Any]]:
        """Return the first rows of a source as it would be declared, which is not kept."""
        params, body = [("rows", str(rows))], encode(dict(spec))
        return Request(method="POST", path=place("sources", "preview"), read=plain, params=params, body=body)


class Sinks(Declarations[Mode]):
    """Where events go."""

    kind = "sinks"

    @operation
    def check(self, name: str, *, send: bool = True) -> Request[Checked]:
        """Send it a test event, or with ``send`` False only find out whether one could be."""
        params = [] if send else [("send", "false")]
        return Request(
            method="POST", path=place("sinks", name, "check"), read=as_json(Checked), params=params, once=True
        )

    @stream
    def deliveries(self, name: str, *, state: Literal["waiting", "dead"] | str | None = None) -> Flow[Delivery]:
        """Give the events that it has not taken: those that wait, and the dead letters."""
        path, where = place("sinks", name, "deliveries"), equal("state", state)
        read = as_json(Page[Delivery])
        return all_pages(lambda cursor: page_request(path, read, limit=PAGE, cursor=cursor, sort=None, where=where))

    @operation
    def replay(self, name: str, event_ids: Sequence[str] | None = None) -> Request[int]:
        """Deliver dead letters again, those of some events or (None) all; return how many."""
        body = encode({} if event_ids is None else {"events": list(event_ids)})
        path = place("sinks", name, "replay")
        return Request(method="POST", path=path, read=_count("replayed"), body=body, once=True)

    @operation
    def drop(self, name: str, event_ids: Sequence[str] | None = None) -> Request[int]:
        """Drop dead letters, those of some events or (None) all; return how many."""
        if event_ids is not None and not event_ids:
            raise ConfigError("event_ids: must name an event, got none; None drops all", field="event_ids")
        params = [("event", each) for each in event_ids or ()]
        path = place("sinks", name, "deliveries")
        return Request(method="DELETE", path=path, read=_count("dropped"), params=params)


def _count(field: str) -> Callable[[Received], int]:
    return lambda received: int(plain(received)[field])


class Schedules(Declarations[Mode]):
    """When to run, by name."""

    kind = "schedules"


class Templates(Declarations[Mode]):
    """Monitors that differ in a few values."""

    kind = "templates"
