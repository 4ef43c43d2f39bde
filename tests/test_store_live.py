"""All of a tick is kept together or not at all, and only by who may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from redshank.errors import LeaseLostError, StaleError
from redshank.panel import Key
from redshank.store.records import Blob, Block, Progress, TickCommit, Version
from redshank.store.series import number_series
from redshank.store.store import Store
from store_data import MINUTE, NOON, event, live

BLOCK = Block(start_ns=NOON, end_ns=NOON + MINUTE, rows=1, data=b"scores")
VERSION = Version(
    monitor_id="m1",
    number=1,
    detector="seasonal",
    params={},
    start_ns=None,
    cursor_ns=NOON,
    n_series=1,
    size_bytes=3,
    created_ns=NOON,
)


def test_a_tick_keeps_all_it_says(store: Store) -> None:
    fence = store.leases.take("leader", "a", 30, NOON)
    run = store.runs.continuous("m1", "shop", fence)
    added = number_series("m1", [Key.of("cpu", {"host": "a"})], 0, first_ns=NOON, shard_series=10)
    state = store.states.save("m1", NOON, [Blob(shard=0, parts={"detector": b"abc"})], fence)
    first = live(state_id=state)

    kept = store.live.commit(
        TickCommit(
            base=None,
            live=first,
            events=[event()],
            deliveries=[("mail", "e1")],
            block=BLOCK,
            series=added,
            seen={0: NOON + MINUTE},
            progress=Progress(run_id=run.id, attempt=run.attempt, done=1),
            version=replace(VERSION, state_id=state),
        ),
        fence,
    )

    assert kept == replace(first, revision=1) == store.live.get("m1")
    assert store.events.get("e1").sequence == 1
    assert [delivery.event.id for delivery in store.outbox.due("mail", NOON)] == ["e1"]
    assert store.series.all_of("m1")[0].last_ns == NOON + MINUTE
    assert store.runs.get(run.id).done == 1
    assert store.states.versions("m1")[0].is_live
    assert [blob.parts for blob in store.states.load(state)] == [{"detector": b"abc"}]


def test_a_tick_from_a_place_that_was_left_keeps_nothing(store: Store) -> None:
    base = store.live.commit(TickCommit(base=None, live=live()))
    store.live.commit(TickCommit(base=base, live=live(cursor_ns=NOON + MINUTE)))

    with pytest.raises(StaleError):
        store.live.commit(TickCommit(base=base, live=live(cursor_ns=NOON + 2 * MINUTE), events=[event()]))

    assert store.live.get("m1").cursor_ns == NOON + MINUTE
    assert store.events.newest() == 0


def test_an_old_leader_can_keep_nothing(store: Store) -> None:
    old = store.leases.take("leader", "a", 30, NOON)
    store.leases.take("leader", "b", 30, NOON + MINUTE)

    with pytest.raises(LeaseLostError):
        store.live.commit(TickCommit(base=None, live=live()), old)

    assert store.live.get("m1") is None
