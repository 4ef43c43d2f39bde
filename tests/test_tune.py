"""The search for the detector that suits series best."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from redshank.engine import tune as module
from redshank.engine.capacity import Limits
from redshank.engine.job import Job
from redshank.engine.tune import Search, Tuned, auto_candidate, tune
from redshank.engine.tune_inject import SIZES, with_anomalies
from redshank.engine.tune_trial import Candidate, events_in
from redshank.errors import ConfigError, DataError, StoppedError
from redshank.panel import Key, Panel

N = 1500
CHANCE = np.random.default_rng(5)
NOISE = CHANCE.normal(size=(3, N))
CHEAP = ("gaussian", "percentile", "seasonal")


def panel(*rows: np.ndarray) -> Panel:
    keys = [Key.of("load", {"host": str(i)}) for i in range(len(rows))]
    return Panel.of(np.stack(rows), keys=keys, step=timedelta(minutes=15))


DAILY = 50 + 20 * np.sin(2 * np.pi * np.arange(N) / 96) + NOISE[0]


def found(history: Panel, truth: np.ndarray | None = None, job: Job | None = None, **search: Any) -> Tuned:
    return tune(history, Search(**{"detectors": CHEAP, **search}), truth, job)


def test_what_follows_the_day_wins_where_there_is_a_day() -> None:
    tuned = found(panel(DAILY))

    assert tuned.best.candidate.detector == "seasonal"
    assert "of injected anomalies found" in tuned.why
    assert [trial.worth for trial in tuned.trials] == sorted((trial.worth for trial in tuned.trials), reverse=True)


def test_the_table_holds_all_that_were_tried_with_their_figures() -> None:
    tuned = found(panel(DAILY, NOISE[1]))

    assert len(tuned.trials) == 1 + 5 + 5
    for trial in tuned.trials:
        assert 0 <= trial.found <= 1
        assert 0 <= trial.ranked <= 1
        assert set(trial.by_size) == set(SIZES)
        assert trial.false_per_10k >= 0
    told = tuned.to_json()
    assert told["detector"] == tuned.best.candidate.detector
    assert len(told["tried"]) == 11


def test_larger_anomalies_are_found_more_often() -> None:
    (trial,) = found(panel(DAILY), detectors=("seasonal",)).trials

    assert trial.by_size["small"] <= trial.by_size["large"]


def test_the_same_seed_gives_the_same_answer() -> None:
    first, second = found(panel(DAILY), seed=3), found(panel(DAILY), seed=3)

    assert first.to_json() == second.to_json()
    assert first.to_json() != found(panel(DAILY), seed=4).to_json()


def test_the_future_of_a_stretch_changes_nothing_before_it() -> None:
    history = panel(DAILY)
    changed = panel(np.where(np.arange(N) >= 1000, DAILY + 500, DAILY))

    first, second = with_anomalies(history, 600, 900, seed=1), with_anomalies(changed, 600, 900, seed=1)

    for size in SIZES:
        np.testing.assert_array_equal(first.copies[size][0].values, second.copies[size][0].values)
        assert first.copies[size][1] == second.copies[size][1]


def test_copies_differ_from_the_stretch_where_anomalies_are_told_and_before_the_first_not() -> None:
    history = panel(DAILY, NOISE[1])
    stretch = with_anomalies(history, 600, 900, seed=1)

    untouched = history.values[:, 600:900, 0]
    for copied, placed in stretch.copies.values():
        assert placed
        for one in placed:
            assert (copied.values[one.row, one.first : one.last, 0] != untouched[one.row, one.first : one.last]).any()
        for row in range(2):
            first = min(one.first for one in placed if one.row == row)
            np.testing.assert_array_equal(copied.values[row, :first, 0], untouched[row, :first])
    np.testing.assert_array_equal(history.values[:, 600:900, 0], untouched)


def test_labels_decide_where_there_are_some() -> None:
    values, truth = NOISE[0].copy(), np.zeros((1, N), bool)
    for at in (700, 800, 1000, 1100, 1300, 1400):
        values[at : at + 3] += 12
        truth[0, at : at + 3] = True

    tuned = found(panel(values), truth)

    assert tuned.best.labeled >= 0.9 * max(trial.labeled for trial in tuned.trials)
    assert "against labels" in tuned.why


def test_what_is_in_use_is_kept_unless_another_is_clearly_better(monkeypatch: pytest.MonkeyPatch) -> None:
    history = panel(DAILY)
    current = Candidate("gaussian")
    assert found(history, current=current).best.candidate.detector == "seasonal"

    monkeypatch.setattr(module, "CLEAR", 10.0)
    tuned = found(history, current=current)

    assert tuned.best.candidate == current
    assert "is in use, and" in tuned.why


def test_what_cannot_work_live_or_does_not_fit_is_left_out_with_the_reason() -> None:
    narrow = Limits(memory_bytes=10_000_000, cpu_share=10.0)

    tuned = found(panel(DAILY), detectors=("seasonal", "hindsight", "analog"), limits=narrow, total_series=1000)

    assert set(tuned.left_out) == {"hindsight", "analog"}
    assert "looks both ways" in tuned.left_out["hindsight"]
    assert "would not fit" in tuned.left_out["analog"]


def test_when_the_time_is_over_the_rest_is_left_out() -> None:
    tuned = found(panel(DAILY), is_late=lambda: True)

    assert len(tuned.trials) == 1
    assert set(tuned.left_out.values()) == {"the time was over"}


def test_of_many_series_some_are_looked_at() -> None:
    history = panel(*(50 + CHANCE.normal(size=N) for _ in range(10)))

    tuned = found(history, series=3, detectors=("gaussian",))

    assert tuned.series == 3
    assert tuned.notes == ["3 of 10 series were looked at"]


def test_it_says_how_far_it_is() -> None:
    lines: list[str] = []
    job = Job(write_line=lambda text, level: lines.append(text))

    found(panel(DAILY), job=job)

    assert job.rows_done == job.rows_total
    assert len(lines) == 11


def test_it_stops_when_asked_to() -> None:
    stop = threading.Event()
    stop.set()

    with pytest.raises(StoppedError):
        found(panel(DAILY), job=Job(stop=stop))


@pytest.mark.parametrize(
    "row",
    [
        np.full(N, 7.0),
        np.where(np.arange(N) % 3 == 0, NOISE[0], np.nan),
        1e300 * NOISE[0],
        1e-300 * NOISE[0],
        np.where(np.arange(N) > 1000, np.nan, NOISE[0]),
    ],
    ids=["constant", "holes", "huge", "tiny", "ends"],
)
def test_hostile_values_give_an_answer_without_warnings(row: np.ndarray) -> None:
    tuned = found(panel(row, NOISE[1]))

    assert np.isfinite(tuned.best.worth)


def test_too_short_a_history_is_refused() -> None:
    with pytest.raises(DataError, match="needs 400 points of a series, got 100"):
        found(panel(DAILY[:100]))


def test_without_anything_to_try_it_is_refused() -> None:
    with pytest.raises(ConfigError, match="none of hindsight can be tried"):
        found(panel(DAILY), detectors=("hindsight",))
    with pytest.raises(ConfigError, match="unknown detector 'gausian'"):
        found(panel(DAILY), detectors=("gausian",))


def test_alarms_within_the_latch_are_one_event() -> None:
    alarm = np.zeros(1000, bool)
    alarm[[10, 50, 149, 400]] = True

    assert events_in(alarm) == 2
    assert events_in(np.zeros(10, bool)) == 0


def test_what_auto_would_take_is_known() -> None:
    assert auto_candidate(panel(DAILY)) == Candidate("analog", {})
    assert str(Candidate("gaussian", {"threshold": 0.9})) == "gaussian(threshold=0.9)"
