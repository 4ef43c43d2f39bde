"""The one convention of lists: a page at a time, or all items one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from redshank.client.answers import Page
from redshank.client.request import Flow, Give, Received, Request, ask

Item = TypeVar("Item")
PAGE = 1000  # items of a page while iterating
Filters = str | Sequence[str] | None
Moment = datetime | str


def page_request(
    path: str,
    read: Callable[[Received], Page[Item]],
    *,
    limit: int,
    cursor: str | None,
    sort: str | None,
    where: Iterable[str],
) -> Request[Page[Item]]:
    """Return the request for one page."""
    params = [("limit", str(limit)), *(("filter", each) for each in where)]
    params += [(name, value) for name, value in (("cursor", cursor), ("sort", sort)) if value is not None]
    return Request(method="GET", path=path, read=read, params=params)


def all_pages(request: Callable[[str | None], Request[Page[Item]]]) -> Flow[Item]:
    """Give the items of all pages; ``request`` makes the request for the page at a cursor."""
    cursor: str | None = None
    while True:
        page = yield from ask(request(cursor))
        for item in page.items:
            yield Give(item)
        cursor = page.next_cursor
        if cursor is None:
            return


def moment_text(moment: Moment) -> str:
    """Return a time as it is sent; without a zone it is UTC."""
    if isinstance(moment, str):
        return moment
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")


def equal(name: str, value: Any) -> list[str]:
    """Return the conditions that a field equals a value, or one of several; none for None."""
    if value is None:
        return []
    if isinstance(value, bool):
        return [f"{name}={str(value).lower()}"]
    values = [value] if isinstance(value, str) else list(value)
    return [f"{name}={each}" for each in values]


def between(name: str, start: Moment | None, end: Moment | None) -> list[str]:
    """Return the conditions that a time lies in start <= t < end."""
    low = [] if start is None else [f"{name}>={moment_text(start)}"]
    return low + ([] if end is None else [f"{name}<{moment_text(end)}"])
