"""Events on their way to sinks: seen, delivered again, dropped."""

from __future__ import annotations

from collections.abc import Sequence

from redshank.errors import NotFoundError
from redshank.service.actor import Actor
from redshank.service.audit import Audit
from redshank.store.outbox import DeliveryState
from redshank.store.records import Page
from redshank.store.store import Store


class Deliveries:
    """What waits for each sink, and its dead letters."""

    def __init__(self, store: Store, audit: Audit) -> None:
        """Read from a store."""
        self._store, self._audit = store, audit

    def list(
        self, sink: str, *, state: DeliveryState | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page:
        """Return a page of the deliveries to a sink, waiting or dead or both; NotFoundError: there is no such sink."""
        self._check(sink)
        return self._store.outbox.list(sink, state=state, limit=limit, cursor=cursor)

    def replay(self, sink: str, event_ids: Sequence[str] | None, *, actor: Actor) -> int:
        """Deliver dead letters again, those of some events or (None) all; return how many."""
        self._check(sink)
        count = self._store.outbox.replay(sink, event_ids)
        self._audit.note(actor.name, "replay", "sinks", sink, {"deliveries": count})
        return count

    def discard(self, sink: str, event_ids: Sequence[str] | None, *, actor: Actor) -> int:
        """Drop dead letters, those of some events or (None) all; return how many."""
        self._check(sink)
        count = self._store.outbox.discard(sink, event_ids)
        self._audit.note(actor.name, "discard", "sinks", sink, {"deliveries": count})
        return count

    def _check(self, sink: str) -> None:
        """NotFoundError unless the sink is declared, in a monitor, or gone with something left for it."""
        if self._store.outbox.list(sink, limit=1).items:
            return
        try:
            self._store.resources.get("sinks", sink)
        except NotFoundError:
            monitor, hash_sign, _ = sink.rpartition("#")  # the first sink written inside a monitor is MONITOR#0
            if not hash_sign:
                raise
            self._store.resources.get("monitors", monitor)
