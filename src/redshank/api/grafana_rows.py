"""What is kept as the flat rows that Grafana reads; times are milliseconds since 1970, NaN is null."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from redshank.service.series import Course
from redshank.store.records import StoredEvent, StoredSeries

MS_NS = 1_000_000
SHOWN = {"value": "actual", "expected": "expected", "lower": "lower", "upper": "upper"}
WORDS = {
    "missing": "missing",
    "flat": "does not change",
    "stale": "stale",
    "new": "new",
    "source_down": "source is down",
}


def series_row(monitor: str, record: StoredSeries) -> dict[str, Any]:
    """Return a series as a choice of a variable."""
    return {
        "__text": str(record.key),
        "__value": f"{record.monitor_id}.{record.id}",
        "monitor": monitor,
        "measure": record.key.measure,
        "labels": ", ".join(f"{name}={value}" for name, value in record.key.labels),
        "last": record.last_ns // MS_NS,
    }


def point_rows(course: Course) -> Iterator[dict[str, Any]]:
    """Yield the points of a series by channel and time."""
    columns = course.frame.to_dict(as_series=False)
    for channel in _channels(columns):
        suffix = f".{channel}" if channel else ""
        name = f"{course.series.key} {channel}".rstrip()
        lists = {ours: columns.get(theirs + suffix) for theirs, ours in SHOWN.items()}
        for i, time in enumerate(course.frame["time"].to_physical().to_list()):
            numbers = {ours: None if given is None else given[i] for ours, given in lists.items()}
            score = columns["score"][i] if "score" in columns else None
            yield {"time": time // MS_NS, "series": name, **numbers, "score": score}


def _channels(columns: dict[str, list[Any]]) -> list[str]:
    """Names of the channels; that of an only one is empty."""
    found = [name.partition(".")[2] for name in columns if name.partition(".")[0] == "value"]
    return found or [""]


def event_row(event: StoredEvent) -> dict[str, Any]:
    """Return an event as a row of a table."""
    return {
        "time": event.start_ns // MS_NS,
        "timeEnd": event.end_ns // MS_NS,
        "monitor": event.monitor,
        "kind": event.kind,
        "series": str(event.key),
        "severity": event.severity,
        "score": event.score,
        "actual": event.actual,
        "expected": event.expected,
        "direction": event.direction,
        "reason": event.reason,
        "is_open": event.is_open,
        "label": event.label,
        "id": event.id,
    }


def annotation(event: StoredEvent) -> dict[str, Any]:
    """Return an event as an annotation."""
    said = {"up": "too high", "down": "too low"}.get(event.direction, "unusual")
    tags = [event.monitor.replace(",", " "), event.kind, event.direction.replace("unknown", "")]
    return {
        "time": event.start_ns // MS_NS,
        "timeEnd": event.end_ns // MS_NS,
        "isRegion": event.end_ns > event.start_ns,
        "title": f"{event.key} {WORDS.get(event.kind, said)} ({event.severity})",
        "text": event.reason,
        "tags": ",".join(filter(None, tags)),
        "id": event.id,
    }
