"""The source of SQL databases, on files of SQLite."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.sql_world import FORMS, MINUTE, START, UNSORTED, N, asked, loads, source, values

from redshank.errors import ConfigError, NoPointsError
from redshank.sources.base import ROWS, Query
from redshank.tables import read_table


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A file with the table cpu."""
    return loads(tmp_path)


def test_a_table_becomes_panels(database: Path) -> None:
    reading = source(database, table="cpu").read(Query())

    assert {str(key) for panel in reading.panels for key in panel.keys} == {
        "load{host=a}",
        "load{host=b}",
        "mem{host=a}",
        "mem{host=b}",
    }
    assert reading.findings.step == MINUTE
    assert reading.findings.rows == 2 * N


def test_a_table_reads_like_the_same_rows_from_elsewhere(database: Path) -> None:
    query = Query(measures=("load",), by=("host",), step=timedelta(minutes=7), agg="p90")
    connection = sqlite3.connect(database)
    rows = connection.execute("SELECT time, host, load FROM cpu").fetchall()
    connection.close()

    here = source(database, table="cpu").read(query).panels
    there = read_table(pl.DataFrame(rows, schema=["time", "host", "load"], orient="row"), query).panels

    assert [panel.keys for panel in here] == [panel.keys for panel in there]
    for mine, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(mine.times, other.times)
        np.testing.assert_array_equal(mine.values, other.values)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tz", [None, "UTC", "Europe/Oslo", "America/St_Johns"])
def test_the_range_asked_for_is_what_comes_whatever_the_form_of_times(
    tmp_path: Path, form: str, tz: str | None
) -> None:
    path = tmp_path / "times.db"
    times = [START + i * MINUTE for i in range(N)]
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE points (time, load REAL)")
    connection.executemany("INSERT INTO points VALUES (?, ?)", [(FORMS[form](t), i) for i, t in enumerate(times)])
    connection.commit()
    everything = source(path, table="points").read(Query(tz=tz, measures=("load",))).panels[0]
    start, end = everything.times[100], everything.times[300]
    sql = source(path, table="points")
    sql.read(Query(tz=tz, measures=("load",)))
    heard = asked(sql)

    query = Query(tz=tz, measures=("load",), start=_moment(start), end=_moment(end))
    part = sql.read(query)

    np.testing.assert_array_equal(part.panels[0].times, everything.times[100:300])
    assert part.panels[0].values.ravel().tolist() == [float(i) for i in range(100, 300)]
    assert ("WHERE" in heard[0]) == (form not in UNSORTED)
    connection.close()


def _moment(time: np.datetime64) -> datetime:
    return datetime.fromtimestamp(int(time.astype("datetime64[s]").view(np.int64)), tz=UTC)


@pytest.mark.parametrize("form", FORMS)
def test_the_newest_time_is_found_whatever_the_form_of_times(tmp_path: Path, form: str) -> None:
    path = tmp_path / "times.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE points (time, load REAL)")
    rows = [(FORMS[form](START + i * MINUTE), i) for i in range(N)]
    connection.executemany("INSERT INTO points VALUES (?, ?)", rows[::-1] if form in UNSORTED else rows)
    connection.commit()
    sql = source(path, table="points")

    assert sql.newest(Query(time="time")) == START + (N - 1) * MINUTE
    assert sql.newest(Query(time="time", end=START + 5 * MINUTE)) == START + 4 * MINUTE
    assert sql.newest(Query(time="time", end=START)) is None
    connection.close()


def test_only_the_columns_that_are_needed_are_asked_for(database: Path) -> None:
    sql = source(database, table="cpu")
    sql.preview(1)
    heard = asked(sql)

    sql.read(Query(measures=("load",), by=("host",), time="time"))

    assert "mem" not in heard[-1]
    assert "raw" not in heard[-1]


def test_roles_of_columns_do_not_change_with_the_window(database: Path) -> None:
    sql = source(database, table="cpu")

    for minutes in (1, 2, 50):
        reading = sql.read(Query(start=START, end=START + minutes * MINUTE))
        assert reading.findings.labels == ("host",)
        assert reading.findings.measures == ("load", "mem")


def test_the_first_rows_are_looked_at_once_for_all_queries(database: Path) -> None:
    sql = source(database, table="cpu")
    heard = asked(sql)

    for agg in ("mean", "max", "count"):
        sql.read(
            Query(measures=("load",), by=("host",), agg=agg, step=MINUTE, start=START, end=START + MINUTE, closed=True)
        )

    assert len(heard) == 4
    assert [text for text in heard if "SELECT *" in text] == heard[:1]


