"""Buckets aggregated elsewhere become what local aggregation of the rows gives."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import naive_tables, source_contract

from redshank.errors import DataError, NoPointsError
from redshank.sources.base import AGGREGATIONS, ROWS, Query
from redshank.tables import read_table
from redshank.tables.buckets import Buckets, reaches_end
from redshank.tables.cells import read_cells

START = datetime(2024, 3, 29, 21, tzinfo=UTC)  # the clocks of Oslo go forward within
HOUR = timedelta(hours=1)
SCHEMA = {"time": pl.Datetime("us", "UTC"), "host": pl.String, "value": pl.Float64}
rows = st.lists(
    st.tuples(
        st.integers(0, 3 * 86400).map(lambda s: START + timedelta(seconds=s)),
        st.sampled_from(["a", "b", "", None, "ü/'"]),
        st.none() | st.floats(-1e6, 1e6).map(lambda v: round(v, 3)),
    ),
    min_size=3,
    max_size=40,
    unique_by=lambda row: (row[0], row[1] or ""),
)


def naive_cells(found: list[Any], query: Query) -> pl.DataFrame:
    """The cells of rows, by their slow twin."""
    assert query.step is not None
    assert query.agg is not None
    counts: dict[tuple[str, datetime], int] = defaultdict(int)
    for time, host, _ in found:
        counts[host or "", naive_tables.bucket_start(time, query.step, query.tz)] += 1
    values = naive_tables.buckets([(t, host or "", v) for t, host, v in found], query.step, query.agg, query.tz)
    cells = [(host, start, value, counts[host, start]) for host, of in values.items() for start, value in of.items()]
    schema = {"l0": pl.String, "bucket": pl.Datetime("us", "UTC"), "m0": pl.Float64, "rows": pl.Int64}
    return pl.DataFrame(cells, schema=schema, orient="row")


@settings(max_examples=30, deadline=None)
@given(
    rows,
    st.sampled_from([*AGGREGATIONS, "p5", "p99.9"]),
    st.sampled_from([timedelta(minutes=30), timedelta(hours=5), timedelta(days=1), timedelta(days=7)]),
    st.sampled_from([None, "Europe/Oslo"]),
    st.booleans(),
    st.integers(0, 99),
)
def test_cells_in_any_order_and_cut_anywhere_equal_local_aggregation(
    found: list[Any], agg: str, step: timedelta, tz: str | None, closed: bool, seed: int
) -> None:
    query = Query(measures=("value",), by=("host",), time="time", agg=agg, step=step, tz=tz, closed=closed)
    query = Query(**{**vars(query), "end": START + timedelta(days=30) if closed else None})
    found = [
        *found,
        (START, "y", 1.0),
        (START + timedelta(seconds=1), "y", 2.0),
        (START + timedelta(days=20), "z", 2.0),
    ]
    cells = naive_cells(found, query).sample(fraction=1.0, shuffle=True, seed=seed)
    at = random.Random(seed).randrange(len(cells))

    reading = read_cells(
        [cells[:at], cells[at:]], labels=["host"], measures=["value"], query=query, where="x", last_is_full=False
    )

    local = read_table(pl.DataFrame(found, schema=SCHEMA, orient="row"), query)
    source_contract.check_same(reading, local, 1e-6)
    assert reading.findings.rows == len(found)
    assert [note for note in reading.findings.notes if "last bucket" in note] == [
        note for note in local.findings.notes if "last bucket" in note
    ]


def cells(*given: tuple[Any, ...]) -> pl.DataFrame:
    schema = {"l0": pl.String, "bucket": pl.Int64, "m0": pl.Float64}
    return pl.DataFrame([(label, hour * 3_600_000_000_000, v) for label, hour, v in given], schema, orient="row")


def values(frame: pl.DataFrame, agg: str, **changed: Any) -> dict[str, list[float]]:
    query = Query(agg=agg, step=HOUR, **changed)
    reading = read_cells(frame, labels=["host"], measures=["v"], query=query, where="x")
    return {str(key): panel.values[i, :, 0].tolist() for panel in reading.panels for i, key in enumerate(panel.keys)}


@pytest.mark.parametrize(("agg", "whole"), [("count", 5.0), ("sum", 5.0), ("min", 2.0), ("max", 3.0)])
def test_parts_of_one_bucket_are_put_together(agg: str, whole: float) -> None:
    assert values(cells((None, 1, 2.0), ("", 1, 3.0), ("a", 1, 1.0)), agg) == {"v": [whole], "v{host=a}": [1.0]}


def test_parts_of_one_bucket_that_cannot_be_put_together_are_refused() -> None:
    with pytest.raises(DataError, match="same series twice"):
        values(cells((None, 1, 2.0), ("", 1, 3.0)), "mean")


def test_a_bucket_whose_rows_have_no_value_counts_zero_and_has_no_mean() -> None:
    frame = cells(("a", 1, 2.0), ("a", 2, None), ("a", 4, float("nan")), ("a", 5, 1.0))
    closed: dict[str, Any] = {"closed": True, "end": START}

    np.testing.assert_equal(values(frame, "count", **closed), {"v{host=a}": [2.0, 0.0, np.nan, 0.0, 1.0]})
    np.testing.assert_equal(values(frame, "mean", **closed), {"v{host=a}": [2.0, np.nan, np.nan, np.nan, 1.0]})
    assert values(frame, "sum") == {"v{host=a}": [2.0, 0.0, 0.0, 0.0, 1.0]}


def test_no_cells_are_no_points() -> None:
    for empty in (cells(), []):
        with pytest.raises(NoPointsError):
            read_cells(empty, labels=["host"], measures=["v"], query=Query(agg="mean", step=HOUR), where="x")


def test_rows_are_counted_without_a_measure() -> None:
    query = Query(agg="count", step=HOUR, measures=ROWS)

    reading = read_cells(cells(("a", 1, 2.0)).drop("l0"), labels=[], measures=ROWS, query=query, where="x")

    assert [str(key) for key in reading.panels[0].keys] == ["count"]


@pytest.mark.parametrize(
    ("times", "end", "reaches"),
    [
        ([0, 10, 20, 30], 40, True),
        ([0, 10, 20, 30], 50, False),
        ([30, 0, 20, 10, 10], 40, True),
        ([0, 1, 20, 21, 39], 40, False),
        ([39], 40, False),
        ([], 40, False),
        ([40], 40, True),
    ],
    ids=["regular", "a row short", "any order", "events", "one", "none", "beyond"],
)
def test_regular_times_reach_the_end_of_their_bucket(times: list[int], end: int, reaches: bool) -> None:
    assert reaches_end(np.array(times, np.int64), end) is reaches


@pytest.mark.parametrize(
    ("step", "tz", "wider", "within"),
    [
        (HOUR, None, ("21:00", "00:00"), ("22:00", "23:00")),
        (timedelta(days=1), "Europe/Oslo", ("23:00", "22:00"), ("23:00", "23:00")),
    ],
)
def test_a_range_is_widened_or_cut_to_whole_buckets(
    step: timedelta, tz: str | None, wider: tuple[str, str], within: tuple[str, str]
) -> None:
    start = datetime(2024, 3, 29, 21, 10, tzinfo=UTC) if step == HOUR else datetime(2024, 3, 29, 12, tzinfo=UTC)
    end = datetime(2024, 3, 29, 23, 10, tzinfo=UTC) if step == HOUR else datetime(2024, 3, 31, 12, tzinfo=UTC)
    rule = Buckets.of(step, tz)

    found = [rule.bounds(start, end), rule.bounds(start, end, is_wider=False)]

    assert [tuple(f"{moment:%H:%M}" for moment in bounds if moment) for bounds in found] == [wider, within]
    assert rule.bounds(None, None) == (None, None)
    assert rule.bounds(*found[0]) == found[0]
