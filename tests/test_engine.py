"""Engine and library door: shards, training, notes; with small real detectors."""

from __future__ import annotations

import signal
from datetime import timedelta

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import redshank
from redshank.app import Work, read, run
from redshank.decide import Policy
from redshank.engine import batch as engine
from redshank.engine.batch import Plan, score_shard, shards
from redshank.errors import ConfigError, DataError
from redshank.panel import Key, Panel
from redshank.sources.base import Query


def spiky(n_series: int = 1, n_time: int = 600, at: int = 450) -> Panel:
    """Daily-like waves with noise; the last series has a spike at one point."""
    chance = np.random.default_rng(3)
    values = np.sin(np.arange(n_time) * 2 * np.pi / 48)[None, :] + chance.normal(0, 0.05, (n_series, n_time))
    values[-1, at] += 8.0
    return Panel.of(values, keys=[Key.of("cpu", {"host": f"h{i}"}) for i in range(n_series)])


def test_a_spike_is_one_event_at_its_place() -> None:
    result = redshank.detect(spiky(), detector="hindsight_light")

    assert [event.peak for event in result.events] == [result.parts[0].panel.start + timedelta(minutes=450)]
    assert result.events[0].direction == "up"
    assert result.events[0].reason


def test_many_series_score_as_each_does_alone() -> None:
    panel = spiky(5)

    together = redshank.detect(panel, detector="hindsight_light")
    alone = redshank.detect(panel.take([4]), detector="hindsight_light")

    assert_array_equal(together.parts[0].scores.score[4], alone.parts[0].scores.score[0])
    assert [e.id for e in together.events if e.key == panel.keys[4]] == [e.id for e in alone.events]


def test_the_number_of_threads_and_shards_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = spiky(7)
    whole = redshank.detect(panel, detector="gaussian")

    monkeypatch.setattr(engine, "SHARD_POINTS", 600)
    cut = redshank.detect(panel, detector="gaussian")

    assert len(shards([panel])) == 7
    assert_array_equal(whole.parts[0].scores.score, cut.parts[0].scores.score)
    assert [e.id for e in whole.events] == [e.id for e in cut.events]


def test_some_hundred_short_series_are_enough_for_several_cores() -> None:
    panel = Panel.of(np.zeros((300, 1440)))

    assert len(shards([panel])) >= 4


def test_a_live_detector_in_chunks_scores_as_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = spiky(n_time=3000, at=2500)
    whole = score_shard(panel, Plan(detector="analog_light"))

    monkeypatch.setattr(engine, "CHUNK_POINTS", 1)
    chunked = score_shard(panel, Plan(detector="analog_light"))

    assert_array_equal(whole.scores.score, chunked.scores.score)
    assert repr(whole.events) == repr(chunked.events)


def test_points_before_train_until_are_learned_and_not_scored() -> None:
    panel = spiky()
    until = panel.start + timedelta(minutes=300)

    result = redshank.detect(panel, detector="gaussian", train_until=until)

    assert np.isnan(result.parts[0].scores.score[0, :300]).all()
    assert not np.isnan(result.parts[0].scores.score[0, 300:]).any()


def test_a_series_that_is_too_short_is_said_to_be() -> None:
    result = redshank.detect(Panel.of(np.arange(12.0)), detector="hindsight")

    assert result.events == []
    assert str(result.not_scored[0]).startswith("value: not scored: 12 points, needs ")


def test_auto_says_what_it_picked_and_why() -> None:
    result = redshank.detect(spiky())

    assert result.detector in ("hindsight", "hindsight_light")
    assert result.why


def test_a_direction_leaves_out_the_other_side() -> None:
    assert redshank.detect(spiky(), detector="hindsight_light", direction="down").events == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"detector": "hindsigt"}, "did you mean 'hindsight'"),
        ({"detector": "hindsight", "mode": "live"}, "looks both ways"),
        ({"mode": "alive"}, "must be retrospective or live"),
        ({"detector": "gaussian", "params": {"threshold": 2}}, "between"),
        ({"detector": "gaussian", "params": {"treshold": 0.9}}, "did you mean 'threshold'"),
        ({"params": {"threshold": 0.9}}, "need a named detector"),
        ({"budget": "often"}, "budget"),
        ({"tz": "Europe/Olso"}, "did you mean 'Europe/Oslo'"),
        ({"start": "yesterday"}, "start: must be a time"),
        ({"step": "5 parsecs"}, "step: must be a duration"),
    ],
    ids=lambda value: next(iter(value.values())) if isinstance(value, dict) else "",
)
def test_a_wrong_option_is_named_with_the_remedy(options: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        redshank.detect(spiky(), **options)  # type: ignore[arg-type]


def test_no_points_in_range_is_an_error() -> None:
    with pytest.raises(DataError, match="no points to score"):
        redshank.detect(spiky(), start="2030-01-01")


def test_a_numpy_array_is_enough() -> None:
    assert len(redshank.detect(spiky().values[0, :, 0], detector="hindsight_light").events) == 1


def test_an_interrupted_run_keeps_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(work, shards, **asked):  # type: ignore[no-untyped-def]
        yield 0, work(0)
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "SHARD_POINTS", 600)
    monkeypatch.setattr("redshank.executors.local.run", interrupted)

    result = redshank.detect(spiky(3), detector="gaussian")

    assert not result.complete
    assert np.isfinite(result.parts[0].scores.score[0]).any()
    assert np.isnan(result.parts[0].scores.score[1:]).all()


def test_a_live_run_that_is_stopped_keeps_the_points_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = spiky(n_time=5000, at=1500)
    whole = score_shard(panel, Plan(detector="analog_light"))
    monkeypatch.setattr(engine, "CHUNK_POINTS", 1)
    heard: list[float] = []

    part = score_shard(panel, Plan(detector="analog_light"), heard.append, is_stopped=lambda: len(heard) == 2)

    assert heard == [0.2, 0.4]
    assert_array_equal(part.scores.score[:, :2000], whole.scores.score[:, :2000])
    assert np.isnan(part.scores.score[:, 2000:]).all()
    assert part.events[0].id == whole.events[0].id


def test_ctrl_c_waits_for_the_points_in_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CHUNK_POINTS", 1)
    chunks: list[str] = []

    def interrupting(what: str, share: float | None) -> None:
        if what == "scoring" and not chunks:
            chunks.append(what)
            signal.raise_signal(signal.SIGINT)

    result = run(
        read(spiky(n_time=1_000_000), Query()), Work(detector="analog_light", params={}, policy=Policy()), interrupting
    )

    assert not result.complete
    assert np.isfinite(result.parts[0].scores.score[0, 300:1000]).all()
    assert np.isnan(result.parts[0].scores.score[0, -1000:]).all()


@pytest.mark.parametrize(("detector", "mode"), [("hindsight_light", "retrospective"), ("analog", "live")])
@pytest.mark.parametrize("budget", ["1/20points", "1/150points", "1/500points"])
def test_a_coarse_budget_gives_several_events_and_not_one_without_end(detector: str, mode: str, budget: str) -> None:
    values = np.random.default_rng(3).normal(size=4000) + np.sin(np.arange(4000) / 20)

    events = redshank.detect(values, detector=detector, mode=mode, budget=budget).events  # type: ignore[arg-type]

    hot = sum((event.end - event.start) / timedelta(minutes=1) for event in events)
    assert len(events) >= 2
    assert hot < 0.25 * len(values)
