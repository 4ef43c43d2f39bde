"""Live monitors: ticked in time, whatever others do."""

from __future__ import annotations

from itertools import pairwise

import pytest

from redshank.engine.job import Job
from redshank.errors import SourceError, StaleError
from redshank.store.records import Progress
from redshank.store.store import Store
from scheduler_bench import SELDOM, Bench, Ticked

MOST_LATE = 4.0  # seconds after the step: 3 by the spread, and the turns


def failing(times: int, error: Exception) -> object:
    """An act that fails so many times."""
    left = [times]

    def act(job: Job) -> None:
        if left[0]:
            left[0] -= 1
            raise error

    return act


def test_each_monitor_ticks_at_each_step(store: Store) -> None:
    bench = Bench(store)
    names = [f"m{i}" for i in range(8)]
    for name in names:
        bench.monitor(name)

    bench.go(310)

    for name in names:
        first, *rest = bench.work.seconds("tick", name)
        assert first < 1
        assert [seconds // 60 for seconds in rest] == [1, 2, 3, 4, 5]
        assert all(seconds % 60 < MOST_LATE for seconds in rest)


def test_a_source_that_never_answers_delays_no_other_monitor(store: Store) -> None:
    bench = Bench(store)
    for i in range(12):
        bench.monitor(f"dead{i}", source="dead")
        bench.hang("tick", f"dead{i}")
    for i in range(4):
        bench.monitor(f"well{i}", source="well")

    bench.go(1210)

    for i in range(4):
        first, *rest = bench.work.seconds("tick", f"well{i}")
        assert first < 5
        assert [seconds // 60 for seconds in rest] == list(range(1, 21))
        assert all(seconds % 60 < MOST_LATE for seconds in rest)


def test_a_tick_that_computes_keeps_its_place_for_a_while(store: Store) -> None:
    bench = Bench(store, ticks=1, compute_seconds=10)
    bench.share = 0.5
    bench.monitor("a")
    bench.hang("tick", "a")
    bench.go(1)
    bench.monitor("b")

    bench.go(7)
    assert bench.work.seconds("tick", "b") == []
    bench.go(4)

    assert len(bench.work.seconds("tick", "b")) == 1


def test_a_tick_that_waits_leaves_its_place_to_others(store: Store) -> None:
    bench = Bench(store, ticks=1, compute_seconds=10)
    bench.monitor("a")
    bench.hang("tick", "a")
    bench.go(0.1)
    bench.monitor("b")

    bench.go(1)

    assert len(bench.work.seconds("tick", "b")) == 1


def test_a_tick_that_hangs_is_given_up_and_what_it_keeps_later_is_refused(store: Store) -> None:
    bench = Bench(store, load_seconds=60)
    bench.monitor("a")
    hang = bench.hang("tick", "a")
    bench.go(59)
    (run,) = bench.runs("detect", is_continuous=True)
    assert (run.state, run.attempt) == ("running", 1)

    bench.go(10)

    (run,) = bench.runs("detect", is_continuous=True)
    assert (run.state, run.attempt) == ("running", 2)
    assert "took longer than 60 s" in store.runs.lines(run.id)[0].text
    assert bench.work.seconds("give up", "a") == [60]
    old = hang.jobs[0]
    assert old.is_stopped()
    with pytest.raises(StaleError):
        store.runs.progress(Progress(run_id=old.run_id, attempt=old.attempt, done=7), old.fence)


def test_a_tick_that_loads_its_monitor_may_take_longer(store: Store) -> None:
    bench = Bench(store, tick_seconds=60, load_seconds=300)
    bench.monitor("a")
    bench.go(1)
    hang = bench.hang("tick", "a")
    bench.go(125)
    assert bench.scheduler.live.figures()["hanging"] == 1

    bench.go(200)

    assert bench.scheduler.live.figures()["hanging"] == 1
    assert [job.is_stopped() for job in hang.jobs] == [True, False]


def test_only_so_many_threads_hang_in_a_monitor_and_it_goes_on_when_one_comes_back(store: Store) -> None:
    bench = Bench(store, lost=3, load_seconds=60, **SELDOM)
    bench.monitor("a")
    hang = bench.hang("tick", "a")
    bench.go(3600)
    assert bench.scheduler.live.figures()["hanging"] == 3
    assert len(hang.jobs) == 3

    del bench.work.acts["tick", "a"]
    hang.let_go()
    bench.threads.settle()
    bench.go(120)

    assert bench.scheduler.live.figures()["hanging"] == 0
    assert len(bench.work.seconds("tick", "a")) >= 5


def test_a_source_that_is_down_is_tried_at_growing_intervals(store: Store) -> None:
    bench = Bench(store)
    bench.monitor("a")
    bench.work.acts["tick", "a"] = failing(5, SourceError("sql: down"))  # type: ignore[assignment]

    bench.go(100)

    times = bench.work.seconds("tick", "a")
    pauses = [round(later - earlier) for earlier, later in pairwise(times)][:5]
    assert pauses == [1, 2, 4, 8, 16]
    assert bench.scheduler.live.figures()["failing"] == 0


def test_while_a_source_is_down_one_monitor_at_a_time_tries_it(store: Store) -> None:
    bench = Bench(store, ticks=4)
    for i in range(6):
        bench.monitor(f"m{i}", source="down")
        bench.work.acts["tick", f"m{i}"] = failing(1000, SourceError("sql: down"))  # type: ignore[assignment]
    bench.go(1)

    for i in range(6):
        bench.hang("tick", f"m{i}")
    bench.go(5)

    assert bench.scheduler.live.figures()["ticking"] == 1


def test_the_same_error_is_told_once(store: Store) -> None:
    bench = Bench(store)
    bench.monitor("a")
    bench.work.acts["tick", "a"] = failing(4, SourceError("sql: down"))  # type: ignore[assignment]

    bench.go(60)

    (run,) = bench.runs("detect", is_continuous=True)
    assert [line.text for line in store.runs.lines(run.id)] == ["sql: down"]


def test_a_monitor_that_fails_in_any_way_stops_no_other(store: Store) -> None:
    bench = Bench(store)
    bench.monitor("bad", source="s")
    bench.monitor("well", source="s")
    bench.work.acts["tick", "bad"] = failing(10**9, ZeroDivisionError("by us"))  # type: ignore[assignment]

    bench.go(190)

    assert [seconds // 60 for seconds in bench.work.seconds("tick", "well")] == [0, 1, 2, 3]


def test_after_an_error_that_is_not_the_sources_the_monitor_is_loaded_anew(store: Store) -> None:
    bench = Bench(store)
    bench.monitor("a")
    bench.work.acts["tick", "a"] = failing(1, ZeroDivisionError("by us"))  # type: ignore[assignment]

    bench.go(10)

    assert len(bench.work.seconds("watch", "a")) == 2


def test_a_monitor_that_was_overtaken_is_loaded_anew_at_once(store: Store) -> None:
    bench = Bench(store)
    bench.monitor("a")
    bench.work.acts["tick", "a"] = failing(1, StaleError("went on"))  # type: ignore[assignment]

    bench.go(0.5)

    assert len(bench.work.seconds("watch", "a")) == 2
    assert bench.scheduler.live.figures()["failing"] == 0


def test_a_monitor_that_is_behind_goes_on_at_once_but_behind_the_others(store: Store) -> None:
    bench = Bench(store, ticks=1)
    order: list[str] = []

    def catch_up(job: Job) -> Ticked:
        order.append("a")
        return Ticked(is_behind=order.count("a") < 5)

    bench.monitor("a")
    bench.monitor("b")
    bench.work.acts["tick", "a"] = catch_up
    bench.work.acts["tick", "b"] = lambda job: order.append("b")

    bench.go(0)

    assert sorted(order) == ["a"] * 5 + ["b"]
    assert "b" in order[:2]


def test_the_engine_may_say_when_the_next_tick_is_worth_while(store: Store) -> None:
    bench = Bench(store)
    bench.monitor("a", step="1h")
    bench.work.acts["tick", "a"] = lambda job: Ticked(next_ns=bench.clock() + 7_000_000_000)

    bench.go(22)

    assert [round(seconds) // 7 for seconds in bench.work.seconds("tick", "a")][:2] == [0, 1]


def test_points_that_come_in_are_scored_soon(store: Store) -> None:
    bench = Bench(store)
    bench.monitor("a", source="pushed")
    bench.monitor("b", source="other")
    bench.go(10)

    bench.scheduler.news_of("pushed")
    bench.go(5)

    assert len(bench.work.seconds("tick", "a")) == 2
    assert len(bench.work.seconds("tick", "b")) == 1


def test_a_new_monitor_ticks_at_once(store: Store) -> None:
    bench = Bench(store)
    bench.go(30)

    bench.monitor("late")
    bench.go(0)

    assert bench.work.seconds("tick", "late") == [30.0]


def test_a_monitor_that_is_changed_elsewhere_is_noticed_and_loaded_anew(store: Store) -> None:
    bench = Bench(store)
    bench.monitor("a")
    bench.go(10)

    store.resources.update("monitors", "a", {"name": "a", "source": "of a", "step": "5m"})
    bench.go(6)

    assert len(bench.work.seconds("watch", "a")) == 2


def test_the_run_of_a_monitor_that_is_deleted_is_done(store: Store) -> None:
    bench = Bench(store)
    bench.monitor("a")
    bench.go(1)

    store.resources.delete("monitors", "a")
    bench.scheduler.changed()
    bench.go(120)

    (run,) = bench.runs("detect", is_continuous=True)
    assert run.state == "done"
    assert len(bench.work.seconds("tick", "a")) == 1


def test_a_monitor_that_is_off_does_not_tick(store: Store) -> None:
    bench = Bench(store)
    bench.monitor("a", enabled=False)

    bench.go(120)

    assert bench.work.seconds("tick", "a") == []


@pytest.mark.parametrize("hears", [pytest.param(True, id="that hears it"), pytest.param(False, id="that hangs")])
def test_a_live_detection_that_is_canceled_ends_within_two_seconds(store: Store, *, hears: bool) -> None:
    bench = Bench(store)
    bench.monitor("a")
    bench.hang("tick", "a", hears=hears)
    bench.go(5)
    (run,) = bench.runs("detect", is_continuous=True)

    store.runs.request_cancel(run.id)
    bench.go(2)

    assert store.runs.get(run.id).state == "canceled"


def test_a_canceled_monitor_rests_until_it_is_changed(store: Store) -> None:
    bench = Bench(store)
    bench.monitor("a")
    bench.go(5)
    (run,) = bench.runs("detect", is_continuous=True)
    store.runs.request_cancel(run.id)
    bench.go(300)
    assert len(bench.work.seconds("tick", "a")) == 1

    store.resources.update("monitors", "a", {"name": "a", "source": "of a", "step": "2m"})
    bench.scheduler.changed()
    bench.go(1)

    assert len(bench.work.seconds("tick", "a")) == 2
    assert [run.state for run in bench.runs("detect", is_continuous=True)] == ["canceled", "running"]


def test_a_clock_that_is_set_back_stops_no_monitor(store: Store) -> None:
    bench = Bench(store)
    bench.monitor("a")
    bench.go(130)
    before = len(bench.work.seconds("tick", "a"))

    bench.clock.move(-3600)
    bench.go(130)

    assert len(bench.work.seconds("tick", "a")) >= before + 2


def test_a_clock_that_is_set_forward_makes_one_tick_due(store: Store) -> None:
    bench = Bench(store)
    bench.monitor("a")
    bench.go(10)

    bench.clock.move(86_400 * 365)
    bench.go(5)

    assert len(bench.work.seconds("tick", "a")) == 2


def test_many_monitors_wake_the_scheduler_seldom(store: Store) -> None:
    bench = Bench(store)
    for i in range(40):
        bench.monitor(f"m{i}")
    bench.go(59)
    steps, started = bench.steps, bench.threads.started

    bench.go(60)

    assert sum(len(bench.work.seconds("tick", f"m{i}")) for i in range(40)) == 80
    assert bench.steps - steps < 120
    assert bench.threads.started - started < 40


def test_at_a_clean_stop_the_states_are_kept(store: Store) -> None:
    bench = Bench(store)
    for i in range(5):
        bench.monitor(f"m{i}")
    bench.go(1)

    bench.scheduler.end(5)

    assert all(bench.work.noted["checkpoint", f"m{i}"] for i in range(5))
