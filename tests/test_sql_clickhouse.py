"""The source of SQL databases, on the engine of ClickHouse behind its HTTP protocol."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import clickhouse_connect
import polars as pl
import pytest
import sqlalchemy as sa
from clickhouse_connect.driver.exceptions import DatabaseError
from tests import source_contract as contract

from redshank.errors import ConfigError, DataError, SourceError
from redshank.sources.base import Query, Source
from redshank.sources.build import build_source
from redshank.sources.sql import SqlSource

pytestmark = pytest.mark.external_service

ROWS = contract.contract_rows()
FEW = contract.contract_rows(timedelta(hours=2))
COLUMNS = (
    "host Nullable(String), city Nullable(String), load {float}, requests Nullable(Int64), latency Nullable(Float64)"
)
FORMS: dict[str, tuple[str, Callable[[datetime], Any], bool, str]] = {
    "DateTime64": ("DateTime64(6, 'UTC')", lambda t: t, False, "us"),
    "DateTime64 of another zone": ("DateTime64(3, 'Asia/Tokyo')", lambda t: t, False, "us"),
    "DateTime": ("DateTime", lambda t: int(t.timestamp()), False, "s"),
    "text": ("String", lambda t: t.strftime("%Y-%m-%d %H:%M:%S.%f"), True, "us"),
    "epoch ms": ("Int64", lambda t: round(t.timestamp() * 1000), False, "us"),
}


@pytest.fixture
def clickhouse(clickhouse_server: str) -> Iterator[str]:
    """URL of an empty database of the test's own, gone after it."""
    name = f"test_{uuid.uuid4().hex}"
    client = _client(clickhouse_server)
    client.command(f"CREATE DATABASE {name}")
    yield f"{clickhouse_server.rpartition('/')[0]}/{name}"
    client.command(f"DROP DATABASE {name}")
    client.close()


def _client(url: str) -> Any:
    found = sa.make_url(url)
    return clickhouse_connect.get_client(
        host=found.host, port=found.port, username=found.username, password=found.password, database=found.database,
        compress=False, autogenerate_session_id=False,
    )  # fmt: skip


def _insert(client: Any, table: str, rows: Iterable[Sequence[Any]]) -> None:
    lines = ["\t".join(map(_written, row)) for row in rows]
    client.raw_insert(table, insert_block="\n".join(lines).encode(), fmt="TabSeparated")


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    if isinstance(value, datetime):
        return f"{value.timestamp():.6f}"
    return "\\N" if value is None else str(value)


def table(url: str, form: str = "DateTime64", given: pl.DataFrame = FEW) -> Callable[[], Source]:
    kind, time, _, _ = FORMS[form]
    numbers = "Nullable(Decimal(18, 4))" if form == "DateTime" else "Nullable(Float64)"
    is_decimal = form == "DateTime"
    rows = [
        [time(row[0]), *row[1:3], None if is_decimal and row[3] != row[3] else row[3], *row[4:]]
        for row in given.iter_rows()
    ]
    client = _client(url)
    client.command(
        f"CREATE TABLE points (time {kind}, {COLUMNS.format(float=numbers)}) ENGINE = MergeTree ORDER BY time"
    )
    _insert(client, "points", rows)
    client.close()
    return lambda: build_source("clickhouse", {"url": url, "table": "points"})


def test_clickhouse_keeps_the_contract(clickhouse: str) -> None:
    contract.check_all(table(clickhouse, given=ROWS), ROWS)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "DateTime64"])
def test_clickhouse_aggregates_as_it_is_done_here(clickhouse: str, form: str) -> None:
    _, _, is_local, unit = FORMS[form]
    make = table(clickhouse, form)
    time = pl.col("time").dt.truncate("1s") if unit == "s" else pl.col("time")
    rows = FEW.with_columns(time.dt.replace_time_zone(None) if is_local else time)
    if unit == "s":
        rows = rows.with_columns(pl.col("load").fill_nan(None))

    contract.check_law(make, rows)

    notes = make().read(contract.query(agg="mean", step=timedelta(hours=5), tz="Europe/Oslo")).findings.notes
    assert not [note for note in notes if "aggregated here" in note]


