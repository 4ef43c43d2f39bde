"""The series of each monitor, and their numbers in the score history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from redshank.errors import NotFoundError, StaleError
from redshank.panel import Key
from redshank.store.columns import clean_text, dump_json
from redshank.store.database import Database
from redshank.store.pages import page_of
from redshank.store.records import Fence, Page, StoredSeries
from redshank.store.rows import key_from_json, key_to_json
from redshank.store.tables import series

COLUMNS = [column for column in series.columns if column.name != "text"]
_SEEN = (
    update(series)
    .where(series.c.monitor_id == bindparam("of_monitor"), series.c.id == bindparam("of_id"))
    .values(last_ns=bindparam("at_ns"))
)


class Series:
    """All series."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def admit(
        self, monitor_id: str, keys: Sequence[Key], *, first_ns: int, shard_series: int, fence: Fence | None = None
    ) -> Sequence[StoredSeries]:
        """Give new keys the next numbers, known ones keep theirs; return those of ``keys`` in their order.

        Shards are filled one after the other with ``shard_series`` series each.
        """
        known = {one.key: one for one in self.all_of(monitor_id)}
        fresh = [key for key in dict.fromkeys(keys) if key not in known]
        added = number_series(monitor_id, fresh, len(known), first_ns=first_ns, shard_series=shard_series)
        if added:
            self._add(added, fence)
        known.update({one.key: one for one in added})
        return [known[key] for key in keys]

    def _add(self, added: Sequence[StoredSeries], fence: Fence | None) -> None:
        try:
            with self._database.write(fence) as connection:
                self.write(connection, added)
        except IntegrityError as error:
            raise StaleError(f"monitor {added[0].monitor_id}: series were added by another meanwhile") from error

    def write(self, connection: Connection, added: Sequence[StoredSeries]) -> None:
        """Add series inside a transaction; their numbers and keys must be new."""
        if added:
            connection.execute(insert(series), [_row(one) for one in added])

    def seen(self, connection: Connection, monitor_id: str, newest_ns: Mapping[int, int]) -> None:
        """Keep the newest time of series, by their number, inside a transaction."""
        rows = [{"of_monitor": monitor_id, "of_id": number, "at_ns": at_ns} for number, at_ns in newest_ns.items()]
        if rows:
            connection.execute(_SEEN, rows)

    def all_of(self, monitor_id: str) -> Sequence[StoredSeries]:
        """Return all series of a monitor by their number."""
        query = select(*COLUMNS).where(series.c.monitor_id == monitor_id).order_by(series.c.id)
        with self._database.read() as connection:
            return [_series(row) for row in connection.execute(query)]

    def find(self, monitor_id: str, key: Key) -> StoredSeries | None:
        """Return the series of a key; None = there is none."""
        mine = select(*COLUMNS).where(series.c.monitor_id == monitor_id, series.c.key == key_to_json(key))
        with self._database.read() as connection:
            row = connection.execute(mine).first()
        return None if row is None else _series(row)

    def get(self, monitor_id: str, number: int) -> StoredSeries:
        """Return one series by its number; NotFoundError when there is none."""
        query = select(*COLUMNS).where(series.c.monitor_id == monitor_id, series.c.id == number)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFoundError(f"series {number} of monitor {monitor_id}: not found")
        return _series(row)

    def count(self, monitor_id: str) -> int:
        """Return how many series a monitor has."""
        with self._database.read() as connection:
            query = select(func.count()).select_from(series).where(series.c.monitor_id == monitor_id)
            return connection.execute(query).scalar_one()

    def list(
        self,
        monitor_id: str,
        *,
        text: str | None = None,
        labels: Mapping[str, str] | None = None,
        measure: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Return a page of the series of a monitor, by number; ``text`` occurs in the key as written."""
        query = select(*COLUMNS).where(series.c.monitor_id == monitor_id, *_conditions(text, labels or {}, measure))
        with self._database.read() as connection:
            return page_of(connection, [query], (series.c.id,), _series, limit=limit, cursor=cursor, descending=False)


def number_series(
    monitor_id: str, keys: Sequence[Key], first_number: int, *, first_ns: int, shard_series: int
) -> list[StoredSeries]:
    """Return new series with consecutive numbers; shards hold ``shard_series`` each. For ``TickCommit.series``."""
    return [
        StoredSeries(
            id=number,
            monitor_id=monitor_id,
            key=key,
            shard=number // shard_series,
            row=number % shard_series,
            first_ns=first_ns,
            last_ns=first_ns,
        )
        for number, key in enumerate(keys, first_number)
    ]


def _series(row: Row[Any]) -> StoredSeries:
    monitor_id, number, key, shard, place, first_ns, last_ns = tuple(row)
    return StoredSeries(
        id=number,
        monitor_id=monitor_id,
        key=key_from_json(key),
        shard=shard,
        row=place,
        first_ns=first_ns,
        last_ns=last_ns,
    )


def _row(one: StoredSeries) -> dict[str, Any]:
    return {
        "monitor_id": one.monitor_id,
        "id": one.id,
        "key": key_to_json(one.key),
        "text": str(one.key).lower(),
        "shard": one.shard,
        "row": one.row,
        "first_ns": one.first_ns,
        "last_ns": one.last_ns,
    }


def _conditions(text: str | None, labels: Mapping[str, str], measure: str | None) -> list[ColumnElement[bool]]:
    """Labels are found in the JSON of the key: its quotes cannot occur unescaped inside a text."""
    raw = func.coalesce(series.c.key, "", type_=series.c.text.type)
    found: list[ColumnElement[bool]] = [
        raw.contains(dump_json([name, value]), autoescape=True) for name, value in labels.items()
    ]
    if measure is not None:
        found.append(raw.startswith(dump_json([measure])[:-1], autoescape=True))
    if text:
        found.append(series.c.text.contains(clean_text(text.lower()), autoescape=True))
    return found
