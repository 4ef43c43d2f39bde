"""Who changed what: one line for each change, with no secret in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redshank.service.hiding import hide
from redshank.store.records import Page
from redshank.store.store import Store


class Audit:
    """The log of changes."""

    def __init__(self, store: Store) -> None:
        """Write to and read from a store."""
        self._store = store

    def note(self, actor: str, action: str, kind: str, name: str, detail: Mapping[str, Any]) -> None:
        """Keep a line; secrets in ``detail`` are hidden."""
        self._store.audit.add(actor, action, kind, name, hide(dict(detail)))

    def list(
        self, *, limit: int = 100, cursor: str | None = None, actor: str | None = None, kind: str | None = None
    ) -> Page:
        """Return a page of the log, newest first."""
        return self._store.audit.list(limit=limit, cursor=cursor, actor=actor, kind=kind)
