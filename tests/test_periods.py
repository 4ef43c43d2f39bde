"""Periods are found at any step and length, several at once, and none where there are none."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from numpy.testing import assert_allclose

from naive_periods import naive_agreement, naive_autocorrelation, naive_means
from redshank.periods import _agreement, _course, autocorrelation, find_periods

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=count)


def wave(count: int, points: float) -> np.ndarray:
    return np.sin(2 * np.pi * np.arange(count) / points)


def names(values: np.ndarray, step: timedelta, times: np.ndarray | None = None) -> set[str]:
    return {period.name for period in find_periods(values, step, times)}


def test_autocorrelation_equals_its_naive_twin() -> None:
    values = wave(300, 24) + noise(300)

    assert_allclose(autocorrelation(values, 60), naive_autocorrelation(values, 60), atol=1e-12)


@pytest.mark.parametrize("points", [3, 24, 100])
def test_folds_equal_their_naive_twin(points: int) -> None:
    values = wave(310, 24) + noise(310)

    assert_allclose(_course(values, points), np.resize(naive_means(values, points), 310), atol=1e-12)
    assert _agreement(values, points) == pytest.approx(naive_agreement(values, points))


@pytest.mark.parametrize(
    ("step", "days"),
    [(MINUTE, 21), (5 * MINUTE, 14), (HOUR, 10), (timedelta(seconds=10), 4)],
    ids=["1m", "5m", "1h", "10s"],
)
def test_a_day_is_found_at_any_step(step: timedelta, days: int) -> None:
    per_day = DAY // step
    found = find_periods(wave(days * per_day, per_day) + 0.5 * noise(days * per_day), step)

    assert [(period.name, period.points, period.duration) for period in found] == [("day", per_day, DAY)]
    assert 0.5 < found[0].strength <= 1


def test_a_day_and_a_week_are_found_together() -> None:
    time = np.arange(8 * 10_080)
    values = wave(len(time), 1440) + 1.5 * (time // 1440 % 7 < 5) + 0.5 * noise(len(time))

    assert {(period.name, period.points) for period in find_periods(values, MINUTE)} == {
        ("day", 1440),
        ("week", 10_080),
    }


def test_trend_gaps_and_spikes_hide_nothing() -> None:
    values = wave(2000, 24) + np.arange(2000) / 50 + 0.3 * noise(2000)
    values[::97] += 100
    values[500:700] = np.nan

    assert names(values, HOUR) == {"day"}


def test_periods_of_no_calendar_are_found_and_named_by_points() -> None:
    assert names(wave(1440, 96) + wave(1440, 35) + 0.5 * noise(1440), HOUR) == {"96 points", "35 points"}


def test_what_repeats_without_being_a_wave_is_found() -> None:
    assert names(np.where(np.arange(4000) % 50 == 0, 10.0, 0.0) + noise(4000), HOUR) == {"50 points"}


def test_the_day_of_the_month_is_found_beside_the_week() -> None:
    times = np.datetime64("2022-01-01", "ns") + np.arange(900) * np.timedelta64(1, "D")
    day = (times.astype("datetime64[D]") - times.astype("datetime64[M]")).astype(int)
    values = np.where(day < 3, 6.0, 0.0) + 3 * (np.arange(900) % 7 < 5) + noise(900)

    assert names(values, DAY, times) == {"day of month", "week"}


@pytest.mark.parametrize("count", [300, 2000, 10_000])
@pytest.mark.parametrize("kind", ["noise", "walk"])
def test_noise_and_wandering_have_no_period(kind: str, count: int) -> None:
    series = [noise(count, seed) if kind == "noise" else np.cumsum(noise(count, seed)) for seed in range(30)]

    assert sum(bool(find_periods(values, HOUR)) for values in series) <= 1


@pytest.mark.parametrize(
    "values",
    [np.zeros(0), np.ones(1), np.full(500, 7.0), np.full(500, np.nan), np.arange(500.0), np.array([1.0, np.nan] * 9)],
    ids=["empty", "one", "constant", "missing", "ramp", "few"],
)
def test_series_without_anything_that_repeats_have_no_period(values: np.ndarray) -> None:
    assert find_periods(values, HOUR) == []


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1e9, 1e300])
def test_the_unit_of_the_series_does_not_matter(scale: float) -> None:
    assert names(scale * (wave(480, 24) + 0.1 * noise(480)), HOUR) == {"day"}
