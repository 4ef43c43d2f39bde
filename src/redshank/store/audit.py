"""Who changed what; entries are only added, and dropped by age."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Row, insert, select

from redshank.store.database import Database
from redshank.store.events import drop_in_parts
from redshank.store.pages import page_of
from redshank.store.records import AuditEntry, Page
from redshank.store.rows import as_record
from redshank.store.tables import audit


class Audit:
    """The log of changes."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def add(self, actor: str, action: str, kind: str, name: str, detail: Mapping[str, Any] | None = None) -> None:
        """Note a change; ``detail`` is JSON without secrets."""
        row = {"actor": actor, "action": action, "kind": kind, "name": name, "detail": detail or {}}
        with self._database.write() as connection:
            connection.execute(insert(audit), {"at_ns": self._clock(), **row})

    def list(
        self, *, limit: int = 100, cursor: str | None = None, actor: str | None = None, kind: str | None = None
    ) -> Page:
        """Return a page of the log, newest first."""
        query = select(audit)
        if actor is not None:
            query = query.where(audit.c.actor == actor)
        if kind is not None:
            query = query.where(audit.c.kind == kind)
        with self._database.read() as connection:
            return page_of(connection, [query], (audit.c.id,), _entry, limit=limit, cursor=cursor, descending=True)

    def prune(self, before_ns: int) -> int:
        """Drop entries older than a time; return how many went."""
        return drop_in_parts(self._database, audit, audit.c.at_ns < before_ns)


def _entry(row: Row[Any]) -> AuditEntry:
    return as_record(AuditEntry, row)
