"""Events: find them, say what they were, and hear of them as they come."""

from __future__ import annotations

from collections.abc import Sequence

from redshank.client.answers import Comment, Event, Judged, Page
from redshank.client.lists import PAGE, Moment, all_pages, between, equal, page_request
from redshank.client.operations import Group, Mode, operation, stream
from redshank.client.request import Flow, Request, as_json, encode, place


class Events(Group[Mode]):
    """Events of all monitors."""

    @operation
    def list(
        self,
        *,
        monitor: str | Sequence[str] | None = None,
        kind: str | Sequence[str] | None = None,
        is_open: bool | None = None,
        label: str | None = None,
        acknowledged: bool | None = None,
        severity: int | None = None,
        series: str | None = None,
        backfill: bool | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        limit: int = 100,
        cursor: str | None = None,
        sort: str | None = None,
    ) -> Request[Page[Event]]:
        """Return a page, newest first.

        ``severity``: at least this; ``series``: occurs in its name; start, end: those that touch that range;
        ``label``: true, false, expected, none or any.
        """
        where = _where(monitor, kind, is_open, label, acknowledged, severity, series, backfill)
        where += between("time", start, end)
        return page_request(place("events"), as_json(Page[Event]), limit=limit, cursor=cursor, sort=sort, where=where)

    @stream
    def iterate(
        self,
        *,
        monitor: str | Sequence[str] | None = None,
        kind: str | Sequence[str] | None = None,
        is_open: bool | None = None,
        label: str | None = None,
        acknowledged: bool | None = None,
        severity: int | None = None,
        series: str | None = None,
        backfill: bool | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        sort: str | None = None,
    ) -> Flow[Event]:
        """Give all, page after page."""
        where = _where(monitor, kind, is_open, label, acknowledged, severity, series, backfill)
        where += between("time", start, end)
        return all_pages(
            lambda cursor: page_request(
                place("events"), as_json(Page[Event]), limit=PAGE, cursor=cursor, sort=sort, where=where
            )
        )

    @operation
    def get(self, event_id: str) -> Request[Event]:
        """Return one."""
        return Request(method="GET", path=place("events", event_id), read=as_json(Event))

    @operation
    def acknowledge(self, event_id: str) -> Request[Event]:
        """Say that it was seen."""
        return Request(method="PUT", path=place("events", event_id, "acknowledgement"), read=as_json(Event))

    @operation
    def unacknowledge(self, event_id: str) -> Request[Event]:
        """Take that back."""
        return Request(method="DELETE", path=place("events", event_id, "acknowledgement"), read=as_json(Event))

    @operation
    def label(self, event_id: str, label: str) -> Request[Event]:
        """Say what it really was: true, false or expected. The monitor goes by it at once."""
        body = encode({"label": label})
        return Request(method="PUT", path=place("events", event_id, "label"), read=as_json(Event), body=body)

    @operation
    def unlabel(self, event_id: str) -> Request[Event]:
        """Take that back, and what the monitor learned from it."""
        return Request(method="DELETE", path=place("events", event_id, "label"), read=as_json(Event))

    @operation
    def judge(
        self,
        event_ids: Sequence[str],
        *,
        acknowledged: bool | None = None,
        label: str | None = None,
        comment: str | None = None,
    ) -> Request[Judged]:
        """Acknowledge, label (none takes a label back) or comment many; those that cannot be are in ``failed``."""
        said = {"acknowledged": acknowledged, "label": label, "comment": comment}
        body = encode({"ids": list(event_ids)} | {name: value for name, value in said.items() if value is not None})
        return Request(method="POST", path=place("events", "judge"), read=as_json(Judged), body=body, once=True)

    @operation
    def comments(self, event_id: str) -> Request[Page[Comment]]:
        """Return what people said of it, oldest first."""
        return Request(method="GET", path=place("events", event_id, "comments"), read=as_json(Page[Comment]))

    @operation
    def comment(self, event_id: str, text: str) -> Request[Comment]:
        """Say something of it."""
        path = place("events", event_id, "comments")
        return Request(method="POST", path=path, read=as_json(Comment), body=encode({"text": text}), once=True)


def _where(
    monitor: str | Sequence[str] | None,
    kind: str | Sequence[str] | None,
    is_open: bool | None,
    label: str | None,
    acknowledged: bool | None,
    severity: int | None,
    series: str | None,
    backfill: bool | None,
) -> list[str]:
    return [
        *equal("monitor", monitor),
        *equal("kind", kind),
        *equal("open", is_open),
        *equal("label", label),
        *equal("acknowledged", acknowledged),
        *([] if severity is None else [f"severity>={severity}"]),
        *([] if series is None else [f"series~{series}"]),
        *equal("backfill", backfill),
    ]
