"""The source of SQL databases, on files of SQLite."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from redshank.errors import ConfigError, DataError, MissingExtraError, NoPointsError, SourceError
from redshank.panel import Panel
from redshank.sources.base import ROWS, Query
from redshank.sources.build import build_source, check_source_options, redacted, secret_fields
from redshank.sources.sql import SqlSource
from redshank.sources.sql_range import time_form
from redshank.sources.sql_rows import portion
from redshank.specs.options import HIDDEN, Access
from redshank.tables import read_table, spool
from redshank.tables.clock import find_clock
from redshank.tables.raw import RawTable
from redshank.tables.spool import Spool

START = datetime(2024, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
N = 600

FORMS: dict[str, Callable[[datetime], Any]] = {
    "text": lambda t: t.strftime("%Y-%m-%d %H:%M:%S"),
    "text with T and Z": lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "text with fraction": lambda t: t.strftime("%Y-%m-%d %H:%M:%S.%f"),
    "text with offset": lambda t: (t + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S+02:00"),
    "text in local order": lambda t: t.strftime("%d.%m.%Y %H:%M"),
    "text to the minute": lambda t: t.strftime("%Y-%m-%d %H:%M"),
    "compact number": lambda t: int(t.strftime("%Y%m%d%H%M")),
    "compact text": lambda t: t.strftime("%Y%m%d%H%M%S"),
    "epoch s": lambda t: int(t.timestamp()),
    "epoch s with fraction": lambda t: t.timestamp(),
    "epoch ms": lambda t: int(t.timestamp() * 1000),
    "epoch ns": lambda t: int(t.timestamp()) * 1_000_000_000,
}
UNSORTED = {"text in local order"}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Loads of two hosts, a minute apart; with the number of the row, a note, and bytes."""
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE cpu (id INTEGER PRIMARY KEY, time TEXT, host TEXT, load REAL, mem INTEGER, raw BLOB)"
        )
        rows = [
            (FORMS["text"](START + i * MINUTE), host, i % 60 + offset, i, b"\x00")
            for i in range(N)
            for offset, host in enumerate(("a", "b"))
        ]
        connection.executemany("INSERT INTO cpu (time, host, load, mem, raw) VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute("CREATE TABLE empty_one (time TEXT, load REAL)")
        connection.execute("CREATE VIEW loads AS SELECT time, load FROM cpu WHERE host = 'a'")
    connection.close()
    return path


def source(path: Path, **options: Any) -> SqlSource:
    built = build_source("sql", {"url": f"sqlite:///{path}", **options})
    assert isinstance(built, SqlSource)
    return built


def asked(sql: SqlSource) -> list[str]:
    """Every statement that the database is asked from now on."""
    import sqlalchemy as sa

    heard: list[str] = []
    sa.event.listen(sql.engine, "before_cursor_execute", lambda *given: heard.append(f"{given[2]} {given[3]}"))
    return heard


def values(panels: list[Panel]) -> list[float]:
    return [float(value) for panel in panels for value in panel.values.ravel()]


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


# ------------------------------------------------------------------ reading only


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT load_extension('x') AS a",
        "WITH x AS (SELECT 1) SELECT * FROM pragma_journal_mode",
        "SELECT * FROM sqlite_master, pragma_query_only(0)",
    ],
)
def test_what_is_not_reading_is_refused_by_the_connection(database: Path, sql: str) -> None:
    with pytest.raises(SourceError):
        source(database, query=sql).preview()


def test_a_connection_cannot_write_or_attach(database: Path, tmp_path: Path) -> None:
    with source(database, table="cpu").engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        for statement in (
            "DELETE FROM cpu",
            f"ATTACH '{tmp_path / 'other.db'}' AS other",
            "PRAGMA query_only = OFF",
            "CREATE TEMP TABLE x (a)",
        ):
            with pytest.raises(sqlite3.DatabaseError):
                raw.execute(statement)
    assert not (tmp_path / "other.db").exists()


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no file"):
        source(tmp_path / "new.db", table="cpu").check()
    assert not (tmp_path / "new.db").exists()


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("time,load\n" * 200)

    with pytest.raises(SourceError, match="file is not a database"):
        source(tmp_path / "a.db", table="cpu").check()


def test_the_file_must_lie_in_the_folders_allowed(database: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()

    with pytest.raises(ConfigError, match="must lie in"):
        build_source(
            "sql",
            {"url": "sqlite:///../shop.db", "table": "cpu"},
            access=Access(base=tmp_path / "in", roots=(tmp_path / "in",)),
        )
    build_source("sql", {"url": "sqlite:///shop.db", "table": "cpu"}, access=Access(base=tmp_path)).check()


def test_a_query_that_takes_too_long_is_ended(database: Path) -> None:
    endless = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT max(n) AS time FROM x"

    with pytest.raises(SourceError, match="took longer than timeout allows"):
        source(database, query=endless, timeout="1s").preview()


def test_reading_can_be_given_up_from_another_thread(database: Path) -> None:
    sql = source(database, table="cpu")
    sql.read(Query())
    caught: list[Exception] = []
    reading, given_up = threading.Event(), threading.Event()

    def on_progress(share: float | None, what: str) -> None:
        reading.set()
        given_up.wait(10)

    def work() -> None:
        try:
            sql.read(Query(), on_progress)
        except SourceError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert reading.wait(10)
    sql.cancel()
    given_up.set()
    thread.join(10)

    assert sql.read(Query()).findings.rows == 2 * N


# ------------------------------------------------------------------ what can be wrong


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"table": "cqu"}, DataError, "unknown table 'cqu'; did you mean 'cpu'"),
        ({"query": "SELECT time, lod FROM cpu"}, SourceError, "no such column: lod"),
        ({"query": "SELECT time, load FROM cpu WHERE"}, SourceError, "syntax error"),
        ({"query": "SELECT load FROM cpu"}, SourceError, "must have a column of times; name it by time"),
        ({"table": "cpu", "max_rows": 100}, DataError, "more than 100 rows"),
    ],
)
def test_what_is_wrong_says_what_to_do(
    database: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        source(database, **options).read(Query())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "sqlite:///x.db", "table": "a", "query": "SELECT 1"}, "needs a table or a query, and not both"),
        ({"url": "sqlite://", "table": "a"}, "sqlite must name a file"),
        ({"url": "nonsense", "table": "a"}, "must be like postgresql://user@host/database"),
        ({"url": "postgers://h/d", "table": "a"}, "unknown kind of database 'postgers'; did you mean 'postgresql'"),
        ({"url": "sqlite:///x.db", "table": "a\x00b"}, "must be a name such as points"),
        ({"url": "sqlite:///x.db", "table": "a", "timeout": "0s"}, "timeout"),
        ({"url": "sqlite:///x.db", "table": "a", "passwrd": "x"}, "did you mean 'password'"),
    ],
)
def test_a_wrong_declaration_is_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_source("sql", options)


