"""Each event reaches each of its sinks in its newest form, however often one must try."""

from __future__ import annotations

import pytest

from redshank.store import outbox
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

    store.outbox.later([(mail, NOON + MINUTE)], "no answer")

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


def buried(store: Store, why: str = "too long") -> None:
    """Make a dead letter of the event for mail."""
    store.outbox.bury([(one, why) for one in store.outbox.due("mail", NOON)])


def test_a_dead_letter_is_kept_and_not_tried(store: Store) -> None:
    put_in(store)

    buried(store)

    assert store.outbox.due("mail", NOON * 2) == []
    assert (store.outbox.waiting(), store.outbox.dead()) == ({"chat": 1}, {"mail": 1})
    (letter,) = store.outbox.list("mail", state="dead").items
    assert (letter.error, letter.attempts, letter.dead_ns, letter.event.id) == ("too long", 1, store.clock(), "e1")
    assert store.outbox.list("mail", state="waiting").items == []


def test_a_dead_letter_that_is_replayed_is_delivered_as_if_new(store: Store) -> None:
    put_in(store)
    buried(store)

    assert store.outbox.replay("mail", ["other"]) == 0
    assert store.outbox.replay("chat") == 0
    assert store.outbox.replay("mail", ["e1"]) == 1

    (again,) = store.outbox.due("mail", NOON)
    assert (again.attempts, again.failed_ns, again.dead_ns) == (0, None, None)
    assert again.is_first


def test_dead_letters_can_be_dropped(store: Store) -> None:
    put_in(store)
    buried(store)

    assert store.outbox.discard("chat") == 0
    assert store.outbox.discard("mail") == 1
    assert (store.outbox.waiting(), store.outbox.dead()) == ({"chat": 1}, {})


def test_a_dead_letter_whose_event_changes_is_delivered_once_more(store: Store) -> None:
    put_in(store)
    buried(store)

    put_in(store, severity=99)

    (again,) = store.outbox.due("mail", NOON)
    assert (again.attempts, again.dead_ns, again.event.severity) == (0, None, 99)
    assert again.is_first


def test_an_event_that_changed_while_its_old_form_was_refused_is_no_dead_letter(store: Store) -> None:
    put_in(store)
    before = store.outbox.due("mail", NOON)
    put_in(store, severity=99)

    store.outbox.bury([(one, "too long") for one in before])

    assert [one.attempts for one in store.outbox.due("mail", NOON)] == [0]


def test_only_an_event_that_the_sink_never_had_is_told_as_new(store: Store) -> None:
    put_in(store)
    (first,) = store.outbox.due("mail", NOON)
    store.outbox.done([first])
    store.clock.now_ns += MINUTE  # type: ignore[attr-defined]
    put_in(store, severity=99)

    (mail,) = store.outbox.due("mail", NOON + MINUTE)
    (chat,) = store.outbox.due("chat", NOON + MINUTE)

    assert (first.is_first, mail.is_first, chat.is_first) == (True, False, True)


def test_old_dead_letters_go_and_so_do_those_that_are_too_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    tick = TickCommit(
        base=None,
        live=live(),
        events=[event(id=f"e{i}") for i in range(5)],
        deliveries=[("mail", f"e{i}") for i in range(5)],
    )
    store.live.commit(tick)
    buried(store)
    monkeypatch.setattr(outbox, "MOST_DEAD", 3)

    assert store.outbox.prune(0) == 2
    assert [one.event.id for one in store.outbox.list("mail", limit=2).items] == ["e2", "e3"]
    assert store.outbox.prune(store.clock() + 1) == 3


def test_what_was_to_go_to_removed_sinks_is_swept_away(store: Store) -> None:
    names = ["mail", "gone", "cpu#0", "away#0", "#0"]
    tick = TickCommit(base=None, live=live(), events=[event()], deliveries=[(name, "e1") for name in names])
    store.live.commit(tick)

    assert store.outbox.forget_the_removed({"mail"}, {"cpu"}) == 3
    assert store.outbox.waiting() == {"mail": 1, "cpu#0": 1}


def test_a_sink_that_is_back_gets_all_that_waits(store: Store) -> None:
    put_in(store)
    store.outbox.later([(one, NOON * 2) for one in store.outbox.due("mail", NOON)], "no answer")

    store.outbox.hasten("mail")

    (again,) = store.outbox.due("mail", store.clock())
    assert (again.attempts, again.failed_ns) == (1, store.clock())
