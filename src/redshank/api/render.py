"""Records of the store as the plain values that the API answers with. NaN is null, times are texts."""

from __future__ import annotations

from typing import Any

from redshank.api.times import time_text
from redshank.panel import Key
from redshank.store.records import (
    AuditEntry,
    Comment,
    Live,
    Run,
    RunLine,
    StoredEvent,
    StoredSeries,
    Token,
    Version,
)


def key_values(key: Key) -> dict[str, Any]:
    """Return the identity of a series."""
    return {"series": str(key), "measure": key.measure, "labels": key.label_map}


def token(record: Token) -> dict[str, Any]:
    """Return a token, without what it is."""
    return {
        "id": record.id,
        "name": record.name,
        "role": record.role,
        "created": time_text(record.created_ns),
        "expires": time_text(record.expires_ns),
        "last_used": time_text(record.last_used_ns),
    }


def event(record: StoredEvent) -> dict[str, Any]:
    """Return an event."""
    return {
        "id": record.id,
        "monitor": record.monitor,
        "kind": record.kind,
        **key_values(record.key),
        "start": time_text(record.start_ns),
        "end": time_text(record.end_ns),
        "opened": time_text(record.opened_ns),
        "peak": time_text(record.peak_ns),
        "is_open": record.is_open,
        "severity": record.severity,
        "score": record.score,
        "rarity": record.rarity,
        "direction": record.direction,
        "actual": record.actual,
        "expected": record.expected,
        "lower": record.lower,
        "upper": record.upper,
        "points": record.points,
        "share": dict(record.share),
        "reason": record.reason,
        "backfill": record.backfill,
        "label": record.label,
        "acknowledged_by": record.acknowledged_by,
        "acknowledged": time_text(record.acknowledged_ns),
        "created": time_text(record.created_ns),
        "updated": time_text(record.updated_ns),
        "sequence": record.sequence,
    }


def comment(record: Comment) -> dict[str, Any]:
    """Return a comment."""
    return {"id": record.id, "at": time_text(record.at_ns), "author": record.author, "text": record.text}


def run(record: Run) -> dict[str, Any]:
    """Return a run; ``percent`` is null while the total, which may be a guess until the end, is unknown."""
    percent = round(min(100.0, 100 * record.done / record.total), 1) if record.total else None
    if record.state == "done":
        percent = 100.0
    return {
        "id": record.id,
        "monitor": record.monitor,
        "verb": record.verb,
        "state": record.state,
        "start": time_text(record.start_ns),
        "end": time_text(record.end_ns),
        "params": dict(record.params),
        "due": time_text(record.due_ns),
        "created": time_text(record.created_ns),
        "started": time_text(record.started_ns),
        "finished": time_text(record.finished_ns),
        "deadline": time_text(record.deadline_ns),
        "seconds": _seconds(record.started_ns, record.finished_ns),
        "attempt": record.attempt,
        "done": record.done,
        "total": record.total or None,
        "percent": percent,
        "remaining_seconds": record.remaining_seconds,
        "result": record.result,
        "error": record.error,
    }


def _seconds(start_ns: int | None, end_ns: int | None) -> float | None:
    return None if start_ns is None or end_ns is None else (end_ns - start_ns) / 1e9


def run_line(record: RunLine) -> dict[str, Any]:
    """Return a line of the log of a run."""
    return {
        "sequence": record.sequence,
        "at": time_text(record.at_ns),
        "level": record.level,
        "text": record.text,
    }


def series(record: StoredSeries, monitor: str) -> dict[str, Any]:
    """Return a series of a monitor."""
    return {
        "id": f"{record.monitor_id}.{record.id}",
        "monitor": monitor,
        **key_values(record.key),
        "first": time_text(record.first_ns),
        "last": time_text(record.last_ns),
    }


def version(record: Version) -> dict[str, Any]:
    """Return what one training made."""
    return {
        "number": record.number,
        "detector": record.detector,
        "params": dict(record.params),
        "start": time_text(record.start_ns),
        "cursor": time_text(record.cursor_ns),
        "series": record.n_series,
        "size_bytes": record.size_bytes,
        "created": time_text(record.created_ns),
        "note": record.note,
        "is_live": record.is_live,
    }


def live(record: Live | None) -> dict[str, Any]:
    """Return where a monitor stands; all null before its first tick."""
    if record is None:
        return {"cursor": None, "ticked": None, "version": None, "points": 0, "error": None}
    return {
        "cursor": time_text(record.cursor_ns),
        "ticked": time_text(record.ticked_ns),
        "version": record.version,
        "points": record.points,
        "error": record.error,
    }


def audit_entry(record: AuditEntry) -> dict[str, Any]:
    """Return who changed what."""
    return {
        "id": record.id,
        "at": time_text(record.at_ns),
        "actor": record.actor,
        "action": record.action,
        "kind": record.kind,
        "name": record.name,
        "detail": dict(record.detail),
    }
