"""Two ways of watching the same range, side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from live_world import TableSource, at, open_world
from redshank.engine.backtest import Backtest
from redshank.engine.compare import compare, compared, pairs
from redshank.engine.job import Job
from redshank.engine.setting import Monitor
from redshank.errors import ConfigError
from redshank.panel import Key
from redshank.specs.monitor import MonitorSpec
from redshank.store.records import Run, StoredEvent

KEY = Key.of("cpu", {"host": "a"})


def event(first: float, last: float, key: Key = KEY, severity: int = 50) -> StoredEvent:
    return StoredEvent(
        id=f"{key}{first}", monitor_id="m1", monitor="hosts", kind="anomaly", key=key, start_ns=at(first),
        end_ns=at(last), opened_ns=at(first), peak_ns=at(first), score=2.0, severity=severity, direction="up",
        actual=1.0, expected=0.0, lower=0.0, upper=0.0, rarity=None, points=1, is_open=False,
    )  # fmt: skip


def outcome(*events: StoredEvent, start: float = 0, end: float = 1440, detector: str = "gaussian") -> Backtest:
    return Backtest(
        start_ns=at(start), end_ns=at(end), events=list(events), detector=detector, params={}, why="",
        series=("cpu{host=a}",), points=1440, scored=1400, scoring_from_ns=at(start), step_ns=60_000_000_000,
    )  # fmt: skip


def test_events_that_overlap_in_one_series_are_the_same_to_both() -> None:
    other = Key.of("cpu", {"host": "b"})
    left = [event(10, 20), event(50, 60), event(100, 110)]
    right = [event(15, 25), event(52, 53, other), event(200, 210)]

    made = compared(outcome(*left), outcome(*right, detector="seasonal"))

    assert [(one.id, two.id) for one, two in made.both] == [(left[0].id, right[0].id)]
    assert made.only_one == left[1:]
    assert made.only_other == right[1:]
    assert (made.one.events, made.other.events, made.other.detector) == (3, 3, "seasonal")
    assert made.one.per_day == 3.0
    told = json.loads(json.dumps(made.to_json(), allow_nan=False))
    assert (told["n_both"], told["n_only_one"], told["n_only_other"]) == (1, 2, 2)


def test_an_event_is_in_one_pair_at_most() -> None:
    long, short = event(0, 100), [event(10, 20), event(30, 40)]

    assert len(pairs([long], short)) == 1
    assert len(pairs(short, [long])) == 1
    assert pairs([event(0, 10)], [event(10, 20)]) == []


def test_only_what_both_saw_of_the_time_is_compared() -> None:
    made = compared(outcome(event(10, 20), start=0, end=100), outcome(event(90, 95), start=50, end=200))

    assert (made.start_ns, made.end_ns) == (at(50), at(100))
    assert (made.only_one, len(made.only_other)) == ([], 1)
    with pytest.raises(ConfigError, match="the ranges must overlap"):
        compared(outcome(end=10), outcome(start=20, end=30))


def test_other_kinds_of_events_are_left_out() -> None:
    made = compared(outcome(replace(event(1, 2), kind="missing")), outcome())

    assert made.only_one == []


def monitor() -> tuple[Monitor, TableSource]:
    rows = [(at(i), "a", 500.0 if i in (300, 301) else float(i % 7)) for i in range(400)]
    spec = {"name": "hosts", "source": "table", "step": "1m", "delay": "0s", "clock": "wall", "detector": "gaussian"}
    return Monitor("m1", MonitorSpec.model_validate(spec)), TableSource(rows)


def test_two_detectors_watch_the_same_range() -> None:
    watched, source = monitor()
    changes = [{}, {"detector": "seasonal"}]

    made = compare(watched, changes, source, start_ns=at(200), end_ns=None, now_ns=at(400), job=Job())

    assert (made.one.detector, made.other.detector) == ("gaussian", "seasonal")
    assert len(made.both) == 1
    assert made.both[0][0].start_ns == at(300)


def test_a_change_that_is_wrong_is_refused() -> None:
    watched, source = monitor()

    with pytest.raises(ConfigError, match="unknown field 'stepp'; did you mean 'step'"):
        compare(watched, [{}, {"stepp": "5m"}], source, start_ns=None, end_ns=None, now_ns=at(400), job=Job())
    with pytest.raises(ConfigError, match="needs two declarations, got 1"):
        compare(watched, [{}], source, start_ns=None, end_ns=None, now_ns=at(400), job=Job())


def test_a_backtest_run_compares_with_a_version_or_with_other_settings(tmp_path: Path) -> None:
    rows = [(at(i), "a", 500.0 if i in (300, 301) else float(i % 7)) for i in range(400)]
    world = open_world(tmp_path, rows)
    world.tick(at(400))
    engine = world.engine()
    monitor = Monitor("m1", MonitorSpec.model_validate(world.resource().spec))

    def run(**params: object) -> Run:
        return Run(
            id="r1", monitor_id="m1", monitor="hosts", verb="backtest", state="running", start_ns=at(200),
            end_ns=None, params=params, due_ns=0, created_ns=0,
        )  # fmt: skip

    by_settings = engine._backtest(monitor, run(against={"detector": "seasonal"}), at(400), Job())
    by_version = engine._backtest(monitor, run(detector="percentile", against=1), at(400), Job())

    assert (by_settings["one"]["detector"], by_settings["other"]["detector"]) == ("gaussian", "seasonal")
    assert (by_version["one"]["detector"], by_version["other"]["detector"]) == ("percentile", "gaussian")
    with pytest.raises(ConfigError, match="against: must be fields of a monitor"):
        engine._backtest(monitor, run(against="yesterday"), at(400), Job())
    world.store.close()
