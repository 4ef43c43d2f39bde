"""What is too old goes, what is young, open or live stays."""

from __future__ import annotations

from dataclasses import replace

from redshank.store.records import Blob, Resource
from redshank.store.retention import sweep
from redshank.store.store import Store
from store_data import MINUTE, NOON, event, train

DAY = 24 * 60 * MINUTE


def monitor(store: Store, **retention: object) -> Resource:
    """A monitor of the store."""
    return store.resources.create("monitors", "shop", {"retention": retention})


def test_old_events_go_but_open_ones_stay(store: Store) -> None:
    mine = monitor(store, events="10d").id
    old = event("old", monitor_id=mine, is_open=False)
    store.events.upsert([old, replace(old, id="open", is_open=True), replace(old, id="new", end_ns=NOON + 5 * DAY)])
    store.clock.move(11 * 86400)

    assert sweep(store).events == 1

    assert {one.id for one in store.events.list().items} == {"open", "new"}


def test_an_event_of_the_past_stays_as_long_as_if_it_had_just_been(store: Store) -> None:
    mine = monitor(store, events="10d").id
    store.events.upsert(
        [event("found", monitor_id=mine, is_open=False, start_ns=NOON - 900 * DAY, end_ns=NOON - 899 * DAY)]
    )

    assert sweep(store).events == 0
    store.clock.move(11 * 86400)
    assert sweep(store).events == 1


def test_old_runs_go_with_their_lines(store: Store) -> None:
    mine = monitor(store, runs="10d").id
    store.runs.create(mine, "shop", "train")
    run = store.runs.claim(NOON)
    store.runs.log(run.id, [("info", "began"), ("info", "ended")])
    store.runs.finish(run.id, run.attempt, "done", result={})
    waiting = store.runs.create(mine, "shop", "train")
    store.clock.move(11 * 86400)

    assert sweep(store).runs == 1

    assert [one.id for one in store.runs.list().items] == [waiting.id]
    assert store.runs.lines(run.id) == []


def test_old_versions_go_but_the_live_one_stays(store: Store) -> None:
    mine = monitor(store, versions=2).id
    for number in range(1, 6):
        train(store, mine, number)
    store.states.restore(mine, 1)

    assert sweep(store).versions == 2

    assert [version.number for version in store.states.versions(mine)] == [5, 4, 1]
    assert next(store.states.load(store.live.get(mine).state_id)).parts == {"detector": b"abc"}


def test_what_a_removed_monitor_leaves_behind_goes(store: Store) -> None:
    mine = monitor(store).id
    train(store, mine, 1)
    store.events.upsert([event(monitor_id=mine)])
    store.runs.create(mine, "shop", "train")
    other = store.runs.create("", "tried out", "backtest")
    store.resources.delete("monitors", "shop")

    swept = sweep(store)

    assert swept.left_behind == 4  # version, state, event and run; the live record went at once
    assert [run.id for run in store.runs.list().items] == [other.id]


def test_states_that_nothing_refers_to_go_after_an_hour(store: Store) -> None:
    mine = monitor(store).id
    store.states.save(mine, NOON, [Blob(shard=0, parts={"detector": b"abc"})])

    assert sweep(store).states == 0
    store.clock.move(3601)
    assert sweep(store).states == 1


def test_old_entries_of_the_audit_log_and_old_answers_go(store: Store) -> None:
    store.audit.add("ci", "create", "sources", "a")
    store.idempotency.begin("ci", "k", "f")
    store.clock.move(401 * 86400)

    swept = sweep(store)

    assert (swept.audit, swept.answers) == (1, 1)
