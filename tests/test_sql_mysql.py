"""The source of SQL databases, on a MariaDB server."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pymysql
import pytest
import sqlalchemy as sa
from tests import source_contract as contract

from redshank.errors import DataError, SourceError
from redshank.sources.base import Query, Source
from redshank.sources.build import build_source
from redshank.sources.sql import SqlSource
from redshank.tables import read_table

pytestmark = pytest.mark.external_service

ROWS = contract.contract_rows()
FEW = contract.contract_rows(timedelta(hours=2))
START = datetime(2024, 3, 1, tzinfo=UTC)
COLUMNS = "host text, city varchar(200), load_ {float}, requests bigint, latency double".replace("load_", "`load`")


@pytest.fixture
def mysql(mysql_server: str) -> Iterator[str]:
    """URL of an empty database of the test's own, gone after it."""
    name = f"test_{uuid.uuid4().hex}"
    with _connection(mysql_server) as connection:
        _run(connection, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        yield f"{mysql_server.rpartition('/')[0]}/{name}"
        _run(connection, f"DROP DATABASE {name}")


def _connection(url: str) -> Any:
    found = sa.make_url(url)
    return pymysql.connect(
        host=found.host, port=found.port, user=found.username, password=found.password or "", database=found.database,
        charset="utf8mb4", autocommit=True, init_command="SET time_zone = '+00:00', sql_mode = ''",
    )  # fmt: skip


def _run(connection: Any, statement: str, rows: list[Any] | None = None) -> None:
    with connection.cursor() as cursor:
        if rows is None:
            cursor.execute(statement)
        else:
            cursor.executemany(statement, rows)


def _number(value: Any) -> Any:
    return None if value != value else value


FORMS: dict[str, tuple[str, Callable[[datetime], Any], bool, str]] = {
    "timestamp": ("timestamp(6) NULL", lambda t: t.replace(tzinfo=None), False, "us"),
    "datetime": ("datetime(6)", lambda t: t.replace(tzinfo=None), True, "us"),
    "text": ("varchar(40)", lambda t: t.strftime("%Y-%m-%d %H:%M:%S.%f"), True, "us"),
    "text with Z": ("text", lambda t: t.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), False, "us"),
    "compact": ("bigint", lambda t: int(t.strftime("%Y%m%d%H%M%S")), True, "s"),
    "epoch s": ("int unsigned", lambda t: int(t.timestamp()), False, "s"),
    "epoch ms": ("bigint unsigned", lambda t: round(t.timestamp() * 1000), False, "us"),
    "epoch with fraction": ("decimal(20, 6)", lambda t: round(t.timestamp(), 3), False, "us"),
}


def table(url: str, form: str, given: pl.DataFrame = FEW) -> Callable[[], Source]:
    kind, time, _, _ = FORMS[form]
    numbers = "decimal(20, 4)" if form == "datetime" else "double"
    rows = [(time(row[0]), *row[1:3], *map(_number, row[3:])) for row in given.iter_rows()]
    with _connection(url) as connection:
        _run(connection, f"CREATE TABLE points (time {kind}, {COLUMNS.format(float=numbers)})")
        _run(connection, "INSERT INTO points VALUES (%s, %s, %s, %s, %s, %s)", rows)
    return lambda: build_source("mysql", {"url": url, "table": "points"})


def expected(*, is_local: bool, unit: str) -> pl.DataFrame:
    time = pl.col("time").dt.truncate("1s") if unit == "s" else pl.col("time")
    return FEW.with_columns(time.dt.replace_time_zone(None) if is_local else time)


def test_mariadb_keeps_the_contract(mysql: str) -> None:
    contract.check_all(table(mysql, "timestamp", ROWS), ROWS)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "timestamp"])
def test_mariadb_aggregates_as_it_is_done_here(mysql: str, form: str) -> None:
    _, _, is_local, unit = FORMS[form]
    make = table(mysql, form)

    contract.check_law(make, expected(is_local=is_local, unit=unit))

    notes = make().read(contract.query(agg="mean", step=timedelta(hours=5), tz="Europe/Oslo")).findings.notes
    assert not [note for note in notes if "aggregated here" in note]


