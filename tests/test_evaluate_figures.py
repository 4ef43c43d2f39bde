"""The figures: against golden numbers of an independent scorer, against naive twins, and by hand."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import naive_evaluate as naive
from redshank.errors import ConfigError, DataError
from redshank.evaluate import (
    Answer,
    EventCounts,
    Labelled,
    NabSeries,
    auc_pr,
    auc_roc,
    buffer_window,
    event_counts,
    figures_of,
    nab_scores,
    overall,
    ucr_hit,
    vus,
)
from redshank.evaluate.events import merged, runs
from redshank.evaluate.figures import alarms_of, event_figures
from redshank.evaluate.nab import PROFILES, Window, nab_score, onsets, probation, sigmoid
from redshank.evaluate.ranking import ranked

GOLDEN = Path(__file__).parent / "golden"
EXPECTED = json.loads((GOLDEN / "evaluate.json").read_text(encoding="utf-8"))
TABLE = pl.read_csv(GOLDEN / "evaluate_series.csv").partition_by("series", as_dict=True)
NAMES = sorted(EXPECTED["series"])
EVENT_NAMES = {
    "precision": "event_P",
    "recall": "event_R",
    "f1": "event_F1",
    "false_per_10k": "FA_10k",
    "delay": "delay",
    "on_normal": "on_normal",
}
RANKING_NAMES = {"vus_pr": "VUS_PR", "vus_roc": "VUS_ROC", "auc_pr": "AUC_PR", "auc_roc": "AUC_ROC", "ucr_hit": "UCR"}


def mask(n: int, *spans: tuple[int, int]) -> np.ndarray:
    """False (n,) with True at start <= i < end of the spans."""
    out = np.zeros(n, bool)
    for start, end in spans:
        out[start:end] = True
    return out


def golden_series(name: str) -> tuple[Labelled, Answer]:
    table = TABLE[(name,)]
    times = np.arange(table.height).astype("datetime64[m]").astype("datetime64[ns]")
    series = Labelled(name, times, table["value"].to_numpy(), table["label"].to_numpy() > 0, train_points=60)
    return series, Answer(table["score"].to_numpy(), table["alarm"].to_numpy() > 0)


def or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def chosen(values: dict[str, Any], names: dict[str, str]) -> dict[str, float]:
    return {ours: or_nan(values[theirs]) for ours, theirs in names.items()}


# golden numbers


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_agrees_with_the_golden_numbers(name: str) -> None:
    figures = figures_of(*golden_series(name))

    expected = EXPECTED["series"][name]
    assert figures.window == expected["window"]
    ranking = {key: getattr(figures, key) for key in RANKING_NAMES}
    assert ranking == pytest.approx(chosen(expected, RANKING_NAMES), abs=1e-6, nan_ok=True)
    assert event_figures(figures.counts) == pytest.approx(chosen(expected, EVENT_NAMES), abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", NAMES)
def test_vus_of_a_given_window_agrees_with_the_golden_numbers(name: str) -> None:
    series, answer = golden_series(name)

    volume = vus(series.truth, ranked(answer.score), 25)

    assert volume == pytest.approx([or_nan(v) for v in EXPECTED["series"][name]["vus_25"]], abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("rule", ["sigma", "train"])
@pytest.mark.parametrize("name", NAMES)
def test_alarms_made_from_scores_agree_with_the_golden_numbers(name: str, rule: str) -> None:
    series, answer = golden_series(name)

    figures = figures_of(series, Answer(answer.score), alarm_above=rule)

    expected = chosen(EXPECTED["series"][name][rule], EVENT_NAMES)
    assert event_figures(figures.counts) == pytest.approx(expected, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", NAMES)
def test_alarms_that_are_not_merged_agree_with_the_golden_numbers(name: str) -> None:
    series, answer = golden_series(name)

    counts = event_counts(series.truth, answer.alarm, merge_gap=0)

    expected = chosen(EXPECTED["series"][name]["own_gap_0"], EVENT_NAMES)
    assert event_figures(counts) == pytest.approx(expected, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("lag", [0, 5, 40])
def test_nab_scores_agree_with_the_golden_numbers(lag: int) -> None:
    corpus = [
        NabSeries(onsets(golden_series(name)[1].score, lag), tuple(Window(*span) for span in spans))
        for name, spans in EXPECTED["windows"].items()
    ]

    results = nab_scores(corpus)

    for profile, (score, threshold) in EXPECTED[f"nab_onset_{lag}"].items():
        assert results[profile].score == pytest.approx(score, abs=0.1)
        assert results[profile].threshold == pytest.approx(math.inf if threshold is None else threshold)


# naive twins

truth_and_score = st.integers(2, 60).flatmap(
    lambda n: st.tuples(
        arrays(np.bool_, n), arrays(np.float64, n, elements=st.integers(-3, 3).map(float) | st.floats(-9, 9))
    )
)
both_kinds = truth_and_score.filter(lambda pair: pair[0].any() and not pair[0].all())


@given(pair=both_kinds, window=st.integers(0, 30), n_thresholds=st.integers(2, 40))
def test_vus_equals_its_naive_twin(pair: tuple[np.ndarray, np.ndarray], window: int, n_thresholds: int) -> None:
    volume = vus(*pair, window, n_thresholds=n_thresholds)

    assert volume == pytest.approx(tuple(naive.vus(*pair, window, n_thresholds)), abs=1e-9)


@given(pair=both_kinds)
def test_areas_under_curves_equal_their_naive_twins(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert auc_pr(*pair) == pytest.approx(naive.auc_pr(*pair), abs=1e-12)
    assert auc_roc(*pair) == pytest.approx(naive.auc_roc(*pair), abs=1e-12)


@given(
    masks=st.integers(0, 80).flatmap(lambda n: st.tuples(arrays(np.bool_, n), arrays(np.bool_, n))),
    merge_gap=st.integers(0, 12),
)
def test_event_counts_equal_their_naive_twin(masks: tuple[np.ndarray, np.ndarray], merge_gap: int) -> None:
    counts = event_counts(*masks, merge_gap)

    assert dataclasses.astuple(counts) == naive.event_counts(*masks, merge_gap)


def small_corpus(seed: int) -> list[NabSeries]:
    chance = np.random.default_rng(seed)
    windows = (Window(40, 60), Window(60, 70), Window(150, 181))
    score = np.round(chance.gamma(1.0, size=200) + 1.5 * mask(200, (45, 51), (160, 163)), 1)
    score[chance.integers(0, 200, 5)] = np.nan
    quiet = NabSeries(np.round(chance.gamma(1.0, size=120), 1), ())
    return [NabSeries(score, windows), quiet, NabSeries(score[::-1].copy(), (Window(10, 40),))]


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
@pytest.mark.parametrize("seed", range(3))
def test_the_nab_score_equals_its_naive_twin(seed: int, profile: Any) -> None:
    corpus = small_corpus(seed)

    assert nab_score(corpus, profile).score == pytest.approx(naive.nab_score(corpus, profile), abs=1e-9)


# by hand


def test_a_perfect_ranking_has_full_area() -> None:
    assert auc_pr([0, 1, 0, 1], [0.1, 0.4, 0.35, 0.8]) == 1
    assert auc_roc([0, 1, 0, 1], [0.1, 0.4, 0.35, 0.8]) == 1


def test_equal_scores_rank_by_chance() -> None:
    assert auc_pr([0, 1, 0, 1], np.ones(4)) == 0.5
    assert auc_roc([0, 1, 0, 1], np.ones(4)) == 0.5


@pytest.mark.parametrize("truth", [np.zeros(9), np.ones(9)], ids=["all normal", "all anomalous"])
def test_a_ranking_needs_both_kinds_of_points(truth: np.ndarray) -> None:
    assert np.isnan(vus(truth, np.arange(9.0), 3)).all()
    assert math.isnan(auc_roc(truth, np.arange(9.0)))


def test_areas_without_anomalies_are_unknown() -> None:
    assert math.isnan(auc_pr(np.zeros(4), np.arange(4.0)))


def test_scores_that_do_not_fit_the_truth_are_refused() -> None:
    with pytest.raises(DataError, match="equally long"):
        auc_pr([0, 1], [0.0, 1.0, 2.0])
    with pytest.raises(DataError, match="equally long"):
        event_counts([0, 1], [1])
    with pytest.raises(DataError, match="one axis"):
        event_counts(np.zeros((2, 2)), np.zeros((2, 2)))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_score_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(DataError, match="finite"):
        auc_roc([0, 1], [0.0, bad])


def test_a_negative_window_is_refused() -> None:
    with pytest.raises(DataError, match="window must be >= 0"):
        vus([0, 1], [0.0, 1.0], -1)


@pytest.mark.parametrize(
    ("values", "window"),
    [
        (np.sin(2 * np.pi * np.arange(2000) / 48), 48),
        (np.ones(500), 125),
        (np.arange(500.0), 125),
        ([1.0, 2.0, 3.0], 125),
        ([], 125),
        (np.where(np.arange(500) == 9, np.nan, np.sin(np.arange(500))), 125),
    ],
    ids=["season", "constant", "ramp", "three points", "no points", "missing value"],
)
def test_the_buffer_window_is_the_period_or_125(values: Any, window: int) -> None:
    assert buffer_window(values) == window


@pytest.mark.parametrize(("peak", "hit"), [(399, 0.0), (400, 1.0), (505, 1.0), (610, 1.0), (611, 0.0)])
def test_a_ucr_hit_lies_within_100_points_and_behind_the_training(peak: int, hit: float) -> None:
    score = np.zeros(1000)
    score[peak], score[50] = 1.0, 2.0

    assert ucr_hit(mask(1000, (500, 511)), score, train_points=100) == hit


def test_runs_at_the_edges_are_found() -> None:
    starts, ends = runs(mask(9, (0, 2), (4, 5), (8, 9)))

    assert (starts.tolist(), ends.tolist()) == ([0, 4, 8], [2, 5, 9])


def test_alarms_are_merged_up_to_the_gap() -> None:
    starts, ends = merged(*runs(mask(50, (0, 2), (12, 14), (25, 27))), 10)

    assert (starts.tolist(), ends.tolist()) == ([0, 25], [14, 27])


def test_events_are_counted_as_by_hand() -> None:
    truth = mask(200, (50, 60), (100, 110), (150, 160))
    alarm = mask(200, (20, 21), (53, 54), (57, 58), (95, 102), (180, 181))

    counts = event_counts(truth, alarm)

    assert counts == EventCounts(3, 2, 4, 2, 170, 7, 3)
    assert (counts.precision, counts.recall, counts.f1) == pytest.approx((1 / 2, 2 / 3, 4 / 7))
    assert counts.false_per_10k == pytest.approx(1e4 * 2 / 170)
    assert counts.mean_delay == 1.5
    assert (counts + counts).f1 == counts.f1


def test_silence_has_no_precision_and_no_recall() -> None:
    counts = event_counts(mask(20, (5, 7)), np.zeros(20))

    assert (counts.recall, counts.f1) == (0, 0)
    assert math.isnan(counts.precision)
    assert math.isnan(counts.mean_delay)


def test_an_alarm_that_is_always_on_shows_in_the_share_of_normal_points() -> None:
    counts = event_counts(mask(20, (5, 7)), np.ones(20))

    assert (counts.f1, counts.normal_alarmed_share) == (1, 1)


def test_a_score_that_is_missing_ranks_lowest() -> None:
    assert ranked(np.array([np.nan, 2.0, -1.0, -np.inf])).tolist() == [-1.0, 2.0, -1.0, -1.0]
    assert ranked(np.full(3, np.nan)).tolist() == [0.0, 0.0, 0.0]


def test_an_infinite_score_ranks_highest() -> None:
    assert ranked(np.array([1.0, np.inf, 3.0])).argmax() == 1


def test_alarms_above_a_number_leave_out_what_is_not_scored() -> None:
    assert alarms_of(np.array([0.5, np.nan, 2.0]), 1.0).tolist() == [False, False, True]


def test_an_unknown_alarm_rule_is_refused() -> None:
    with pytest.raises(ConfigError, match="a number, sigma or train, got 'often'"):
        alarms_of(np.zeros(3), "often")


def test_figures_of_many_are_means_and_summed_counts() -> None:
    rows = [figures_of(*golden_series(name)) for name in ("sine_spikes", "normal", "noise_one_long")]

    summary = overall(rows)

    assert summary["series"] == 3
    assert summary["vus_pr"] == pytest.approx((rows[0].vus_pr + rows[2].vus_pr) / 2)
    assert summary["recall"] == sum(row.counts.found for row in rows) / sum(row.counts.events for row in rows)


def test_figures_of_nothing_are_unknown() -> None:
    assert math.isnan(overall([])["vus_pr"])


# NAB


def test_the_first_point_of_each_window_is_a_perfect_nab_score() -> None:
    score = np.zeros(200)
    score[[40, 150]] = 1.0

    results = nab_scores([NabSeries(score, (Window(40, 60), Window(150, 181)))])

    assert [result.score for result in results.values()] == pytest.approx([100, 100, 100])


@pytest.mark.parametrize("level", [0.5, math.nan], ids=["constant", "not scored"])
def test_a_detector_that_says_nothing_has_a_nab_score_of_zero(level: float) -> None:
    results = nab_scores([NabSeries(np.full(200, level), (Window(40, 60), Window(150, 181)))])

    assert {tuple(result) for result in results.values()} == {(0.0, math.inf)}


def test_the_nab_score_is_as_by_hand() -> None:
    score = np.zeros(100)
    score[[55, 68]] = [1.0, 2.0]

    result = nab_score([NabSeries(score, (Window(50, 60),))], PROFILES["standard"])

    found, false = sigmoid(-0.5) / sigmoid(-1.0), 0.11 * sigmoid(1.0)
    assert result.score == pytest.approx(100 * (found + false + 1) / 2)
    assert result.threshold == 1.0


@pytest.mark.parametrize(("n", "length"), [(100, 15), (4032, 604), (5000, 750), (20_000, 750)])
def test_the_probation_is_15_percent_and_750_at_most(n: int, length: int) -> None:
    assert probation(n) == length


@given(
    score=arrays(np.float64, st.integers(0, 40), elements=st.integers(0, 5).map(float) | st.just(math.nan)),
    lag=st.integers(1, 9),
)
def test_an_onset_exceeds_the_scores_before_it(score: np.ndarray, lag: int) -> None:
    kept = onsets(score, lag)

    expected = [v if all(not v <= u for u in score[max(i - lag, 0) : i]) else math.nan for i, v in enumerate(score)]
    assert np.array_equal(kept, expected, equal_nan=True)


def test_nab_needs_a_window() -> None:
    with pytest.raises(DataError, match="at least one series must have an anomaly window"):
        nab_scores([NabSeries(np.zeros(10), ())])
