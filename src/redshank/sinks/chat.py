"""What chats have in common: a webhook address that is the secret, and a message of their own shape."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Self

from pydantic import Field, SecretStr

from redshank.errors import SinkError
from redshank.http.client import Http, HttpOptions
from redshank.sinks.notice import Notice
from redshank.sinks.notifier import Notifier, NotifierOptions
from redshank.specs.options import Access

# by urgency; True: it is over
COLOURS: dict[str | bool, str] = {
    True: "#2e9e5b",
    "critical": "#b3261e",
    "error": "#d9480f",
    "warning": "#e8a100",
    "info": "#2563b8",
}


class ChatOptions(HttpOptions, NotifierOptions):
    """The address of an incoming webhook: whoever knows it can post, so it is kept like a password."""

    url: str = Field(default="", exclude=True)
    webhook: SecretStr


class Chat(Notifier):
    """Posts one message an event to a chat."""

    Options: ClassVar[type[ChatOptions]] = ChatOptions
    digests: ClassVar[bool] = True

    def __init__(self, http: Http, wanted: NotifierOptions) -> None:
        """Keep where to; nothing is reached yet."""
        self.http, self.wanted = http, wanted

    @classmethod
    def build(cls, options: ChatOptions, access: Access) -> Self:
        """Return the sink."""
        address = access.reveal(options.webhook)
        return cls(Http.of(options, access, cls.kind, error=SinkError, url=address), options)

    def check(self) -> None:
        """Find out whether the address can be reached; nothing is posted."""
        self.http.reach()

    def send(self, notice: Notice) -> None:
        """Post one message."""
        self.http.send("POST", "", body=self.payload(notice), ok=range(200, 300))

    @abstractmethod
    def payload(self, notice: Notice) -> dict[str, Any]:
        """Return the JSON that the chat takes."""
