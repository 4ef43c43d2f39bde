"""Lists in pages: each page goes on behind the last row of the one before, found by index, however far down."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, literal, tuple_

from redshank.errors import ConfigError
from redshank.store.records import Page

Item = TypeVar("Item")
MOST = 1000


def make_cursor(place: Sequence[int | str]) -> str:
    """Return the text of a place in a list; callers take it as it is."""
    return base64.urlsafe_b64encode(json.dumps(list(place)).encode()).decode().rstrip("=")


def read_cursor(cursor: str, kinds: Sequence[type]) -> list[Any]:
    """Return the place that ``make_cursor`` wrote; ConfigError when it is none of this list."""
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        place = None
    if not isinstance(place, list) or [type(part) for part in place] != list(kinds) or not _fits(place):
        raise ConfigError("cursor: must be the next_cursor of a page of the same list", field="cursor")
    return place


def _fits(place: Sequence[int | str]) -> bool:
    return all(-(1 << 63) <= part < 1 << 63 if isinstance(part, int) else "\0" not in part for part in place)


def check_limit(limit: int) -> None:
    """Refuse a page of no or too many rows."""
    if not 1 <= limit <= MOST:
        raise ConfigError(f"limit: must be 1 to {MOST}, got {limit}", field="limit")


def page_of(
    connection: Connection,
    queries: Sequence[Select[Any]],
    order: Sequence[ColumnElement[Any]],
    make: Callable[[Row[Any]], Item],
    *,
    limit: int,
    cursor: str | None,
    descending: bool,
    where: Callable[[Item], bool] | None = None,
) -> Page:
    """Return one page of queries that have no row in common, in the order of columns that together are unique.

    With ``where`` rows are read on until the page is full or there are no more.
    """
    check_limit(limit)
    place = None if cursor is None else read_cursor(cursor, [column.type.python_type for column in order])
    sorting = [column.desc() if descending else column.asc() for column in order]
    queries = [query.order_by(*sorting).limit(limit + 1) for query in queries]
    items: list[Item] = []
    while True:
        behind = [] if place is None else [_behind(order, place, descending)]
        rows = [row for query in queries for row in connection.execute(query.where(*behind))]
        if len(queries) > 1:
            rows.sort(key=lambda row: [row._mapping[column] for column in order], reverse=descending)
        for i, row in enumerate(rows[:limit]):
            place = [row._mapping[column] for column in order]
            item = make(row)
            if where is None or where(item):
                items.append(item)
            if len(items) == limit:
                return Page(items=items, next_cursor=make_cursor(place) if i + 1 < len(rows) else None)
        if len(rows) <= limit or place is None:
            return Page(items=items, next_cursor=None)


def _behind(order: Sequence[ColumnElement[Any]], place: Sequence[Any], descending: bool) -> ColumnElement[bool]:
    edge = tuple_(*(literal(part, column.type) for part, column in zip(place, order, strict=True)))
    return tuple_(*order) < edge if descending else tuple_(*order) > edge