def test_hostile_labels_and_names_come_through_mariadb(mysql: str) -> None:
    rows, name = contract.hostile_rows(), 'it\'s a "table" /%s `x` \\'
    quoted = "`" + name.replace("`", "``") + "`"
    with _connection(mysql) as connection:
        _run(connection, f"CREATE TABLE {quoted} (time timestamp(6) NULL, name text, value double)")
        _run(connection, f"INSERT INTO {quoted.replace('%', '%%')} VALUES (%s, %s, %s)", list(rows.iter_rows()))

    contract.check_hostile_labels(lambda: build_source("mariadb", {"url": mysql, "table": name}), rows)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("tinyint(1)", [1, 0, None, 1]),
        ("bit(1)", [1, 0, None, 1]),
        ("bigint unsigned", [2**64 - 1, 2**63, None, 5]),
        ("bigint", [2**62, 2**62, 2**62, -5]),
        ("decimal(65, 30)", ["1.5", "12345678901234567890", None, "-0.1"]),
        ("float", [0.1, 16777216.5, None, -1e30]),
        ("double", [1e150, -1e-300, None, 0.1]),
        ("time(6)", ["838:59:58.5", "-100:00:00", None, "00:00:01"]),
        ("year", [1999, 2024, None, 2155]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_of_every_type_are_aggregated_by_mariadb(mysql: str, kind: str, values: list[Any]) -> None:
    rows = [(START.replace(tzinfo=None) + timedelta(minutes=i), values[i * 7 // 3 % len(values)]) for i in range(24)]
    with _connection(mysql) as connection:
        _run(connection, f"CREATE TABLE points (time timestamp, value {kind})")
        _run(connection, "INSERT INTO points VALUES (%s, %s)", rows)
        exact = "TIME_TO_SEC(value)" if "time" in kind else "value + 0e0"
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT time, {exact} FROM points")
            found = [(time, None if value is None else float(value)) for time, value in cursor.fetchall()]
    local = pl.DataFrame(found, schema={"time": pl.Datetime("us"), "value": pl.Float64}, orient="row")
    local = local.with_columns(pl.col("time").dt.replace_time_zone("UTC"))
    source = build_source("mysql", {"url": mysql, "table": "points"})
    asked = Query(measures=("value",), by=(), step=timedelta(minutes=5), time="time", end=START + timedelta(hours=1))

    for agg in ("count", "min", "max", "sum", "mean", "variance", "p90", "last", "cardinality"):
        query = replace(asked, agg=agg)
        contract.check_same(source.read(query), read_table(local, query), 1e-9)
    contract.check_same(source.read(replace(asked, step=None)), read_table(local, replace(asked, step=None)))


def test_a_date_that_is_none_is_a_bad_row(mysql: str) -> None:
    with _connection(mysql) as connection:
        _run(connection, "CREATE TABLE points (time datetime, value double)")
        rows = [(f"2024-03-01 00:{i:02}:00", i) for i in range(30)] + [("0000-00-00 00:00:00", 99)]
        _run(connection, "INSERT INTO points VALUES (%s, %s)", rows)
    source = build_source("mysql", {"url": mysql, "table": "points"})

    for query in (Query(), Query(step=timedelta(minutes=5), agg="max")):
        reading = source.read(query)
        assert reading.findings.bad_count == 1
        assert reading.panels[0].values.max() == 29


def source(url: str, **options: Any) -> SqlSource:
    built = build_source("mysql", {"url": url, **options})
    assert isinstance(built, SqlSource)
    return built


def test_a_session_cannot_write_whatever_it_is_asked(mysql: str) -> None:
    table(mysql, "timestamp")
    sql = source(mysql, table="points")

    with sql.engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="READ ONLY"):
        connection.exec_driver_sql("DELETE FROM points")
    with sql.engine.connect() as connection:
        connection.commit()
        with pytest.raises(sa.exc.DBAPIError, match="READ ONLY"):
            connection.exec_driver_sql("CREATE TABLE more (a int)")


def test_a_query_that_takes_too_long_is_ended(mysql: str) -> None:
    with pytest.raises(SourceError, match="took longer than timeout allows"):
        source(mysql, query="SELECT benchmark(1000000000, sha2('a', 512)) AS a, now() AS time", timeout="1s").preview()


def test_reading_can_be_given_up_from_another_thread(mysql: str) -> None:
    make = table(mysql, "timestamp")
    same = make()
    same.read(Query(measures=("load",), by=()))
    sql = source(mysql, query="SELECT time, `load`, benchmark(100000000, sha2(host, 512)) AS a FROM points")
    sql._known = same._known  # so that the first rows are not asked for
    for key, known in list(sql._known.items()):
        sql._known[key] = replace(known, selection=sql.selection)
    caught: list[Exception] = []
    asked = threading.Event()

    def work() -> None:
        try:
            sql.read(Query(measures=("load",), by=()))
        except SourceError as error:
            caught.append(error)

    sa.event.listen(sql.engine, "before_cursor_execute", lambda *given: asked.set())
    thread = threading.Thread(target=work)
    thread.start()
    assert asked.wait(10)
    for _ in range(50):  # the database may not have heard of the query yet
        sql.cancel()
        thread.join(0.2)
        if not thread.is_alive():
            break

    assert not thread.is_alive()
    assert [str(error) for error in caught] == [f"{sql.describe()}: reading was given up"]


def test_more_rows_than_allowed_are_not_fetched(mysql: str) -> None:
    query = "SELECT from_unixtime(seq) AS time, seq AS value FROM seq_1_to_30000000"

    with pytest.raises(DataError, match="holds more than 100,000 rows"):
        source(mysql, query=query, max_rows=100_000).read(Query())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"table": "pionts"}, DataError, "unknown table 'pionts'; did you mean 'points'"),
        ({"query": "SELECT time, lod FROM points"}, SourceError, "Unknown column 'lod'"),
        ({"password": "tulip"}, SourceError, "Access denied"),
    ],
)
def test_what_is_wrong_says_what_to_do(
    mysql: str, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    table(mysql, "timestamp")

    with pytest.raises(error, match=message) as caught:
        source(mysql, **{**({} if "query" in options else {"table": "points"}), **options}).read(Query())

    assert "tulip" not in str(caught.value)
    assert "redshank:redshank" not in str(caught.value)