def test_a_query_is_put_into_brackets_and_cut_to_the_range(database: Path) -> None:
    sql = source(database, query="SELECT time, avg(load) AS load FROM cpu GROUP BY time ORDER BY time; -- done")

    reading = sql.read(Query(start=START + 3 * MINUTE, end=START + 5 * MINUTE))

    assert values(reading.panels) == [3.5, 4.5]


def test_a_query_can_place_the_range_itself(database: Path) -> None:
    sql = source(database, query="SELECT time, load FROM cpu WHERE host = 'a' AND time >= :start AND time < :end")

    assert values(sql.read(Query(start=START, end=START + 3 * MINUTE)).panels) == [0.0, 1.0, 2.0]
    assert len(values(sql.read(Query()).panels)) == N


def test_open_values_become_numbers_where_the_times_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "epoch.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE points (ts INTEGER, load REAL)")
    rows = [(int((START + i * MINUTE).timestamp() * 1000), i) for i in range(N)]
    connection.executemany("INSERT INTO points VALUES (?, ?)", rows)
    connection.commit()
    connection.close()
    sql = source(path, query="SELECT ts, load FROM points WHERE ts BETWEEN :start AND :end")

    assert values(sql.read(Query(start=START, end=START + 3 * MINUTE)).panels) == [0.0, 1.0, 2.0]


def test_open_values_that_are_compared_with_something_else_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "epoch.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE points (ts INTEGER, load REAL)")
    connection.executemany("INSERT INTO points VALUES (?, ?)", [(1_709_251_200 + i, i) for i in range(N)])
    connection.commit()
    connection.close()
    sql = source(path, query="SELECT datetime(ts, 'unixepoch') AS time, load FROM points WHERE ts >= :start")

    with pytest.raises(ConfigError, match="compares :start and :end with something else than its time column"):
        sql.read(Query())


def test_a_filter_is_asked_of_the_database(database: Path) -> None:
    sql = source(database, table="cpu")
    heard = asked(sql)

    reading = sql.read(Query(measures=("load",), by=(), filter={"host": ("b",)}, end=START + 2 * MINUTE))

    assert values(reading.panels) == [1.0, 2.0]
    assert "host COLLATE" in heard[-1]


def test_columns_of_bytes_are_left_out(database: Path) -> None:
    assert set(source(database, table="cpu").preview(1)[0]) == {"id", "time", "host", "load", "mem"}


def test_no_rows_in_the_range_is_an_error_of_its_own(database: Path) -> None:
    with pytest.raises(NoPointsError, match="holds no rows in the range asked for"):
        source(database, table="cpu").read(Query(start=START + timedelta(days=900)))
    with pytest.raises(NoPointsError):
        source(database, table="empty_one").read(Query())


def test_a_column_without_values_in_the_window_keeps_its_type(tmp_path: Path) -> None:
    path = tmp_path / "holes.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE points (time TEXT, a REAL, b REAL)")
    rows = [(FORMS["text"](START + i * MINUTE), 1.0, None if i > 100 else 2.0) for i in range(N)]
    connection.executemany("INSERT INTO points VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()

    reading = source(path, table="points").read(Query(start=START + 200 * MINUTE, end=START + 210 * MINUTE))

    assert [str(key) for key in reading.panels[0].keys] == ["a"]
    assert reading.findings.measures == ("a", "b")


def test_day_and_month_are_told_apart_once_for_all_windows(tmp_path: Path) -> None:
    path = tmp_path / "days.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE points (time TEXT, load REAL)")
    days = [datetime(2024, 1, 1, tzinfo=UTC) + i * timedelta(days=1) for i in range(60)]
    connection.executemany("INSERT INTO points VALUES (?, ?)", [(t.strftime("%m/%d/%Y"), 1.0) for t in days])
    connection.commit()
    connection.close()

    reading = source(path, table="points").read(Query(end=datetime(2024, 1, 10, tzinfo=UTC)))

    assert reading.panels[0].times[:2].astype("datetime64[D]").tolist() == [date(2024, 1, 1), date(2024, 1, 2)]


def test_rows_are_counted_whatever_numbers_stand_beside_the_time(database: Path) -> None:
    asked = Query(measures=ROWS, agg="count", step=10 * MINUTE, by=("host",), filter={"mem": ("1", "2", "3", "15")})

    reading = source(database, table="cpu").read(asked)

    assert [str(key) for key in reading.panels[0].keys] == ["count{host=a}", "count{host=b}"]
    assert reading.panels[0].values[0, :1, 0].tolist() == [3.0]
