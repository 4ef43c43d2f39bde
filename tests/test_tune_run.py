"""The verbs tune and forecast of a monitor, from its source to the result of the run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from live_world import World, at, open_world
from redshank.engine.engine import Engine
from redshank.engine.forecast_run import do_forecast
from redshank.engine.job import Job
from redshank.engine.setting import Monitor
from redshank.engine.tune_run import Tuner
from redshank.errors import ConfigError, NoPointsError
from redshank.server.late_engine import LateEngine
from redshank.store.records import Run, Verb

N = 1500
CHANCE = np.random.default_rng(2)
VALUES = 50 + 20 * np.sin(2 * np.pi * np.arange(N) / 60) + CHANCE.normal(size=N)
ROWS = [(at(i), "a", float(VALUES[i])) for i in range(N)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A monitor of one host with a rhythm of an hour."""
    made = open_world(tmp_path, ROWS, detector="auto")
    yield made
    made.store.close()


def run(verb: Verb, **params: Any) -> Run:
    return Run(
        id="r1", monitor_id="m1", monitor="hosts", verb=verb, state="running", start_ns=None, end_ns=None,
        params=params, due_ns=0, created_ns=0,
    )  # fmt: skip


def done(world: World, verb: Verb, job: Job | None = None, **params: Any) -> Mapping[str, Any]:
    """The result of a run, as it is kept: JSON."""
    engine = Engine(
        world.store, lambda spec: world.source, others={"forecast": do_forecast, "tune": Tuner(world.store)}
    )
    monitor = Monitor.of(world.resource())
    made = engine.others[verb](monitor, world.source, run(verb, **params), at(N), job or Job())
    result: Mapping[str, Any] = json.loads(json.dumps(made, allow_nan=False))
    return result


def test_a_monitor_is_forecast_to_the_horizon(world: World) -> None:
    lines: list[str] = []

    made = done(
        world,
        "forecast",
        Job(write_line=lambda text, level: lines.append(text)),
        horizon="1h",
        coverage=0.8,
        questions="cpu > 60",
    )

    assert (made["detector"], made["coverage"], len(made["times"])) == ("seasonal", 0.8, 60)
    assert made["series"][0]["series"] == "cpu{host=a}"
    channel = made["series"][0]["channels"]["value"]
    assert all(low <= up for low, up in zip(channel["lower"], channel["upper"], strict=True))
    assert made["answers"][0]["question"] == "cpu > 60"
    assert lines == ["analog says nothing of times to come, so seasonal forecasts"]
    assert made["times"][0].endswith("Z")


def test_only_the_series_asked_for_are_forecast(world: World) -> None:
    world.source.rows += [(time, "b", value) for time, _, value in ROWS]

    made = done(world, "forecast", horizon="5m", series="host=b")

    assert [each["series"] for each in made["series"]] == ["cpu{host=b}"]


@pytest.mark.parametrize(
    ("verb", "params", "message"),
    [
        ("forecast", {"horizn": "1h"}, "unknown param 'horizn'; did you mean 'horizon'"),
        ("forecast", {"horizon": "soon"}, "horizon: must be a duration"),
        ("forecast", {"coverage": "most"}, "coverage: must be a number"),
        ("forecast", {"questions": 3}, "questions: must be texts"),
        ("forecast", {"questions": ["cpu"]}, "must be like disk_used > 90"),
        ("forecast", {"detector": "hindsight"}, "hindsight: says nothing of times to come"),
        ("tune", {"detector": "x"}, "unknown param 'detector'; did you mean 'detectors'"),
        ("tune", {"detectors": 3}, "must be names of detectors"),
        ("tune", {"detectors": ["gausian"]}, "unknown detector 'gausian'"),
        ("tune", {"series": 0}, "series: must be a whole number from 1 to 1,000, got 0"),
        ("tune", {"points": True}, "points: must be a whole number"),
        ("tune", {"time_limit": "never"}, "time_limit: must be a duration"),
    ],
)
def test_a_wrong_param_is_refused(world: World, verb: Verb, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        done(world, verb, **params)


def test_without_points_there_is_nothing_to_forecast(world: World) -> None:
    world.source.rows.clear()

    with pytest.raises(NoPointsError):
        done(world, "forecast")


def test_a_monitor_is_tuned_with_the_one_in_use_among_those_tried(world: World) -> None:
    made = done(world, "tune", detectors=["gaussian", "seasonal"])

    assert made["current"] == {"detector": "analog", "params": {}}
    assert {"gaussian", "seasonal", "analog"} == {each["detector"] for each in made["tried"]}
    assert made["is_better"] == (made["detector"] != "analog")
    assert made["labels"] is False
    assert made["why"]


def test_the_time_limit_ends_the_search(world: World) -> None:
    ticks = iter(range(0, 10_000, 100))
    tuner = Tuner(world.store, clock=lambda: float(next(ticks)))

    made = tuner(Monitor.of(world.resource()), world.source, run("tune", time_limit="150s"), at(N), Job())

    assert "the time was over" in made["left_out"].values()


def test_what_people_judged_is_what_a_search_goes_by(world: World) -> None:
    for k in range(4):
        for i in range(700 + 200 * k, 703 + 200 * k):
            world.source.rows[i] = (at(i), "a", 500.0)
    world.tick(at(N))
    for event in world.events():
        if event.kind == "anomaly":
            world.store.events.label(event.id, "true")

    made = done(world, "tune", detectors=["gaussian", "seasonal"])

    assert made["labels"] is True
    assert made["tried"][0]["labeled"] is not None


def test_a_server_does_both_verbs_as_runs(world: World) -> None:
    engine = LateEngine(world.store, lambda spec: world.source)
    world.store.resources.create("sources", "table", {"name": "table", "kind": "push"})
    world.store.resources.create("monitors", "hosts", world.resource().spec)
    kept = world.store.resources.get("monitors", "hosts")
    forecast = replace(run("forecast", horizon="10m"), monitor_id=kept.id)
    tune = replace(run("tune", detectors=["gaussian"]), monitor_id=kept.id)

    assert set(engine.engine().others) == {"forecast", "tune"}
    made = engine.run(forecast, at(N), Job())
    assert made is not None
    assert len(made["times"]) == 10
    tuned = engine.run(tune, at(N), Job())
    assert tuned is not None
    assert {each["detector"] for each in tuned["tried"]} == {"gaussian", "analog"}
