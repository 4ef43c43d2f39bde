"""Events on their way to sinks: put in together with the event, taken out when the sink has it.

For each sink and event there is at most one delivery. When the event changes before the sink took it, the sink gets the
newest form; so a sink that is away for a month fills nothing up. One that a sink will never take, or did not take for
too long, is a dead letter: it stays, to be looked at, delivered again or dropped. A dead letter whose event changes is
delivered once more by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, get_args

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    case,
    delete,
    func,
    select,
    update,
)

from redshank.errors import ConfigError
from redshank.store.columns import clean_text
from redshank.store.database import Database
from redshank.store.events import COLUMNS, drop_in_parts, event_of
from redshank.store.pages import page_of
from redshank.store.records import Delivery, Page
from redshank.store.rows import upsert
from redshank.store.tables import events, outbox

DeliveryState = Literal["waiting", "dead"]
NEVER_NS = (1 << 63) - 1
MOST_DEAD = 100_000  # dead letters of one sink; the oldest above go
_IS_DEAD = outbox.c.dead_ns.is_not(None)
_SAME = (outbox.c.id == bindparam("of")) & (outbox.c.sequence <= bindparam("at"))
_TAKEN = delete(outbox).where(_SAME)
_FAILED = {
    "attempts": outbox.c.attempts + 1,
    "error": bindparam("because"),
    "failed_ns": func.coalesce(outbox.c.failed_ns, bindparam("now")),
}
_LATER = update(outbox).where(_SAME).values(**_FAILED, due_ns=bindparam("due"))
_BURIED = update(outbox).where(_SAME).values(**_FAILED, due_ns=NEVER_NS, dead_ns=bindparam("now"))


class Outbox:
    """All deliveries that are still to be made, and the dead letters."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock
        self._upsert = upsert(outbox, by=("sink", "event_id"), keep=("put_ns",), is_sqlite=database.is_sqlite)

    def write(
        self,
        connection: Connection,
        pairs: Sequence[tuple[str, str]],
        sequences: Mapping[str, int],
        now_ns: int | None = None,
    ) -> None:
        """Put deliveries of (sink, event id) in, inside the transaction that keeps the events.

        ``now_ns``: as the events have it in ``updated_ns``, None = by the clock.
        """
        at_ns = self._clock() if now_ns is None else now_ns
        fresh = {"attempts": 0, "due_ns": at_ns, "error": None, "put_ns": at_ns, "failed_ns": None, "dead_ns": None}
        rows = [
            {"sink": sink, "event_id": event_id, "sequence": sequences[event_id], **fresh} for sink, event_id in pairs
        ]
        if rows:
            connection.execute(self._upsert, rows)

    def due(self, sink: str, now_ns: int, *, limit: int = 100) -> list[Delivery]:
        """Return the deliveries to a sink that are due, oldest first; taking them changes nothing."""
        mine = _deliveries().where(outbox.c.sink == sink, outbox.c.due_ns <= now_ns, ~_IS_DEAD)
        with self._database.read() as connection:
            rows = connection.execute(mine.order_by(outbox.c.due_ns, outbox.c.id).limit(limit))
            return [_delivery(row) for row in rows]

    def sinks(self, now_ns: int) -> list[str]:
        """Return the names of the sinks for which something is due."""
        query = select(outbox.c.sink).where(outbox.c.due_ns <= now_ns).distinct().order_by(outbox.c.sink)
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def done(self, deliveries: Sequence[Delivery]) -> None:
        """Take out what a sink took; an event that changed meanwhile stays in."""
        self._each(_TAKEN, [_form(delivery) for delivery in deliveries])

    def later(self, deliveries: Sequence[tuple[Delivery, int]], error: str) -> None:
        """Keep deliveries that failed for another try, each from its time on."""
        now_ns = self._clock()
        self._each(
            _LATER, [{**_form(one), "due": due_ns, "because": error, "now": now_ns} for one, due_ns in deliveries]
        )

    def bury(self, deliveries: Sequence[tuple[Delivery, str]]) -> None:
        """Make dead letters of deliveries, each with the reason; of an event that changed meanwhile none is made."""
        now_ns = self._clock()
        self._each(_BURIED, [{**_form(one), "because": error, "now": now_ns} for one, error in deliveries])

    def hasten(self, sink: str) -> None:
        """Make all that waits for a sink due at once: it is back."""
        mine = (outbox.c.sink == sink) & ~_IS_DEAD
        with self._database.write() as connection:
            connection.execute(update(outbox).where(mine).values(due_ns=self._clock()))

    def replay(self, sink: str, event_ids: Sequence[str] | None = None) -> int:
        """Deliver dead letters of a sink again, those of some events or all; return how many."""
        anew = {"attempts": 0, "due_ns": self._clock(), "failed_ns": None, "dead_ns": None}
        with self._database.write() as connection:
            return connection.execute(update(outbox).where(*_dead(sink, event_ids)).values(**anew)).rowcount

    def discard(self, sink: str, event_ids: Sequence[str] | None = None) -> int:
        """Drop dead letters of a sink, those of some events or all; return how many."""
        return drop_in_parts(self._database, outbox, *_dead(sink, event_ids))

    def drop(self, sink: str) -> None:
        """Forget what was to go to a sink that is no more."""
        drop_in_parts(self._database, outbox, outbox.c.sink == sink)

    def forget_the_removed(self, names: Collection[str], monitors: Collection[str]) -> int:
        """Drop what was to go to sinks that are no more; return how many.

        ``names``: of the declared sinks; ``monitors``: names of the monitors, whose own sinks are ``MONITOR#0`` ...
        """
        with self._database.read() as connection:
            known = list(connection.execute(select(outbox.c.sink).distinct()).scalars())
        gone = [sink for sink in known if sink not in names and sink.rpartition("#")[0] not in monitors]
        return sum(drop_in_parts(self._database, outbox, outbox.c.sink == sink) for sink in gone)

    def prune(self, before_ns: int) -> int:
        """Drop dead letters that died before a time, and the oldest where a sink has too many; return how many."""
        gone = drop_in_parts(self._database, outbox, _IS_DEAD, outbox.c.dead_ns < before_ns)
        for sink, count in self.dead().items():
            if count > MOST_DEAD:
                gone += drop_in_parts(self._database, outbox, *_dead(sink, None), outbox.c.id <= self._last_over(sink))
        return gone

    def list(
        self, sink: str, *, state: DeliveryState | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page:
        """Return a page of the deliveries to a sink, waiting or dead or both, in the order they were put in."""
        if state is not None and state not in get_args(DeliveryState):
            raise ConfigError(f"state: must be waiting or dead, got {state!r}", field="state")
        mine = _deliveries().where(outbox.c.sink == clean_text(sink))
        if state is not None:
            mine = mine.where(_IS_DEAD if state == "dead" else ~_IS_DEAD)
        with self._database.read() as connection:
            return page_of(connection, [mine], (outbox.c.id,), _delivery, limit=limit, cursor=cursor, descending=False)

    def waiting(self) -> dict[str, int]:
        """Return how many deliveries wait, by sink."""
        return self._counts(~_IS_DEAD)

    def dead(self) -> dict[str, int]:
        """Return how many dead letters there are, by sink."""
        return self._counts(_IS_DEAD)

    def _counts(self, which: ColumnElement[bool]) -> dict[str, int]:
        query = select(outbox.c.sink, func.count()).where(which).group_by(outbox.c.sink)
        with self._database.read() as connection:
            return {sink: count for sink, count in connection.execute(query)}

    def _last_over(self, sink: str) -> int:
        """The id of the newest dead letter that is one too many."""
        newest_first = select(outbox.c.id).where(*_dead(sink, None)).order_by(outbox.c.id.desc())
        with self._database.read() as connection:
            return connection.execute(newest_first.offset(MOST_DEAD).limit(1)).scalar() or 0

    def _each(self, statement: Any, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            with self._database.write() as connection:
                connection.execute(statement, list(rows))


def _form(delivery: Delivery) -> dict[str, Any]:
    """Which row it is, and the newest form of the event that was seen: a newer one is another delivery."""
    return {"of": delivery.id, "at": delivery.event.sequence}


def _dead(sink: str, event_ids: Sequence[str] | None) -> list[ColumnElement[bool]]:
    some = [] if event_ids is None else [outbox.c.event_id.in_([clean_text(each) for each in event_ids])]
    return [outbox.c.sink == clean_text(sink), _IS_DEAD, *some]


_OWN = [outbox.c[name] for name in ("id", "sink", "attempts", "due_ns", "error", "put_ns", "failed_ns", "dead_ns")]


def _deliveries() -> Select[Any]:
    is_first = case((events.c.created_ns >= outbox.c.put_ns, True), else_=False)
    query = select(*_OWN, is_first.label("is_first"), *COLUMNS)
    return query.join(events, events.c.id == outbox.c.event_id)


def _delivery(row: Row[Any]) -> Delivery:
    values = row._mapping
    return Delivery(
        event=event_of({column.name: values[column] for column in COLUMNS}),
        is_first=values["is_first"],
        **{column.name: values[column] for column in _OWN},
    )
