"""The grid of a monitor: where steps begin, also in zones whose clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redshank.engine.steps import DAY, Grid
from redshank.tables.buckets import Buckets

MINUTE = 60_000_000_000
BERLIN = ZoneInfo("Europe/Berlin")
GRIDS = (Grid(5 * MINUTE), Grid(DAY), Grid(7 * DAY), Grid(DAY, "Europe/Berlin"), Grid(7 * DAY, "America/Sao_Paulo"))
moments = st.integers(946_684_800, 1_893_456_000).map(lambda second: second * 1_000_000_000)


def nanoseconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp()) * 1_000_000_000


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(GRIDS), moments)
def test_a_time_lies_in_the_step_that_begins_before_it(grid: Grid, time_ns: int) -> None:
    start = grid.floor(time_ns)

    assert start <= time_ns < grid.after(start, 1)
    assert grid.floor(start) == grid.ceil(start) == start
    assert grid.ceil(time_ns) in (start, grid.after(start, 1))


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(GRIDS), moments, st.integers(0, 50))
def test_times_are_all_the_steps_between(grid: Grid, time_ns: int, n: int) -> None:
    start = grid.floor(time_ns)
    end = grid.after(start, n)

    times = grid.times(start, end).view(np.int64).tolist()

    assert len(times) == grid.count(start, end) == n
    assert times == [grid.after(start, i) for i in range(n)]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_the_steps_are_those_of_the_buckets_of_tables(grid: Grid) -> None:
    buckets = Buckets.of(timedelta(microseconds=grid.step_ns // 1000), grid.tz)
    first = grid.index(nanoseconds(datetime(2023, 12, 30, tzinfo=UTC)))
    index = np.arange(first, first + 500)

    assert buckets.starts(index).tolist() == [grid.start(int(i)) for i in index]


def test_a_local_day_of_23_hours_is_one_step() -> None:
    grid = Grid(DAY, "Europe/Berlin")
    start = grid.floor(nanoseconds(datetime(2024, 3, 31, 12, tzinfo=BERLIN)))

    assert start == nanoseconds(datetime(2024, 3, 31, tzinfo=BERLIN))
    assert grid.after(start, 1) - start == 23 * 60 * MINUTE
