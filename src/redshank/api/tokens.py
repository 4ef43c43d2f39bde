"""Routes of tokens and of the audit log: for admins."""

from __future__ import annotations

from starlette.responses import Response

from redshank.api.answers import Json, nothing
from redshank.api.bodies import JsonBody
from redshank.api.listing import Listed
from redshank.api.render import audit_entry, token
from redshank.api.route import Called, Routes, Shape, page_of
from redshank.api.schemas import AuditAnswer, NewToken, TokenAnswer, TokenBody
from redshank.api.times import datetime_ns
from redshank.specs.reading import read_spec

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
    headers = {"Location": f"/api/v1/tokens/{made.id}"}
    return Json({**token(made), "token": text}, status_code=201, headers=headers)


@routes.add("GET", "/tokens/{token_id}", role="admin", answers={200: ONE})
def get(call: Called, token_id: str) -> Response:
    """Get a token.

    Without what it is, which nobody knows.
    """
    return Json(token(call.service.tokens.get(token_id)))


@routes.add("DELETE", "/tokens/{token_id}", role="admin", answers={204: "Deleted"})
def delete(call: Called, token_id: str) -> Response:
    """Delete a token.

    It is refused from now on.
    """
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
