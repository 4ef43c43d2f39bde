"""Brings news to those who listen: one look at the store for all of them, a bounded queue for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool

from redshank.api.answers import encode
from redshank.api.render import event, run
from redshank.api.times import time_text
from redshank.errors import LimitError, RedshankError
from redshank.service.news import TOPICS, Moved, News, Topic
from redshank.service.series import Series
from redshank.service.service import Service

log = structlog.get_logger("redshank.api")
LOOK_SECONDS = 0.5
AFTER_ERROR_SECONDS = 5.0


@dataclass(frozen=True)
class Message:
    """What is sent: ``topic`` in the singular as its type; ``sequence``: of the newest change of an event so far."""

    topic: Topic
    monitor: str
    sequence: int
    data: bytes

    def encoded(self) -> bytes:
        """Return the message as a server-sent event."""
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (self.sequence, self.topic.rstrip("s").encode(), self.data)


@dataclass(eq=False)
class Listener:
    """Who listens, to what; ``monitors`` None = all. ``is_slow``: the queue was full, so something is missing."""

    topics: frozenset[Topic]
    monitors: frozenset[str] | None
    queue: asyncio.Queue[Message] = field(repr=False)
    is_slow: bool = False

    def wants(self, topic: Topic, monitor: str) -> bool:
        """Whether it is to hear of that."""
        return topic in self.topics and (self.monitors is None or monitor in self.monitors)

    def put(self, message: Message) -> None:
        """Queue a message; a full queue makes the listener slow, and it gets no more."""
        if self.is_slow:
            return
        try:
            self.queue.put_nowait(message)
        except asyncio.QueueFull:
            self.is_slow = True


class Hub:
    """Looks for news while anybody listens, and not otherwise. Lives in the event loop."""

    def __init__(self, service: Service, *, streams: int, queue: int) -> None:
        """At most ``streams`` listen at once; each may be ``queue`` messages behind."""
        self._service = service
        self._streams, self._queue = streams, queue
        self._turn = asyncio.Lock()  # two looks at once would find the same news
        self._listeners: set[Listener] = set()
        self._news: News | None = None
        self._task: asyncio.Task[None] | None = None

    async def join(self, topics: frozenset[Topic], monitors: frozenset[str] | None) -> Listener:
        """Begin to listen; LimitError when too many do."""
        if len(self._listeners) >= self._streams:
            raise LimitError(f"stream: at most {self._streams} may listen at once, try again later")
        listener = Listener(topics, monitors, asyncio.Queue(self._queue))
        self._listeners.add(listener)
        if self._news is None:
            self._news = await run_in_threadpool(News, self._service.store)
        if self._task is None:
            self._task = asyncio.create_task(self._look_for_ever())
        return listener

    def leave(self, listener: Listener) -> None:
        """End to listen; the last one ends the looking."""
        self._listeners.discard(listener)
        if not self._listeners:
            self.stop()

    def stop(self) -> None:
        """End the looking."""
        if self._task is not None:
            self._task.cancel()
        self._task = self._news = None

    @property
    def count(self) -> int:
        """How many listen."""
        return len(self._listeners)

    async def look(self) -> None:
        """Look once, and tell everybody what is new."""
        async with self._turn:
            await self._look()

    async def _look(self) -> None:
        if self._news is None:
            return
        topics = frozenset(topic for topic in TOPICS if any(topic in each.topics for each in self._listeners))
        for message in await run_in_threadpool(messages, self._news, self._service.series, topics, self._is_wanted):
            for listener in tuple(self._listeners):
                if listener.wants(message.topic, message.monitor):
                    listener.put(message)

    def _is_wanted(self, monitor: str) -> bool:
        return any(listener.wants("scores", monitor) for listener in tuple(self._listeners))

    async def _look_for_ever(self) -> None:
        while True:
            try:
                await self.look()
                await asyncio.sleep(LOOK_SECONDS)
            except RedshankError as error:
                log.warning("stream: will look again", error=str(error))
                await asyncio.sleep(AFTER_ERROR_SECONDS)
            except Exception:
                log.exception("stream: will look again")
                await asyncio.sleep(AFTER_ERROR_SECONDS)


def messages(news: News, series: Series, topics: frozenset[Topic], wanted: Callable[[str], bool]) -> list[Message]:
    """Return what is new, as messages; asks the store."""
    news.forget([topic for topic in TOPICS if topic not in topics])
    found = [Message("events", each.monitor, each.sequence, encode(event(each))) for each in news.events()]
    if "runs" in topics:
        found += [Message("runs", each.monitor, news.sequence, encode(run(each))) for each in news.runs()]
    if "scores" in topics:
        found += [
            Message("scores", each.monitor, news.sequence, encode(_moved(series, each))) for each in news.moved(wanted)
        ]
    return found


def _moved(series: Series, moved: Moved) -> dict[str, Any]:
    newest = series.newest_scores(moved.monitor_id, moved.start_ns, moved.end_ns)
    points = [{**point, "time": time_text(point["time"])} for point in newest]
    span = {"start": time_text(moved.start_ns), "end": time_text(moved.end_ns)}
    return {"monitor": moved.monitor, **span, "points": points}
