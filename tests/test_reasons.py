"""Reasons in words."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest

from redshank.decide import Event
from redshank.panel import Key, Panel, to_datetime
from redshank.reasons import explain, number

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

    assert "for Monday 10:00" in explain(event_at(panel, 24 * 28 + 9), panel, 0, tz="Europe/Oslo")


def test_a_short_series_is_compared_with_what_was_expected() -> None:
    panel = Panel.of([5.0, 6, 5, 0, 5, 6], step=timedelta(seconds=1))

    reason = explain(event_at(panel, 3, expected=5.5, lower=4.0, upper=7.0), panel, 0, compares_shapes=False)

    assert reason == "5.5 below the expected (5.5), the lowest of all; once in 41,000 points"


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
