"""Write scores, events and annotations to InfluxDB 1 to 3 by its line protocol."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from redshank.errors import SinkError
from redshank.http.client import Http
from redshank.http.options import HttpOptions
from redshank.panel import to_time
from redshank.sinks.base import Notification, ScoreBlock
from redshank.sinks.influx_lines import Field as FieldValue
from redshank.sinks.influx_lines import head, label_tags, line
from redshank.sinks.monitor_sink import MonitorSink
from redshank.sinks.score_options import ScoreOptions
from redshank.sinks.series_points import series_points
from redshank.specs.options import Access, Options

BATCH = 5000  # lines of one call
EVENT_TAGS = ("id", "monitor", "kind", "measure")
SCORE_TAGS = ("monitor", "measure", "channel")
EVENT_NUMBERS = ("score", "rarity", "actual", "expected", "lower", "upper")
_PASSED_OVER = "beyond retention policy"  # points that are older than what is kept there


class InfluxdbOptions(ScoreOptions, HttpOptions):
    """Where lines go.

    ``database`` and ``retention_policy``: of InfluxDB 1. ``bucket`` and ``org``, with a token: of InfluxDB 2; for
    InfluxDB 3 ``bucket`` is the database. ``events``, ``measurement``: measurements of events and of scores; ``events``
    empty = none. ``annotations``: mark events as Chronograf and Loud ML do, in ``annotation_database`` (None = the
    same). ``create_database``: make the database if there is none (InfluxDB 1).
    """

    database: str | None = None
    retention_policy: str | None = None
    bucket: str | None = None
    org: str | None = None
    events: str = "redshank_events"
    measurement: str = Field(default="redshank_scores", min_length=1)
    annotations: bool = True
    annotation_database: str | None = None
    create_database: bool = False

    @model_validator(mode="after")
    def _one_place(self) -> InfluxdbOptions:
        if (self.database is None) == (self.bucket is None):
            raise ValueError("must name either a database (InfluxDB 1) or a bucket (InfluxDB 2 and 3)")
        if self.bucket is not None and (self.annotation_database or self.create_database or self.retention_policy):
            raise ValueError(
                "annotation_database, create_database and retention_policy are of InfluxDB 1, with database"
            )
        return self


class InfluxdbSink(MonitorSink):
    """Points whose measurement, tags and time are the same each time, so that writing twice has the effect of once."""

    kind: ClassVar[str] = "influxdb"
    Options: ClassVar[type[Options]] = InfluxdbOptions
    _options: InfluxdbOptions

    def __init__(self, options: InfluxdbOptions, http: Http, headers: Mapping[str, str]) -> None:
        """``headers``: those that sign in, where the client's own do not."""
        self._options, self._http, self._headers = options, http, headers

    @classmethod
    def build(cls, options: InfluxdbOptions, access: Access) -> Self:
        """Return the sink."""
        http = Http.of(options, access, f"influxdb {options.url}", error=SinkError)
        token = access.reveal(options.token)
        return cls(options, http, {} if token is None else {"Authorization": f"Token {token}"})

    def check(self) -> None:
        """Write nothing, as a write: so that the database, and the right to write there, are asked for."""
        for database in {self._options.database: None, self._annotation_database: None}:
            if self._options.create_database and database is not None:
                quoted = database.replace("\\", "\\\\").replace('"', '\\"')
                self._http.json("POST", "/query", params={"q": f'CREATE DATABASE "{quoted}"'}, retry=True)
            self._call(database, b"", ok=(200, 204, 400))  # 2 and 3 say that there is nothing to write

    def notify(self, notifications: Sequence[Notification]) -> None:
        """Write events, and mark them as annotations."""
        if self._options.events:
            self._write(self._options.database, (_event_line(self._options.events, one) for one in notifications))
        if self._options.annotations:
            lines = (text for one in notifications for text in _annotation_lines(one))
            self._write(self._annotation_database, lines)

    def record(self, block: ScoreBlock) -> None:
        """Write the scores of points that have a value or a score; what is older than is kept there is passed over."""
        self._write(self._options.database, _score_lines(self._options.measurement, block))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def _annotation_database(self) -> str | None:
        return self._options.annotation_database or self._options.database

    def _write(self, database: str | None, lines: Iterable[str | None]) -> None:
        batch: list[str] = []
        for text in lines:
            if text is not None:
                batch.append(text)
            if len(batch) == BATCH:
                self._send(database, batch)
                batch = []
        if batch:
            self._send(database, batch)

    def _send(self, database: str | None, lines: Sequence[str]) -> None:
        """Write lines; those that were not refused are there even when this raises.

        Raises:
            SinkError: the server refused some, for good if it is a fault of theirs.
        """
        answer = self._call(database, gzip.compress("\n".join(lines).encode(), 1), ok=(200, 204, 400))
        if answer.status == 400:
            said = _said(answer.content)
            if _PASSED_OVER not in said:
                raise SinkError(str(self._http.fail(f"refuses what is written: {said}")), permanent=True)

    def _call(self, database: str | None, content: bytes, ok: tuple[int, ...]) -> Any:
        options = self._options
        if options.bucket is not None:
            path, params = "/api/v2/write", {"bucket": options.bucket, "org": options.org, "precision": "ns"}
        else:
            path, params = "/write", {"db": database, "precision": "ns"}
            if database == options.database:
                params["rp"] = options.retention_policy
        given = {name: value for name, value in params.items() if value is not None}
        headers = {"Content-Type": "text/plain; charset=utf-8", **self._headers}
        if content:
            headers["Content-Encoding"] = "gzip"
        return self._http.send("POST", path, params=given, content=content, headers=headers, ok=ok, retry=True)


