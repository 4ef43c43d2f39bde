"""What is found in a table by itself: times, numbers, labels, grids."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from redshank.errors import DataError, NoPointsError
from redshank.panel import Key
from redshank.sources.base import Query, Reading
from redshank.sources.files import FileSource
from redshank.tables import read_table

START = datetime(2024, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
N = 60
TIMES = [START + i * timedelta(hours=7) for i in range(N)]
VALUES = [float(i % 9) for i in range(N)]


def read(columns: Any, **query: object) -> Reading:
    return read_table(columns, Query(**query))  # type: ignore[arg-type]


def nanos(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.replace(tzinfo=None), "ns")


@pytest.mark.parametrize(
    "name",
    [
        "time",
        "TimeStamp",
        "ts",
        "DT",
        "fecha",
        "Datum",
        "Zeit",
        "日時",
        "时间",
        "시간",
        "horodatage",
        "@timestamp",
        "Дата",
    ],
)
def test_a_time_column_is_known_by_its_name(name: str) -> None:
    reading = read({"value": VALUES, name: [t.timestamp() for t in TIMES]})

    assert reading.findings.time == name


@pytest.mark.parametrize(
    "pattern",
    [
        "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S+00:00", "%d/%m/%y %H:%M",
        "%m/%d/%Y %I:%M %p", "%d.%m.%Y %H:%M:%S", "%Y%m%d%H%M%S", "%Y%m%dT%H%M", "%d/%b/%Y:%H:%M:%S +0000",
        "%a, %d %b %Y %H:%M:%S GMT", "%B %d, %Y %H:%M", "%a %b %d %H:%M:%S %Y", "%Y/%m/%d %H:%M", "%d-%b-%Y %H:%M:%S",
        "%Y年%m月%d日 %H:%M", "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H",
    ],
)  # fmt: skip
def test_times_of_any_form_are_read(pattern: str) -> None:
    reading = read({"value": VALUES, "when it was": [t.strftime(pattern) for t in TIMES]})

    assert reading.panels[0].times.tolist() == [nanos(t).view(np.int64) for t in TIMES]


@pytest.mark.parametrize("unit", [1, 1000, 1_000_000, 1_000_000_000])
def test_epochs_of_any_unit_are_read(unit: int) -> None:
    reading = read({"clock reading": [int(t.timestamp()) * unit for t in TIMES], "value": VALUES})

    assert reading.panels[0].times[-1] == nanos(TIMES[-1])


def test_fractions_of_epoch_seconds_are_kept_to_the_microsecond() -> None:
    reading = read({"time": [1369419697.39974 + i for i in range(9)], "value": range(9)})

    assert reading.panels[0].times[0] == np.datetime64("2013-05-24T18:21:37.399740", "ns")


def test_compact_dates_as_numbers_are_read() -> None:
    days = [START + timedelta(days=i) for i in range(N)]

    reading = read({"day of sale": [int(t.strftime("%Y%m%d")) for t in days], "value": VALUES})

    assert reading.findings.step == timedelta(days=1)
    assert reading.panels[0].times[40] == nanos(days[40])


def test_separate_date_and_time_columns_are_joined() -> None:
    reading = read(
        {"Date": [f"{t:%d/%m/%Y}" for t in TIMES], "Time": [f"{t:%H:%M:%S}" for t in TIMES], "value": VALUES}
    )

    assert reading.findings.time == "Date+Time"
    assert reading.findings.step == timedelta(hours=7)


def test_columns_of_year_month_day_and_hour_are_joined() -> None:
    parts = {name: [getattr(t, name) for t in TIMES] for name in ("year", "month", "day", "hour")}

    assert read({**parts, "value": VALUES}).panels[0].times[-1] == nanos(TIMES[-1])


@pytest.mark.parametrize(("pattern", "kind"), [("%d/%m/%y", "day first"), ("%m/%d/%y", "month first")])
def test_the_order_of_day_and_month_is_decided_by_the_data(pattern: str, kind: str) -> None:
    days = [START + timedelta(days=i) for i in range(10)]

    findings = read({"date": [t.strftime(pattern) for t in days], "value": range(10)}).findings

    assert findings.time_format.startswith(kind)
    assert findings.step == timedelta(days=1)


def test_dates_that_could_be_either_are_day_first_and_said_so() -> None:
    findings = read({"date": ["3/12/18 00:02", "3/12/18 00:12"], "value": [1, 2]}).findings

    assert any("cannot be told apart" in note for note in findings.notes)


def test_a_time_form_that_turns_up_late_is_learned() -> None:
    texts = [f"{t:%Y-%m-%d %H:%M:%S}" for t in TIMES] * 400
    times = [START + timedelta(seconds=i) for i in range(len(texts))]
    texts = [f"{t:%Y-%m-%d %H:%M:%S}" for t in times]
    texts[-1] += ".0"

    findings = read({"time": texts, "value": range(len(texts))}).findings

    assert findings.bad_count == 0


def test_the_hour_that_comes_twice_is_told_apart_by_order() -> None:
    times = pd.date_range("2024-10-26T22:00", periods=8, freq="30min", tz="UTC")
    local = times.tz_convert("Europe/Oslo").strftime("%Y-%m-%d %H:%M").tolist()

    reading = read({"time": local, "value": range(8)}, tz="Europe/Oslo")

    assert (
        reading.panels[0].times.tolist() == times.asi8.astype("datetime64[ns]").tolist()
        or (reading.panels[0].times == times.tz_localize(None).to_numpy().astype("datetime64[ns]")).all()
    )
    assert reading.findings.duplicates == 0


def test_an_hour_that_does_not_exist_is_moved_on_and_said_so() -> None:
    reading = read({"time": ["2024-03-31 01:30", "2024-03-31 02:30"], "value": [1, 2]}, tz="Europe/Oslo")

    assert reading.panels[0].times.tolist() == [
        np.datetime64(text, "ns").astype(np.int64) for text in ("2024-03-31T00:30", "2024-03-31T01:30")
    ]
    assert any("do not exist" in note for note in reading.findings.notes)


def test_row_numbers_identifiers_and_truth_are_no_measures() -> None:
    columns = {
        "": range(N),
        "time": TIMES,
        "user_id": range(7, 7 + N),
        "value": VALUES,
        "is_anomaly": [0] * (N - 1) + [1],
    }

    findings = read(columns).findings

    assert findings.measures == ("value",)
    assert any("'is_anomaly'" in note for note in findings.notes)


def test_booleans_are_zero_and_one() -> None:
    assert read({"time": TIMES, "open": [i % 2 == 0 for i in range(N)]}).panels[0].values[0, :2, 0].tolist() == [
        1.0,
        0.0,
    ]


def test_text_of_few_values_tells_series_apart() -> None:
    columns = {"time": [t for t in TIMES for _ in "ab"], "host": ["a", "b"] * N, "value": range(2 * N)}

    reading = read(columns)

    assert reading.panels[0].keys == (Key.of("value", {"host": "a"}), Key.of("value", {"host": "b"}))
    assert reading.panels[0].values[1, :3, 0].tolist() == [1.0, 3.0, 5.0]


def test_text_that_changes_with_the_moment_is_no_label() -> None:
    columns = {"time": TIMES, "weekday": [f"{t:%A}" for t in TIMES], "value": VALUES}

    reading = read(columns)

    assert reading.panels[0].keys == (Key.of("value"),)
    assert any("'weekday'" in note for note in reading.findings.notes)


def test_free_text_is_no_label() -> None:
    columns = {"time": TIMES, "message": [f"line {i}" for i in range(N)], "value": VALUES}

    assert read(columns).panels[0].n_series == 1


def test_whole_numbers_are_labels_when_asked_for() -> None:
    columns = {"time": [t for t in TIMES for _ in "ab"], "shop": [1, 2] * N, "value": range(2 * N)}

    assert read(columns, by=("shop",)).findings.labels == ("shop",)


def test_measures_can_be_channels_of_one_series() -> None:
    panel = read({"time": TIMES, "a": VALUES, "b": VALUES}, multivariate=True).panels[0]

    assert (panel.n_series, panel.channels) == (1, ("a", "b"))


def test_missing_points_of_a_regular_series_are_nan_and_counted() -> None:
    keep = [i for i in range(N) if i not in (5, 6)]

    reading = read({"time": [TIMES[i] for i in keep], "value": [VALUES[i] for i in keep]})

    assert reading.findings.gaps == 2
    assert np.isnan(reading.panels[0].values[0, 5:7, 0]).all()


def test_small_jitter_is_snapped_and_said_so() -> None:
    offsets = np.random.default_rng(0).integers(0, 9, N)
    times = [START + timedelta(seconds=i, milliseconds=int(offsets[i])) for i in range(N)]

    reading = read({"time": times, "value": VALUES})

    assert reading.findings.step == timedelta(seconds=1)
    assert reading.panels[0].n_time == N
    assert any("moved onto it" in note for note in reading.findings.notes)


def test_irregular_times_stay_as_they_are() -> None:
    seconds = np.cumsum(np.random.default_rng(0).integers(1, 5000, N))

    reading = read({"time": [START + timedelta(seconds=int(s)) for s in seconds], "value": VALUES})

    assert reading.findings.step is None
    assert reading.panels[0].n_time == N
    assert any("--step" in note for note in reading.findings.notes)


def test_months_stay_months() -> None:
    months = [datetime(2020 + i // 12, i % 12 + 1, 1, tzinfo=UTC) for i in range(40)]

    assert read({"month": months, "value": range(40)}).panels[0].n_time == 40


def test_series_of_different_ranges_do_not_share_a_sparse_panel() -> None:
    early = {"time": TIMES, "host": ["a"] * N, "value": VALUES}
    late = {"time": [t + timedelta(days=9000) for t in TIMES], "host": ["b"] * N, "value": VALUES}

    reading = read(pl.concat([pl.DataFrame(early), pl.DataFrame(late)]), by=("host",))

    assert sum(panel.values.size for panel in reading.panels) == 2 * N


def test_ragged_series_of_one_grid_share_a_panel() -> None:
    frame = pl.DataFrame({"time": TIMES * 2, "host": ["a"] * N + ["b"] * N, "value": VALUES * 2})

    reading = read(frame.filter((pl.col("host") == "a") | (pl.col("time") >= TIMES[20])))

    assert [panel.n_series for panel in reading.panels] == [2]
    assert np.isnan(reading.panels[0].values[1, :20, 0]).all()


def test_only_the_points_in_range_are_read() -> None:
    panel = read({"time": TIMES, "value": VALUES}, start=TIMES[3], end=TIMES[9]).panels[0]

    assert (panel.times[0], panel.n_time) == (nanos(TIMES[3]), 6)


def test_a_range_without_points_is_an_error() -> None:
    with pytest.raises(DataError, match="in the range asked for"):
        read({"time": TIMES, "value": VALUES}, start=datetime(2050, 1, 1, tzinfo=UTC))


FRAMES = {
    "pandas": pd.DataFrame({"time": TIMES, "value": VALUES}),
    "pandas with an index": pd.DataFrame({"value": VALUES}, index=pd.DatetimeIndex(TIMES, name="time")),
    "pandas series": pd.Series(VALUES, index=pd.DatetimeIndex(TIMES, name="time"), name="value"),
    "polars": pl.DataFrame({"time": TIMES, "value": VALUES}),
    "lazy": pl.LazyFrame({"time": TIMES, "value": VALUES}),
    "arrow": pl.DataFrame({"time": TIMES, "value": VALUES}).to_arrow(),
    "dict": {"time": TIMES, "value": VALUES},
    "records": [{"time": t, "value": v} for t, v in zip(TIMES, VALUES, strict=True)],
}


@pytest.mark.parametrize("kind", FRAMES)
def test_tables_of_any_library_are_read(kind: str) -> None:
    reading = read(FRAMES[kind])

    assert reading.panels[0].keys == (Key.of("value"),)
    assert reading.panels[0].times[-1] == nanos(TIMES[-1])


def test_an_array_is_read_row_by_row_as_series() -> None:
    panel = read(np.arange(20.0).reshape(2, 10)).panels[0]

    assert panel.values[:, :, 0].tolist() == np.arange(20.0).reshape(2, 10).tolist()


def test_something_that_is_no_table_is_an_error() -> None:
    with pytest.raises(DataError, match="must be a table"):
        read(object())


@pytest.mark.parametrize(
    ("written", "number"),
    [(["1.100", "2.101"], 1.1), (["1.100", "0,5"], 1100.0), (["1,100", "2,101"], 1.1), (["1,100", "2.5"], 1100.0)],
    ids=["points alone", "a comma settles", "commas in a semicolon file", "a point settles"],
)
def test_a_mark_that_could_be_either_is_settled_by_the_other_values(
    tmp_path: Path, written: list[str], number: float
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("day;size\n" + "".join(f"2024-01-{i + 1:02d};{text}\n" for i, text in enumerate(written * 3)))

    assert FileSource([str(path)]).read(Query()).panels[0].values[0, 0, 0] == number


def test_a_filter_keeps_the_rows_of_these_values_before_they_are_aggregated() -> None:
    table = {
        "time": [START + i // 4 * MINUTE for i in range(24)],
        "country": ["NO", "SE", "NO", "DK"] * 6,
        "code": [1, 2, 1, 3] * 6,
        "amount": [1.0, 10.0, 2.0, 100.0] * 6,
    }

    asked = Query(measures=("amount",), step=timedelta(minutes=1), agg="sum", filter={"country": ("NO",)}, by=())
    reading = read_table(table, asked)

    assert reading.panels[0].values[0, :, 0].tolist() == [3.0] * 6
    both = read_table(table, replace(asked, filter={"country": ("NO", "SE"), "code": ("2",)}))
    assert both.panels[0].values[0, :, 0].tolist() == [10.0] * 6


def test_a_column_filtered_to_one_value_is_no_label() -> None:
    table = {
        "time": [START + i // 2 * MINUTE for i in range(24)],
        "host": ["a", "b"] * 12,
        "load": [float(i) for i in range(24)],
    }

    reading = read_table(table, Query(filter={"host": ("b",)}))

    assert [str(key) for key in reading.panels[0].keys] == ["load"]
    assert reading.panels[0].values[0, :, 0].tolist() == [float(i) for i in range(1, 24, 2)]


def test_a_filter_on_a_column_that_is_not_there_names_the_near_one() -> None:
    with pytest.raises(DataError, match="column 'hots' not found; did you mean 'host'"):
        read_table({"time": [START], "host": ["a"], "load": [1.0]}, Query(filter={"hots": ("a",)}))


def test_nothing_in_the_range_asked_for_is_an_error_of_its_own() -> None:
    table = {"time": [START + i * MINUTE for i in range(9)], "load": [1.0] * 9}

    with pytest.raises(NoPointsError):
        read_table(table, Query(start=datetime(2025, 1, 1, tzinfo=UTC)))
    with pytest.raises(NoPointsError):
        read_table(table, Query(start=datetime(2025, 1, 1, tzinfo=UTC), step=timedelta(minutes=5), agg="mean"))


def test_the_last_bucket_is_full_when_all_before_the_end_is_there() -> None:
    table = {"time": [START + MINUTE, START + 11 * MINUTE], "load": [1.0, 2.0]}
    asked = Query(step=timedelta(minutes=10), agg="mean", end=datetime(2024, 1, 1, 0, 20, tzinfo=UTC))

    assert read_table(table, replace(asked, closed=True)).panels[0].values[0, :, 0].tolist() == [1.0, 2.0]
