"""Runs, schedules, and who leads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from redshank.engine.job import Job
from redshank.errors import ConfigError, LeaseLostError, SourceError, StaleError, UnavailableError
from redshank.store.records import Progress
from redshank.store.store import Store
from scheduler_bench import SECOND, SELDOM, Bench, FakeWork
from store_data import NOON

HOUR = 3600


def ask(bench: Bench, verb: str = "train", name: str = "a", **more: Any) -> str:
    """Ask for a run of a monitor that is only trained when asked; return its id."""
    known = {resource.name: resource for resource in bench.store.resources.all("monitors")}
    monitor = known.get(name) or bench.monitor(name, enabled=False)
    run = bench.store.runs.create(monitor.id, name, verb, **more)  # type: ignore[arg-type]
    bench.scheduler.wake()
    return run.id


def fail(*errors: Exception) -> Callable[[Job], None]:
    """An act that raises one error after the other, then does well."""
    left = list(errors)

    def act(job: Job) -> None:
        if left:
            raise left.pop(0)

    return act


def test_a_run_that_is_asked_for_is_done(store: Store) -> None:
    bench = Bench(store)

    def work(job: Job) -> dict[str, int]:
        job.total(10)
        job.done(10)
        job.log("learned 10 rows")
        return {"version": 1}

    bench.work.acts["train", "a"] = work
    run_id = ask(bench)
    bench.go(1)

    run = store.runs.get(run_id)
    assert (run.state, run.attempt, run.done, run.total, run.result) == ("done", 1, 10, 10, {"version": 1})
    assert [line.text for line in store.runs.lines(run_id)] == ["learned 10 rows"]


def test_a_run_waits_until_it_is_due(store: Store) -> None:
    bench = Bench(store)
    run_id = ask(bench, due_ns=NOON + 30 * SECOND)

    bench.go(29)
    assert store.runs.get(run_id).state == "waiting"
    bench.go(2)

    assert store.runs.get(run_id).state == "done"


def test_progress_and_remaining_time_are_told_while_it_runs(store: Store) -> None:
    bench = Bench(store)
    hang = bench.hang("train", "a")
    run_id = ask(bench)
    bench.go(0)
    hang.jobs[0].total(100)
    hang.jobs[0].done(20)

    bench.go(10)

    run = store.runs.get(run_id)
    assert (run.state, run.done, run.total) == ("running", 20, 100)
    assert run.remaining_seconds == pytest.approx(4.0, abs=1)


@pytest.mark.parametrize("hears", [pytest.param(True, id="that hears it"), pytest.param(False, id="that hangs")])
def test_a_canceled_run_ends_within_two_seconds(store: Store, *, hears: bool) -> None:
    bench = Bench(store)
    hang = bench.hang("train", "a", hears=hears)
    run_id = ask(bench)
    bench.go(5.3)

    store.runs.request_cancel(run_id)
    bench.go(2)

    assert store.runs.get(run_id).state == "canceled"
    assert hang.jobs[0].is_stopped()
    with pytest.raises(StaleError):
        store.runs.progress(Progress(run_id=run_id, attempt=1, done=7))


def test_a_run_that_hangs_is_given_up_at_its_deadline_and_holds_up_nobody(store: Store) -> None:
    bench = Bench(store, runs=1, run_seconds={"train": 100.0})
    bench.hang("train", "a")
    first = ask(bench)
    bench.go(1)
    second = ask(bench, name="b")
    bench.go(90)
    assert store.runs.get(second).state == "waiting"

    bench.go(15)

    run = store.runs.get(first)
    assert (run.state, (run.error or {})["code"]) == ("abandoned", "deadline")
    assert store.runs.get(second).state == "done"


def test_a_run_that_stops_at_its_deadline_has_failed(store: Store) -> None:
    bench = Bench(store, run_seconds={"train": 100.0})
    bench.hang("train", "a", hears=True)
    run_id = ask(bench)

    bench.go(102)

    run = store.runs.get(run_id)
    assert (run.state, (run.error or {})["code"]) == ("failed", "deadline")


def test_a_run_whose_source_is_down_is_tried_again_later(store: Store) -> None:
    bench = Bench(store)
    bench.work.acts["train", "a"] = fail(SourceError("sql: down"), SourceError("sql: down"))
    run_id = ask(bench)

    bench.go(14)
    run = store.runs.get(run_id)
    assert (run.state, (run.error or {})["message"]) == ("waiting", "sql: down")
    bench.go(120)

    run = store.runs.get(run_id)
    assert (run.state, run.attempt) == ("done", 3)


def test_a_run_fails_after_its_last_attempt(store: Store) -> None:
    bench = Bench(store)
    bench.work.acts["train", "a"] = fail(*[SourceError("sql: down")] * 5)
    run_id = ask(bench)

    bench.go(300)

    run = store.runs.get(run_id)
    assert (run.state, run.attempt, run.error) == (
        "failed",
        3,
        {"code": "source_failed", "message": "sql: down", "field": None},
    )


@pytest.mark.parametrize("error", [ConfigError("params: wrong", field="params"), ZeroDivisionError("by us")])
def test_an_error_that_stays_is_not_tried_again(store: Store, error: Exception) -> None:
    bench = Bench(store)
    bench.work.acts["train", "a"] = fail(error)
    run_id = ask(bench)

    bench.go(60)

    run = store.runs.get(run_id)
    assert (run.state, run.attempt) == ("failed", 1)
    assert str(error) in (run.error or {})["message"]


def test_so_many_runs_are_in_work_at_once_and_one_of_a_monitor(store: Store) -> None:
    bench = Bench(store, runs=3, runs_of_monitor=1)
    hangs = {name: bench.hang("train", name) for name in "abcd"}
    for i, name in enumerate("aabcd"):
        ask(bench, name=name, due_ns=NOON - 10 + i)

    bench.go(5)

    assert sum(len(hang.jobs) for hang in hangs.values()) == 3
    assert len(hangs["a"].jobs) == 1


def test_runs_do_not_hold_up_live_monitors(store: Store) -> None:
    bench = Bench(store, runs=2)
    for name in "ab":
        bench.hang("train", name)
        ask(bench, name=name)
    bench.monitor("live")

    bench.go(190)

    assert [seconds // 60 for seconds in bench.work.seconds("tick", "live")] == [0, 1, 2, 3]


def test_a_schedule_makes_its_runs_with_their_windows(store: Store) -> None:
    bench = Bench(store, **SELDOM)
    bench.monitor("a", train="every 1h")

    bench.go(3 * HOUR + 60)

    runs = bench.runs("train")
    assert [((run.end_ns or 0) - NOON) // (HOUR * SECOND) for run in runs] == [1, 2, 3]
    assert [((run.start_ns or 0) - NOON) // (HOUR * SECOND) for run in runs] == [0, 1, 2]
    assert {run.state for run in runs} == {"done"}


def test_a_monitor_may_use_a_schedule_by_name(store: Store) -> None:
    bench = Bench(store, **SELDOM)
    store.resources.create("schedules", "nightly", {"name": "nightly", "daily": True, "at": "02:00"})
    bench.monitor("a", train="nightly", step="1h")

    bench.go(30 * HOUR)

    assert len(bench.runs("train")) == 1


def test_a_monitor_with_a_schedule_to_detect_is_not_watched_live(store: Store) -> None:
    bench = Bench(store, **SELDOM)
    bench.monitor("a", detect="every 30m")

    bench.go(2 * HOUR + 1)

    assert bench.work.seconds("tick", "a") == []
    assert len(bench.runs("detect")) == 4


@pytest.mark.parametrize(
    ("catch_up", "windows"),
    [
        pytest.param("all", [(0, 1), (1, 2), (2, 3)], id="each"),
        pytest.param("once", [(0, 3)], id="one"),
        pytest.param("skip", [], id="none"),
    ],
)
def test_times_missed_while_nothing_ran_are_caught_up(
    store: Store, catch_up: str, windows: list[tuple[int, int]]
) -> None:
    before = Bench(store)
    before.monitor("a", train={"every": "1h", "catch_up": catch_up})
    before.go(10)
    before.scheduler.end(0)
    before.clock.move(3 * HOUR + 600)

    after = Bench(store, owner="b")
    after.go(10)

    hours = HOUR * SECOND
    runs = sorted((run.start_ns or 0, run.end_ns or 0) for run in after.runs("train"))
    assert [((s - NOON) // hours, (e - NOON) // hours) for s, e in runs] == windows


def test_a_schedule_fires_nothing_twice_when_the_clock_is_set_back(store: Store) -> None:
    bench = Bench(store, **SELDOM)
    bench.monitor("a", train="every 10m", step="1h")
    bench.go(1801)
    assert len(bench.runs("train")) == 3

    bench.clock.move(-1200)
    bench.go(1190)
    assert len(bench.runs("train")) == 3
    bench.go(620)

    ends = [run.end_ns for run in bench.runs("train")]
    assert len(ends) == len(set(ends)) == 4


def test_a_schedule_of_a_clock_that_was_a_year_ahead_fires_again(store: Store) -> None:
    bench = Bench(store, **SELDOM)
    bench.monitor("a", train="every 1h", step="1h")
    bench.go(10)
    bench.clock.move(365 * 86_400)
    bench.go(HOUR)

    bench.clock.move(-365 * 86_400)
    bench.go(2 * HOUR)

    assert len(bench.runs("train")) >= 3


def test_a_schedule_that_changes_goes_on_from_its_last_time(store: Store) -> None:
    bench = Bench(store, **SELDOM)
    bench.monitor("a", train="every 1h", step="1h")
    bench.go(HOUR + 60)

    store.resources.update("monitors", "a", {"name": "a", "source": "of a", "step": "1h", "train": {"every": "20m"}})
    bench.scheduler.changed()
    bench.go(20 * 60)

    assert len(bench.runs("train")) == 2


def test_a_run_that_a_dead_process_held_is_done_again(store: Store) -> None:
    dead = Bench(store)
    dead.hang("train", "a")
    run_id = ask(dead)
    dead.go(5)

    after = Bench(store, owner="b")
    after.go(10)

    run = store.runs.get(run_id)
    assert (run.state, run.attempt) == ("done", 2)


def test_one_leads_and_another_stands_by_until_it_dies(store: Store) -> None:
    first, second = Bench(store, owner="a"), Bench(store, owner="b")
    first.go(1)
    second.go(1)
    assert (first.scheduler.is_leading(), second.scheduler.is_leading()) == (True, False)

    second.go(8)

    assert second.scheduler.is_leading()


def test_a_leader_that_was_frozen_keeps_nothing(store: Store) -> None:
    frozen = Bench(store, owner="a")
    hang = frozen.hang("train", "a")
    run_id = ask(frozen)
    frozen.go(1)
    Bench(store, owner="b").go(10)

    with pytest.raises(LeaseLostError):
        store.runs.progress(Progress(run_id=run_id, attempt=1, done=7), hang.jobs[0].fence)
    frozen.go(1)

    assert not frozen.scheduler.is_leading()
    assert hang.jobs[0].is_stopped()


def test_after_a_clean_stop_another_leads_at_once(store: Store) -> None:
    first = Bench(store, owner="a")
    first.go(1)

    first.scheduler.end(1)
    second = Bench(store, owner="b")
    second.step()

    assert second.scheduler.is_leading()


def test_a_process_that_cannot_but_be_alone_leads_at_once_after_a_crash(store: Store) -> None:
    Bench(store, owner="alone").go(1)

    again = Bench(store, owner="alone")
    again.step()

    assert again.scheduler.is_leading()


def away(*_given: Any, **_more: Any) -> None:
    raise UnavailableError("database: away")


def test_a_database_that_is_away_for_a_while_ends_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(store, work=FakeWork())
    bench.monitor("a")
    bench.go(5)

    with monkeypatch.context() as patch:
        for part, name in ((store.runs, "canceling"), (store.runs, "next_due"), (store.resources, "fingerprint")):
            patch.setattr(part, name, away)
        bench.go(70)
    bench.go(60)

    assert [seconds // 60 for seconds in bench.work.seconds("tick", "a")] == [0, 1, 2]


def test_the_end_of_a_run_is_written_when_the_database_is_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(store)
    run_id = ask(bench)

    with monkeypatch.context() as patch:
        patch.setattr(store.runs, "finish", away)
        bench.go(5)
        assert store.runs.get(run_id).state == "running"
    bench.go(2)

    assert store.runs.get(run_id).state == "done"


def test_a_change_that_could_not_be_read_is_read_later(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(store)
    bench.go(1)

    with monkeypatch.context() as patch:
        patch.setattr(store.resources, "all", away)
        bench.scheduler.changed()
        bench.go(1)
    bench.monitor("a")
    bench.go(3)

    assert len(bench.work.seconds("tick", "a")) == 1


def test_a_mistake_in_one_part_of_the_scheduler_ends_no_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(store)
    bench.monitor("a")
    bench.go(1)

    def broken() -> float:
        raise ZeroDivisionError("by us")

    monkeypatch.setattr(bench.scheduler._timetable, "step", broken)
    bench.go(65)

    assert len(bench.work.seconds("tick", "a")) == 2


def test_a_lease_that_cannot_be_renewed_is_given_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(store)
    bench.go(1)

    monkeypatch.setattr(store.leases, "renew", away)
    monkeypatch.setattr(store.leases, "take", away)
    bench.go(7)

    assert not bench.scheduler.is_leading()
