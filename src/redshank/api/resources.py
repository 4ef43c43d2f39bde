"""Routes of declarations: the same for sources, sinks, schedules, templates and monitors."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from redshank.api.answers import Json, nothing
from redshank.api.bodies import JsonBody
from redshank.api.listing import Listed
from redshank.api.route import Call, Called, Routes, Shape, page_of
from redshank.api.times import time_text
from redshank.errors import ConfigError, RevisionError
from redshank.service.resources import SPECS, Saving
from redshank.store.records import Kind, Resource

Validated = Annotated[
    bool, Query(description="False: save without reaching the source and estimating the cost; the form is checked.")
]
EXAMPLES: dict[Kind, dict[str, Any]] = {
    "sources": {"name": "hosts", "kind": "files", "path": "hosts.csv"},
    "sinks": {"name": "results", "kind": "files", "events": "events.jsonl"},
    "schedules": {"name": "nightly", "daily": True, "at": "03:00", "tz": "Europe/Oslo"},
    "templates": {
        "name": "per-host",
        "monitor": {"name": "cpu of {{host}}", "source": "hosts", "measures": "cpu", "filter": {"host": "{{host}}"}},
        "variables": [{"host": "a"}, {"host": "b"}],
    },
    "monitors": {"name": "cpu", "source": "hosts", "measures": ["mean(cpu)"], "by": ["host"], "step": "5m"},
}
FILTERS: dict[Kind, tuple[str, ...]] = {
    "sources": ("kind",),
    "sinks": ("kind",),
    "schedules": (),
    "templates": (),
    "monitors": ("source", "detector", "enabled", "sinks", "tags"),
}
META = {
    "id": "06f3k2m9q1x7c4d8b2",
    "revision": 1,
    "created": "2026-03-01T12:00:00Z",
    "updated": "2026-03-01T12:00:00Z",
    "origin": "",
}


def _answer_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["name", "meta"],
        "properties": {"name": {"type": "string"}, "meta": {"$ref": "#/components/schemas/Meta"}},
        "additionalProperties": True,
    }


def resource(record: Resource) -> dict[str, Any]:
    """Return a declaration with what the server knows of it."""
    meta = {
        "id": record.id,
        "revision": record.revision,
        "created": time_text(record.created_ns),
        "updated": time_text(record.updated_ns),
        "origin": record.origin,
    }
    return {**record.spec, "name": record.name, "meta": meta}


def etag(record: Resource) -> str:
    """Return the ETag; the id is part of it, since a name may be given again."""
    return f'"{record.id}.{record.revision}"'


def location(kind: str, name: str) -> str:
    """Return the address of a thing."""
    return f"/api/v1/{kind}/{quote(name, safe='')}"


def _saving(call: Call, kind: Kind, name: str | None, validate: bool) -> Saving:
    """Return how to save; RevisionError when If-Match or If-None-Match does not hold."""
    match = call.request.headers.get("if-match")
    if name is None or match is None or match.strip() == "*":
        return Saving(is_checked=validate)
    current = call.service.resources.get(kind, name)
    if etag(current) not in [tag.strip() for tag in match.split(",")]:
        noun = kind.removesuffix("s")
        raise RevisionError(f"{noun} {name!r}: was changed since it was read; it is {etag(current)} now")
    return Saving(is_checked=validate, revision=current.revision)


def _given(body: Any) -> dict[str, Any]:
    """Return the declaration in a body, without the ``meta`` of an answer sent back."""
    if not isinstance(body, dict):
        raise ConfigError("body: must be an object")
    return {name: value for name, value in body.items() if name != "meta"}


def answer(record: Resource, status: int = 200) -> Json:
    """Return a declaration with its ETag, and its Location when it was made."""
    headers = {"ETag": etag(record), "Cache-Control": "no-cache"}
    if status == 201:
        headers["Location"] = location(record.kind, record.name)
    return Json(resource(record), status_code=status, headers=headers)


def _is_known(request: Request, record: Resource) -> bool:
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or etag(record) in [tag.strip().removeprefix("W/") for tag in given.split(",")]


def make_routes(kind: Kind) -> Routes:
    """Return the routes of one kind of declaration."""
    routes = Routes(kind)
    one = Shape(schema=_answer_schema(), example={**EXAMPLES[kind], "meta": META})
    sent = Shape(schema=SPECS[kind], example=EXAMPLES[kind])
    noun = kind.removesuffix("s")
    _add_reading(routes, kind, one, f"a {noun}")
    _add_making(routes, kind, one, sent)
    _add_changing(routes, kind, one, f"a {noun}")
    return routes


def _add_reading(routes: Routes, kind: Kind, one: Shape, a_noun: str) -> None:
    @routes.add(
        "GET",
        f"/{kind}",
        role="view",
        answers={200: page_of(_answer_schema(), {**EXAMPLES[kind], "meta": META})},
        summary=f"List {kind}",
        description=f"Filter fields: name (occurs in it), {', '.join(('origin', *FILTERS[kind]))}. "
        "Sort: name, created, updated.",
    )
    def list_all(call: Called, listing: Listed) -> Response:
        where = dict(listing.only("name", "origin", *FILTERS[kind]))
        found = call.service.resources.list(
            kind,
            limit=listing.limit,
            cursor=listing.cursor,
            sort=listing.sort,
            text=where.pop("name", None),
            where=where,
        )
        return listing.answer(call.request, found, resource)

    @routes.add(
        "GET",
        f"/{kind}/{{name}}",
        role="view",
        answers={200: one, 304: "Not changed since the ETag in If-None-Match"},
        headers=("If-None-Match",),
        summary=f"Get {a_noun}",
    )
    def get(call: Called, name: str) -> Response:
        """Secrets are hidden."""
        record = call.service.resources.get(kind, name)
        if _is_known(call.request, record):
            return Response(status_code=304, headers={"ETag": etag(record)})
        return answer(record)


def _add_making(routes: Routes, kind: Kind, one: Shape, sent: Shape) -> None:
    noun = kind.removesuffix("s")

    @routes.add("POST", f"/{kind}", role="edit", body=sent, answers={201: one}, summary=f"Make a {noun}")
    def create(call: Called, body: JsonBody, validate: Validated = True) -> Response:
        """It is checked whole. The answer has a Location and an ETag; 409 when the name is taken."""
        made = call.service.resources.create(kind, _given(body), actor=call.actor, saving=Saving(is_checked=validate))
        return answer(made, 201)

    @routes.add(
        "PUT",
        f"/{kind}/{{name}}",
        role="edit",
        body=sent,
        answers={200: one, 201: one},
        headers=("If-Match", "If-None-Match"),
        summary=f"Replace or make a {noun}",
    )
    def replace(call: Called, name: str, body: JsonBody, validate: Validated = True) -> Response:
        """Another `name` in the body renames. `If-None-Match: *` only makes; `If-Match` only replaces."""
        given = {"name": name, **_given(body)}
        if not call.service.resources.exists(kind, name):
            if "if-match" in call.request.headers:
                raise RevisionError(f"{noun} {name!r}: does not exist (any more)")
            saving = Saving(is_checked=validate)
            return answer(call.service.resources.create(kind, given, actor=call.actor, saving=saving), 201)
        if "if-none-match" in call.request.headers:
            raise RevisionError(f"{noun} {name!r}: exists already")
        saving = _saving(call, kind, name, validate)
        return answer(call.service.resources.replace(kind, name, given, actor=call.actor, saving=saving))


def _add_changing(routes: Routes, kind: Kind, one: Shape, a_noun: str) -> None:
    @routes.add(
        "PATCH",
        f"/{kind}/{{name}}",
        role="edit",
        body=Shape(schema={"type": "object"}, example={"tags": ["web"]} if kind == "monitors" else {"name": "other"}),
        answers={200: one},
        headers=("If-Match",),
        summary=f"Change fields of {a_noun}",
    )
    def change(call: Called, name: str, body: JsonBody, validate: Validated = True) -> Response:
        """JSON Merge Patch (RFC 7396): fields given replace, objects merge, null takes away."""
        saving = _saving(call, kind, name, validate)
        made = call.service.resources.merge(kind, name, _given(body), actor=call.actor, saving=saving)
        return answer(made)

    @routes.add(
        "DELETE",
        f"/{kind}/{{name}}",
        role="edit",
        answers={204: "Deleted"},
        headers=("If-Match",),
        summary=f"Delete {a_noun}",
    )
    def delete(call: Called, name: str) -> Response:
        """409 names the declarations that use it; they must go, or change, first."""
        saving = _saving(call, kind, name, True)
        call.service.resources.delete(kind, name, actor=call.actor, revision=saving.revision)
        return nothing()


ALL = [make_routes(kind) for kind in SPECS]
