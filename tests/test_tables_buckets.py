"""Aggregation into buckets, compared with its naive twin."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import naive_tables

from redshank.errors import ConfigError, DataError
from redshank.panel import Key
from redshank.sources.base import AGGREGATIONS, Query
from redshank.tables import read_table

START = datetime(2024, 3, 30, tzinfo=UTC)
rows = st.lists(
    st.tuples(
        st.integers(0, 4 * 86400).map(lambda s: START + timedelta(seconds=s)),
        st.sampled_from("ab"),
        st.none() | st.floats(-1e6, 1e6).map(lambda v: round(v, 3)),
    ),
    min_size=5,
    max_size=60,
)


def table(found: list[naive_tables.Row]) -> pl.DataFrame:
    schema = {"time": pl.Datetime("us", "UTC"), "host": pl.String, "value": pl.Float64}
    return pl.DataFrame(found, schema=schema, orient="row")


@settings(max_examples=60, deadline=None)
@given(
    rows,
    st.sampled_from([*AGGREGATIONS, "p5", "p99.9"]),
    st.sampled_from([timedelta(minutes=30), timedelta(hours=5), timedelta(days=1), timedelta(days=7)]),
    st.sampled_from([None, "Europe/Oslo", "America/New_York"]),
)
def test_buckets_equal_their_naive_twin(
    found: list[naive_tables.Row], agg: str, step: timedelta, tz: str | None
) -> None:
    found = [*found, (START, "y", 1.0), (START, "y", 2.0), (START + timedelta(days=30), "z", 1.0)]

    reading = read_table(table(found), Query(step=step, agg=agg, tz=tz, by=("host",), measures=("value",)))

    naive = naive_tables.buckets(found, step, agg, tz)
    for panel in reading.panels:
        for row, key in enumerate(panel.keys):
            expected = naive[key.label_map["host"]]
            inside = [t for t in expected if not math.isnan(expected[t])]
            for time, number in zip(panel.times, panel.values[row, :, 0], strict=True):
                start = datetime.fromtimestamp(time.astype(np.int64) / 1e9, tz=UTC)
                empty = (
                    0.0
                    if agg in ("count", "sum", "cardinality") and min(expected) <= start <= max(expected)
                    else math.nan
                )
                assert number == pytest.approx(expected.get(start, empty), rel=1e-6, abs=1e-3, nan_ok=True)
            assert np.isfinite(panel.values[row]).sum() >= len(inside)


def events(*minutes: float) -> pl.DataFrame:
    return pl.DataFrame({"time": [START + timedelta(minutes=m) for m in minutes], "value": [float(m) for m in minutes]})


def test_events_are_counted_without_a_measure() -> None:
    reading = read_table(events(0, 1, 2, 11, 13, 25, 39).select("time"), Query(step=timedelta(minutes=10), agg="count"))

    assert reading.panels[0].keys == (Key.of("count"),)
    assert reading.panels[0].values[0, :, 0].tolist() == [3.0, 2.0, 1.0]


def test_an_empty_bucket_of_a_mean_is_missing() -> None:
    values = read_table(events(0, 25, 31), Query(step=timedelta(minutes=10), agg="mean")).panels[0].values

    assert np.isnan(values[0, 1, 0])


def test_the_last_bucket_is_left_out_while_it_fills() -> None:
    reading = read_table(events(*range(25)), Query(step=timedelta(minutes=10), agg="sum"))

    assert reading.panels[0].n_time == 2
    assert any("last bucket" in note for note in reading.findings.notes)


def test_the_last_bucket_stays_when_the_data_reaches_its_end() -> None:
    reading = read_table(events(*range(30)), Query(step=timedelta(minutes=10), agg="count"))

    assert reading.panels[0].values[0, :, 0].tolist() == [10.0, 10.0, 10.0]


def test_a_step_alone_means_the_mean_and_is_said() -> None:
    reading = read_table(events(*range(30)), Query(step=timedelta(minutes=10)))

    assert reading.panels[0].values[0, :, 0].tolist() == [4.5, 14.5, 24.5]
    assert any("mean" in note for note in reading.findings.notes)


def test_an_aggregation_without_a_step_is_an_error() -> None:
    with pytest.raises(ConfigError, match="needs the length of the buckets"):
        read_table(events(0, 1, 2), Query(agg="mean"))


def test_days_start_at_local_midnight() -> None:
    hours = pl.DataFrame({"time": [START + timedelta(hours=i) for i in range(24 * 6)], "value": [1.0] * 144})

    reading = read_table(hours, Query(step=timedelta(days=1), agg="count", tz="Europe/Oslo"))

    assert reading.panels[0].values[0, 1:4, 0].tolist() == [23.0, 24.0, 24.0]


def test_all_rows_in_one_filling_bucket_are_an_error() -> None:
    with pytest.raises(DataError, match="still filling"):
        read_table(events(0, 1, 2), Query(step=timedelta(days=1), agg="count"))


def test_more_steps_than_fit_are_an_error() -> None:
    with pytest.raises(DataError, match="set a longer one"):
        read_table(events(0, 20_000_000, 20_000_001), Query(step=timedelta(milliseconds=1), agg="count"))


def test_aggregating_files_equals_aggregating_their_rows() -> None:
    frame = events(*range(200))

    joined = read_table(frame, Query(step=timedelta(minutes=7), agg="median"))
    shuffled = read_table(
        frame.sample(fraction=1, shuffle=True, seed=1), Query(step=timedelta(minutes=7), agg="median")
    )

    assert np.array_equal(joined.panels[0].values, shuffled.panels[0].values, equal_nan=True)
