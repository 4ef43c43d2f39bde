"""All rows from one database into another, of either kind."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, text

from redshank.errors import ConflictError
from redshank.store.database import Database
from redshank.store.tables import blobs, metadata, point_blocks, quarantine, score_blocks

BATCH = 1000
WIDE = {
    blobs.name: 1,
    quarantine.name: 1,
    score_blocks.name: 100,
    point_blocks.name: 10,
}  # rows at once where one is big
OWN = ("counters",)  # rows that a new database has of itself


def copy_rows(source: Database, target: Database, *, replace: bool = False) -> int:
    """Copy all rows, as of one moment, in one transaction; return how many.

    Both have the newest schema. ``replace``: rows that are in the target go first.

    Raises:
        ConflictError: there are rows in the target.
    """
    copied = 0
    with source.read() as reading, target.write() as writing:
        _make_room(writing, target.name, replace)
        for table in metadata.sorted_tables:
            copied += _copy(reading, writing, table)
            if not target.is_sqlite and "id" in table.c and table.c.id.autoincrement is True:
                _count_on(writing, table)
    return copied


def has_rows(database: Database) -> bool:
    """Return whether anything was ever kept in a database that has its tables."""
    with database.read() as connection:
        return any(map(_filled(connection), metadata.sorted_tables))


def _filled(connection: Connection) -> Any:
    def is_filled(table: Table) -> bool:
        return table.name not in OWN and connection.execute(select(table).limit(1)).first() is not None

    return is_filled


def _make_room(connection: Connection, name: str, replace: bool) -> None:
    if not replace and any(map(_filled(connection), metadata.sorted_tables)):
        raise ConflictError(f"database {name}: must be empty to restore into it; --replace drops what is in it")
    for table in reversed(metadata.sorted_tables):
        connection.execute(delete(table))


def _copy(reading: Connection, writing: Connection, table: Table) -> int:
    copied, size = 0, WIDE.get(table.name, BATCH)
    rows = reading.execution_options(stream_results=True, yield_per=size).execute(select(table))
    for some in rows.mappings().partitions(size):
        writing.execute(insert(table), [dict(row) for row in some])
        copied += len(some)
    return copied


def _count_on(connection: Connection, table: Table) -> None:
    """Let PostgreSQL number new rows behind those that were copied with their numbers."""
    highest = connection.execute(select(func.max(table.c.id))).scalar()
    if highest is not None:
        sequence = text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :highest)")
        connection.execute(sequence, {"name": table.name, "highest": highest})
