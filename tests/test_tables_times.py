"""Times in less usual forms."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from redshank.sources.base import Query
from redshank.tables import read_table

DAYS = [datetime(2024, 1, 20, tzinfo=UTC) + i * timedelta(days=1) for i in range(60)]
MONTHS = [datetime(2000 + i // 12, i % 12 + 1, 1, tzinfo=UTC) for i in range(40)]
HOURS = [datetime(2024, 10, 26, tzinfo=UTC) + i * timedelta(hours=1) for i in range(60)]
OF_A_DAY = [datetime(2024, 1, 5, i, tzinfo=UTC) for i in range(9)]
OLD = [datetime(1965, 1, 1, tzinfo=UTC) + i * timedelta(days=1) for i in range(60)]


def assert_times(times: list[datetime], columns: dict[str, list[object]]) -> None:
    panel = read_table({**columns, "value": list(range(len(times)))}, Query()).panels[0]

    expected = np.array([time.replace(tzinfo=None) for time in times], "datetime64[ns]")
    assert panel.times.tolist() == expected.tolist()
    assert [key.measure for key in panel.keys] == ["value"]


@pytest.mark.parametrize(
    ("times", "pattern"),
    [
        (DAYS, "%y/%m/%d"),
        (DAYS, "%y-%m-%d %H:%M"),
        (OF_A_DAY, "%y/%m/%d %H:%M"),
        (DAYS, "%d/%m/%y"),
        (DAYS, "%m/%d/%y"),
        (DAYS, "%G-W%V-%u"),
        (DAYS[2::7], "%G-W%V"),
        (MONTHS, "%b-%Y"),
        (MONTHS, "%B %Y"),
        (MONTHS, "%m/%Y"),
        (MONTHS, "%YM%m"),
        (MONTHS, "%Y%m"),
        (HOURS, "%Y-%m-%d %H:%M:%S GMT+0000"),
    ],
)
def test_dates_weeks_and_months_of_any_form_are_read(times: list[datetime], pattern: str) -> None:
    assert_times(times, {"date": [f"{time:{pattern}}" for time in times]})


@pytest.mark.parametrize(
    "name", [lambda t: f"{t:%Z}", lambda t: "Europe/Oslo"], ids=["abbreviation", "name of a place"]
)
def test_a_zone_named_in_the_times_is_used(name: Callable[[datetime], str]) -> None:
    winter = HOURS[30:]
    local = [time.astimezone(ZoneInfo("Europe/Oslo")) for time in winter]

    assert_times(winter, {"time": [f"{time:%Y-%m-%d %H:%M:%S} {name(time)}" for time in local]})


def test_the_night_when_clocks_go_back_is_told_by_the_abbreviation() -> None:
    local = [time.astimezone(ZoneInfo("Europe/Oslo")) for time in HOURS]

    assert_times(HOURS, {"time": [f"{time:%Y-%m-%d %H:%M %Z}" for time in local]})


@pytest.mark.parametrize("unit", [1, 1000, 1_000_000])
def test_times_before_1970_are_negative_epochs(unit: int) -> None:
    assert_times(OLD, {"time": [int(time.timestamp()) * unit for time in OLD]})


@pytest.mark.parametrize("names", ["year month", "year month day", "year month day hour minute second"])
def test_columns_of_the_parts_of_a_time_are_joined(names: str) -> None:
    times = MONTHS if names == "year month" else DAYS

    assert_times(times, {name: [getattr(time, name) for time in times] for name in names.split()})
