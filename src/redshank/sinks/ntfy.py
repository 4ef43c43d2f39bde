"""Messages to phones by ntfy."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field

from redshank.errors import SinkError
from redshank.http.client import Http, HttpOptions
from redshank.sinks.notice import Notice, clipped
from redshank.sinks.notifier import Notifier, NotifierOptions
from redshank.specs.options import Access

MOST_TITLE, MOST_TEXT = 250, 3_900  # ntfy makes an attachment of a message of more than 4,096 bytes
_PRIORITY = {"critical": 5, "error": 4, "warning": 3, "info": 2}
_EMOJI = {
    True: "white_check_mark",
    "critical": "rotating_light",
    "error": "warning",
    "warning": "warning",
    "info": "information_source",
}


class NtfyOptions(HttpOptions, NotifierOptions):
    """``url``: of the server, ``https://ntfy.sh`` or one's own. ``token``, or ``user`` and ``password``: if it asks."""

    url: str = "https://ntfy.sh"
    topic: str = Field(min_length=1, max_length=64, pattern=r"^[-_A-Za-z0-9]+$")


class Ntfy(Notifier):
    """Publishes to a topic."""

    kind: ClassVar[str] = "ntfy"
    Options: ClassVar[type[NtfyOptions]] = NtfyOptions
    digests: ClassVar[bool] = True

    def __init__(self, http: Http, wanted: NtfyOptions) -> None:
        """Keep where to; nothing is reached yet."""
        self.http, self.wanted, self._topic = http, wanted, wanted.topic

    @classmethod
    def build(cls, options: NtfyOptions, access: Access) -> Self:
        """Return the sink."""
        return cls(Http.of(options, access, cls.kind, error=SinkError), options)

    def check(self) -> None:
        """Find out whether the server can be reached; nothing is sent."""
        self.http.reach()

    def send(self, notice: Notice) -> None:
        """Publish one message."""
        facts = "\n".join(f"{name}: {value}" for name, value in notice.facts)
        message: dict[str, Any] = {
            "topic": self._topic,
            "title": clipped(notice.title, MOST_TITLE),
            "message": _within_bytes(f"{notice.text}\n{facts}".strip() or notice.title),
            "priority": 3 if notice.is_closed else _PRIORITY[notice.urgency],
            "tags": [_EMOJI[notice.is_closed or notice.urgency]],
        }
        if notice.url:
            message["click"] = notice.url
        self.http.send("POST", "/", body=message, ok=(200,))


def _within_bytes(text: str) -> str:
    return text.encode()[:MOST_TEXT].decode(errors="ignore")
