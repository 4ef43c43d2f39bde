"""Runs: one worker holds one run, and only its claim may write to it."""

from __future__ import annotations

import pytest

from redshank.errors import ConfigError, ConflictError, NotFoundError, StaleError
from redshank.store.records import Fence, Progress, Run, TickCommit
from redshank.store.runs import RunFilter
from redshank.store.store import Store
from store_data import MINUTE, NOON, live

ERROR = {"code": "source_failed", "message": "no answer", "field": None}


def lead(store: Store, owner: str = "a") -> Fence:
    """Become the leader, whoever was before."""
    store.clock.move(60)
    fence = store.leases.take("leader", owner, 30, store.clock())
    assert fence is not None
    return fence


def claimed(store: Store, **changes: object) -> Run:
    """A run that was asked for and claimed."""
    store.runs.create("m1", "shop", "train", **changes)
    run = store.runs.claim(store.clock())
    assert run is not None
    return run


def test_a_run_is_claimed_once(store: Store) -> None:
    made = store.runs.create("m1", "shop", "train")

    run = store.runs.claim(NOON)

    assert run is not None
    assert (run.id, run.state, run.attempt) == (made.id, "running", 1)
    assert store.runs.claim(NOON) is None


def test_what_is_due_longest_is_claimed_first(store: Store) -> None:
    late, early = (store.runs.create(f"m{due}", "shop", "train", due_ns=NOON - due) for due in (1, 2))

    assert [store.runs.claim(NOON).id for _ in range(2)] == [early.id, late.id]


def test_what_is_not_due_yet_waits(store: Store) -> None:
    store.runs.create("m1", "shop", "train", due_ns=NOON + MINUTE)

    assert store.runs.claim(NOON) is None
    assert store.runs.claim(NOON + MINUTE) is not None


def test_a_busy_monitor_holds_up_no_other(store: Store) -> None:
    for monitor in ("m1", "m1", "m2"):
        store.runs.create(monitor, "shop", "train")

    assert [store.runs.claim(NOON).monitor_id for _ in range(2)] == ["m1", "m2"]
    assert store.runs.claim(NOON) is None


def test_runs_of_other_verbs_can_be_left_alone(store: Store) -> None:
    store.runs.create("m1", "shop", "train")

    assert store.runs.claim(NOON, verbs=["forecast"]) is None


def test_a_claim_that_was_taken_back_writes_nothing(store: Store) -> None:
    first = lead(store)
    store.runs.create("m1", "shop", "train")
    run = store.runs.claim(store.clock(), first)

    (taken,) = store.runs.recover(lead(store))

    assert taken.state == "waiting"
    with pytest.raises(StaleError):
        store.runs.progress(Progress(run_id=run.id, attempt=run.attempt, done=5))


def test_a_claim_of_an_attempt_before_writes_nothing(store: Store) -> None:
    run = claimed(store)
    store.runs.retry(run.id, run.attempt, NOON, ERROR)
    again = store.runs.claim(NOON)

    with pytest.raises(StaleError, match="must be held by attempt 1"):
        store.runs.finish(run.id, run.attempt, "done")

    store.runs.finish(run.id, again.attempt, "done", result={"points": 3})
    assert (store.runs.get(run.id).state, store.runs.get(run.id).result) == ("done", {"points": 3})


def test_a_run_that_always_dies_is_abandoned(store: Store) -> None:
    run = store.runs.create("m1", "shop", "train")
    states = []

    for _ in range(3):
        store.runs.claim(NOON * 2, lead(store))
        states.append(store.runs.recover(lead(store), most_attempts=3)[0].state)

    assert states == ["waiting", "waiting", "abandoned"]
    assert store.runs.get(run.id).error["code"] == "abandoned"


def test_what_this_leader_holds_is_not_taken_back(store: Store) -> None:
    store.runs.create("m1", "shop", "train")
    fence = lead(store)
    store.runs.claim(store.clock(), fence)

    assert store.runs.recover(fence) == []


def test_a_waiting_run_is_canceled_at_once(store: Store) -> None:
    run = store.runs.create("m1", "shop", "train")

    assert store.runs.request_cancel(run.id).state == "canceled"
    assert store.runs.claim(NOON) is None


