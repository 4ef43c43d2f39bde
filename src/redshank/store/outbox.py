"""Events on their way to sinks: put in together with the event, taken out when the sink has it.

For each sink and event there is at most one delivery. When the event changes before the sink took it, the sink gets the
newest form; so a sink that is away for a month fills nothing up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from redshank.store.database import Database
from redshank.store.events import COLUMNS, event_of
from redshank.store.records import Delivery
from redshank.store.rows import upsert
from redshank.store.tables import events, outbox


class Outbox:
    """All deliveries that are still to be made."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock
        self._upsert = upsert(outbox, by=("sink", "event_id"), is_sqlite=database.is_sqlite)

    def write(self, connection: Connection, pairs: Sequence[tuple[str, str]], sequences: Mapping[str, int]) -> None:
        """Put deliveries of (sink, event id) in, inside the transaction that keeps the events."""
        now_ns = self._clock()
        rows = [
            {
                "sink": sink,
                "event_id": event_id,
                "sequence": sequences[event_id],
                "attempts": 0,
                "due_ns": now_ns,
                "error": None,
            }
            for sink, event_id in pairs
        ]
        if rows:
            connection.execute(self._upsert, rows)

    def due(self, sink: str, now_ns: int, *, limit: int = 100) -> list[Delivery]:
        """Return the deliveries to a sink that are due, oldest first; taking them changes nothing."""
        query = (
            select(
                outbox.c.id.label("delivery_id"),
                outbox.c.sink,
                outbox.c.attempts,
                outbox.c.due_ns,
                outbox.c.error,
                *COLUMNS,
            )
            .join(events, events.c.id == outbox.c.event_id)
            .where(outbox.c.sink == sink, outbox.c.due_ns <= now_ns)
            .order_by(outbox.c.due_ns, outbox.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_delivery(row) for row in connection.execute(query)]

    def sinks(self, now_ns: int) -> list[str]:
        """Return the names of the sinks for which something is due."""
        query = select(outbox.c.sink).where(outbox.c.due_ns <= now_ns).distinct().order_by(outbox.c.sink)
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def done(self, deliveries: Sequence[Delivery]) -> None:
        """Take out what a sink took; an event that changed meanwhile stays in."""
        with self._database.write() as connection:
            for delivery in deliveries:
                same = (outbox.c.id == delivery.id) & (outbox.c.sequence <= delivery.event.sequence)
                connection.execute(delete(outbox).where(same))

    def later(self, delivery: Delivery, due_ns: int, error: str) -> None:
        """Keep a delivery that failed for another try."""
        failed = update(outbox).where(outbox.c.id == delivery.id)
        with self._database.write() as connection:
            connection.execute(failed.values(attempts=outbox.c.attempts + 1, due_ns=due_ns, error=error))

    def drop(self, sink: str) -> None:
        """Forget what was to go to a sink that is no more."""
        with self._database.write() as connection:
            connection.execute(delete(outbox).where(outbox.c.sink == sink))

    def waiting(self) -> dict[str, int]:
        """Return how many deliveries wait, by sink."""
        query = select(outbox.c.sink, func.count()).group_by(outbox.c.sink)
        with self._database.read() as connection:
            return {sink: count for sink, count in connection.execute(query)}


def _delivery(row: Row[Any]) -> Delivery:
    values = row._mapping
    return Delivery(
        id=values["delivery_id"],
        sink=values["sink"],
        event=event_of({column.name: values[column] for column in COLUMNS}),
        attempts=values["attempts"],
        due_ns=values["due_ns"],
        error=values["error"],
    )
