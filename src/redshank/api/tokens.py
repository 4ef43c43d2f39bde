"""Routes of tokens and of the audit log: for admins."""

from __future__ import annotations

import hashlib

from starlette.responses import Response

from redshank.api.answers import Json, nothing
from redshank.api.bodies import JsonBody
from redshank.api.listing import Listed
from redshank.api.render import audit_entry, token
from redshank.api.route import Called, Routes, Shape, page_of
from redshank.api.schemas import AuditAnswer, NewToken, TokenAnswer, TokenBody
from redshank.api.times import datetime_ns
from redshank.errors import ConfigError, RevisionError
from redshank.specs.reading import read_spec
from redshank.store.records import Token

EXAMPLE = {
    "id": "06f3k2m9q1x7c4d8b2",
    "name": "grafana",
    "role": "view",
    "created": "2026-03-01T12:00:00Z",
    "expires": "2027-03-01T00:00:00Z",
    "last_used": None,
}
CHANGE = {
    "id": 7,
    "at": "2026-03-01T12:00:00Z",
    "actor": "first",
    "action": "create",
    "kind": "monitors",
    "name": "cpu",
    "detail": {"revision": 1},
}
ONE = Shape(schema=TokenAnswer, example=EXAMPLE)
routes = Routes("tokens")


@routes.add("GET", "/tokens", role="admin", answers={200: page_of(TokenAnswer, EXAMPLE)})
def list_all(call: Called, listing: Listed) -> Response:
    """List tokens.

    By name. No filter fields.
    """
    listing.only()
    page = call.service.tokens.list(limit=listing.limit, cursor=listing.cursor)
    return listing.answer(call.request, page, token)


@routes.add(
    "POST",
    "/tokens",
    role="admin",
    body=Shape(schema=TokenBody, example={"name": "grafana", "role": "view", "expires": "2027-03-01T00:00:00Z"}),
    answers={201: Shape(schema=NewToken, example={**EXAMPLE, "token": "rsk_5Yv..."})},
    once=False,
)
def create(call: Called, body: JsonBody) -> Response:
    """Make a token.

    The answer holds the token itself, this once; what is kept is its hash. 409 when the name is taken.
    """
    given = read_spec(TokenBody, body, "token")
    expires_ns = None if given.expires is None else datetime_ns(given.expires, "expires")
    made, text = call.service.tokens.create(given.name, given.role, expires_ns, actor=call.actor)
    headers = {"Location": f"/api/v1/tokens/{made.id}", "ETag": etag(made)}
    return Json({**token(made), "token": text}, status_code=201, headers=headers)


@routes.add("GET", "/tokens/{token_id}", role="admin", answers={200: ONE})
def get(call: Called, token_id: str) -> Response:
    """Get a token.

    Without what it is, which nobody knows.
    """
    return _answer(call.service.tokens.get(token_id))


@routes.add(
    "PATCH",
    "/tokens/{token_id}",
    role="admin",
    body=Shape(schema={"type": "object"}, example={"role": "edit", "expires": None}),
    answers={200: ONE},
    headers=("If-Match",),
)
def change(call: Called, token_id: str, body: JsonBody) -> Response:
    """Change a token.

    Its name, role or end; the token itself stays. JSON Merge Patch: fields given replace, null takes the end away.
    """
    was = call.service.tokens.get(token_id)
    _must_match(call, was)
    if not isinstance(body, dict):
        raise ConfigError("body: must be an object")
    plain = token(was)
    given = read_spec(TokenBody, {**{name: plain[name] for name in TokenBody.model_fields}, **body}, "token")
    expires_ns = was.expires_ns if "expires" not in body else None
    if "expires" in body and given.expires is not None:
        expires_ns = datetime_ns(given.expires, "expires")
    return _answer(
        call.service.tokens.change(was, name=given.name, role=given.role, expires_ns=expires_ns, actor=call.actor)
    )


def etag(record: Token) -> str:
    """Return the ETag of a token: of its id and of what can be changed."""
    parts = f"{record.name}\x1f{record.role}\x1f{record.expires_ns}"
    return f'"{record.id}.{hashlib.sha256(parts.encode()).hexdigest()[:16]}"'


def _must_match(call: Called, record: Token) -> None:
    match = call.request.headers.get("if-match", "*")
    if match.strip() != "*" and etag(record) not in [tag.strip() for tag in match.split(",")]:
        raise RevisionError(f"token {record.name!r}: was changed since it was read; it is {etag(record)} now")


def _answer(record: Token) -> Json:
    return Json(token(record), headers={"ETag": etag(record), "Cache-Control": "no-cache"})


@routes.add("DELETE", "/tokens/{token_id}", role="admin", answers={204: "Deleted"}, headers=("If-Match",))
def delete(call: Called, token_id: str) -> Response:
    """Delete a token.

    It is refused from now on.
    """
    _must_match(call, call.service.tokens.get(token_id))
    call.service.tokens.delete(token_id, actor=call.actor)
    return nothing()


@routes.add("GET", "/audit", role="admin", answers={200: page_of(AuditAnswer, CHANGE)})
def audit(call: Called, listing: Listed) -> Response:
    """List changes.

    Newest first: who changed what, secrets hidden. Filter fields: actor, kind.
    """
    given = listing.only("actor", "kind")
    page = call.service.audit.list(
        limit=listing.limit, cursor=listing.cursor, actor=given.get("actor"), kind=given.get("kind")
    )
    return listing.answer(call.request, page, audit_entry)
