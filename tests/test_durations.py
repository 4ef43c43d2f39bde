"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redshank.durations import format_duration, parse_duration
from redshank.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("5m", timedelta(minutes=5)),
        ("1h30m", timedelta(minutes=90)),
        ("2 days", timedelta(days=2)),
        ("1 day 6 hours", timedelta(hours=30)),
        ("250ms", timedelta(milliseconds=250)),
        ("10 us", timedelta(microseconds=10)),
        ("1.5h", timedelta(minutes=90)),
        (".5s", timedelta(milliseconds=500)),
        ("1W", timedelta(weeks=1)),
        (" 30 sec ", timedelta(seconds=30)),
        ("3mins", timedelta(minutes=3)),
    ],
)
def test_a_duration_is_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["m", "5", "5 parsecs", "1h-30m", "5m,", "h5", "five minutes", "1e3s", "٣m"])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ConfigError, match="step: must be a duration such as 30s, 5m, 1h30m, 2d or 1w, got") as caught:
        parse_duration(text, field="step")

    assert caught.value.field == "step"


@pytest.mark.parametrize("text", ["", "0s", "  ", "0m0s", "0.1ns"])
def test_a_duration_must_be_above_zero(text: str) -> None:
    with pytest.raises(ConfigError, match="must be above zero"):
        parse_duration(text)


def test_a_duration_of_ages_is_refused() -> None:
    with pytest.raises(ConfigError, match="longer than a timedelta can be"):
        parse_duration("99999999999w")


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(minutes=5), "5m"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(weeks=2), "2w"),
        (timedelta(days=8), "8d"),
        (timedelta(days=1, hours=1), "1d1h"),
        (timedelta(milliseconds=250), "250ms"),
        (timedelta(microseconds=3), "3us"),
        (timedelta(0), "0s"),
        (timedelta(minutes=-5), "-5m"),
    ],
)
def test_a_duration_is_written_short(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


def test_only_the_two_largest_units_are_written() -> None:
    assert format_duration(timedelta(days=1, hours=2, minutes=3, seconds=4)) == "1d2h"


@given(st.integers(1, 10**6), st.sampled_from(["us", "ms", "s", "m", "h", "d", "w"]))
def test_what_is_written_in_one_unit_is_read_back(count: int, unit: str) -> None:
    duration = parse_duration(f"{count}{unit}")

    shown = parse_duration(format_duration(duration))

    assert duration - timedelta(days=1) < shown <= duration
