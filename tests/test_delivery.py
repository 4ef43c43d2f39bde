"""Deliveries: every event reaches its sinks, and a dead sink delays no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from redshank.errors import NotFoundError, SinkError
from redshank.panel import Key
from redshank.scheduler.delivery import HUNG_SECONDS, MOST_LEFT_BEHIND, Courier
from redshank.sinks.base import Notification, Sink
from redshank.store.records import Delivery, StoredEvent

SECOND = 1_000_000_000


def stored(name: str) -> StoredEvent:
    """An event as kept."""
    return StoredEvent(
        id=name,
        monitor_id="m1",
        monitor="cpu",
        kind="anomaly",
        key=Key.of("cpu", {}),
        start_ns=0,
        end_ns=SECOND,
        opened_ns=0,
        peak_ns=0,
        score=2.0,
        severity=75,
        direction="up",
        actual=9.0,
        expected=None,
        lower=None,
        upper=None,
        rarity=None,
        points=1,
        is_open=True,
    )


@dataclass
class Waiting:
    """An outbox in memory."""

    rows: list[Delivery] = field(default_factory=list)

    def put(self, sink: str, *names: str) -> None:
        """Put events in for a sink."""
        start = len(self.rows)
        self.rows += [
            Delivery(id=start + i, sink=sink, event=stored(name), attempts=0, due_ns=0, error=None)
            for i, name in enumerate(names)
        ]

    def due(self, sink: str, now_ns: int, *, limit: int = 100) -> list[Delivery]:
        """What is due for a sink."""
        return [row for row in self.rows if row.sink == sink and row.due_ns <= now_ns][:limit]

    def sinks(self, now_ns: int) -> list[str]:
        """The sinks for which something is due."""
        return sorted({row.sink for row in self.rows if row.due_ns <= now_ns})

    def done(self, deliveries: Sequence[Delivery]) -> None:
        """Take out what was delivered."""
        ids = {delivery.id for delivery in deliveries}
        self.rows = [row for row in self.rows if row.id not in ids]

    def later(self, delivery: Delivery, due_ns: int, error: str) -> None:
        """Put one off."""
        failed = {"attempts": delivery.attempts + 1, "due_ns": due_ns, "error": error}
        self.rows = [replace(row, **failed) if row.id == delivery.id else row for row in self.rows]

    def drop(self, sink: str) -> None:
        """Forget a sink."""
        self.rows = [row for row in self.rows if row.sink != sink]


class Heard(Sink):
    """Keeps what it is told; ``on_notify`` may fail or hang."""

    kind = "heard"

    def __init__(self, on_notify: Callable[[], object] = lambda: None) -> None:
        self.heard: list[str] = []
        self.on_notify = on_notify

    @classmethod
    def build(cls, options: object, access: object) -> Heard:
        """Return one that takes everything."""
        return cls()

    def check(self) -> None:
        """Be always there."""

    def notify(self, notifications: Sequence[Notification]) -> None:
        """Keep the ids."""
        self.on_notify()
        self.heard += [each.event.id for each in notifications]

    def write_events(self, events: Sequence[object]) -> None:
        """Keep nothing."""

    def write_scores(self, parts: Sequence[object]) -> None:
        """Keep nothing."""


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def ns(self) -> int:
        """Nanoseconds since 1970."""
        return int(self.seconds * SECOND)

    def monotonic(self) -> float:
        """Seconds."""
        return self.seconds


def fails() -> None:
    """Refuse."""
    raise SinkError("mail: connection refused")


def courier(outbox: Waiting, sinks: dict[str, Heard], clock: Clock) -> Courier:
    """A courier over sinks by name."""

    def named(name: str) -> Sink:
        if name not in sinks:
            raise NotFoundError(f"no sink {name!r}")
        return sinks[name]

    return Courier(outbox, named, clock=clock.ns, monotonic=clock.monotonic)


def one_round(sent: Courier) -> None:
    """Send threads out and wait until they are back."""
    sent.send_out()
    for way in sent._ways.values():
        if way.thread:
            way.thread.join(5)


def test_everything_in_the_outbox_reaches_its_sink_in_order() -> None:
    outbox, sinks = Waiting(), {"log": Heard()}
    names = [f"e{i}" for i in range(250)]
    outbox.put("log", *names)

    one_round(courier(outbox, sinks, Clock()))

    assert sinks["log"].heard == names
    assert outbox.rows == []


def test_a_sink_that_never_answers_delays_no_other() -> None:
    never = threading.Event()
    outbox, sinks = Waiting(), {"dead": Heard(lambda: never.wait(30)), "log": Heard()}
    outbox.put("dead", "a")
    outbox.put("log", "a", "b")
    sent = courier(outbox, sinks, Clock())

    sent.send_out()
    sent._ways["log"].thread.join(5)  # type: ignore[union-attr]

    assert sinks["log"].heard == ["a", "b"]
    never.set()


def test_a_sink_that_fails_gets_the_same_events_after_a_growing_pause() -> None:
    clock, outbox, sinks = Clock(), Waiting(), {"mail": Heard(fails)}
    outbox.put("mail", "a")
    sent = courier(outbox, sinks, clock)

    pauses = []
    for _ in range(4):
        one_round(sent)
        pauses.append(outbox.rows[0].due_ns / SECOND - clock.seconds)
        clock.seconds = outbox.rows[0].due_ns / SECOND
    sinks["mail"].on_notify = lambda: None
    one_round(sent)

    assert pauses == [2, 4, 8, 16]
    assert sinks["mail"].heard == ["a"]
    assert outbox.rows == []


def test_an_error_that_nobody_foresaw_is_kept_with_the_delivery() -> None:
    outbox, sinks = Waiting(), {"odd": Heard(lambda: 1 / 0)}
    outbox.put("odd", "a")

    one_round(courier(outbox, sinks, Clock()))

    assert [(row.attempts, row.error) for row in outbox.rows] == [(1, "ZeroDivisionError: division by zero")]


def test_what_was_to_go_to_a_sink_that_is_no_more_is_dropped() -> None:
    outbox = Waiting()
    outbox.put("gone", "a")

    one_round(courier(outbox, {}, Clock()))

    assert outbox.rows == []


def test_a_call_that_hangs_is_left_behind_and_the_sink_tried_again() -> None:
    clock, outbox, never = Clock(), Waiting(), threading.Event()
    sinks = {"slow": Heard(lambda: never.wait(30))}
    outbox.put("slow", "a")
    sent = courier(outbox, sinks, clock)

    for _ in range(10):
        sent.send_out()
        clock.seconds += HUNG_SECONDS + 1
    left_behind = len(sent._ways["slow"].left_behind)
    never.set()

    assert left_behind == MOST_LEFT_BEHIND


def test_a_started_courier_delivers_when_it_is_woken() -> None:
    arrived = threading.Event()
    outbox, sinks = Waiting(), {"log": Heard(arrived.set)}
    sent = courier(outbox, sinks, Clock())
    sent.start()

    outbox.put("log", "a")
    sent.wake()

    assert arrived.wait(5)
    sent.stop()
    assert sinks["log"].heard == ["a"]


def test_who_does_not_lead_delivers_nothing() -> None:
    outbox, sink, clock = Waiting(), Heard(), Clock()
    outbox.put("a", "e1")
    sent = Courier(outbox, lambda _name: sink, clock=clock.ns, monotonic=clock.monotonic, is_leading=lambda: False)

    one_round(sent)

    assert outbox.due("a", clock.ns()) != []
