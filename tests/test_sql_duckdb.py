"""The source of SQL databases, on files of DuckDB."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import sqlalchemy as sa
from tests import source_contract as contract

from redshank.errors import ConfigError, DataError, SourceError
from redshank.sources.base import Query, Source
from redshank.sources.build import build_source
from redshank.sources.sql import SqlSource
from redshank.specs.options import Access
from redshank.tables import read_table

ROWS = contract.contract_rows()
FEW = contract.contract_rows(timedelta(hours=8))
START = datetime(2024, 3, 1, tzinfo=UTC)
FORMS = {  # how the times of the rows are kept: expression of the time in UTC, whether its zone is lost, its unit
    "timestamptz": ("time", False, "us"),
    "timestamp": ("time::timestamp", True, "us"),
    "timestamp_ms": ("time::timestamp::timestamp_ms", True, "us"),
    "text": ("strftime(time, '%Y-%m-%dT%H:%M:%S.%fZ')", False, "us"),
    "epoch s": ("epoch(time)::bigint - (epoch(time)::bigint > epoch(time))::int", False, "s"),
    "epoch ms": ("epoch_ms(time)", False, "us"),
}


def table(path: Path, rows: pl.DataFrame, form: str = "timestamptz") -> Callable[[], Source]:
    with duckdb.connect(path) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("given", rows.to_arrow())
        connection.execute(f"CREATE TABLE points AS SELECT * REPLACE ({FORMS[form][0]} AS time) FROM given")
    return lambda: build_source("duckdb", {"url": f"duckdb:///{path}", "table": "points"})


def test_duckdb_aggregates_as_it_is_done_here(tmp_path: Path) -> None:
    some = ("median", "last", "cardinality")

    contract.check_law(table(tmp_path / "points.duckdb", FEW), FEW, aggregations=some, steps=(timedelta(days=1),))


@pytest.mark.external_service  # which it is not, but it takes as long
@pytest.mark.parametrize("form", FORMS)
def test_duckdb_keeps_the_contract_whatever_the_form_of_times(tmp_path: Path, form: str) -> None:
    make = table(tmp_path / "points.duckdb", ROWS, form)
    _, is_local, unit = FORMS[form]
    time = pl.col("time").dt.truncate("1s") if unit == "s" else pl.col("time")
    rows = ROWS.with_columns(time.dt.replace_time_zone(None) if is_local else time)

    (contract.check_all if form == "timestamptz" else contract.check_law)(make, rows)

    notes = make().read(contract.query(agg="mean", step=timedelta(hours=5), tz="Europe/Oslo")).findings.notes
    assert not [note for note in notes if "aggregated here" in note]


@pytest.mark.external_service
def test_hostile_labels_and_names_come_through_duckdb(tmp_path: Path) -> None:
    rows, path, name = contract.hostile_rows(), tmp_path / "it's 🦉.duckdb", 'it\'s a "table" 🦉/%s'
    with duckdb.connect(path) as connection:
        connection.register("given", rows.to_arrow())
        connection.execute(f'CREATE TABLE "{name.replace(chr(34), chr(34) * 2)}" AS SELECT * FROM given')
    address = sa.URL.create("duckdb", database=str(path)).render_as_string()

    contract.check_hostile_labels(lambda: build_source("duckdb", {"url": address, "table": name}), rows)


@pytest.mark.external_service
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("boolean", ["true", "false", "NULL", "true"]),
        ("utinyint", ["1", "255", "NULL", "0"]),
        ("ubigint", ["18446744073709551615", "9223372036854775808", "NULL", "5"]),
        ("hugeint", ["170141183460469231731687303715884105727", "-5", "NULL", "1"]),
        ("decimal(38, 10)", ["1.5", "1234567890123456789", "NULL", "-0.1"]),
        ("float", ["0.1", "'nan'", "'inf'", "-1e30"]),
        ("double", ["1e150", "'-inf'", "NULL", "0.1"]),
        ("interval", ["'1.5 seconds'", "'2 days'", "NULL", "'-1 hour'"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_of_every_type_are_aggregated_by_duckdb(tmp_path: Path, kind: str, values: list[str]) -> None:
    path = tmp_path / "points.duckdb"
    exact = "epoch(value)" if kind == "interval" else "value::double"
    with duckdb.connect(path) as connection:
        connection.execute(f"CREATE TABLE points (time timestamptz, value {kind})")
        for i in range(24):
            connection.execute(
                f"INSERT INTO points VALUES (?, {values[i * 7 // 3 % len(values)]})", [START + i * timedelta(minutes=1)]
            )
        found = connection.execute(f"SELECT epoch_us(time), {exact} FROM points").fetchall()
    local = pl.DataFrame(found, schema={"time": pl.Int64, "value": pl.Float64}, orient="row")
    local = local.with_columns(pl.col("time").cast(pl.Datetime("us", "UTC")))
    source = build_source("duckdb", {"url": f"duckdb:///{path}", "table": "points"})
    asked = Query(measures=("value",), by=(), step=timedelta(minutes=5), time="time", end=START + timedelta(hours=1))

    for agg in ("max", "sum", "variance", "p90", "cardinality"):
        query = replace(asked, agg=agg)
        contract.check_same(source.read(query), read_table(local, query), 1e-9)
    contract.check_same(source.read(replace(asked, step=None)), read_table(local, replace(asked, step=None)))


def sql(path: Path, query: str, **options: Any) -> SqlSource:
    found = build_source("duckdb", {"url": f"duckdb:///{path}", "query": query, **options})
    assert isinstance(found, SqlSource)
    return found


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('{folder}/secret.csv')",
        "SELECT * FROM '{folder}/secret.csv'",
        "SELECT content FROM read_text('/etc/passwd')",
        "SELECT * FROM read_parquet('https://127.0.0.1/x.parquet')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM sqlite_scan('{folder}/secret.csv', 'a')",
    ],
)
def test_nothing_but_the_file_itself_can_be_reached(tmp_path: Path, query: str) -> None:
    table(tmp_path / "points.duckdb", FEW)
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")

    with pytest.raises(SourceError, match=r"disabled|does not exist|not in the catalog"):
        sql(tmp_path / "points.duckdb", query.format(folder=tmp_path)).preview()


def test_a_session_can_neither_write_nor_be_opened_up(tmp_path: Path) -> None:
    path = tmp_path / "points.duckdb"
    table(path, FEW)
    statements = [
        "DELETE FROM points", "CREATE TABLE more (a int)", f"COPY points TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/other.duckdb'", "INSTALL httpfs", "LOAD httpfs", "SET enable_external_access = true",
        "SET TimeZone = 'Europe/Oslo'",
    ]  # fmt: skip

    with sql(path, "SELECT * FROM points").engine.connect() as connection:
        for statement in statements:
            with pytest.raises(sa.exc.DBAPIError):
                connection.exec_driver_sql(statement)
            connection.rollback()

    assert sorted(found.name for found in tmp_path.iterdir()) == ["points.duckdb"]


def test_the_file_must_lie_in_the_folders_allowed(tmp_path: Path) -> None:
    table(tmp_path / "points.duckdb", FEW)
    options = {"url": f"duckdb:///{tmp_path}/points.duckdb", "table": "points"}

    build_source("duckdb", options, access=Access(roots=(tmp_path,))).check()
    with pytest.raises(ConfigError, match="must lie in"):
        build_source("duckdb", options, access=Access(roots=(tmp_path / "elsewhere",)))


ENDLESS = "SELECT now() AS time, count(*) AS a FROM range(1000000000) a, range(1000000) b WHERE a.range + b.range = -1"


def test_a_query_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    table(tmp_path / "points.duckdb", FEW)

    with pytest.raises(SourceError, match="took longer than timeout allows"):
        sql(tmp_path / "points.duckdb", ENDLESS, timeout="200ms").preview()


def test_reading_can_be_given_up_from_another_thread(tmp_path: Path) -> None:
    table(tmp_path / "points.duckdb", FEW)
    source = sql(tmp_path / "points.duckdb", ENDLESS)
    caught: list[Exception] = []
    asked = threading.Event()

    def work() -> None:
        try:
            with source.database.connected() as connection:
                connection.exec_driver_sql(ENDLESS)
        except SourceError as error:
            caught.append(error)

    sa.event.listen(source.engine, "before_cursor_execute", lambda *given: asked.set())
    thread = threading.Thread(target=work)
    thread.start()
    assert asked.wait(10)
    for _ in range(100):  # DuckDB may not have begun yet
        source.cancel()
        thread.join(0.05)
        if not thread.is_alive():
            break

    assert [str(error) for error in caught] == [f"{source.describe()}: reading was given up"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"url": "duckdb://", "table": "a"}, ConfigError, "duckdb must name a file"),
        ({"url": "duckdb:///:memory:", "table": "a"}, ConfigError, "duckdb must name a file"),
        ({"url": "duckdb:///{path}?access_mode=read_write", "table": "a"}, ConfigError, "without options"),
        ({"url": "duckdb:///{path}.nowhere", "table": "a"}, SourceError, "there is no such file"),
        ({"url": "duckdb:///{path}.text", "table": "a"}, SourceError, "not a valid DuckDB database file"),
        ({"url": "duckdb:///{path}", "table": "pionts"}, DataError, "did you mean 'points'"),
        ({"url": "duckdb:///{path}", "query": "SELECT tme FROM points"}, SourceError, '"tme" not found'),
        ({"url": "duckdb:///{path}", "query": "COPY points TO 'x'"}, ConfigError, "beginning with SELECT"),
    ],
)
def test_what_is_wrong_says_what_to_do(
    tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    path = tmp_path / "points.duckdb"
    table(path, FEW)
    Path(f"{path}.text").write_text("this is no database\n" * 1000)

    with pytest.raises(error, match=message):
        build_source("duckdb", {name: text.format(path=path) for name, text in options.items()}).read(Query())


def test_more_rows_than_allowed_are_not_fetched(tmp_path: Path) -> None:
    table(tmp_path / "points.duckdb", FEW)
    query = "SELECT to_timestamp(range) AS time, range AS value FROM range(100000000000)"

    with pytest.raises(DataError, match="holds more than 100,000 rows"):
        sql(tmp_path / "points.duckdb", query, max_rows=100_000).read(Query())
