"""From an event as kept to what a sink is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from structlog import get_logger

from redshank.decide import Event
from redshank.errors import NotFoundError, RedshankError
from redshank.result import Scored
from redshank.sinks.base import EventState, Notification, Sink
from redshank.store.records import Delivery, StoredEvent
from redshank.store.store import Store

if TYPE_CHECKING:
    import polars as pl

CHART_BEFORE, CHART_AFTER = 300, 50  # points of a chart, before and after the event
FIRST_SPAN_NS, LONGEST_SPAN_NS = 3_600_000_000_000, 400 * 86_400_000_000_000  # in which they are looked for
MOST_CHART_POINTS = 5000
_NAN = float("nan")

log = get_logger("redshank.delivery")


def plain_notifications(deliveries: Sequence[Delivery], sink: Sink) -> list[Notification]:
    """Return what is known of events without a look at their monitors."""
    return [notification(delivery) for delivery in deliveries]


class Teller:
    """Makes what sinks are told: with the tags of the monitor, a link, and the points around for sinks that want it."""

    def __init__(self, store: Store, public_url: str | None = None) -> None:
        """``public_url``: the address under which people reach the server, None = not known."""
        self._store = store
        self._public_url = None if public_url is None else public_url.rstrip("/")

    def __call__(self, deliveries: Sequence[Delivery], sink: Sink) -> list[Notification]:
        """Return one notification for each delivery, in their order."""
        tags = {monitor_id: self._tags(monitor_id) for monitor_id in {one.event.monitor_id for one in deliveries}}
        return [
            replace(
                notification(one),
                tags=tags[one.event.monitor_id],
                url=None if self._public_url is None else f"{self._public_url}/events/{one.event.id}",
                chart=self._chart(one.event) if sink.wants_chart else None,
            )
            for one in deliveries
        ]

    def _tags(self, monitor_id: str) -> tuple[str, ...]:
        try:
            tags = self._store.resources.by_id(monitor_id).spec.get("tags") or ()
        except NotFoundError:
            return ()
        return (tags,) if isinstance(tags, str) else tuple(tags)

    def _chart(self, event: StoredEvent) -> Scored | None:
        """The points around an event; an event whose history is damaged is told without."""
        try:
            return self._drawn(event)
        except RedshankError as error:
            log.warning("no chart", event_id=event.id, error=str(error))
            return None

    def _drawn(self, event: StoredEvent) -> Scored | None:
        series = self._store.series.find(event.monitor_id, event.key)
        if series is None:
            return None
        from redshank.engine.score_parts import score_parts

        frame = self._around(event, series.id)
        return next(score_parts(frame, {series.id: event.key}), None)

    def _around(self, event: StoredEvent, series: int) -> pl.DataFrame:
        """The points of a series around an event; the longest event is shown by its beginning."""
        import polars as pl

        span_ns = FIRST_SPAN_NS
        while True:
            first_ns, last_ns = event.start_ns - span_ns, event.end_ns + span_ns
            rows = self._store.history.read(event.monitor_id, [series], first_ns, last_ns)
            before = rows.filter(pl.col("time") < event.start_ns) if len(rows) else rows
            if len(before) >= CHART_BEFORE or span_ns >= LONGEST_SPAN_NS:
                break
            span_ns *= 8
        if not len(rows):
            return rows
        during = rows.filter((pl.col("time") >= event.start_ns) & (pl.col("time") < event.end_ns))
        after = rows.filter(pl.col("time") >= event.end_ns)
        return pl.concat([before.tail(CHART_BEFORE), during.head(MOST_CHART_POINTS), after.head(CHART_AFTER)])


def notification(delivery: Delivery) -> Notification:
    """Return what the delivery itself says."""
    event = delivery.event
    return Notification(
        monitor=event.monitor,
        monitor_id=event.monitor_id,
        kind=event.kind,
        event=plain_event(event),
        state=_state(delivery),
        label=event.label,
        acknowledged_by=event.acknowledged_by,
        sequence=event.sequence,
    )


def _state(delivery: Delivery) -> EventState:
    if not delivery.event.is_open:
        return "closed"
    return "opened" if delivery.is_first else "updated"


def plain_event(stored: StoredEvent) -> Event:
    """Return the event as sinks know it, None as NaN."""
    return Event(
        id=stored.id,
        key=stored.key,
        start=_moment(stored.start_ns),
        end=_moment(stored.end_ns),
        opened=_moment(stored.opened_ns),
        peak=_moment(stored.peak_ns),
        score=_number(stored.score),
        severity=stored.severity,
        direction=stored.direction,  # type: ignore[arg-type]
        actual=_number(stored.actual),
        expected=_number(stored.expected),
        lower=_number(stored.lower),
        upper=_number(stored.upper),
        rarity=_number(stored.rarity),
        points=stored.points,
        is_open=stored.is_open,
        share=dict(stored.share),
        reason=stored.reason,
    )


def _number(value: float | None) -> float:
    return _NAN if value is None else value


def _moment(time_ns: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_ns // 1000)
