"""Each event reaches each of its sinks in its newest form, however often one must try."""

from __future__ import annotations

from redshank.store.records import TickCommit
from redshank.store.store import Store
from store_data import MINUTE, NOON, event, live


def put_in(store: Store, **changes: object) -> None:
    """Keep an event that is to be delivered to two sinks."""
    tick = TickCommit(
        base=store.live.get("m1"),
        live=live(),
        events=[event(**changes)],
        deliveries=[("mail", "e1"), ("chat", "e1")],
    )
    store.live.commit(tick)


def test_a_sink_that_fails_holds_up_no_other(store: Store) -> None:
    put_in(store)
    (mail,) = store.outbox.due("mail", NOON)

    store.outbox.later(mail, NOON + MINUTE, "no answer")

    assert store.outbox.sinks(NOON) == ["chat"]
    (again,) = store.outbox.due("mail", NOON + MINUTE)
    assert (again.attempts, again.error, again.event) == (1, "no answer", store.events.get("e1"))


def test_what_was_taken_is_gone(store: Store) -> None:
    put_in(store)

    store.outbox.done(store.outbox.due("mail", NOON))

    assert store.outbox.waiting() == {"chat": 1}


def test_an_event_that_changes_while_it_is_delivered_is_delivered_again(store: Store) -> None:
    put_in(store)
    before = store.outbox.due("mail", NOON)
    put_in(store, is_open=False)

    store.outbox.done(before)

    (again,) = store.outbox.due("mail", NOON)
    assert not again.event.is_open


def test_an_event_that_changes_often_is_delivered_once_a_sink(store: Store) -> None:
    for severity in range(20):
        put_in(store, severity=severity)

    assert [delivery.event.severity for delivery in store.outbox.due("mail", NOON)] == [19]


def test_the_outbox_of_a_removed_sink_can_be_emptied(store: Store) -> None:
    put_in(store)

    store.outbox.drop("mail")

    assert store.outbox.waiting() == {"chat": 1}
