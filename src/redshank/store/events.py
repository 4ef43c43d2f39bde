"""Events as kept: written by ticks and trainings, judged by people, read as lists and as a stream of changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, literal_column, select, update

from redshank.errors import ConfigError, NotFoundError
from redshank.store.columns import clean_text
from redshank.store.database import Database
from redshank.store.pages import check_limit, page_of
from redshank.store.records import Comment, EventKind, Fence, Page, StoredEvent
from redshank.store.rows import as_record, as_row, key_from_json, key_to_json, upsert
from redshank.store.tables import LONG_NS, comments, events

Label = Literal["true", "false", "expected"]
JUDGED = ("label", "acknowledged_by", "acknowledged_ns", "created_ns", "backfill")  # not the detector's to change
COLUMNS = [column for column in events.columns if column.name != "series"]
ORDERS = {"start": (events.c.start_ns, events.c.id), "updated": (events.c.sequence,)}
BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class EventFilter:
    """Which events; None or () = all. ``start_ns`` <= t < ``end_ns`` is touched by the event.

    ``text``: occurs in the series as written, such as ``cpu{host=a}``, whatever the case. ``label``: "none" = those
    that nobody has labeled.
    """

    monitor_ids: Sequence[str] | None = None
    kinds: Sequence[EventKind] = ()
    is_open: bool | None = None
    label: Label | Literal["none", "any"] | None = None
    acknowledged: bool | None = None
    least_severity: int | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    text: str | None = None
    backfill: bool | None = None


class Events:
    """All events."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock
        self._upsert = upsert(events, by=("id",), keep=JUDGED, is_sqlite=database.is_sqlite)

    def upsert(self, given: Sequence[StoredEvent], fence: Fence | None = None) -> None:
        """Keep new events and the new form of known ones; what people said of them stays."""
        with self._database.write(fence) as connection:
            self.write(connection, given)

    def write(self, connection: Connection, given: Sequence[StoredEvent], now_ns: int | None = None) -> dict[str, int]:
        """Do ``upsert`` inside a transaction; return the sequence of each event by its id.

        ``now_ns``: when they are said to change, None = by the clock.
        """
        if not given:
            return {}
        first, at_ns = self._database.numbers(connection, "events", len(given)), now_ns or self._clock()
        connection.execute(self._upsert, [_row(event, first + i, at_ns) for i, event in enumerate(given)])
        return {event.id: first + i for i, event in enumerate(given)}

    def get(self, event_id: str) -> StoredEvent:
        """Return one event; NotFoundError when there is none."""
        with self._database.read() as connection:
            return _one(connection, event_id)

    def list(
        self, wanted: EventFilter = EventFilter(), *, limit: int = 100, cursor: str | None = None, sort: str = "-start"
    ) -> Page:
        """Return a page of events; ``sort``: start or updated, with - in front the newest first."""
        name = sort.removeprefix("-")
        if name not in ORDERS:
            raise ConfigError(f"sort: must be start, -start, updated or -updated, got {sort!r}", field="sort")
        queries = [select(*COLUMNS).where(*_conditions(wanted), *part) for part in _parts(wanted.start_ns)]
        with self._database.read() as connection:
            return page_of(
                connection, queries, ORDERS[name], _event, limit=limit, cursor=cursor, descending=sort.startswith("-")
            )

    def changes(self, after: int, *, limit: int = 100) -> Sequence[StoredEvent]:
        """Return the events changed after a sequence, each in its newest form, in the order of their changes."""
        check_limit(limit)
        query = select(*COLUMNS).where(events.c.sequence > after).order_by(events.c.sequence).limit(limit)
        with self._database.read() as connection:
            return [_event(row) for row in connection.execute(query)]

    def newest(self) -> int:
        """Return the highest sequence there is; 0 when there is no event."""
        query = select(events.c.sequence).order_by(events.c.sequence.desc()).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).scalar() or 0

    def open_counts(self) -> dict[str, int]:
        """Return how many events are open, by kind."""
        query = select(events.c.kind, func.count()).where(events.c.is_open).group_by(events.c.kind)
        with self._database.read() as connection:
            return {kind: count for kind, count in connection.execute(query)}

    def open_of(self, monitor_id: str) -> Sequence[StoredEvent]:
        """Return the open events of a monitor, oldest first."""
        mine = select(*COLUMNS).where(events.c.is_open, events.c.monitor_id == monitor_id).order_by(events.c.start_ns)
        with self._database.read() as connection:
            return [_event(row) for row in connection.execute(mine)]

    def acknowledge(self, event_id: str, who: str | None) -> StoredEvent:
        """Say that a person has seen it; None takes it back. Return the event."""
        return self._judge(event_id, acknowledged_by=who, acknowledged_ns=None if who is None else self._clock())

    def label(self, event_id: str, label: Label | None) -> StoredEvent:
        """Say what it really was; None takes it back. Return the event."""
        if label is not None and label not in get_args(Label):
            raise ConfigError(f"label: must be true, false or expected, got {label!r}", field="label")
        return self._judge(event_id, label=label)

    def comment(self, event_id: str, author: str, text: str) -> Comment:
        """Add a comment; return it."""
        row = {"event_id": event_id, "at_ns": self._clock(), "author": author, "text": text}
        with self._database.write() as connection:
            _one(connection, event_id)
            added = connection.execute(insert(comments).values(**row).returning(*comments.columns)).one()
            self._touch(connection, event_id, {})
        return as_record(Comment, added)

    def comments(self, event_id: str) -> Sequence[Comment]:
        """Return the comments on an event, oldest first."""
        query = select(comments).where(comments.c.event_id == event_id).order_by(comments.c.id)
        with self._database.read() as connection:
            return [as_record(Comment, row) for row in connection.execute(query)]

    def prune(self, before_ns: int, monitor_ids: Sequence[str] | None = None) -> int:
        """Drop closed events (of some monitors) that ended before a time, a part at a time; return how many went.

        One that was found later than that, in a file of the past, stays until its finding is as old.
        """
        old = [events.c.end_ns < before_ns, ~events.c.is_open, events.c.start_ns < before_ns]
        old.append(events.c.created_ns < before_ns)
        if monitor_ids is not None:
            old.append(events.c.monitor_id.in_(monitor_ids))
        return drop_in_parts(self._database, events, *old)

    def _judge(self, event_id: str, **values: Any) -> StoredEvent:
        with self._database.write() as connection:
            _one(connection, event_id)
            self._touch(connection, event_id, values)
            return _one(connection, event_id)

    def _touch(self, connection: Connection, event_id: str, values: dict[str, Any]) -> None:
        sequence = self._database.numbers(connection, "events", 1)
        changed = update(events).where(events.c.id == event_id)
        connection.execute(changed.values(**values, sequence=sequence, updated_ns=self._clock()))