def test_a_running_run_is_asked_to_stop(store: Store) -> None:
    run = claimed(store)

    assert store.runs.request_cancel(run.id).state == "canceling"

    assert store.runs.canceling() == {run.id}
    store.runs.finish(run.id, run.attempt, "canceled")
    with pytest.raises(ConflictError, match="but it is canceled"):
        store.runs.request_cancel(run.id)


def test_a_run_that_was_being_canceled_when_its_process_died_is_canceled(store: Store) -> None:
    store.runs.request_cancel(claimed(store).id)

    (run,) = store.runs.recover(lead(store))

    assert run.state == "canceled"


def test_there_is_one_continuous_run_a_monitor(store: Store) -> None:
    fence = lead(store)

    first, second = (store.runs.continuous("m1", "shop", fence) for _ in range(2))

    assert first == second
    assert (first.state, first.end_ns) == ("running", None)
    assert store.runs.claim(NOON * 2) is None


def test_a_new_leader_goes_on_with_the_continuous_run(store: Store) -> None:
    first = store.runs.continuous("m1", "shop", lead(store))
    base = store.live.commit(TickCommit(base=None, live=live()))
    later = lead(store)
    store.runs.recover(later)

    again = store.runs.continuous("m1", "shop", later)

    assert (again.id, again.attempt) == (first.id, 2)
    progress = Progress(run_id=first.id, attempt=first.attempt, done=1)
    with pytest.raises(StaleError):
        store.live.commit(TickCommit(base=base, live=live(points=1), progress=progress))
    assert store.live.get("m1") == base


def test_a_continuous_run_leaves_the_monitor_free_for_others(store: Store) -> None:
    store.runs.continuous("m1", "shop", lead(store))
    store.runs.create("m1", "shop", "train")

    assert store.runs.claim(store.clock()) is not None


def test_a_tick_can_end_its_run(store: Store) -> None:
    run = claimed(store)
    progress = Progress(run_id=run.id, attempt=run.attempt, done=7, total=7)

    store.live.commit(TickCommit(base=None, live=live(), progress=progress, finished={"version": 1}))

    ended = store.runs.get(run.id)
    assert (ended.state, ended.done, ended.result, ended.finished_ns) == ("done", 7, {"version": 1}, NOON)


def test_log_lines_are_read_on_from_where_one_was(store: Store) -> None:
    run = claimed(store)
    store.runs.log(run.id, [("info", "one"), ("info", "two")])
    store.runs.log(run.id, [("error", "thr\x00ee")])

    assert [line.text for line in store.runs.lines(run.id, after=1)] == ["two", "thr�ee"]
    assert [line.sequence for line in store.runs.lines(run.id, limit=2)] == [1, 2]


def test_runs_are_listed_by_what_they_are(store: Store) -> None:
    train = claimed(store)
    store.clock.move(60)
    tune = store.runs.create("m2", "other", "tune")

    def ids(**wanted: object) -> list[str]:
        return [run.id for run in store.runs.list(RunFilter(**wanted)).items]

    assert ids() == [tune.id, train.id]
    assert ids(monitor_ids=["m1"]) == ids(verbs=["train"]) == ids(states=["running"]) == [train.id]
    assert ids(end_ns=NOON + 1) == [train.id]
    assert ids(start_ns=NOON + 1) == [tune.id]
    assert ids(monitor_ids=[]) == []
    assert store.runs.counts() == {("train", "running"): 1, ("tune", "waiting"): 1}


def test_pages_of_runs_hold_each_once(store: Store) -> None:
    made = [store.runs.create("m1", "shop", "train").id for _ in range(7)]
    found, cursor = [], None

    for _ in range(3):
        page = store.runs.list(limit=3, cursor=cursor, sort="created")
        found += [run.id for run in page.items]
        cursor = page.next_cursor

    assert (sorted(found), cursor) == (sorted(made), None)


def test_a_run_that_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError, match="run 'x'"):
        store.runs.get("x")


def test_a_run_ends_as_what_a_run_can_end_as(store: Store) -> None:
    run = claimed(store)

    with pytest.raises(ConfigError, match="must end as one of"):
        store.runs.finish(run.id, run.attempt, "running")


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_a_bounded_size(store: Store, limit: int) -> None:
    with pytest.raises(ConfigError, match="limit: must be 1 to 1000"):
        store.runs.list(limit=limit)