def _said(content: bytes) -> str:
    """The server's own words."""
    try:
        told = json.loads(content)
    except ValueError:
        told = {}
    text = (told.get("error") or told.get("message") if isinstance(told, dict) else None) or content.decode(
        errors="replace"
    )
    return " ".join(str(text).split())[:300]


def _event_line(measurement: str, one: Notification) -> str | None:
    event = one.event
    tags = {"id": event.id, "monitor": one.monitor, "kind": one.kind, "measure": event.key.measure}
    fields: dict[str, FieldValue] = {
        "end": _ns(event.end),
        "opened": _ns(event.opened),
        "peak": _ns(event.peak),
        "severity": event.severity,
        **{name: float(getattr(event, name)) for name in EVENT_NUMBERS},
        "points": event.points,
        "is_open": event.is_open,
        "direction": event.direction,
        "series": str(event.key),
        "reason": event.reason,
    }
    start = head(measurement, {**label_tags(event.key.labels, (*EVENT_TAGS, *fields)), **tags})
    return line(start, fields.items(), _ns(event.start))


def _annotation_lines(one: Notification) -> Iterator[str | None]:
    """An annotation stands at its end; while the event is open, at its start, where it is deleted afterwards."""
    event = one.event
    start_ns, end_ns = _ns(event.start), _ns(event.end)
    tags = {"id": event.id, "type": "redshank"}
    start = head("annotations", tags)
    said = {"up": "too high", "down": "too low"}.get(event.direction, "not normal")
    text = f"{one.monitor}: {event.key} is {said} (severity {event.severity}). {event.reason}".strip()
    fields: dict[str, FieldValue] = {
        "start_time": start_ns,
        "modified_time_ns": _ns(max(event.opened, event.end)),
        "text": text,
    }
    is_at_start = event.is_open or end_ns == start_ns
    yield line(start, {**fields, "deleted": not is_at_start}.items(), start_ns)
    if not is_at_start:
        yield line(start, {**fields, "deleted": False}.items(), end_ns)


def _score_lines(measurement: str, block: ScoreBlock) -> Iterator[str | None]:
    for points in series_points(block.parts):
        columns = points.columns()
        own = {"monitor": block.monitor, "measure": points.key.measure, "channel": points.channel}
        start = head(measurement, {**label_tags(points.key.labels, (*SCORE_TAGS, *columns)), **own})
        names, rows = list(columns), np.column_stack(list(columns.values())).tolist()
        for time_ns, row in zip(points.times_ns.tolist(), rows, strict=True):
            yield line(start, zip(names, row, strict=True), time_ns)


def _ns(moment: datetime) -> int:
    return int(to_time(moment).view(np.int64))
