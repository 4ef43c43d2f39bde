"""States are loaded as they were saved, or not at all."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text, update

from redshank.errors import ConflictError, NotFoundError, StateError
from redshank.store.records import Blob, TickCommit
from redshank.store.store import Store
from redshank.store.tables import blobs, quarantine
from store_data import NOON, live, train

SHARDS = [Blob(shard=0, parts={"detector": b"abc", "memory": b""}), Blob(shard=1, parts={"detector": b"\x00" * 1000})]


def damage(store: Store) -> None:
    """Change a byte of the second shard behind the store's back."""
    with store.database.write() as connection:
        connection.execute(update(blobs).where(blobs.c.shard == 1).values(data=b"\x00" * 999 + b"\x01"))


def test_a_state_comes_out_as_it_went_in(store: Store) -> None:
    state = store.states.save("m1", NOON, SHARDS)

    assert list(store.states.load(state)) == SHARDS


def test_a_damaged_part_is_set_aside_and_never_loaded(store: Store) -> None:
    state = store.states.save("m1", NOON, SHARDS)
    damage(store)

    with pytest.raises(StateError, match="part 'detector' of shard 1 is damaged and was set aside"):
        list(store.states.load(state))

    with pytest.raises(StateError, match="must be saved whole"):
        next(store.states.load(state))
    with store.database.read() as connection:
        (found,) = connection.execute(select(quarantine))
    assert (found.monitor_id, found.shard, found.part, found.data[-1]) == ("m1", 1, "detector", 1)


def test_a_state_that_was_not_saved_whole_is_not_referred_to(store: Store) -> None:
    def cut() -> object:
        yield SHARDS[0]
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        store.states.save("m1", NOON, cut())
    with store.database.read() as connection:
        state = connection.execute(text("SELECT id FROM states")).scalar()

    with pytest.raises(StateError, match="must be saved whole"):
        store.live.commit(TickCommit(base=None, live=live(state_id=state)))
    assert store.live.get("m1") is None


def test_a_checkpoint_that_is_replaced_goes(store: Store) -> None:
    first, second = (store.states.save("m1", NOON, SHARDS) for _ in range(2))
    base = store.live.commit(TickCommit(base=None, live=live(state_id=first)))

    store.live.commit(TickCommit(base=base, live=live(state_id=second)))

    with pytest.raises(StateError):
        next(store.states.load(first))
    assert list(store.states.load(second)) == SHARDS


def test_a_state_on_its_way_into_a_version_survives_a_checkpoint(store: Store) -> None:
    first, training, second = (store.states.save("m1", NOON, SHARDS) for _ in range(3))
    base = store.live.commit(TickCommit(base=None, live=live(state_id=first)))

    store.live.commit(TickCommit(base=base, live=live(state_id=second)))

    assert list(store.states.load(training)) == SHARDS


def test_a_version_that_is_not_there_is_not_restored(store: Store) -> None:
    store.live.commit(TickCommit(base=None, live=live()))

    with pytest.raises(NotFoundError, match="version 3"):
        store.states.restore("m1", 3)


def test_a_version_is_restored_only_where_something_runs(store: Store) -> None:
    train(store, "m1", 1)
    store.live.remove("m1")

    with pytest.raises(ConflictError, match="has not started yet"):
        store.states.restore("m1", 1)
