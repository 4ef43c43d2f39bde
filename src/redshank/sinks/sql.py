"""Write events and scores into tables of any database that SQLAlchemy knows."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

import numpy as np
import sqlalchemy as sa
from pydantic import Field, model_validator

from redshank.errors import SinkError
from redshank.panel import Key
from redshank.result import Scored
from redshank.sinks.base import Notification, ScoreBlock
from redshank.sinks.monitor_sink import MonitorSink
from redshank.sinks.score_options import ScoreOptions
from redshank.sinks.sql_connect import transaction, writing_engine
from redshank.sinks.sql_tables import Tables, bring_up_to_date, tables_of, try_out
from redshank.sinks.sql_upsert import upsert
from redshank.specs.base import Duration
from redshank.specs.database_url import DatabaseOptions, shown_url
from redshank.specs.options import Access, Options

BATCH_ROWS = 5000  # in one transaction
MOST_KNOWN = 1_000_000  # series that are remembered to be in their table
NAME = r"^[^\x00-\x1f\x7f]{1,60}$"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SqlSinkOptions(ScoreOptions, DatabaseOptions):
    """Which database and tables. ``events`` false: scores only."""

    table_schema: str | None = Field(default=None, pattern=NAME)
    events: bool = True
    events_table: str = Field(default="redshank_events", pattern=NAME)
    scores_table: str = Field(default="redshank_scores", pattern=NAME)
    timeout: Duration = Field(default=timedelta(seconds=50), gt=timedelta(0))

    @model_validator(mode="after")
    def _something(self) -> SqlSinkOptions:
        if not (self.events or self.scores):
            raise ValueError("events or scores must be true, else there is nothing to write")
        if self.events_table == self.scores_table:
            raise ValueError(f"events_table and scores_table must differ, got {self.events_table!r} twice")
        return self


class SqlSink(MonitorSink):
    """Tables ``redshank_events``, ``redshank_scores`` and ``redshank_scores_series``, made at the first use.

    A row is found by its key (id of the event; series and time), and one that is there is overwritten; an event by a
    newer form only.
    """

    kind: ClassVar[str] = "sql"
    Options: ClassVar[type[Options]] = SqlSinkOptions
    _options: SqlSinkOptions

    def __init__(self, engine: sa.Engine, tables: Tables, options: SqlSinkOptions, where: str) -> None:
        """Keep what to write to; nothing is connected yet."""
        self.engine, self.tables, self.where = engine, tables, where
        self._options = options
        self._wanted = tables.wanted(events=options.events, scores=options.scores)
        self._is_ready = False
        self._known: set[str] = set()
        self._turn = threading.Lock()

    @classmethod
    def build(cls, options: SqlSinkOptions, access: Access) -> Self:
        """Return the sink; ConfigError when the address cannot be right."""
        url = options.address()
        password = access.reveal(options.password)
        if password is not None:
            url = url.set(password=password)
        engine = writing_engine(
            url,
            access,
            connect_seconds=options.connect_timeout.total_seconds(),
            seconds=options.timeout.total_seconds(),
        )
        tables = tables_of(options.events_table, options.scores_table, options.table_schema)
        return cls(engine, tables, options, f"sql {shown_url(url)}")

    def check(self) -> None:
        """Make the tables, and find out whether rows can be put in; SinkError says what the database said."""
        with transaction(self.engine, self.where) as connection:
            bring_up_to_date(connection, self.tables, self._wanted, self.where)
            for table in self._wanted:
                try_out(connection, table)

    def notify(self, notifications: Sequence[Notification]) -> None:
        """Write events, all of a batch or none."""
        if self._options.events:
            self._write(self.tables.events, [_event_row(each) for each in notifications], newest_by="sequence")

    def record(self, block: ScoreBlock) -> None:
        """Write the points that have a value or a score, one row for each channel."""
        if not self._options.scores:
            return
        for part in block.parts:
            series = _series_rows(block, part)
            self._write_series([row for rows in series for row in rows])
            for rows in _batches(_score_rows(part, series)):
                self._write(self.tables.scores, rows)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _write_series(self, rows: Sequence[Mapping[str, Any]]) -> None:
        new = [row for row in rows if row["series_id"] not in self._known]
        if not new:
            return
        self._write(self.tables.series, new)
        if len(self._known) > MOST_KNOWN:
            self._known = set()
        self._known |= {row["series_id"] for row in new}

    def _write(self, table: sa.Table, rows: Sequence[Mapping[str, Any]], newest_by: str | None = None) -> None:
        if not rows:
            return
        self._make_ready()
        try:
            with transaction(self.engine, self.where) as connection:
                upsert(connection, table, rows, newest_by=newest_by)
        except SinkError:
            self._is_ready, self._known = False, set()  # the tables may be gone
            raise

    def _make_ready(self) -> None:
        with self._turn:
            if self._is_ready:
                return
            with transaction(self.engine, self.where) as connection:
                bring_up_to_date(connection, self.tables, self._wanted, self.where)
            self._is_ready = True


def _event_row(told: Notification) -> dict[str, Any]:
    event = told.event
    same = (
        "id",
        "is_open",
        "severity",
        "direction",
        "score",
        "actual",
        "expected",
        "lower",
        "upper",
        "rarity",
        "points",
    )
    return {
        **{name: getattr(event, name) for name in same},
        **_identity(event.key),
        "monitor": told.monitor,
        "monitor_id": told.monitor_id,
        "kind": told.kind,
        "start_time": event.start,
        "end_time": event.end,
        "opened_time": event.opened,
        "peak_time": event.peak,
        "share": _json(event.share),
        "reason": event.reason,
        "tags": _json(list(told.tags)),
        "url": told.url,
        "label": told.label,
        "acknowledged_by": told.acknowledged_by,
        "sequence": told.sequence,
    }


def _identity(key: Key) -> dict[str, str]:
    return {"series": str(key), "measure": key.measure, "labels": _json(key.label_map)}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _series_rows(block: ScoreBlock, part: Scored) -> list[list[dict[str, str]]]:
    """The rows of the series of a panel, by series and channel."""
    owner = block.monitor_id or block.monitor
    return [
        [
            {
                "series_id": _series_id(owner, key, channel),
                "monitor": block.monitor,
                "monitor_id": block.monitor_id,
                **_identity(key),
                "channel": channel,
            }
            for channel in part.panel.channels
        ]
        for key in part.panel.keys
    ]


def _series_id(owner: str, key: Key, channel: str) -> str:
    """The same for the same series of the same monitor, wherever it is made."""
    text = json.dumps([owner, key.measure, key.labels, channel])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _score_rows(part: Scored, series: Sequence[Sequence[Mapping[str, str]]]) -> Iterator[dict[str, Any]]:
    panel, scores = part.panel, part.scores
    moments = [_EPOCH + timedelta(microseconds=int(us)) for us in panel.times.astype("datetime64[us]").astype(np.int64)]
    for row in range(panel.n_series):
        for channel in range(len(panel.channels)):
            columns = {
                "actual": panel.values[row, :, channel],
                "expected": scores.expected[row, :, channel],
                "lower": scores.lower[row, :, channel],
                "upper": scores.upper[row, :, channel],
                "score": scores.score[row],
                "rarity": scores.rarity[row],
            }
            said = ~(np.isnan(columns["actual"]) & np.isnan(columns["score"]))
            lists = {name: column.tolist() for name, column in columns.items()}
            series_id = series[row][channel]["series_id"]
            for i in np.flatnonzero(said):
                yield {"series_id": series_id, "time": moments[i], **{name: lists[name][i] for name in lists}}


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch
