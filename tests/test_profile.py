"""What is said of a series before anything is detected in it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

import naive_profile
from redshank.panel import Floats, Key, Panel
from redshank.periods import find_periods
from redshank.profile import common_periods, level_shifts, profile_panels, profile_series, troubled_first

CHANCE = np.random.default_rng(11)
N = 3000
NOISE = CHANCE.normal(size=N)
DAY = np.sin(np.arange(N) * 2 * np.pi / 288)


def shifted(values: Floats, at: int, by: float) -> Floats:
    """A copy with another level from a point on."""
    return values + by * (np.arange(len(values)) >= at)


def silent(share: float) -> None:
    """Progress nobody hears."""


def test_a_lasting_change_of_level_is_found_where_it_is() -> None:
    found = level_shifts(shifted(NOISE, 1500, 4.0))

    assert len(found) == 1
    at, before, after = found[0]
    assert abs(at - 1500) <= 8
    assert after - before == pytest.approx(4, abs=1)


def test_a_change_of_level_of_a_seasonal_series_is_found() -> None:
    found = level_shifts(shifted(DAY + 0.1 * NOISE, 2000, 2.0), [288])

    assert len(found) == 1
    assert abs(found[0][0] - 2000) <= 72


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(NOISE, id="noise"),
        pytest.param(np.cumsum(NOISE), id="a random walk"),
        pytest.param(NOISE + 0.01 * np.arange(N), id="a steady trend"),
        pytest.param(NOISE + 60 * (np.arange(N) % 400 == 7), id="spikes"),
        pytest.param(np.ones(N), id="constant"),
        pytest.param(NOISE[:40], id="too short to tell"),
        pytest.param(np.zeros(0), id="empty"),
        pytest.param(NOISE * 1e300, id="huge"),
        pytest.param(NOISE * 1e-300, id="tiny"),
    ],
)
def test_what_is_no_lasting_change_of_level_is_none(values: Floats) -> None:
    assert level_shifts(values) == []


def test_a_season_is_no_change_of_level() -> None:
    assert level_shifts(DAY, [288]) == []


@pytest.mark.parametrize("periods", [[], [24], [24, 168]], ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_changes_of_level_equal_the_naive_ones(seed: int, periods: list[int]) -> None:
    chance = np.random.default_rng(seed)
    steps = np.repeat(chance.normal(0, 4, 6), 200)
    values = steps + chance.normal(size=1200)

    assert level_shifts(values, periods) == naive_profile.level_shifts(values, periods)


def test_gaps_are_counted_between_the_first_and_the_last_value() -> None:
    values = np.arange(20.0)
    values[[0, 5, 10, 11, 12, 19]] = np.nan

    profile = profile_series(Panel.of(values), 0)

    assert (profile.points, profile.missing) == (14, 4)
    assert profile.longest_gap == timedelta(minutes=3)
    assert (profile.least, profile.median, profile.greatest) == (1.0, 8.5, 18.0)
    assert (profile.end - profile.start) == timedelta(minutes=18)


@pytest.mark.parametrize(
    ("values", "periods"),
    [
        pytest.param(DAY + 0.3 * NOISE, (288,), id="a noisy day of five-minute points"),
        pytest.param(DAY + 0.01 * np.arange(N), (288,), id="with a trend"),
        pytest.param(np.arange(N) % 48, (48,), id="saw teeth"),
        pytest.param(10.0 * (np.arange(N) % 60 == 0) + 0.1 * NOISE, (60,), id="a regular spike"),
        pytest.param(DAY * 1e308, (288,), id="huge"),
        pytest.param(DAY * 1e-300, (288,), id="tiny"),
        pytest.param(NOISE, (), id="noise"),
        pytest.param(np.cumsum(NOISE), (), id="a random walk"),
        pytest.param(0.1 * np.arange(N), (), id="a trend"),
        pytest.param(1.0 * (np.arange(N) > 1500), (), id="a change of level"),
        pytest.param(np.ones(N), (), id="constant"),
        pytest.param(DAY[:600], (), id="two cycles"),
        pytest.param(np.zeros(0), (), id="empty"),
    ],
)
def test_periods_are_found_where_there_are_some(values: Floats, periods: tuple[int, ...]) -> None:
    found = find_periods(np.asarray(values, np.float64), timedelta(minutes=5))

    assert tuple(period.points for period in found) == periods


def test_the_week_is_found_on_top_of_the_day() -> None:
    hour = np.arange(24 * 7 * 8)
    values = np.sin(hour * 2 * np.pi / 24) + 2.0 * ((hour // 24) % 7 < 5)

    assert {period.name for period in find_periods(values, timedelta(hours=1))} == {"day", "week"}


def test_a_period_is_given_as_a_time() -> None:
    panel = Panel.of(DAY[:2000] + 0.05 * NOISE[:2000], step=timedelta(minutes=5))

    period = profile_series(panel, 0).periods[0]

    assert abs(period - timedelta(days=1)) <= timedelta(minutes=15)


@pytest.mark.parametrize("values", [[7.0], [np.nan, 7.0], [7.0] * 500], ids=["one point", "one value", "all equal"])
def test_a_series_without_variation_is_constant_and_has_no_period(values: list[float]) -> None:
    profile = profile_series(Panel.of(values), 0)

    assert profile.is_constant
    assert profile.periods == ()
    assert profile.shifts == ()


def test_a_series_without_values_has_no_profile_and_each_channel_has_one() -> None:
    values = np.stack([np.ones((2, 30)), np.full((2, 30), 2.0)], axis=2)
    values[1] = np.nan
    panel = Panel.of(values, channels=["flow", "heat"], keys=[Key.of("a"), Key.of("b")])

    assert [each.name for each in profile_panels([panel], silent)] == ["a flow", "a heat"]


def test_series_with_most_to_look_at_come_first() -> None:
    values = np.stack([NOISE[:600], np.ones(600), shifted(NOISE[:600], 300, 9.0), NOISE[600:1200]])
    values[3, 100:200] = np.nan
    panel = Panel.of(values, keys=[Key.of(name) for name in ("fine", "constant", "shifted", "gappy")])

    names = [each.key.measure for each in troubled_first(profile_panels([panel], silent))]

    assert names == ["constant", "gappy", "shifted", "fine"]


def test_common_periods_are_counted_over_series() -> None:
    panel = Panel.of(np.stack([np.sin(np.arange(N) * 2 * np.pi / 100)] * 3 + [np.ones(N)]))

    assert common_periods(profile_panels([panel], silent))[0] == (timedelta(minutes=100), 3)
