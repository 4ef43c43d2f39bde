"""Events: found, judged by people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from redshank.errors import ConfigError, RedshankError
from redshank.service.actor import Actor
from redshank.service.audit import Audit
from redshank.store.events import EventFilter, Label
from redshank.store.records import Comment, Page, StoredEvent
from redshank.store.store import Store

MOST_AT_ONCE = 1000
LONGEST_COMMENT = 10_000


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What to do with events; None = leave it. ``label`` "none" takes the label away."""

    acknowledged: bool | None = None
    label: str | None = None
    comment: str | None = None


@dataclass(frozen=True, kw_only=True)
class NotJudged:
    """An event that could not be judged, and why."""

    id: str
    error: RedshankError


Labeled = Callable[[StoredEvent], None]


class Events:
    """All events."""

    def __init__(self, store: Store, audit: Audit, *, labeled: Labeled) -> None:
        """``labeled`` is told each event that got or lost a label, so that its monitor learns from it."""
        self._store, self._audit, self._labeled = store, audit, labeled

    def list(
        self, wanted: EventFilter, *, limit: int = 100, cursor: str | None = None, sort: str | None = None
    ) -> Page:
        """Return a page of events, newest first."""
        return self._store.events.list(wanted, limit=limit, cursor=cursor, sort=sort or "-start")

    def get(self, event_id: str) -> StoredEvent:
        """Return one event; NotFoundError when there is none."""
        return self._store.events.get(event_id)

    def acknowledge(self, event_id: str, is_seen: bool, *, actor: Actor) -> StoredEvent:
        """Say that somebody has seen it, or take that back."""
        event = self._store.events.acknowledge(event_id, actor.name if is_seen else None)
        self._audit.note(actor.name, "acknowledge" if is_seen else "unacknowledge", "events", event_id, {})
        return event

    def label(self, event_id: str, label: Label | None, *, actor: Actor) -> StoredEvent:
        """Say what it really was, or take that back with None; the monitor goes by it at once."""
        event = self._store.events.label(event_id, label)
        self._audit.note(actor.name, "label", "events", event_id, {"label": label})
        self._labeled(event)
        return event

    def comment(self, event_id: str, text: str, *, actor: Actor) -> Comment:
        """Add a comment of the one who asks."""
        if not 0 < len(text.strip()) <= LONGEST_COMMENT:
            raise ConfigError(f"comment: text: must be 1 to {LONGEST_COMMENT:,} characters", field="text")
        made = self._store.events.comment(event_id, actor.name, text)
        self._audit.note(actor.name, "comment", "events", event_id, {})
        return made

    def comments(self, event_id: str) -> Sequence[Comment]:
        """Return the comments on an event, oldest first."""
        self._store.events.get(event_id)
        return self._store.events.comments(event_id)

    def judge(
        self, event_ids: Sequence[str], judgement: Judgement, *, actor: Actor
    ) -> tuple[Sequence[StoredEvent], Sequence[NotJudged]]:
        """Do one thing with many events; return those judged, and those that could not be."""
        if not 0 < len(event_ids) <= MOST_AT_ONCE:
            raise ConfigError(f"ids: must be 1 to {MOST_AT_ONCE:,}, got {len(event_ids):,}", field="ids")
        done, failed = [], []
        for event_id in dict.fromkeys(event_ids):
            try:
                done.append(self._judge(event_id, judgement, actor))
            except RedshankError as error:
                failed.append(NotJudged(id=event_id, error=error))
        return done, failed

    def _judge(self, event_id: str, judgement: Judgement, actor: Actor) -> StoredEvent:
        event = self._store.events.get(event_id)
        if judgement.acknowledged is not None:
            event = self.acknowledge(event_id, judgement.acknowledged, actor=actor)
        if judgement.label is not None:
            event = self.label(event_id, label_of(judgement.label), actor=actor)
        if judgement.comment is not None:
            self.comment(event_id, judgement.comment, actor=actor)
        return event


def label_of(text: str) -> Label | None:
    """Return a label; None for "none"; ConfigError for others."""
    if text == "none":
        return None
    if text not in ("true", "false", "expected"):
        raise ConfigError(f"label: must be true, false, expected or none, got {text!r}", field="label")
    return text  # type: ignore[return-value]
