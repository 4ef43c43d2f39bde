"""Reasons in words."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redshank.decide import Event
from redshank.panel import Key, Panel, to_datetime
from redshank.reasons import Around, History, Telling, explain, explained, number

HOURS = np.datetime64("2024-01-01T00:00:00", "ns") + np.arange(24 * 7 * 6) * np.timedelta64(1, "h")  # a Monday


def event_at(panel: Panel, index: int, points: int = 1, **changes: object) -> Event:
    peak = to_datetime(panel.times[index])
    given: dict[str, object] = {
        "id": "x",
        "key": Key("cpu"),
        "start": peak,
        "end": peak + points * panel.step,
        "opened": peak,
        "peak": peak,
        "score": 2.0,
        "severity": 75,
        "direction": "up",
        "actual": float(panel.values[0, index, 0]),
        "expected": math.nan,
        "lower": math.nan,
        "upper": math.nan,
        "rarity": 41234.0,
        "points": points,
    }
    return Event(**{**given, **changes})  # type: ignore[arg-type]


def test_the_reason_names_the_usual_of_that_hour_of_the_week_the_span_and_the_rarity() -> None:
    values = 10.0 + (np.arange(len(HOURS)) % 24 == 9) * 10.0
    values[24 * 28 + 9] = 62.0
    panel = Panel.of(values, HOURS)

    reason = explain(event_at(panel, 24 * 28 + 9), panel, 0)

    assert reason == (
        "3.1 times the usual for Monday 09:00 (20), the highest of all; no stretch like it in 6 weeks; "
        "once in 41,000 points"
    )


def test_the_hour_is_that_of_the_time_zone() -> None:
    values = np.full(len(HOURS), 10.0)
    values[24 * 28 + 9] = 62.0
    panel = Panel.of(values, HOURS)

    assert "for Monday 10:00" in explain(event_at(panel, 24 * 28 + 9), panel, 0, Telling(tz="Europe/Oslo"))


def test_a_short_series_is_compared_with_what_was_expected() -> None:
    panel = Panel.of([5.0, 6, 5, 0, 5, 6], step=timedelta(seconds=1))

    reason = explain(event_at(panel, 3, expected=5.5, lower=4.0, upper=7.0), panel, 0, Telling(compares_shapes=False))

    assert reason == "0 instead of the expected (5.5), the lowest of all; once in 41,000 points"


def test_a_flat_stretch_is_called_flat() -> None:
    values = np.sin(np.arange(400.0))
    values[200:260] = 0.25
    panel = Panel.of(values)

    assert explain(event_at(panel, 200, points=60), panel, 0).startswith("flat at 0.25 for 60 minutes")


def test_a_value_amid_the_others_is_an_unusual_shape() -> None:
    values = np.sin(np.arange(400.0) / 9)
    panel = Panel.of(values)

    assert explain(event_at(panel, 200), panel, 0).startswith("an unusual shape around")


def test_the_channels_that_carry_the_event_are_named() -> None:
    panel = Panel.of(np.arange(30.0).reshape(1, 10, 3), channels=["a", "b", "c"])

    reason = explain(event_at(panel, 5, share={"b": 0.7, "a": 0.25, "c": 0.05}), panel, 0)

    assert reason.endswith("carried by b 70 %, a 25 %")


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567.0, "1,234,567"), (0.012345, "0.0123"), (3.0, "3"), (-2.5, "-2.5"), (1e308, "1.00e+308"), (math.nan, "-")],
)
def test_numbers_are_short_and_readable(value: float, text: str) -> None:
    assert number(value) == text


def test_an_event_over_the_whole_series_still_has_a_reason() -> None:
    panel = Panel.of([1.0, 2.0])

    assert explain(event_at(panel, 0, points=2), panel, 0)


def test_the_reason_never_contradicts_the_direction() -> None:
    values = 10.0 + (np.arange(len(HOURS)) % 24 == 9) * 10.0
    values[24 * 28 + 9] = 18.0  # below the usual of that hour, above what was expected
    panel = Panel.of(values, HOURS)

    reason = explain(event_at(panel, 24 * 28 + 9, expected=12.0, lower=11.0, upper=13.0), panel, 0)

    assert reason.startswith("1.5 times the expected (12)")


@pytest.mark.parametrize(
    ("actual", "usual", "says"),
    [
        (62.0, 20.0, "3.1 times the usual for Monday 09:00 (20)"),
        (5e6, 20.0, "5,000,000, far above the usual for Monday 09:00 (20)"),
        (5.0, 20.0, "75 % below the usual for Monday 09:00 (20)"),
        (0.4, 20.0, "98 % below the usual for Monday 09:00 (20)"),
        (0.1, 20.0, "0.1, far below the usual for Monday 09:00 (20)"),
        (0.0, 20.0, "0 instead of the usual for Monday 09:00 (20)"),
        (-5.0, 20.0, "25 below the usual for Monday 09:00 (20)"),
        (-150.0, -50.0, "100 below the usual for Monday 09:00 (-50)"),
        (50.0, -50.0, "100 above the usual for Monday 09:00 (-50)"),
        (7.0, 0.0, "7 above the usual for Monday 09:00 (0)"),
        (7.0, -1e-12, "7 above the usual for Monday 09:00 (0)"),
        (7.0, 3e-12, "7 above the usual for Monday 09:00 (0)"),
        (21.0, 20.0, "1 above the usual for Monday 09:00 (20)"),
    ],
    ids=str,
)
def test_the_distance_is_put_as_people_would(actual: float, usual: float, says: str) -> None:
    values = np.full(len(HOURS), usual)
    values[24 * 28 + 9] = actual
    values[:2] = -1e9, 1e9  # so that nothing is the highest or lowest
    panel = Panel.of(values, HOURS)
    bounds = {"expected": usual, "lower": usual - 0.1, "upper": usual + 0.1}

    reason = explain(event_at(panel, 24 * 28 + 9, **bounds), panel, 0, Telling(compares_shapes=False))

    assert reason == f"{says}; once in 41,000 points"


def test_a_live_reason_knows_nothing_of_what_comes_after() -> None:
    chance = np.random.default_rng(2)
    values = chance.normal(50, 5, len(HOURS))
    values[500] = 90.0
    later = values.copy()
    later[501:] = 1000.0
    telling = Telling(looks_back=True)
    now, then = Panel.of(values, HOURS), Panel.of(later, HOURS)

    reason = explain(event_at(now, 500), now, 0, telling)

    assert reason == explain(event_at(then, 500), then, 0, telling)
    assert reason == explain(event_at(now, 500), now.slice(0, 501), 0, telling)
    assert "the highest so far; no stretch like it in 3 weeks" in reason


def test_rarity_at_the_end_of_the_evidence_is_said_to_be_a_bound() -> None:
    panel = Panel.of(np.arange(100.0))

    at_end = explain(event_at(panel, 50, rarity=50_000.0), panel, 0, Telling(rarest=50_000))
    inside = explain(event_at(panel, 50, rarity=40_000.0), panel, 0, Telling(rarest=50_000))

    assert "less than once in 50,000 points" in at_end
    assert "; once in 40,000 points" in inside


def test_a_value_that_another_day_made_usual_is_set_against_what_was_expected() -> None:
    values = 10.0 + 60.0 * (HOURS.astype("datetime64[h]").astype(int) % 24 == 9)
    panel = Panel.of(values, HOURS)

    reason = explain(event_at(panel, 9, expected=10.0, lower=8.0, upper=12.0), panel, 0, Telling(compares_shapes=False))

    assert reason.startswith("7 times the expected (10)")


@pytest.mark.parametrize("wide", [0, 40], ids=["exact", "loose extent"])
def test_a_dropout_is_called_flat_however_loose_the_extent_of_its_event(wide: int) -> None:
    values = np.random.default_rng(1).normal(50, 5, 1000)
    values[500:560] = 0.0
    panel = Panel.of(values)

    event = event_at(panel, 500 - wide, points=60 + 2 * wide, actual=0.0, peak=to_datetime(panel.times[510]))

    assert explain(event, panel, 0).startswith("flat at 0 for 60 minutes")


def test_a_value_that_often_hangs_is_not_called_flat() -> None:
    values = np.random.default_rng(1).normal(50, 5, 1000)
    values[500:520] = 0.0
    values[800:820] = 0.0
    panel = Panel.of(values)

    assert "flat" not in explain(event_at(panel, 500, points=20, actual=0.0), panel, 0)


def test_a_short_hang_away_from_the_peak_is_not_told() -> None:
    values = np.random.default_rng(1).normal(50, 5, 1000)
    values[500:506] = 51.0
    values[520] = 99.0
    panel = Panel.of(values)

    event = event_at(panel, 495, points=40, actual=99.0, peak=to_datetime(panel.times[520]))

    assert "flat" not in explain(event, panel, 0)


def test_missing_values_are_not_flat() -> None:
    values = np.random.default_rng(1).normal(50, 5, 1000)
    values[500:520] = np.nan
    panel = Panel.of(values)

    assert "flat" not in explain(event_at(panel, 499, points=22), panel, 0)


def test_the_distance_of_several_channels_names_the_one_it_is_of() -> None:
    chance = np.random.default_rng(1)
    panel = Panel.of(chance.normal(50, 1, (1, 100, 2)), channels=["cpu", "mem"])

    reason = explain(event_at(panel, 50, share={"mem": 0.9, "cpu": 0.1}, actual=90.0, expected=50.0), panel, 0)

    assert reason.startswith("mem: ")


def test_a_detector_that_compares_no_shapes_speaks_of_none() -> None:
    values = np.full(len(HOURS), 10.0)
    panel = Panel.of(np.append(values, 20.0), np.append(HOURS, HOURS[-1] + 3_600_000_000_000))

    assert explain(event_at(panel, 50), panel, 0, Telling(compares_shapes=False)).startswith("unusual values around 10")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(st.floats(allow_nan=True, allow_infinity=False), st.just(math.nan)), min_size=1, max_size=60),
    st.data(),
)
def test_any_event_has_a_reason_that_is_one_line(values: list[float], data: st.DataObject) -> None:
    panel = Panel.of(values)
    index = data.draw(st.integers(0, len(values) - 1))
    points = data.draw(st.integers(1, len(values) - index))
    number_or_nan = st.floats(allow_nan=True, allow_infinity=False)
    bounds = {name: data.draw(number_or_nan) for name in ("actual", "expected", "lower", "upper")}
    telling = Telling(looks_back=data.draw(st.booleans()), compares_shapes=data.draw(st.booleans()))

    with np.errstate(over="ignore"):
        reason = explain(event_at(panel, index, points, **bounds), panel, 0, telling)

    assert "\n" not in reason
    assert "once in 41,000 points" in reason


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([math.nan, 0.0, 1.0, 2.0, 9.0]), min_size=2, max_size=80), st.data())
def test_the_extremes_are_those_outside_the_event(values: list[float], data: st.DataObject) -> None:
    array = np.array(values)
    first = data.draw(st.integers(0, len(values) - 1))
    last = data.draw(st.integers(first + 1, len(values)))
    panel = Panel.of(array)
    history = History.of(panel.times, panel.values[0, :, 0])

    around = Around(event_at(panel, first), history, first, last, len(values))
    past = Around(event_at(panel, first), history, first, last, last)

    for found, others in ((around, np.append(array[:first], array[last:])), (past, array[:first])):
        others = others[~np.isnan(others)]
        expected = [others.max(), others.min()] if len(others) else [math.nan, math.nan]
        np.testing.assert_array_equal([found.highest, found.lowest], expected)


def test_reasons_of_many_events_are_those_of_each() -> None:
    chance = np.random.default_rng(3)
    panel = Panel.of(chance.normal(50, 5, (3, 400)))
    events = [
        event_at(panel, index, key=panel.keys[row], actual=float(panel.values[row, index, 0]))
        for row, index in ((0, 20), (0, 300), (1, 5), (2, 100), (0, 50))
    ]

    told = explained(events, panel, Telling())

    row = {key: i for i, key in enumerate(panel.keys)}
    assert [event.reason for event in told] == [explain(event, panel, row[event.key]) for event in events]
