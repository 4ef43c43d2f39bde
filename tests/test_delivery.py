"""Deliveries: every event reaches its sinks, and a dead sink delays no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from redshank.engine.notifications import plain_notifications
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
    buried: dict[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=lambda: Clock())

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

    def later(self, deliveries: Sequence[tuple[Delivery, int]], error: str) -> None:
        """Put some off."""
        for delivery, due_ns in deliveries:
            since = delivery.failed_ns or self.clock.ns() or 1
            self._set(delivery, attempts=delivery.attempts + 1, due_ns=due_ns, error=error, failed_ns=since)

    def bury(self, deliveries: Sequence[tuple[Delivery, str]]) -> None:
        """Give some up."""
        for delivery, error in deliveries:
            self.buried[delivery.event.id] = error
        self.done([delivery for delivery, _ in deliveries])

    def hasten(self, sink: str) -> None:
        """Make all of a sink due."""
        for row in self.rows:
            if row.sink == sink:
                self._set(row, due_ns=self.clock.ns())

    def _set(self, delivery: Delivery, **values: object) -> None:
        self.rows = [replace(row, **values) if row.id == delivery.id else row for row in self.rows]

    def drop(self, sink: str) -> None:
        """Forget a sink."""
        self.rows = [row for row in self.rows if row.sink != sink]


class Heard(Sink):
    """Keeps what it is told; ``on_notify`` may fail or hang, ``refuses`` say no to events for good, one by one."""

    kind = "heard"

    def __init__(self, on_notify: Callable[[], object] = lambda: None) -> None:
        self.heard: list[str] = []
        self.calls = 0
        self.refuses: frozenset[str] = frozenset()
        self.on_notify = on_notify

    @classmethod
    def build(cls, options: object, access: object) -> Heard:
        """Return one that takes everything."""
        return cls()

    def check(self) -> None:
        """Be always there."""

    def notify(self, notifications: Sequence[Notification]) -> None:
        """Keep the ids."""
        self.calls += 1
        self.on_notify()
        if any(each.event.id in self.refuses for each in notifications):
            raise SinkError("mail: too long", permanent=True)
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
    clock, sinks = Clock(), {"mail": Heard(fails)}
    outbox = Waiting(clock=clock)
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
    left_behind, size = len(sent._ways["slow"].left_behind), sent._ways["slow"].pace.size
    never.set()

    assert left_behind == MOST_LEFT_BEHIND
    assert size == 12


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


def test_events_that_are_refused_for_good_are_given_up_and_all_others_delivered() -> None:
    outbox, sinks = Waiting(), {"mail": Heard()}
    names = [f"e{i}" for i in range(100)]
    sinks["mail"].refuses = frozenset(["e0", "e57"])
    outbox.put("mail", *names)

    one_round(courier(outbox, sinks, Clock()))

    assert sorted(sinks["mail"].heard) == sorted(set(names) - {"e0", "e57"})
    assert outbox.buried == {"e0": "mail: too long", "e57": "mail: too long"}
    assert outbox.rows == []
    assert sinks["mail"].calls < 40


def test_a_sink_that_names_the_events_it_refuses_is_called_once() -> None:
    outbox, sink = Waiting(), Heard()
    outbox.put("index", "a", "b", "c")

    def refuse() -> None:
        raise SinkError("index: 1 of 3 refused", refused={"b": "field x is no number"})

    sink.on_notify = refuse
    one_round(courier(outbox, {"index": sink}, Clock()))

    assert outbox.buried == {"b": "field x is no number"}
    assert (outbox.rows, sink.calls) == ([], 1)


def test_what_a_sink_took_before_it_failed_does_not_come_again() -> None:
    outbox, sink, clock = Waiting(), Heard(), Clock()
    outbox.put("chat", "a", "b", "c")

    def fail_at_the_third() -> None:
        raise SinkError("chat: away", delivered=2)

    sink.on_notify = fail_at_the_third
    one_round(courier(outbox, {"chat": sink}, clock))

    assert [(row.event.id, row.attempts) for row in outbox.rows] == [("c", 1)]


def test_a_sink_is_left_alone_as_long_as_it_asks_for() -> None:
    clock = Clock()
    outbox, sink = Waiting(clock=clock), Heard()
    outbox.put("chat", "a")
    sent = courier(outbox, {"chat": sink}, clock)

    def busy() -> None:
        raise SinkError("chat: 429", retry_seconds=300.0)

    sink.on_notify = busy
    one_round(sent)
    outbox.put("chat", "b")
    clock.seconds = 299.0
    one_round(sent)
    before = sink.calls
    clock.seconds = 300.0
    sink.on_notify = lambda: None
    one_round(sent)

    assert before == 1
    assert sink.heard == ["b", "a"]


def test_an_event_that_fails_for_a_day_is_given_up() -> None:
    clock = Clock()
    outbox, sinks = Waiting(clock=clock), {"mail": Heard(fails)}
    outbox.put("mail", "a")
    sent = courier(outbox, sinks, clock)

    tries = 0
    while outbox.rows:
        one_round(sent)
        tries += 1
        clock.seconds = max([clock.seconds, *(row.due_ns / SECOND for row in outbox.rows)])

    assert outbox.buried == {"a": "mail: connection refused"}
    assert 86_400 <= clock.seconds < 86_400 + 7200
    assert tries < 50


def test_an_event_that_breaks_its_sink_holds_up_the_others_for_seconds() -> None:
    clock = Clock()
    outbox, sink = Waiting(clock=clock), Heard()
    names = [f"e{i}" for i in range(100)]
    outbox.put("odd", *names)
    sent = courier(outbox, {"odd": sink}, clock)
    sink.on_notify = lambda: None

    def notify(notifications: Sequence[Notification]) -> None:
        if any(each.event.id == "e42" for each in notifications):
            raise ZeroDivisionError
        sink.heard += [each.event.id for each in notifications]

    sink.notify = notify  # type: ignore[method-assign]
    while len(sink.heard) < 99:
        one_round(sent)
        clock.seconds += 1.0

    assert clock.seconds <= 60
    assert [row.event.id for row in outbox.rows] == ["e42"]


def test_a_slow_sink_is_given_as_much_as_it_takes_in_time() -> None:
    clock, sizes = Clock(), []
    outbox, sink = Waiting(clock=clock), Heard()
    outbox.put("slow", *(f"e{i}" for i in range(300)))
    sent = courier(outbox, {"slow": sink}, clock)

    def take_a_second_each(notifications: Sequence[Notification]) -> None:
        sizes.append(len(notifications))
        clock.seconds += len(notifications)

    sink.notify = take_a_second_each  # type: ignore[method-assign]
    one_round(sent)

    assert sizes == [100, 50, 25, *[12] * 10, 5]


def test_all_that_waits_goes_at_once_when_a_sink_is_back() -> None:
    clock = Clock()
    outbox, sink = Waiting(clock=clock), Heard(fails)
    outbox.put("mail", *(f"e{i}" for i in range(5)))
    sent = courier(outbox, {"mail": sink}, clock)
    for _ in range(40):
        one_round(sent)
        clock.seconds += 100.0

    sink.on_notify = lambda: None
    outbox.put("mail", "new")
    one_round(sent)

    assert sorted(sink.heard) == ["e0", "e1", "e2", "e3", "e4", "new"]
    assert sent.delivered()["mail"].events == 6


def test_an_event_is_opened_when_it_is_told_first_and_closed_when_it_is_over() -> None:
    open_one = Delivery(id=1, sink="a", event=stored("a"), attempts=0, due_ns=0, error=None, is_first=True)
    over = replace(open_one.event, is_open=False)
    forms = [open_one, replace(open_one, is_first=False), replace(open_one, event=over)]

    assert [one.state for one in plain_notifications(forms, Heard())] == ["opened", "updated", "closed"]