def test_a_driver_that_is_not_installed_is_named() -> None:
    with pytest.raises(MissingExtraError, match="pip install MySQLdb"):
        build_source("sql", {"url": "mysql://h/d", "table": "a"})


def test_a_monitors_table_takes_the_place_of_the_sources_query(database: Path) -> None:
    built = build_source("sqlite", {"url": f"sqlite:///{database}", "query": "SELECT 1"}, {"table": "loads"})

    assert len(values(built.read(Query()).panels)) == N


# ------------------------------------------------------------------ secrets


def test_a_password_in_the_address_is_taken_out_of_it() -> None:
    kept = check_source_options("sql", {"url": "postgresql://me:tulip%40@h:1/d?sslmode=require"})

    assert kept == {"url": "postgresql://me@h:1/d?sslmode=require", "password": "tulip@"}
    assert redacted("sql", kept)["password"] == HIDDEN
    assert secret_fields("sql") == ("password",)


def test_no_message_tells_the_password() -> None:
    sql = build_source("sql", {"url": "postgresql://me@127.0.0.1:1/d", "table": "a", "password": "tulip"})

    with pytest.raises(SourceError) as caught:
        sql.check()

    assert "tulip" not in str(caught.value) + sql.describe()


# ------------------------------------------------------------------ rows and times


def test_values_of_all_kinds_become_columns() -> None:
    rows = [
        (1, 1.5, Decimal("2.5"), True, "x", datetime(2024, 1, 1), None, 1 << 70, b"x", timedelta(seconds=3)),  # noqa: DTZ001
        (None, 2, None, None, None, None, None, 1, None, None),
    ]

    frame = portion([f"c{i}" for i in range(10)], rows)

    kinds = ["i64", "f64", "f64", "bool", "str", "datetime[μs]", "null", "f64", "str", "f64"]
    assert [str(pl.Series([], dtype=d).dtype) for d in frame.dtypes] == [str(d) for d in frame.dtypes]
    assert frame.dtypes[0] == pl.Int64
    assert frame.dtypes[1:3] == [pl.Float64, pl.Float64]
    assert frame["c7"].to_list() == [float(1 << 70), 1.0]
    assert frame["c9"].to_list() == [3.0, None]
    assert len(kinds) == frame.width


def test_numbers_and_texts_in_one_column_are_texts() -> None:
    assert portion(["a"], [(1,), ("x",), (None,)])["a"].to_list() == ["1", "x", None]


def test_many_portions_are_kept_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "ROWS_IN_MEMORY", 5)
    kept = Spool("here", str(tmp_path), {"a": pl.Float64(), "b": pl.String()}, 1000)

    for i in range(10):
        kept.add(portion(["a", "b"], [(i if i % 2 else i + 0.5, None if i < 5 else "x")] * 3))

    assert list(tmp_path.iterdir())
    table = kept.table().collect()
    assert table["a"].to_list() == [float(i if i % 2 else i + 0.5) for i in range(10) for _ in range(3)]
    assert table["b"].null_count() == 15


@pytest.mark.parametrize("form", sorted(FORMS.keys() - UNSORTED))
@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 3600, 86_399])
def test_bounds_leave_nothing_out(form: str, seconds: int) -> None:
    times = [START + timedelta(seconds=i * 97) for i in range(1000)]
    sample = pl.DataFrame({"time": [FORMS[form](t) for t in times]})
    clock = find_clock(RawTable(where="here", frame=sample.lazy()), sample, "time")
    found = time_form(clock, sample, None)
    assert found is not None
    moment = START + timedelta(seconds=seconds, microseconds=1)
    exact = pl.Series([_read(form, t) for t in times])

    lower, upper = found.bound(moment, is_end=False), found.bound(moment, is_end=True)

    assert bool((sample["time"].filter(exact >= moment) >= lower).all())
    assert bool((sample["time"].filter(exact < moment) < upper).all())


def _read(form: str, time: datetime) -> datetime:
    """The time as far as its form can say it."""
    cut = form in ("text to the minute", "compact number")
    return time.replace(second=0) if cut else time


def test_rows_are_counted_whatever_numbers_stand_beside_the_time(database: Path) -> None:
    asked = Query(measures=ROWS, agg="count", step=10 * MINUTE, by=("host",), filter={"mem": ("1", "2", "3", "15")})

    reading = source(database, table="cpu").read(asked)

    assert [str(key) for key in reading.panels[0].keys] == ["count{host=a}", "count{host=b}"]
    assert reading.panels[0].values[0, :1, 0].tolist() == [3.0]
