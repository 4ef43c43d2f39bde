"""seasonal beyond the laws that all detectors keep."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from naive_seasonal import naive_seasonal, naive_slot
from redshank import detect
from redshank.detectors.seasonal import Seasonal
from redshank.detectors.seasonal_slots import DAY_SLOTS, WEEK_SLOTS, slots_of
from redshank.engine.batch import Plan
from redshank.errors import ConfigError
from redshank.panel import Deviations, Panel

CUT = Seasonal.calibration.cut
HOUR = timedelta(hours=1)


def daily(days: int, step: timedelta, *, noise: float = 0.3, seed: int = 1) -> np.ndarray:
    per_day = timedelta(days=1) / step
    count = int(days * per_day)
    return 5 * np.sin(2 * np.pi * np.arange(count) / per_day) + noise * np.random.default_rng(seed).normal(size=count)


def weekly(weeks: int) -> np.ndarray:
    """Hourly values, low at weekends."""
    hour = np.arange(weeks * 168)
    return np.where(hour // 24 % 7 < 5, 10.0, 2.0) + 0.3 * np.random.default_rng(2).normal(size=len(hour))


def answer(values: np.ndarray, step: timedelta = HOUR, start: str = "2024-01-01", **params: object) -> Deviations:
    times = np.datetime64(start, "ns") + np.arange(values.shape[-1]) * np.timedelta64(int(step.total_seconds()), "s")
    return Seasonal(**params).update(Panel.of(values, times))


def deviation(values: np.ndarray, step: timedelta = HOUR) -> np.ndarray:
    return answer(values, step).deviation[0]


def hostile() -> np.ndarray:
    """Days with a shift, spikes, holes, a gap of days, a flat stretch and a huge value."""
    values = daily(60, HOUR) + np.where(np.arange(1440) > 700, 30, 0)
    values[[400, 1200]] += 50
    values[[90, 91, 300]] = np.nan
    values[500:560] = np.nan
    values[1300:1330] = 31.0
    values[1100] = 1e6
    return values


SERIES = {
    "hourly, hostile": (hostile(), 3600),
    "weekly course": (weekly(5), 3600),
    "every five minutes": (daily(6, timedelta(minutes=5)), 300),
    "daily, for years": (np.tile([5.0, 5, 5, 5, 5, 1, 1], 150) + np.sin(np.arange(1050)), 86_400),
    "flat with counts": (np.where(np.arange(900) % 97 == 0, 1.0, 0.0), 600),
}


@pytest.mark.parametrize(("values", "seconds"), SERIES.values(), ids=SERIES.keys())
@pytest.mark.parametrize("tz", ["UTC", "Europe/Berlin"])
def test_it_equals_its_naive_twin(values: np.ndarray, seconds: int, tz: str) -> None:
    times = np.datetime64("2024-03-01T03:20", "ns") + np.arange(len(values)) * np.timedelta64(seconds, "s")
    found = Seasonal(tz=tz).update(Panel.of(values, times))

    twin = naive_seasonal(values, times.astype(np.int64), tz)

    parts = [found.deviation[0], *(array[0, :, 0] for array in (found.expected, found.lower, found.upper))]
    assert_allclose(parts, twin, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("tz", ["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_slots_are_those_of_the_clock_on_the_wall(tz: str) -> None:
    random = np.random.default_rng(3)
    times = np.sort(random.integers(-(10**9), 4 * 10**9, 300)) * 10**9

    day, week, month = slots_of(times, tz)

    assert [divmod(int(slot), 4) for slot in day] == [naive_slot("day", int(time), tz) for time in times]
    assert [divmod(int(slot) - DAY_SLOTS, 24) for slot in week] == [naive_slot("week", int(time), tz) for time in times]
    assert list(month - DAY_SLOTS - WEEK_SLOTS + 1) == [naive_slot("month", int(time), tz) for time in times]


def test_a_course_of_the_day_is_expected_from_the_third_day_on() -> None:
    values = daily(10, timedelta(minutes=10), noise=0.1)

    expected = answer(values, timedelta(minutes=10)).expected[0, :, 0]

    assert np.abs(values - expected)[3 * 144 :].mean() < 0.4


def test_a_weekend_is_expected_by_its_own_course() -> None:
    values = weekly(8)

    found = deviation(values)

    assert np.nanmax(found[5 * 168 :]) < CUT


def test_a_weekday_like_a_sunday_is_no_surprise_only_on_sundays() -> None:
    values = weekly(8)
    values[7 * 168 + 24 : 7 * 168 + 48] = 2.0  # a Tuesday

    assert deviation(values)[7 * 168 + 24 : 7 * 168 + 48].max() > CUT


def test_the_day_of_the_month_is_found() -> None:
    days = np.arange(900)
    dates = np.datetime64("2022-01-01") + days
    first = (dates - dates.astype("datetime64[M]")).astype(int) == 0
    values = np.where(first, 50.0, 5.0) + 0.3 * np.random.default_rng(4).normal(size=900)

    expected = answer(values, timedelta(days=1), "2022-01-01").expected[0, :, 0]

    assert (expected[500:][first[500:]] > 40).all()


def test_a_spike_stands_out_at_once_and_passes() -> None:
    values = daily(60, HOUR)
    values[1000] += 30

    found = deviation(values)

    assert found[1000] > CUT
    assert np.nanmax(np.delete(found, 1000)) < CUT


def test_a_value_is_not_judged_by_a_range_that_it_widened() -> None:
    values = daily(20, HOUR)
    spiked = values.copy()
    spiked[400] += 30

    plain, with_spike = answer(values), answer(spiked)

    assert plain.upper[0, 400, 0] == with_spike.upper[0, 400, 0]
    assert plain.expected[0, 400, 0] == with_spike.expected[0, 400, 0]


def test_a_level_shift_is_one_event_and_then_the_new_normal() -> None:
    values = np.random.default_rng(5).normal(size=3000)
    values[1500:] += 20

    result = detect(Panel.of(values), detector="seasonal", mode="live")

    assert len(result.events) == 1
    assert deviation(values)[2000:].max() < CUT / 2 + 5


def test_an_incident_is_not_learned_as_normal() -> None:
    values = np.random.default_rng(6).normal(size=2000)
    values[1000:1030] += 15

    found = answer(values)

    assert (found.deviation[0, 1003:1030] > CUT).all()
    assert abs(found.expected[0, 1100, 0]) < 1


@pytest.mark.parametrize("gap", [1, 30, 100, 700])
def test_no_alarm_follows_a_gap(gap: int) -> None:
    values = daily(60, HOUR)
    values[500 : 500 + gap] = np.nan

    found = deviation(values)

    assert np.isnan(found[500 : 500 + gap]).all()
    assert np.nanmax(found) < CUT


def test_rare_counts_become_normal() -> None:
    values = np.where(np.random.default_rng(7).uniform(size=20_000) < 0.03, 1.0, 0.0)

    found = deviation(values, timedelta(minutes=1))

    assert (found[10_000:] > CUT).mean() < 0.001


def test_a_constant_that_changes_for_good_alarms_and_calms_down() -> None:
    values = np.where(np.arange(3000) < 1000, 7.0, 8.0)

    found = deviation(values, timedelta(minutes=1))

    assert found[1000] > CUT / 2
    assert found[1005] > CUT
    assert (found[2000:] < CUT).all()


def test_the_first_ranges_are_wider() -> None:
    values = np.random.default_rng(8).normal(size=(50, 3000))
    found = answer(values)

    width = np.median((found.upper - found.lower)[:, :, 0], axis=0)

    assert width[30:60].mean() > 1.05 * width[1000:].mean()


def test_the_range_holds_99_percent_of_noise() -> None:
    values = np.random.default_rng(9).normal(size=(20, 5000))
    found = answer(values, timedelta(minutes=5))

    inside = (found.lower[:, 100:, 0] <= values[:, 100:]) & (values[:, 100:] <= found.upper[:, 100:, 0])

    assert 0.98 <= inside.mean() <= 0.997


def test_it_keeps_less_than_two_kilobytes() -> None:
    assert Seasonal().cost(HOUR).bytes_per_series <= 2048


def test_clocks_that_change_move_the_slots() -> None:
    hours = np.arange(24 * 60)
    utc = np.datetime64("2024-03-01", "ns") + hours * np.timedelta64(1, "h")
    local_hour = (hours + np.where(utc < np.datetime64("2024-03-31T01:00"), 1, 2)) % 24
    values = np.where(local_hour == 9, 50.0, 0.0) + 0.5 * np.random.default_rng(10).normal(size=len(hours))
    panel = Panel.of(values, utc)

    by_zone = Seasonal(tz="Europe/Berlin").update(panel)
    by_utc = Seasonal().update(panel)

    after = slice(30 * 24 + 5, 31 * 24 + 5)
    assert by_zone.expected[0, after, 0].argmax() == values[after].argmax()
    assert by_utc.expected[0, after, 0].argmax() != values[after].argmax()


def test_a_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="tz must be one of UTC, Europe/Berlin, any IANA name, got 'Mars'"):
        Seasonal(tz="Mars")


def test_the_zone_of_the_run_is_passed_on() -> None:
    assert Plan(detector="seasonal", tz="Asia/Tokyo").new_detector().get_params()["tz"] == "Asia/Tokyo"
    assert Plan(detector="seasonal", tz="Asia/Tokyo", params={"tz": "UTC"}).new_detector().get_params()["tz"] == "UTC"


def test_any_batches_give_the_same_by_any_clock() -> None:
    values = np.stack([hostile(), hostile()[::-1]])
    times = np.datetime64("2024-03-01", "ns") + np.arange(1440) * np.timedelta64(1, "h")
    panel = Panel.of(values, times)
    one, many = Seasonal(tz="Europe/Berlin"), Seasonal(tz="Europe/Berlin")

    parts = [many.update(panel.slice(i, min(i + 5, 1440))).deviation for i in range(0, 1440, 5)]

    assert_array_equal(np.concatenate(parts, axis=1), one.update(panel).deviation)
