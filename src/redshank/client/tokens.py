"""Tokens and the audit log: for admins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redshank.client.answers import AuditEntry, Page, Token
from redshank.client.lists import PAGE, Moment, all_pages, equal, moment_text, page_request
from redshank.client.operations import Group, Mode, operation, stream
from redshank.client.request import Flow, Request, as_json, encode, nothing, place


class Tokens(Group[Mode]):
    """API tokens."""

    @operation
    def list(self, *, limit: int = 100, cursor: str | None = None) -> Request[Page[Token]]:
        """Return a page, by name."""
        return page_request(place("tokens"), as_json(Page[Token]), limit=limit, cursor=cursor, sort=None, where=())

    @stream
    def iterate(self) -> Flow[Token]:
        """Give all, page after page."""
        return all_pages(
            lambda cursor: page_request(
                place("tokens"), as_json(Page[Token]), limit=PAGE, cursor=cursor, sort=None, where=()
            )
        )

    @operation
    def create(self, name: str, role: str = "view", *, expires: Moment | None = None) -> Request[Token]:
        """Make one; its ``token`` is shown this once. ``role``: view, edit or admin; ``expires`` None = never."""
        given = {"name": name, "role": role, "expires": None if expires is None else moment_text(expires)}
        return Request(method="POST", path=place("tokens"), read=as_json(Token), body=encode(given))

    @operation
    def get(self, token_id: str) -> Request[Token]:
        """Return one, without what it is."""
        return Request(method="GET", path=place("tokens", token_id), read=as_json(Token))

    @operation
    def change(self, token_id: str, fields: Mapping[str, Any]) -> Request[Token]:
        """Change its ``name``, ``role`` or ``expires`` (None = never); the token itself stays."""
        expires = fields.get("expires")
        given = {**fields, "expires": moment_text(expires)} if expires is not None else dict(fields)
        return Request(method="PATCH", path=place("tokens", token_id), read=as_json(Token), body=encode(given))

    @operation
    def delete(self, token_id: str) -> Request[None]:
        """Make one void."""
        return Request(method="DELETE", path=place("tokens", token_id), read=nothing)


class Audit(Group[Mode]):
    """The log of changes."""

    @operation
    def list(
        self, *, actor: str | None = None, kind: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> Request[Page[AuditEntry]]:
        """Return a page, newest first."""
        where = [*equal("actor", actor), *equal("kind", kind)]
        return page_request(
            place("audit"), as_json(Page[AuditEntry]), limit=limit, cursor=cursor, sort=None, where=where
        )

    @stream
    def iterate(self, *, actor: str | None = None, kind: str | None = None) -> Flow[AuditEntry]:
        """Give all, page after page."""
        where = [*equal("actor", actor), *equal("kind", kind)]
        return all_pages(
            lambda cursor: page_request(
                place("audit"), as_json(Page[AuditEntry]), limit=PAGE, cursor=cursor, sort=None, where=where
            )
        )
