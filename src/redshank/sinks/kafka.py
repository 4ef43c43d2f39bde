"""Events and scores to topics of Kafka: they count as delivered when all replicas in sync have them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from confluent_kafka import KafkaError, KafkaException, Producer
from pydantic import Field

from redshank.decide import Event
from redshank.errors import SinkError
from redshank.kafka.connect import KafkaOptions, client_settings
from redshank.panel import to_datetime
from redshank.result import Scored
from redshank.sinks.base import Notification, ScoreBlock, Sink
from redshank.sinks.files import event_json, plain
from redshank.specs.options import Access

Message = tuple[str, dict[str, Any]]  # key, value
_PERMANENT = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG, KafkaError.INVALID_RECORD})


class KafkaSinkOptions(KafkaOptions):
    """``topic``: of events. ``scores_topic``: of scores of points; None = none are sent."""

    topic: str = Field(default="redshank-events", pattern=r"^[a-zA-Z0-9._-]{1,249}$")
    scores_topic: str | None = Field(default=None, pattern=r"^[a-zA-Z0-9._-]{1,249}$")


class KafkaSink(Sink):
    """Produces JSON.

    The key of an event is its id, so that a compacted topic holds the newest form of each, and all forms of one event
    keep their order. A form that is sent again after a crash is the same to the last byte.
    """

    kind: ClassVar[str] = "kafka"
    Options: ClassVar[type[KafkaSinkOptions]] = KafkaSinkOptions

    def __init__(self, options: KafkaSinkOptions, access: Access) -> None:
        """Keep which topics; nothing is reached yet."""
        self.options, self._access = options, access
        self._where = f"kafka {','.join(options.brokers)}"
        self._producer: Producer | None = None
        self._turn = threading.Lock()
        self._last_error = ""

    @classmethod
    def build(cls, options: KafkaSinkOptions, access: Access) -> Self:
        """Return the sink."""
        return cls(options, access)

    @property
    def wants_scores(self) -> bool:
        """Whether scores are sent."""
        return self.options.scores_topic is not None

    def check(self) -> None:
        """Find out whether the brokers answer and know the topics; nothing is sent."""
        topics = [topic for topic in (self.options.topic, self.options.scores_topic) if topic is not None]
        try:
            for topic in topics:
                found = self._open().list_topics(topic, timeout=self._seconds).topics[topic]
                if found.error is not None and found.error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise SinkError(f"{self._where}: topic {topic!r}: {found.error.str()}")
        except KafkaException as error:
            raise self._problem(error.args[0]) from error

    def write_events(self, events: Sequence[Event]) -> None:
        """Produce events without a monitor's name."""
        self._produce(self.options.topic, ((event.id, event_json(event)) for event in events))

    def notify(self, notifications: Sequence[Notification]) -> None:
        """Produce changes of events, in their order."""
        self._produce(self.options.topic, ((each.event.id, _told(each)) for each in notifications))

    def write_scores(self, parts: Sequence[Scored]) -> None:
        """Produce the points that have a value, with their scores, keyed by series."""
        if self.options.scores_topic is not None:
            self._produce(self.options.scores_topic, (message for part in parts for message in _points(part, {})))

    def record(self, block: ScoreBlock) -> None:
        """Produce the points of a monitor."""
        if self.options.scores_topic is not None:
            own = {"monitor": block.monitor}
            points = (message for part in block.parts for message in _points(part, own))
            self._produce(self.options.scores_topic, points)

    def close(self) -> None:
        """Give the connections up."""
        with self._turn:
            self._producer = None

    @property
    def _seconds(self) -> float:
        return self.options.timeout.total_seconds()

    def _open(self) -> Producer:
        with self._turn:
            if self._producer is None:
                settings = client_settings(self.options, self._access, self._note)
                own = {
                    "enable.idempotence": True,
                    "compression.type": "zstd",
                    "message.timeout.ms": int(self._seconds * 1000),
                }
                try:
                    self._producer = Producer({**settings, **own})
                except KafkaException as error:
                    raise self._problem(error.args[0]) from error
            return self._producer

    def _note(self, error: KafkaError) -> None:
        self._last_error = error.str()

    def _produce(self, topic: str, messages: Iterable[Message]) -> None:
        """Send messages and wait until all are acknowledged; SinkError when one is not."""
        producer = self._open()
        failed: list[KafkaError] = []

        def reported(error: KafkaError | None, message: Any) -> None:
            if error is not None:
                failed.append(error)

        try:
            for key, value in messages:
                content = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
                self._put(producer, topic, key.encode(), content, reported)
        except KafkaException as error:
            producer.purge()
            producer.flush(1.0)
            raise self._problem(error.args[0]) from error
        if producer.flush(self._seconds):
            producer.purge()
            producer.flush(1.0)
            raise SinkError(f"{self._where}: did not acknowledge within timeout; {self._last_error}".rstrip("; "))
        if failed:
            raise self._problem(failed[0])

    def _put(self, producer: Producer, topic: str, key: bytes, content: bytes, reported: Any) -> None:
        """Add one message to those on their way; wait where there are too many."""
        while True:
            try:
                producer.produce(topic, content, key, on_delivery=reported)
            except BufferError:
                producer.poll(0.1)
            else:
                producer.poll(0)
                return

    def _problem(self, error: KafkaError) -> SinkError:
        code = error.code()
        said = error.str() or self._last_error
        if code in (
            KafkaError._MSG_TIMED_OUT,
            KafkaError._TRANSPORT,
            KafkaError._ALL_BROKERS_DOWN,
            KafkaError._TIMED_OUT,
        ):
            reason = f" ({self._last_error})" if self._last_error else ""
            return SinkError(f"{self._where}: cannot be reached{reason}; see that `brokers` and the network are right")
        if code in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
            return SinkError(f"{self._where}: topic {self.options.topic!r}: {said}; make it, or allow writing to it")
        return SinkError(f"{self._where}: {said}", permanent=code in _PERMANENT)


def _told(notification: Notification) -> dict[str, Any]:
    given = notification
    own = {"monitor": given.monitor, "kind": given.kind, "state": given.state, "sequence": given.sequence}
    return {**own, "tags": list(given.tags), **event_json(given.event)}


def _points(part: Scored, own: Mapping[str, Any]) -> Iterator[Message]:
    """Each value of a panel with its score, as JSON; ``own`` is put before it."""
    panel, scores = part.panel, part.scores
    there = np.argwhere(np.isfinite(panel.values))
    for row, time, channel in there.tolist():
        key = panel.keys[row]
        yield (
            f"{own['monitor']}: {key}" if own else str(key),
            {
                **own,
                "series": str(key),
                "measure": key.measure,
                "labels": key.label_map,
                "channel": panel.channels[channel],
                "time": plain(to_datetime(panel.times[time])),
                "actual": float(panel.values[row, time, channel]),
                "score": plain(float(scores.score[row, time])),
                "expected": plain(float(scores.expected[row, time, channel])),
                "lower": plain(float(scores.lower[row, time, channel])),
                "upper": plain(float(scores.upper[row, time, channel])),
            },
        )
