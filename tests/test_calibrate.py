"""Score, rarity and budget."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from naive_calibrate import naive_nats
from redshank.calibrate import RAREST_LIVE, Budget, Calibration, Calibrator, cut_for
from redshank.detectors.state import State
from redshank.errors import ConfigError, StateError

LIVE = Calibration(cut=40.0, prior=tuple(np.linspace(3, 30, 20).tolist()), certain=60.0)
MAPPED = Calibration(cut=6.0, rates=((2.0, 5.3), (3.0, 1.9), (4.0, 0.8), (6.0, 0.27)))
BARE = Calibration(cut=3.0)


def deviations(n_series: int = 3, n_time: int = 30_000) -> np.ndarray:
    random = np.random.default_rng(4)
    drawn = random.exponential(4.0, (n_series, n_time))
    drawn[random.random(drawn.shape) < 0.02] = np.nan
    return drawn


def calibrator(calibration: Calibration = LIVE, points: float | None = 5000, n_series: int = 3) -> Calibrator:
    return Calibrator(calibration, n_series, None if points is None else Budget(points))


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("2/day", 144),
        ("1/week", 2016),
        ("1/2weeks", 4032),
        ("3 / hour", 4),
        ("1/30d", 8640),
        ("1/month", 8640),
        ("1/5000points", 5000),
        ("0.5/10000points", 20_000),
        ("1/5_000", 5000),
        ("1/1 point", 1),
    ],
)
def test_a_budget_is_read_as_points_per_false_event(text: str, points: float) -> None:
    assert Budget.parse(text, timedelta(minutes=5)).points == pytest.approx(points)


@pytest.mark.parametrize("text", ["", "2", "x/day", "0/day", "-1/day", "2/fortnightly", "5/1points", "1/0points", "1/"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="budget: must be"):
        Budget.parse(text, timedelta(minutes=5))


def test_a_budget_per_time_is_only_checked_without_a_step() -> None:
    assert math.isnan(Budget.parse("2/day").points)
    with pytest.raises(ConfigError, match="needs the step"):
        Calibrator(LIVE, 1, Budget.parse("2/day"))


@pytest.mark.parametrize("calibration", [LIVE, MAPPED, BARE], ids=["live", "mapped", "bare"])
def test_without_a_budget_the_default_cut_scores_one(calibration: Calibration) -> None:
    score, _ = calibrator(calibration, None, 1).apply(np.array([[0.0, calibration.cut, 2 * calibration.cut, np.nan]]))

    assert_allclose(score, [[0, 1, 2, np.nan]])


@pytest.mark.parametrize("size", [1, 7, 99, 100, 5000])
@pytest.mark.parametrize("points", [None, 5000], ids=["default", "budget"])
def test_any_batches_give_the_same(size: int, points: float | None) -> None:
    whole = deviations(n_time=6000)
    one, many = calibrator(points=points), calibrator(points=points)

    parts = [many.apply(whole[:, i : i + size]) for i in range(0, whole.shape[1], size)]

    assert_array_equal(np.concatenate([score for score, _ in parts], 1), one.apply(whole)[0])
    assert_array_equal(many.arrays["counts"], one.arrays["counts"])


def test_the_tail_equals_its_naive_twin() -> None:
    drawn = deviations(1, 30_000)
    drawn[0, [5000, 5101, 5202]] = [79.9, 200.0, 1e7]

    _, rarity = calibrator(n_series=1).apply(drawn)

    nats = np.array(naive_nats(drawn[0].tolist(), LIVE.prior, LIVE.cut))
    assert_allclose(np.log(rarity[0] / 100), np.clip(nats, -math.log(100), math.log(RAREST_LIVE / 100)), atol=1e-3)


def test_a_missing_deviation_has_no_score_and_is_not_learned() -> None:
    with_gaps = deviations(1, 4000)
    without = with_gaps[:, ~np.isnan(with_gaps[0])]

    score, rarity = calibrator(n_series=1).apply(with_gaps)
    closed_score, closed_rarity = calibrator(n_series=1).apply(without)

    missing = np.isnan(with_gaps)
    assert_array_equal(np.isnan(score), missing)
    assert_array_equal(np.isnan(rarity), missing)
    assert_array_equal(score[~missing], closed_score[0])
    assert_array_equal(rarity[~missing], closed_rarity[0])


@pytest.mark.parametrize("points", [1000, 2016, 5000, 10_000, 20_000])
def test_the_promised_rate_is_kept_on_an_exponential_tail(points: int) -> None:
    drawn = np.random.default_rng(9).exponential(3.0, (20, 100_000))

    score, _ = calibrator(points=points, n_series=20).apply(drawn)

    rate = (score[:, 20_000:] >= 1).mean()
    assert 1 / 2.0 < rate * points < 2.0


def test_a_certain_deviation_alarms_whatever_the_tail() -> None:
    busy = np.full((1, 20_000), 59.0)
    tail = calibrator(n_series=1)
    tail.apply(busy)

    score, _ = tail.apply(np.array([[59.0, 60.0]]))

    assert score[0, 0] < 1 <= score[0, 1]


def test_a_certain_deviation_alarms_only_with_its_share_of_the_nats() -> None:
    strict = calibrator(replace(LIVE, certain_share=0.85), n_series=1)
    loose = calibrator(replace(LIVE, certain_share=0.01), n_series=1)
    for tail in (strict, loose):
        tail.apply(np.random.default_rng(2).uniform(0, 60, (1, 20_000)))

    high = [tail.apply(np.array([[60.0]]))[0][0, 0] for tail in (strict, loose)]

    assert high[0] < 1 <= high[1]


def test_rarity_is_never_more_than_the_evidence_supports() -> None:
    _, live = calibrator(n_series=1).apply(np.array([[1e9]]))
    _, mapped = calibrator(MAPPED, None, 1).apply(np.array([[1e9, 6.0, 2.0, 0.0]]))

    assert live[0, 0] == pytest.approx(RAREST_LIVE)
    assert_allclose(mapped[0, :3], [10_000 / 0.27, 10_000 / 0.27, 10_000 / 5.3])
    assert mapped[0, 3] < 10_000 / 5.3


def test_a_detector_without_evidence_has_no_rarity() -> None:
    _, rarity = calibrator(BARE, None, 1).apply(np.array([[1.0, 5.0]]))

    assert np.isnan(rarity).all()


@pytest.mark.parametrize(("points", "cut"), [(10_000 / 5.3, 2.0), (10_000 / 0.8, 4.0), (10_000 / 0.27, 6.0)])
def test_a_budget_moves_the_cut_along_the_map(points: float, cut: float) -> None:
    assert cut_for(MAPPED, Budget(points)) == pytest.approx(cut)


def test_a_cut_lies_between_its_neighbours_on_the_map_and_goes_on_beyond_the_finest_only() -> None:
    assert 3 < cut_for(MAPPED, Budget(10_000)) < 4
    assert cut_for(MAPPED, Budget(100_000)) > 6
    assert cut_for(MAPPED, Budget(2)) == 2.0


@pytest.mark.parametrize("known", [MAPPED, LIVE], ids=["mapped", "live"])
def test_what_keeps_an_event_open_never_falls_below_half_of_the_default_edge(known: Calibration) -> None:
    coarse, fine = calibrator(known, 250), calibrator(known, 20_000)

    assert coarse.least_close == 1.0
    assert 0 < fine.least_close < 0.7
    assert Calibrator(known, 1).least_close == 0.0


@pytest.mark.parametrize(
    ("calibration", "points", "said"),
    [
        (LIVE, 20_000, ""),
        (LIVE, 50_000, "finer than the evidence supports"),
        (MAPPED, 10_000, ""),
        (MAPPED, 1000, "coarser than any measured"),
        (MAPPED, 1e6, "finer than any measured"),
        (BARE, 1000, "no measured rates"),
    ],
)
def test_a_budget_beyond_the_evidence_is_said(calibration: Calibration, points: float, said: str) -> None:
    assert said in " ".join(calibrator(calibration, points).notes)
    assert bool(said) == bool(calibrator(calibration, points).notes)


def test_saving_taking_and_joining_change_no_score() -> None:
    first, rest = np.split(deviations(n_time=6000), 2, axis=1)
    whole = calibrator()
    whole.apply(first)

    halves = whole.take([0, 1])
    halves.append(whole.take([2]))
    loaded = Calibrator.load(State.from_bytes(halves.save().to_bytes()))

    assert_array_equal(loaded.apply(rest)[0], whole.apply(rest)[0])


def test_calibrators_of_different_budgets_are_not_joined() -> None:
    with pytest.raises(ConfigError, match="same calibration and budget"):
        calibrator(points=1000).append(calibrator(points=2000))


def test_a_foreign_state_is_refused() -> None:
    with pytest.raises(StateError, match="calibrator: state must be"):
        Calibrator.load(State("analog", 1, {}, (), ()))


def test_an_infinite_certain_deviation_can_be_saved() -> None:
    saved = Calibrator(Calibration(cut=3.0, prior=(1.0, 2.0)), 1).save().to_bytes()

    assert Calibrator.load(State.from_bytes(saved)).calibration.certain == math.inf


@pytest.mark.parametrize("n_time", [0, 1])
def test_no_series_and_no_points_are_fine(n_time: int) -> None:
    score, rarity = calibrator(n_series=0).apply(np.empty((0, n_time)))

    assert score.shape == rarity.shape == (0, n_time)
