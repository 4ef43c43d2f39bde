"""Events and scores in topics of a real Kafka."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from redshank.errors import ConfigError, SinkError
from redshank.sinks.build import build_sink
from redshank.specs.options import Access
from sink_contract import HOSTILE, Place, check_events, check_scores, event, told

pytestmark = pytest.mark.external_service
MOMENTS = ("start", "end", "opened", "peak", "time")
KEPT = (
    *("id", "monitor", "kind", "measure", "labels", "series", "start", "end", "opened", "peak", "severity"),
    *("direction", "rarity", "points", "is_open", "reason", "score", "actual", "expected", "lower", "upper", "time"),
)


class Topics:
    """Two topics of a test's own, and what is in them."""

    def __init__(self, broker: str) -> None:
        self.broker = broker
        self.renew()

    def renew(self) -> None:
        name = uuid.uuid4().hex
        self.options = {"brokers": self.broker, "topic": f"events-{name}", "scores_topic": f"scores-{name}"}

    def messages(self, topic: str) -> list[tuple[str, Any]]:
        """All messages, oldest first: key and value."""
        consumer = Consumer({"bootstrap.servers": self.broker, "group.id": uuid.uuid4().hex, "log_level": 0})
        try:
            place = TopicPartition(topic, 0, 0)
            end = consumer.get_watermark_offsets(place, timeout=10)[1]
            consumer.assign([place])
            found = []
            while end and len(found) < end:
                got = consumer.consume(min(1000, end - len(found)), timeout=5)
                found += [(message.key().decode(), json.loads(message.value())) for message in got]
        except KafkaException:
            return []  # nobody wrote to it yet
        finally:
            consumer.close()
        return found

    def events(self) -> Sequence[dict[str, Any]]:
        """The newest form of each event, as a compacted topic keeps it."""
        return list({key: fields(value) for key, value in self.messages(str(self.options["topic"]))}.values())

    def scores(self) -> Sequence[dict[str, Any]]:
        found = (fields(value) for _, value in self.messages(str(self.options["scores_topic"])))
        return list({(each["monitor"], each["series"], each["time"]): each for each in found}.values())


def fields(value: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value[name] for name in KEPT if name in value}
    return {
        name: datetime.fromisoformat(each.replace("Z", "+00:00")) if name in MOMENTS else each
        for name, each in kept.items()
    }


@pytest.fixture
def topics(kafka_server: str) -> Topics:
    return Topics(kafka_server)


def test_events_are_what_they_are_in_every_sink(topics: Topics) -> None:
    place = Place(make=lambda: build_sink("kafka", topics.options), events=topics.events)

    check_events(place, topics.renew)


def test_scores_are_what_they_are_in_every_sink(topics: Topics) -> None:
    place = Place(make=lambda: build_sink("kafka", topics.options), scores=topics.scores)

    check_scores(place, topics.renew)


def test_forms_of_an_event_keep_their_order_and_are_the_same_when_sent_again(topics: Topics) -> None:
    sink = build_sink("kafka", topics.options)
    forms = [told(event(points=i + 1), i + 1) for i in range(20)]

    sink.notify(forms)
    sink.notify(forms[-3:])
    sink.close()

    sequences = [value["sequence"] for _, value in topics.messages(str(topics.options["topic"]))]
    assert sequences == [*range(1, 21), 18, 19, 20]


def test_a_message_that_is_too_large_is_refused_for_good(topics: Topics) -> None:
    sink = build_sink("kafka", topics.options)

    with pytest.raises(SinkError) as caught:
        sink.notify([told(event(reason="x" * 2_000_000))])

    assert caught.value.permanent


def test_a_broker_that_is_down_is_told_with_what_to_do() -> None:
    sink = build_sink("kafka", {"brokers": "127.0.0.1:1", "timeout": "2s"})

    with pytest.raises(SinkError, match=r"kafka 127\.0\.0\.1:1: cannot be reached .*see that `brokers`"):
        sink.notify([told(event())])
    with pytest.raises(SinkError, match="cannot be reached"):
        sink.check()
    sink.close()


def test_a_private_address_can_be_forbidden() -> None:
    sink = build_sink("kafka", {"brokers": "127.0.0.1:9092"}, Access(private=False))

    with pytest.raises(ConfigError, match="private address"):
        sink.check()


def test_names_of_topics_are_checked() -> None:
    with pytest.raises(ConfigError, match="topic"):
        build_sink("kafka", {"brokers": "x:1", "topic": HOSTILE[1]})
