"""Incidents in PagerDuty by its Events API v2: an event opens one and closes it again."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import SecretStr

from redshank.errors import SinkError
from redshank.http.client import Http, HttpOptions
from redshank.sinks.base import EventState
from redshank.sinks.notice import Notice, clipped
from redshank.sinks.notifier import Notifier, NotifierOptions
from redshank.specs.options import Access

MOST_SUMMARY = 1024


class PagerDutyOptions(HttpOptions, NotifierOptions):
    """``routing_key``: the integration key of a service (Events API v2)."""

    url: str = "https://events.pagerduty.com"
    routing_key: SecretStr
    states: tuple[EventState, ...] = ("opened", "updated", "closed")


class PagerDuty(Notifier):
    """Triggers an alert and resolves it; the key of the alert is the event's id, so that twice is once."""

    kind: ClassVar[str] = "pagerduty"
    Options: ClassVar[type[PagerDutyOptions]] = PagerDutyOptions

    def __init__(self, http: Http, wanted: NotifierOptions, routing_key: str) -> None:
        """Keep where to; nothing is reached yet."""
        self.http, self.wanted, self._routing_key = http, wanted, routing_key

    @classmethod
    def build(cls, options: PagerDutyOptions, access: Access) -> Self:
        """Return the sink."""
        key = access.reveal(options.routing_key) or ""
        return cls(Http.of(options, access, cls.kind, error=SinkError), options, key)

    def check(self) -> None:
        """Find out whether PagerDuty can be reached; nothing is sent."""
        self.http.reach()

    def send(self, notice: Notice) -> None:
        """Trigger or resolve the alert of an event."""
        event = notice.notification.event
        content: dict[str, Any] = {"routing_key": self._routing_key, "dedup_key": event.id}
        if notice.is_closed:
            content["event_action"] = "resolve"
        else:
            content |= {"event_action": "trigger", "payload": _payload(notice)}
            if notice.url:
                content["links"] = [{"href": notice.url, "text": "Event in Redshank"}]
        self.http.send("POST", "/v2/enqueue", body=content, ok=range(200, 300))


def _payload(notice: Notice) -> dict[str, Any]:
    given = notice.notification
    known = notice.values()
    details = {name: known[name] for name in ("reason", "actual", "expected", "lower", "upper", "rarity", "labels")}
    return {
        "summary": clipped(f"{notice.title}. {notice.text}".strip(), MOST_SUMMARY),
        "source": clipped(str(given.event.key), 255),
        "severity": notice.urgency,
        "timestamp": known["start"],
        "component": clipped(given.event.key.measure, 255),
        "group": given.monitor,
        "class": given.kind,
        "custom_details": {name: value for name, value in details.items() if value is not None},
    }
