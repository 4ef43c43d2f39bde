"""From a row of a table to a record and back: their columns and fields have the same names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Row, Table

from redshank.panel import Key

Record = TypeVar("Record")


def as_record(kind: Callable[..., Record], row: Row[Any]) -> Record:
    """Return the record of a row that has just its fields."""
    return kind(**row._mapping)


def as_row(record: Any) -> dict[str, Any]:
    """Return the fields of a record, one level deep; shared, not copied."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def key_to_json(key: Key) -> list[Any]:
    """Return the measure, then name and value of each label; equal keys have equal JSON."""
    return [key.measure, *([name, value] for name, value in key.labels)]


def key_from_json(given: list[Any]) -> Key:
    """Return the key of ``key_to_json``."""
    return Key(given[0], tuple((name, value) for name, value in given[1:]))


def upsert(table: Table, *, by: tuple[str, ...], keep: tuple[str, ...] = (), is_sqlite: bool) -> Any:
    """Return an INSERT that, where a row is there, sets all of it but the columns ``keep``."""
    statement: Any = (_sqlite_insert if is_sqlite else _postgresql_insert)(table)
    new = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if column.name not in (*by, *keep, "id")
    }
    return statement.on_conflict_do_update(index_elements=list(by), set_=new)


def _sqlite_insert(table: Table) -> Any:
    from sqlalchemy.dialects.sqlite import insert

    return insert(table)


def _postgresql_insert(table: Table) -> Any:
    from sqlalchemy.dialects.postgresql import insert

    return insert(table)
