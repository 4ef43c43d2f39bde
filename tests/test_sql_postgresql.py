"""The source of SQL databases, on a PostgreSQL server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest

from redshank.errors import DataError, NoPointsError, SourceError
from redshank.sources.base import Query
from redshank.sources.build import build_source
from redshank.sources.sql import SqlSource

pytestmark = pytest.mark.external_service

START = datetime(2024, 3, 30, 12, tzinfo=UTC)  # the clocks of Europe go forward within
MINUTE = timedelta(minutes=1)
N = 1500
FORMS: dict[str, tuple[str, Callable[[datetime], Any]]] = {
    "timestamptz": ("timestamptz", lambda t: t),
    "timestamp": ("timestamp", lambda t: t.replace(tzinfo=None)),
    "text": ("text", lambda t: t.strftime("%Y-%m-%d %H:%M:%S")),
    "epoch s": ("bigint", lambda t: int(t.timestamp())),
    "epoch ms": ("bigint", lambda t: int(t.timestamp() * 1000)),
    "epoch with fraction": ("double precision", lambda t: t.timestamp()),
    "numeric epoch": ("numeric", lambda t: int(t.timestamp())),
}


@pytest.fixture
def table(postgresql: str) -> str:
    """URL of a database with a table cpu of two hosts."""
    with psycopg.connect(postgresql) as connection:
        connection.execute('CREATE TABLE cpu (time timestamptz, host text, load numeric(8, 3), "Mem" int, extra jsonb)')
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO cpu VALUES (%s, %s, %s, %s, '{}')",
                [(START + i * MINUTE, host, i % 60, i) for i in range(N) for host in ("a", "b")],
            )
    return postgresql


def source(url: str, **options: Any) -> SqlSource:
    built = build_source("postgresql", {"url": url, **options})
    assert isinstance(built, SqlSource)
    return built


def test_a_table_becomes_panels(table: str) -> None:
    reading = source(table, table="public.cpu").read(Query())

    assert {str(key) for panel in reading.panels for key in panel.keys} == {
        "load{host=a}", "load{host=b}", "Mem{host=a}", "Mem{host=b}"
    }  # fmt: skip
    assert reading.findings.step == MINUTE


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tz", ["UTC", "Europe/Oslo"])
def test_the_range_asked_for_is_what_comes_whatever_the_form_of_times(postgresql: str, form: str, tz: str) -> None:
    kind, written = FORMS[form]
    with psycopg.connect(postgresql) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE points (time {kind}, load real)")
        cursor.executemany("INSERT INTO points VALUES (%s, %s)", [(written(START + i * MINUTE), i) for i in range(N)])
    sql = source(postgresql, table="points")
    everything = sql.read(Query(tz=tz, time="time")).panels[0]
    start, end = everything.times[400], everything.times[900]

    part = sql.read(Query(tz=tz, time="time", start=_moment(start), end=_moment(end))).panels[0]

    np.testing.assert_array_equal(part.times, everything.times[400:900])
    assert sql.newest(Query(tz=tz, time="time")) == _moment(everything.times[-1])


def _moment(time: np.datetime64) -> datetime:
    return datetime.fromtimestamp(int(time.astype("datetime64[s]").view(np.int64)), tz=UTC)


def test_days_are_cut_to_the_range(postgresql: str) -> None:
    with psycopg.connect(postgresql) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE points (day date, load real)")
        cursor.executemany("INSERT INTO points VALUES (%s, %s)", [(date(2024, 1, 1 + i), i) for i in range(30)])
    sql = source(postgresql, table="points")

    asked = Query(start=datetime(2024, 1, 3, tzinfo=UTC), end=datetime(2024, 1, 5, tzinfo=UTC))

    assert sql.read(asked).panels[0].values.ravel().tolist() == [2.0, 3.0]
    assert sql.newest(Query()) == datetime(2024, 1, 30, tzinfo=UTC)


def test_a_query_can_place_the_range_itself(table: str) -> None:
    sql = source(table, query="SELECT time, load FROM cpu WHERE host = 'a' AND time >= :start AND time < :end;")

    assert sql.read(Query(start=START, end=START + 3 * MINUTE)).panels[0].values.ravel().tolist() == [0.0, 1.0, 2.0]


def test_open_values_become_numbers_where_the_times_are_numbers(postgresql: str) -> None:
    with psycopg.connect(postgresql) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE points (ts bigint, load real)")
        rows = [(int((START + i * MINUTE).timestamp() * 1000), i) for i in range(N)]
        cursor.executemany("INSERT INTO points VALUES (%s, %s)", rows)
    sql = source(postgresql, query="SELECT ts, load::float8 FROM points WHERE ts >= :start AND ts < :end")

    assert sql.read(Query(start=START, end=START + 3 * MINUTE)).panels[0].values.ravel().tolist() == [0.0, 1.0, 2.0]


def test_a_name_with_capitals_is_found(table: str) -> None:
    reading = source(table, query='SELECT time, host, "Mem" FROM cpu').read(Query(end=START + 2 * MINUTE))

    assert reading.findings.measures == ("Mem",)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT nextval('numbers') AS a",
        "SELECT set_config('transaction_read_only', 'off', false) AS a, nextval('numbers') AS b",
    ],
)
def test_functions_that_write_are_refused_by_the_session(table: str, sql: str) -> None:
    with psycopg.connect(table, autocommit=True) as connection:
        connection.execute("CREATE SEQUENCE numbers")

    with pytest.raises(SourceError, match=r"read-only|read-write"):
        source(table, query=sql).preview()


def test_settings_changed_by_a_query_do_not_outlive_it(table: str) -> None:
    sql = source(table, query="SELECT set_config('default_transaction_read_only', 'off', false) AS a")
    sql.preview()

    with sql.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW default_transaction_read_only").scalar() == "on"


def test_a_query_that_takes_too_long_is_ended(table: str) -> None:
    with pytest.raises(SourceError, match="took longer than timeout allows"):
        source(table, query="SELECT pg_sleep(20) AS a, now() AS time", timeout="1s").preview()


def test_reading_can_be_given_up_from_another_thread(table: str) -> None:
    sql = source(table, query="SELECT time, load, (SELECT pg_sleep(20) WHERE load > 0) AS a FROM cpu")
    caught: list[Exception] = []

    def work() -> None:
        try:
            sql.read(Query(measures=("load",), by=()))
        except SourceError as error:
            caught.append(error)

    same = source(table, table="cpu")
    same.read(Query(measures=("load",), by=()))
    sql._known = {key: replace(known, selection=sql.selection) for key, known in same._known.items()}
    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(50):  # the database may not have heard of the query yet
        sql.cancel()
        thread.join(0.2)

    assert not thread.is_alive()
    assert [str(error) for error in caught] == [f"{sql.describe()}: reading was given up"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"table": "cqu"}, DataError, "unknown table 'cqu'; did you mean 'cpu'"),
        ({"query": "SELECT time, lod FROM cpu"}, SourceError, 'column "lod" does not exist'),
        ({"query": "SELECT load, load FROM cpu"}, DataError, "two columns named 'load'"),
    ],
)
def test_what_is_wrong_says_what_to_do(
    table: str, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        source(table, **options).read(Query())


def test_no_rows_in_the_range_is_an_error_of_its_own(table: str) -> None:
    with pytest.raises(NoPointsError):
        source(table, table="cpu").read(Query(start=START + timedelta(days=300)))


def test_a_wrong_password_is_not_told(table: str) -> None:
    with pytest.raises(SourceError) as caught:
        build_source("postgresql", {"url": f"{table}x", "table": "cpu", "password": "tulip"}).check()

    assert "tulip" not in str(caught.value)