def event_of(values: Mapping[str, Any]) -> StoredEvent:
    """Return the event of the values of ``COLUMNS``."""
    return StoredEvent(**{**values, "key": key_from_json(values["key"])})


def _event(row: Row[Any]) -> StoredEvent:
    return event_of(dict(row._mapping))


def drop_in_parts(database: Database, table: Any, *conditions: ColumnElement[bool]) -> int:
    """Delete rows of a table with an ``id``, a thousand in a transaction so that nobody waits long; return how many."""
    gone = 0
    while True:
        some = select(table.c.id).where(*conditions).limit(BATCH)
        with database.write() as connection:
            count = connection.execute(delete(table).where(table.c.id.in_(some.scalar_subquery()))).rowcount
        gone += count
        if count < BATCH:
            return gone


def _row(event: StoredEvent, sequence: int, now_ns: int) -> dict[str, Any]:
    row = as_row(event)
    row["key"] = key_to_json(event.key)
    row["series"] = str(event.key).lower()
    row["share"] = dict(event.share)
    row["sequence"], row["updated_ns"] = sequence, now_ns
    row["created_ns"] = event.created_ns or now_ns
    return row


def _one(connection: Connection, event_id: str) -> StoredEvent:
    row = connection.execute(select(*COLUMNS).where(events.c.id == clean_text(event_id))).first()
    if row is None:
        raise NotFoundError(f"event {event_id!r}: not found")
    return _event(row)


def _conditions(wanted: EventFilter) -> list[ColumnElement[bool]]:
    table = events.c
    found: list[ColumnElement[bool] | None] = [
        None if wanted.monitor_ids is None else table.monitor_id.in_(wanted.monitor_ids),
        table.kind.in_(wanted.kinds) if wanted.kinds else None,
        None if wanted.is_open is None else (table.is_open if wanted.is_open else ~table.is_open),
        _labeled(wanted.label),
        None if wanted.acknowledged is None else _is_there(table.acknowledged_ns, wanted.acknowledged),
        None if wanted.least_severity is None else table.severity >= wanted.least_severity,
        None if wanted.end_ns is None else table.start_ns < wanted.end_ns,
        table.series.contains(clean_text(wanted.text.lower()), autoescape=True) if wanted.text else None,
        None if wanted.backfill is None else (table.backfill if wanted.backfill else ~table.backfill),
    ]
    return [condition for condition in found if condition is not None]


def _parts(start_ns: int | None) -> list[list[ColumnElement[bool]]]:
    """Return the conditions of two queries that together find what goes on after a time.

    Short events begin near it, long ones are in an index of their own; asked for at once, all older events would be
    looked through.
    """
    if start_ns is None:
        return [[]]
    near = events.c.start_ns >= start_ns - LONG_NS
    goes_on = (events.c.end_ns > start_ns) | events.c.is_open
    is_long = events.c.is_open | (events.c.end_ns - events.c.start_ns > literal_column(str(LONG_NS)))
    return [[near, goes_on], [~near, goes_on, is_long]]


def _is_there(column: ColumnElement[Any], wanted: bool) -> ColumnElement[bool]:
    return column.is_not(None) if wanted else column.is_(None)


def _labeled(label: str | None) -> ColumnElement[bool] | None:
    if label is None:
        return None
    if label in ("none", "any"):
        return events.c.label.is_(None) if label == "none" else events.c.label.is_not(None)
    return (events.c.label == label) & events.c.label.is_not(None)
