"""Training and backtests: versions, what is carried over, what a changed or damaged monitor does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

from live_world import Rows, World, at, moment, open_world, usual, wave
from redshank.engine.backtest import backtest, compared
from redshank.engine.job import Job
from redshank.engine.setting import Monitor
from redshank.errors import ConfigError, NoPointsError, StoppedError
from redshank.specs.monitor import MonitorSpec
from redshank.store.tables import blobs

Opening = Callable[..., World]


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Opening]:
    """Opens worlds, each with a store of its own, and closes them."""
    worlds: list[World] = []

    def opened(rows: Rows, **spec: object) -> World:
        worlds.append(open_world(tmp_path / str(len(worlds)), rows, **spec))
        return worlds[-1]

    yield opened
    for world in worlds:
        world.store.close()


@pytest.fixture
def world(opening: Opening) -> World:
    """One host with 300 minutes of history, live since."""
    made = opening(wave(range(300)))
    made.tick(at(300))
    return made


def train(world: World, minute: int) -> Any:
    """Train the monitor as a run would."""
    return world.engine().train(Monitor.of(world.resource()), at(minute), Job())


def test_a_training_makes_a_version_and_live_goes_on_with_it(world: World) -> None:
    world.source.rows += wave(range(300, 400))
    world.tick(at(400))

    result = train(world, 400)
    world.restart()
    world.source.rows += wave(range(400, 410))
    world.tick(at(410))

    assert (result["version"], result["detector"]) == (2, "gaussian")
    assert [version.number for version in world.store.states.versions("m1")] == [2, 1]
    live = world.store.live.get("m1")
    assert live is not None
    assert (live.version, live.cursor_ns) == (2, at(410))
    assert world.scores()["time"].to_list() == [at(i) for i in range(410)]


def test_scores_that_were_given_stay_as_they_are(world: World) -> None:
    world.source.rows += wave(range(300, 400))
    world.tick(at(400))
    before = world.scores()

    train(world, 400)
    world.restart()
    world.tick(at(400))

    assert world.scores().equals(before, null_equal=True)


def test_an_open_event_goes_on_over_a_training(world: World) -> None:
    world.source.rows += [(at(300), "a", 40.0), *wave(range(301, 310))]
    world.tick(at(310))
    (opened,) = world.events(is_open=True)

    train(world, 310)
    world.restart()
    world.source.rows += wave(range(310, 420))
    world.tick(at(420))

    (closed,) = world.events(kinds=["anomaly"])
    assert (closed.id, closed.is_open) == (opened.id, False)


def test_a_tick_while_it_is_trained_loses_nothing(world: World) -> None:
    world.source.rows += wave(range(300, 310))
    trained = world.engine()
    original = world.source.read

    def read_and_tick(query: Any, progress: Any = None) -> Any:
        world.source.read = original  # type: ignore[method-assign]
        world.tick(at(310))
        return original(query, progress)

    world.source.read = read_and_tick  # type: ignore[method-assign]
    trained.train(Monitor.of(world.resource()), at(310), Job())
    world.restart()
    world.source.rows += wave(range(310, 312))
    world.tick(at(312))

    assert world.scores()["time"].to_list() == [at(i) for i in range(312)]
    live = world.store.live.get("m1")
    assert live is not None
    assert live.version == 2


def test_a_training_that_is_to_stop_keeps_nothing(world: World) -> None:
    job = Job()
    job.stop.set()

    with pytest.raises(StoppedError):
        world.engine().train(Monitor.of(world.resource()), at(300), job)

    assert [version.number for version in world.store.states.versions("m1")] == [1]


def test_a_damaged_state_is_replaced_and_reported(world: World) -> None:
    world.source.rows += wave(range(300, 305))
    world.tick(at(305))
    with world.store.database.write() as connection:
        connection.execute(update(blobs).where(blobs.c.part == "detector").values(data=b"broken"))
    world.restart()
    lines: list[str] = []
    world.job = Job(write_line=lambda text, level: lines.append(f"{level}: {text}"))

    world.source.rows += wave(range(305, 310))
    world.tick(at(310))

    assert len(world.scores()) == 310
    assert np.isfinite(world.scores()["score"].to_numpy()[305:]).all()
    assert any(line.startswith("warning: its state could not be loaded") for line in lines)
    assert "could not be loaded" in world.store.states.versions("m1")[0].note


@pytest.mark.parametrize(
    "changed",
    [{"detector": "seasonal"}, {"params": {"learn": 60}}, {"policy": {"budget": "1/day"}}],
    ids=["detector", "parameters", "budget"],
)
def test_another_detector_is_trained_at_the_next_tick(world: World, changed: dict[str, Any]) -> None:
    world.spec.update(changed)
    world.restart()
    world.source.rows += wave(range(300, 310))

    world.tick(at(310))

    scores = world.scores()
    assert scores["time"].to_list() == [at(i) for i in range(310)]
    assert np.isfinite(scores["score"].to_numpy()[300:]).all()
    assert world.store.states.versions("m1")[0].number == 2


def test_another_step_begins_a_new_grid_behind_the_cursor(world: World) -> None:
    world.spec["step"] = "5m"
    world.restart()
    world.source.rows += wave(range(300, 320))

    world.tick(at(320))

    live = world.store.live.get("m1")
    assert live is not None
    assert live.cursor_ns % (5 * 60_000_000_000) == 0
    assert len(world.scores()) > 300


def test_a_policy_changes_without_training(world: World) -> None:
    world.spec["policy"] = {"least_deviation": 100.0}
    world.restart()
    world.source.rows += [*wave(range(300, 302)), (at(302), "a", 40.0)]

    world.tick(at(303))

    assert world.events() == []
    assert [version.number for version in world.store.states.versions("m1")] == [1]


def spiky(minutes: int, *spikes: int) -> Rows:
    """One host with values of 40 at some minutes."""
    return wave(range(minutes), value=lambda i: 40.0 if i in spikes else usual(i))


def test_a_backtest_raises_what_live_has_raised(opening: Opening) -> None:
    rows = spiky(1000, 500, 501, 800)
    live, tested = opening(rows[:300]), opening(rows)
    live.tick(at(300))
    for minute in range(300, 1000, 7):
        live.source.rows = rows[: minute + 7]
        live.tick(at(min(minute + 7, 1000)))

    found = backtest(
        Monitor.of(tested.resource()), tested.source, start_ns=None, end_ns=None, now_ns=at(1000), job=Job()
    )

    assert found.scores is not None
    assert found.scores.equals(live.scores().select(found.scores.columns), null_equal=True)
    kept = [(event.id, event.start_ns, event.end_ns, event.score, event.reason) for event in live.events()]
    assert kept == [(event.id, event.start_ns, event.end_ns, event.score, event.reason) for event in found.events]
    assert found.scoring_from_ns == at(50)
    assert found.to_json()["n_events"] == 2


def test_a_backtest_of_a_range_learns_what_is_before_and_tells_of_the_range(opening: Opening) -> None:
    world = opening(spiky(1000, 300, 700))
    monitor = Monitor.of(world.resource())

    found = backtest(monitor, world.source, start_ns=at(600), end_ns=at(900), now_ns=at(1000), job=Job())

    assert [event.start_ns for event in found.events] == [at(700)]
    assert (found.points, found.scored, found.start_ns, found.end_ns) == (300, 300, at(600), at(900))
    assert world.store.live.get("m1") is None


def test_a_backtest_says_when_there_is_nothing(opening: Opening) -> None:
    world = opening(spiky(100))
    monitor = Monitor.of(world.resource())

    with pytest.raises(NoPointsError):
        backtest(monitor, world.source, start_ns=at(5000), end_ns=at(6000), now_ns=at(9000), job=Job())
    with pytest.raises(ConfigError, match="before end"):
        backtest(monitor, world.source, start_ns=at(60), end_ns=at(50), now_ns=at(100), job=Job())


def test_a_preview_needs_no_saved_monitor(opening: Opening) -> None:
    world = opening(spiky(1000, 700))
    spec = MonitorSpec.model_validate({"name": "new", **world.spec})

    found = world.engine().preview(spec, start_ns=at(500), end_ns=None, now_ns=at(1000), job=Job())

    assert [event.start_ns for event in found.events] == [at(700)]
    assert found.scoring_from_ns is not None


def test_a_backtest_is_compared_with_labels(opening: Opening) -> None:
    world = opening(spiky(1000, 300, 700))
    world.tick(at(1000))
    one, other = world.events(kinds=["anomaly"])
    judged = [world.store.events.label(one.id, "true"), world.store.events.label(other.id, "false")]

    counts = compared([one], judged)

    assert counts == {"true_found": 1, "true_missed": 0, "false_again": 0, "false_gone": 1}


def test_a_moment_is_what_it_says() -> None:
    assert moment(at(0)).timestamp() * 1e9 == at(0)
