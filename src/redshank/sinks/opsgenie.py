"""Alerts in Opsgenie (and Jira Service Management, which has the same API): an event opens one and closes it again."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import SecretStr

from redshank.errors import SinkError
from redshank.http.client import Http, HttpOptions
from redshank.sinks.notice import Notice, clipped
from redshank.sinks.notifier import Notifier, NotifierOptions
from redshank.specs.options import Access

MOST_MESSAGE, MOST_TEXT, MOST_ALIAS = 130, 15_000, 512
_PRIORITY = {"critical": "P1", "error": "P2", "warning": "P3", "info": "P5"}


class OpsgenieOptions(HttpOptions, NotifierOptions):
    """``key``: of an API integration. ``url``: ``https://api.eu.opsgenie.com`` for accounts in the EU."""

    url: str = "https://api.opsgenie.com"
    key: SecretStr


class Opsgenie(Notifier):
    """Creates an alert and closes it; its alias is the event's id, so that twice is once."""

    kind: ClassVar[str] = "opsgenie"
    Options: ClassVar[type[OpsgenieOptions]] = OpsgenieOptions

    def __init__(self, http: Http, wanted: NotifierOptions, key: str) -> None:
        """Keep where to; nothing is reached yet."""
        self.http, self.wanted, self._key = http, wanted, key

    @classmethod
    def build(cls, options: OpsgenieOptions, access: Access) -> Self:
        """Return the sink."""
        key = access.reveal(options.key) or ""
        return cls(Http.of(options, access, cls.kind, error=SinkError), options, key)

    def check(self) -> None:
        """Find out whether Opsgenie can be reached; nothing is sent."""
        self.http.reach()

    def send(self, notice: Notice) -> None:
        """Create or close the alert of an event."""
        alias = notice.notification.event.id
        headers = {"Authorization": f"GenieKey {self._key}"}
        if notice.is_closed:
            path, content = f"/v2/alerts/{alias}/close", {"source": "Redshank", "note": clipped(notice.title, 500)}
            self.http.send(
                "POST", path, params={"identifierType": "alias"}, body=content, headers=headers, ok=(200, 202)
            )
            return
        self.http.send("POST", "/v2/alerts", body=_alert(notice, alias), headers=headers, ok=(200, 202))


def _alert(notice: Notice, alias: str) -> dict[str, Any]:
    given = notice.notification
    return {
        "message": clipped(notice.title, MOST_MESSAGE),
        "alias": clipped(alias, MOST_ALIAS),
        "description": clipped(notice.in_plain_text(), MOST_TEXT),
        "priority": _PRIORITY[notice.urgency],
        "source": "Redshank",
        "entity": clipped(str(given.event.key), 512),
        "tags": [clipped(tag, 50) for tag in given.tags][:20],
        "details": {name: clipped(value, 400) for name, value in (("monitor", given.monitor), *notice.facts)},
    }
