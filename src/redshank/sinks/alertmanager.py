"""Alerts in Prometheus' Alertmanager, which groups, silences and routes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

from pydantic import Field

from redshank.errors import SinkError
from redshank.http.client import Http, HttpOptions
from redshank.sinks.base import EventState, Notification
from redshank.sinks.files import plain
from redshank.sinks.notice import Notice
from redshank.sinks.notifier import Notifier, NotifierOptions
from redshank.specs.base import Duration
from redshank.specs.options import Access


class AlertmanagerOptions(HttpOptions, NotifierOptions):
    """``labels``: added to those of the series. ``hold``: how long an open alert stays without news of it."""

    states: tuple[EventState, ...] = ("opened", "updated", "closed")
    labels: dict[str, str] = Field(default_factory=dict)
    hold: Duration = Field(default=timedelta(days=7), gt=timedelta(0))


class Alertmanager(Notifier):
    """Posts alerts; the labels of an event never change, so that twice is once."""

    kind: ClassVar[str] = "alertmanager"
    Options: ClassVar[type[AlertmanagerOptions]] = AlertmanagerOptions

    def __init__(
        self, http: Http, wanted: AlertmanagerOptions, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Keep where to; nothing is reached yet."""
        self.http, self.wanted, self._options, self._clock = http, wanted, wanted, clock

    @classmethod
    def build(cls, options: AlertmanagerOptions, access: Access) -> Self:
        """Return the sink."""
        return cls(Http.of(options, access, cls.kind, error=SinkError), options)

    def check(self) -> None:
        """Ask for the status; nothing is sent."""
        self.http.json("GET", "/api/v2/status")

    def notify(self, notifications: Sequence[Notification]) -> None:
        """Post all alerts at once."""
        notices = [Notice.of(notification) for notification in notifications if self.wants(notification)]
        if notices:
            alerts = [self._alert(notice) for notice in notices]
            self.http.send("POST", "/api/v2/alerts", body=alerts, ok=(200, 202))

    def send(self, notice: Notice) -> None:
        """Post one alert."""
        self.notify([notice.notification])

    def _alert(self, notice: Notice) -> dict[str, Any]:
        event = notice.notification.event
        end = event.end if notice.is_closed else self._clock() + self._options.hold
        known = notice.values()
        numbers = {
            name: f"{known[name]:.6g}" for name in ("actual", "expected", "lower", "upper") if known[name] is not None
        }
        alert = {
            "labels": labels_of(notice, self._options.labels),
            "annotations": {"summary": notice.title, "description": notice.text, "id": event.id, **numbers},
            "startsAt": plain(event.start),
            "endsAt": plain(end),
        }
        return {**alert, "generatorURL": notice.url} if notice.url else alert


def labels_of(notice: Notice, added: dict[str, str]) -> dict[str, str]:
    """Return the labels that an alert is known by: none of them changes while the event goes on.

    A label of the series whose name is taken, or not allowed by Prometheus, gets another name.
    """
    given = notice.notification
    labels = {
        "alertname": "RedshankEvent",
        "monitor": given.monitor,
        "kind": given.kind,
        "measure": given.event.key.measure,
        "started": plain(given.event.start),
    }
    for name, value in given.event.key.labels:
        safe = re.sub(r"[^a-zA-Z0-9_]", "_", name)
        safe = f"_{safe}" if safe[:1].isdigit() or not safe else safe
        while safe in labels:
            safe += "_"
        labels[safe] = value
    return {name: value for name, value in {**labels, **added}.items() if value}
