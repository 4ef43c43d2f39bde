"""The stream of news: events, runs and scores as they change, resumed where it broke off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from redshank.client.answers import Event, Record, Run
from redshank.client.operations import Group, Mode, stream
from redshank.client.request import Close, Flow, Give, Line, Open, Request, Steps, pause, place, text
from redshank.errors import LimitError, RedshankError, UnavailableError

_AGAIN_SECONDS, _MOST_AGAIN_SECONDS = 0.5, 10.0


class News(Record, frozen=True, kw_only=True):
    """Something changed. ``id``: pass it as ``after`` to go on behind it."""

    id: int
    topic: Literal["event", "run", "score"]
    event: Event | None = None
    run: Run | None = None
    score: dict[str, Any] | None = None


@dataclass
class _Message:
    """A server-sent event while its lines come."""

    id: str = ""
    type: str = "message"
    data: list[str] = field(default_factory=list)

    def take(self, line: str) -> None:
        """Take a line of it."""
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self.data.append(value)
        elif name == "event":
            self.type = value
        elif name == "id":
            self.id = value

    def news(self) -> News | None:
        """Return what it says; None for a type that this client does not know."""
        kinds: dict[str, Any] = {"event": Event, "run": Run, "score": dict[str, Any]}
        if self.type not in kinds:
            return None
        value = msgspec.json.decode("\n".join(self.data).encode(), type=kinds[self.type])
        known: dict[str, Any] = {"id": int(self.id or 0), "topic": self.type, self.type: value}
        return News(**known)


class Stream(Group[Mode]):
    """What happens, as it happens."""

    @stream
    def follow(
        self,
        *,
        topics: Sequence[Literal["events", "runs", "scores"]] = ("events",),
        monitors: Sequence[str] = (),
        after: int | None = None,
        reconnect: bool = True,
    ) -> Flow[News]:
        """Give news as they come, for ever.

        ``monitors``: of these only, none = of all. ``after``: id of the last news that were had; changes of events
        since then come first, each event in its newest form. Where the connection breaks it is made again, and nothing
        is left out; with ``reconnect`` False, UnavailableError is raised instead.
        """
        seconds = _AGAIN_SECONDS
        while True:
            handle = None
            trouble: RedshankError = UnavailableError("stream: the server ended it")
            try:
                handle = yield Open(_request(topics, monitors, after))
                while (message := (yield from _next_message(handle))) is not None:
                    news = message.news()
                    if news is not None:
                        after, seconds = max(after or 0, news.id), _AGAIN_SECONDS
                        yield Give(news)
            except (UnavailableError, LimitError) as error:
                trouble = error
            if handle is not None:
                yield Close(handle)
            if not reconnect:
                raise trouble
            yield from pause(seconds)
            seconds = min(seconds * 2, _MOST_AGAIN_SECONDS)


def _request(topics: Sequence[str], monitors: Sequence[str], after: int | None) -> Request[str]:
    params = [*(("topic", topic) for topic in topics), *(("monitor", name) for name in monitors)]
    headers = {"Accept": "text/event-stream"} | ({} if after is None else {"Last-Event-ID": str(after)})
    return Request(method="GET", path=place("stream"), read=text, params=params, headers=headers)


def _next_message(handle: Any) -> Steps[_Message | None]:
    """The next message; None at the end of the stream."""
    message = _Message()
    while True:
        line: str | None = yield Line(handle)
        if line is None:
            return None
        if line and not line.startswith(":"):
            message.take(line)
        elif not line and message.data:
            return message