def test_hostile_labels_and_names_come_through_clickhouse(clickhouse: str) -> None:
    rows, name = contract.hostile_rows(), 'it\'s a "table" 🦉/%s `x` \\'
    quoted = "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
    client = _client(clickhouse)
    client.command(f"CREATE TABLE {quoted} (time DateTime64(6, 'UTC'), name String, value Float64) ENGINE = Log")
    _insert(client, quoted, rows.iter_rows())

    contract.check_hostile_labels(lambda: build_source("clickhouse", {"url": clickhouse, "table": name}), rows)


def source(url: str, **options: Any) -> SqlSource:
    built = build_source("clickhouse", {"url": url, **options})
    assert isinstance(built, SqlSource)
    return built


def test_a_session_cannot_write_or_reach_out(clickhouse: str) -> None:
    table(clickhouse)
    sql = source(clickhouse, table="points")

    for statement in (
        "INSERT INTO points (time) VALUES (now())", "DROP TABLE points",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
    ):  # fmt: skip
        with sql.engine.connect() as connection, pytest.raises((sa.exc.DBAPIError, DatabaseError)):
            connection.exec_driver_sql(statement)


def test_a_query_that_takes_too_long_is_ended(clickhouse: str) -> None:
    query = "SELECT now() AS time, sum(sipHash64(number)) AS a FROM numbers(100000000000)"

    with pytest.raises(SourceError, match="took longer than timeout allows"):
        source(clickhouse, query=query, timeout="1s").preview()


def test_reading_can_be_given_up_from_another_thread(clickhouse: str) -> None:
    query = "SELECT toDateTime(number % 1000000000) AS time, number AS load FROM numbers(100000000000)"
    sql = source(clickhouse, query=query)
    caught: list[Exception] = []
    begun = threading.Event()

    def work() -> None:
        try:
            sql.read(Query(measures=("load",), by=()), lambda share, text: begun.set() if "rows" in text else None)
        except SourceError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(60)
    sql.cancel()
    thread.join(30)

    assert not thread.is_alive()
    assert [str(error) for error in caught] == [f"{sql.describe()}: reading was given up"]


def test_more_rows_than_allowed_are_not_fetched(clickhouse: str) -> None:
    query = "SELECT toDateTime(number) AS time, number AS value FROM numbers(4000000000)"

    with pytest.raises(DataError, match="holds more than 100,000 rows"):
        source(clickhouse, query=query, max_rows=100_000).read(Query())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"table": "pionts"}, DataError, "unknown table 'pionts'; did you mean 'points'"),
        ({"query": "SELECT time, lod FROM points"}, SourceError, "lod"),
        ({"table": "points", "password": "tulip"}, SourceError, "Authentication failed"),
        ({"query": "SELECT 1 INTO OUTFILE 'x'"}, ConfigError, "must only read"),
    ],
)
def test_what_is_wrong_says_what_to_do(
    clickhouse: str, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    table(clickhouse)

    with pytest.raises(error, match=message) as caught:
        source(clickhouse, **options).read(Query())

    assert "tulip" not in str(caught.value)
    assert "redshank:redshank" not in str(caught.value)


def test_numbers_of_every_type_are_read(clickhouse: str) -> None:
    client = _client(clickhouse)
    client.command(
        "CREATE TABLE points (time DateTime('UTC'), a UInt64, b Int8, c Decimal(38, 10), d Float32, e Bool, "
        "f Enum8('x' = 1), g LowCardinality(String), h Array(Int8)) ENGINE = Log"
    )
    start = datetime(2024, 3, 1, tzinfo=UTC)
    rows = [
        [int(start.timestamp()) + 60 * i, 2**64 - 1 - i, -i, i / 3, 0.1, i % 2 == 0, "x", "y", [1]] for i in range(60)
    ]
    _insert(client, "points", rows)
    sql = source(clickhouse, table="points")

    for agg, expected in (("max", {"a": 2.0**64, "b": 0, "d": pytest.approx(0.1), "e": 1}), ("mean", {"e": 0.5})):
        reading = sql.read(
            Query(by=("f", "g"), step=timedelta(hours=1), agg=agg, closed=True, end=start + timedelta(hours=1))
        )
        found = {key.measure: panel.values[i, 0, 0] for panel in reading.panels for i, key in enumerate(panel.keys)}
        assert {name: found[name] for name in expected} == expected
        assert dict(reading.panels[0].keys[0].labels) == {"f": "x", "g": "y"}
