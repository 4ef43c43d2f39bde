"""Rows put in, or in the place of those with the same key: in the words of each dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

Rows = Sequence[Mapping[str, Any]]
KEYS_AT_ONCE = 200


def upsert(connection: sa.Connection, table: sa.Table, rows: Rows, *, newest_by: str | None = None) -> None:
    """Put rows in; of rows with one key the last is kept. ``newest_by``: a row with a greater number there stays.

    One statement a batch where the dialect has an upsert; else the old rows go and the new ones come, in the
    transaction of the connection.
    """
    rows = _last_of_each(table, rows, newest_by)
    if not rows:
        return
    way = UPSERTS.get(connection.dialect.name)
    if way is None:
        _in_place(connection, table, rows, newest_by)
    else:
        connection.execute(way(table, newest_by), rows)


def _last_of_each(table: sa.Table, rows: Rows, newest_by: str | None) -> list[Mapping[str, Any]]:
    keys = _keys(table)
    kept: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in keys)
        before = kept.get(key)
        if before is None or newest_by is None or before[newest_by] <= row[newest_by]:
            kept[key] = row
    return list(kept.values())


def _keys(table: sa.Table) -> list[str]:
    return [column.name for column in table.primary_key]


def _others(table: sa.Table) -> list[str]:
    """The columns that are no key."""
    keys = _keys(table)
    return [column.name for column in table.columns if column.name not in keys]


def _postgresql(table: sa.Table, newest_by: str | None) -> Any:
    from sqlalchemy.dialects.postgresql import insert

    return _on_conflict(insert(table), table, newest_by)


def _sqlite(table: sa.Table, newest_by: str | None) -> Any:
    from sqlalchemy.dialects.sqlite import insert

    return _on_conflict(insert(table), table, newest_by)


def _on_conflict(statement: Any, table: sa.Table, newest_by: str | None) -> Any:
    new = {name: statement.excluded[name] for name in _others(table)}
    newer = None if newest_by is None else statement.excluded[newest_by] >= table.c[newest_by]
    return statement.on_conflict_do_update(index_elements=_keys(table), set_=new, where=newer)


def _mysql(table: sa.Table, newest_by: str | None) -> Any:
    from sqlalchemy.dialects.mysql import insert

    statement = insert(table)
    if newest_by is None:
        return statement.on_duplicate_key_update([(name, statement.inserted[name]) for name in _others(table)])
    newer = statement.inserted[newest_by] >= table.c[newest_by]
    others = [name for name in _others(table) if name != newest_by]
    in_order = [*others, newest_by]  # assignments are made one after the other: the number that decides is the last
    return statement.on_duplicate_key_update(
        [(name, sa.func.IF(newer, statement.inserted[name], table.c[name])) for name in in_order]
    )


def _in_place(connection: sa.Connection, table: sa.Table, rows: Rows, newest_by: str | None) -> None:
    for first in range(0, len(rows), KEYS_AT_ONCE):
        part = rows[first : first + KEYS_AT_ONCE]
        keys = sa.or_(*(sa.and_(*(table.c[name] == row[name] for name in _keys(table))) for row in part))
        if newest_by is not None:
            columns = [table.c[name] for name in (*_keys(table), newest_by)]
            there = {tuple(row)[:-1]: row[-1] for row in connection.execute(sa.select(*columns).where(keys))}
            part = [row for row in part if there.get(_key(table, row), row[newest_by]) <= row[newest_by]]
            if not part:
                continue
            keys = sa.or_(*(sa.and_(*(table.c[name] == row[name] for name in _keys(table))) for row in part))
        connection.execute(sa.delete(table).where(keys))
        connection.execute(sa.insert(table), list(part))


def _key(table: sa.Table, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _keys(table))


UPSERTS: dict[str, Callable[[sa.Table, str | None], Any]] = {
    "postgresql": _postgresql,
    "sqlite": _sqlite,
    "mysql": _mysql,
    "mariadb": _mysql,
}
