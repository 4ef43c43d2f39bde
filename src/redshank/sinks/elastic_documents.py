"""Events and points as documents of Elasticsearch and OpenSearch."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from redshank.decide import Event
from redshank.panel import Key
from redshank.reasons import number
from redshank.sinks.base import Notification, ScoreBlock
from redshank.sinks.series_points import NUMBERS, series_points


def event_document(one: Notification) -> dict[str, Any]:
    """Return an event; unknown numbers are None."""
    event = one.event
    numbers = ("score", "rarity", "actual", "expected", "lower", "upper")
    return {
        "@timestamp": _time(event.start),
        **{name: _time(getattr(event, name)) for name in ("start", "end", "opened", "peak")},
        "id": event.id,
        "monitor": one.monitor,
        "kind": one.kind,
        **identity(event.key),
        "severity": event.severity,
        "direction": event.direction,
        **{name: _known(getattr(event, name)) for name in numbers},
        "points": event.points,
        "is_open": event.is_open,
        "reason": event.reason,
        "channels": list(event.share),
        "tags": list(one.tags),
        "url": one.url,
    }


def loudml_document(one: Notification) -> dict[str, Any]:
    """Return an event as Loud ML wrote it into ``.loudml-anomalies``; scores are our severities, times milliseconds."""
    event = one.event
    return {
        "@timestamp": _ms(event.opened),
        "until": _ms(event.end),
        "key": event.key.labels[0][1] if len(event.key.labels) == 1 else str(event.key),
        "score": event.severity,
        "max_score": event.severity,
        "model": one.monitor,
        "uuid": loudml_id(event),
        "kind": {"up": "High", "down": "Low"}.get(event.direction, "None"),
        "description": _sentence(event),
    }


def loudml_id(event: Event) -> str:
    """Return the UUID of an event, the same each time."""
    return str(uuid5(NAMESPACE_URL, f"redshank:event:{event.id}"))


def _sentence(event: Event) -> str:
    """Say it as Loud ML did: ``High cpu. 7.5 times higher than usual. Actual=15 Typical=2``."""
    actual, expected = _known(event.actual), _known(event.expected)
    if actual is None or expected is None or event.direction == "unknown":
        return event.reason
    kind, word = ("High", "higher") if event.direction == "up" else ("Low", "lower")
    times = abs(actual / expected if event.direction == "up" else expected / actual) if actual and expected else 0.0
    ratio = f" {number(times)} times {word} than usual." if 1.0 < times < math.inf else ""
    return f"{kind} {event.key.measure}.{ratio} Actual={number(actual)} Typical={number(expected)}"


def identity(key: Key) -> dict[str, Any]:
    """Return the fields of a series; a dot in the name of a label, which would nest it, is ``_``."""
    labels = {name.replace(".", "_").strip() or "_": value for name, value in key.labels}
    return {"series": str(key), "measure": key.measure, "labels": labels}


def score_documents(block: ScoreBlock) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield time (UTC ns), id and document of each point; the id is of monitor, series and time."""
    for points in series_points(block.parts):
        text = "\x1f".join(
            [block.monitor, points.channel, points.key.measure, *(x for pair in points.key.labels for x in pair)]
        )
        series_id = hashlib.sha256(text.encode()).hexdigest()[:24]
        same = {"monitor": block.monitor, **identity(points.key)}
        if points.channel:
            same["channel"] = points.channel
        columns = [(name, getattr(points, name).tolist()) for name in NUMBERS]
        texts = np.datetime_as_string(points.times_ns.view("datetime64[ns]"), unit="ms").tolist()
        for i, time_ns in enumerate(points.times_ns.tolist()):
            document = {"@timestamp": texts[i] + "Z", **same, **{name: column[i] for name, column in columns}}
            document["anomaly"] = document["score"] >= 1.0  # NaN is not
            yield time_ns, f"{series_id}-{time_ns}", document


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
