"""The contract of sinks holds for one in memory, and finds out one that breaks it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import pytest

from redshank.decide import Event
from redshank.errors import SinkError
from redshank.panel import Key
from redshank.result import Scored
from redshank.sinks.base import Notification, ScoreBlock, Sink
from sink_contract import (
    Place,
    check_events,
    check_one_bad_event,
    check_scores,
    check_twice_is_once,
    event,
    expected_event,
    expected_points,
    told,
)


class Memory(Sink):
    """A system that keeps all it is told; refuses events of the measure "bad"."""

    kind = "memory"

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.points: dict[Any, dict[str, Any]] = {}

    @classmethod
    def build(cls, options: Any, access: Any) -> Self:
        """Return an empty one."""
        return cls()

    @property
    def wants_scores(self) -> bool:
        """Whether it takes scores."""
        return True

    def check(self) -> None:
        """Be there."""

    def notify(self, notifications: Sequence[Notification]) -> None:
        """Keep the newest form."""
        if any(one.event.key.measure == "bad" for one in notifications):
            raise SinkError("memory: no", permanent=True)
        self.events |= {one.event.id: expected_event(one) for one in notifications}

    def write_events(self, events: Sequence[Event]) -> None:
        """Keep nothing."""

    def record(self, block: ScoreBlock) -> None:
        """Keep the points."""
        self.points |= expected_points([block])

    def write_scores(self, parts: Sequence[Scored]) -> None:
        """Keep nothing."""


class Careless(Memory):
    """Adds a row for each call."""

    def notify(self, notifications: Sequence[Notification]) -> None:
        """Give each its own id."""
        for one in notifications:
            self.events[f"{one.event.id}-{len(self.events)}"] = expected_event(one)


def place_of(sink: Memory) -> Place:
    """Look into the sink itself."""
    return Place(
        make=lambda: sink, events=lambda: list(sink.events.values()), scores=lambda: list(sink.points.values())
    )


def test_a_sink_in_memory_keeps_the_contract() -> None:
    sink = Memory()

    check_events(place_of(sink), sink.events.clear)
    check_scores(place_of(sink), sink.points.clear)
    sink.events.clear()
    check_one_bad_event(place_of(sink), told(event("bad", key=Key.of("bad"))))


def test_a_sink_that_writes_twice_is_found_out() -> None:
    with pytest.raises(AssertionError):
        check_twice_is_once(place_of(Careless()))


def test_an_error_that_names_events_is_permanent() -> None:
    error = SinkError("index: 1 of 9 refused", refused={"e1": "too long"})

    assert error.permanent
    assert error.refused == {"e1": "too long"}
    assert not SinkError("index: away", retry_seconds=30.0).permanent
