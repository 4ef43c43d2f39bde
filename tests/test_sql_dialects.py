"""What is asked of databases that no test can reach: the compiled statements, their sessions, and a scripted Trino."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mssql, postgresql
from trino.sqlalchemy.dialect import TrinoDialect

from redshank.errors import ConfigError, DataError, MissingExtraError, SourceError
from redshank.sources.base import AGGREGATIONS, Query
from redshank.sources.build import build_source
from redshank.sources.sql_buckets import wording_of
from redshank.sources.sql_cells import Aggregation, NotPushedError, cells_statement
from redshank.sources.sql_range import time_form
from redshank.sources.sql_session import SESSIONS
from redshank.sources.sql_text import checked_query
from redshank.specs.options import Access
from redshank.tables.buckets import Buckets
from redshank.tables.raw import RawTable
from redshank.tables.roles import find_roles

START, END = datetime(2024, 3, 30, tzinfo=UTC), datetime(2024, 4, 2, tzinfo=UTC)
DIALECTS: dict[str, Callable[[], Any]] = {
    "mssql": mssql.dialect,
    "trino": TrinoDialect,
    "redshift": postgresql.dialect,
    "snowflake": postgresql.dialect,  # near enough to Snowflake's own, which cannot be installed beside ours
}
TIMES: dict[str, tuple[str, list[Any]]] = {
    "datetimetz": ("datetimetz", [START + i * timedelta(minutes=5) for i in range(20)]),
    "datetime": ("datetime", [(START + i * timedelta(minutes=5)).replace(tzinfo=None) for i in range(20)]),
    "date": ("date", [START.date() + timedelta(days=i) for i in range(20)]),
    "epoch ms": ("int", [int(START.timestamp() * 1000) + i * 300_000 for i in range(20)]),
    "text": ("str", [f"2024-03-30 12:{i:02}:00" for i in range(20)]),
}
KINDS = {"host": "str", "zone": "int", "load": "float", "requests": "int", "price": "decimal", "up": "bool"}


def asked(times: str, agg: str, *, tz: str | None = None) -> Aggregation:
    kind, values = TIMES[times]
    n = len(values)
    frame = pl.DataFrame({"time": values, "host": ["a"] * n, "load": [i + 0.5 for i in range(n)]})
    query = Query(measures=("load",), by=("host",), time="time", tz=tz)
    roles = find_roles(RawTable(where="points", frame=frame.lazy()), query)
    form = time_form(roles.clock, frame, tz)
    assert form is not None
    rule = Buckets.of(timedelta(days=1) if tz else timedelta(minutes=5), tz)
    return Aggregation(
        form=form, time="time", labels=("host", "zone"), measures=("load", "requests", "price", "up"), agg=agg,
        kinds={"time": kind, **KINDS}, rule=rule, start=START, end=END, span=(START, END),
    )  # fmt: skip


def compiled(flavour: str, times: str, agg: str, *, tz: str | None = None) -> str:
    wording = wording_of(flavour)
    assert wording is not None
    statement = cells_statement(wording, asked(times, agg, tz=tz), sa.select().select_from(sa.table("points")))
    text = str(statement.compile(dialect=DIALECTS[flavour](), compile_kwargs={"literal_binds": True}))
    return " ".join(text.split())


@pytest.mark.parametrize("flavour", DIALECTS)
@pytest.mark.parametrize("times", TIMES)
def test_every_aggregation_can_be_said(flavour: str, times: str) -> None:
    for agg in (*AGGREGATIONS, "p99"):
        for tz in (None, "Europe/Oslo"):
            try:
                text = compiled(flavour, times, agg, tz=tz)
            except NotPushedError:
                assert (flavour, times) == ("mssql", "text")  # which is then aggregated here
                continue
            assert "GROUP BY" in text
            assert text.count("(") == text.count(")")


SAID = {  # what matters most in each of them
    "mssql": (
        "DATEDIFF_BIG(MICROSECOND, CAST('1970-01-01' AS DATETIME2), time)",
        "CAST(CAST(host AS NVARCHAR(max)) AS VARBINARY(max)) AS l0",
        "CAST([load] AS DOUBLE PRECISION) AS v0",
        "row_number() OVER (PARTITION BY",
    ),
    "trino": (
        "CAST(round(to_unixtime(time) * 1000000) AS BIGINT)",
        "is_finite(CAST(load AS DOUBLE))",
        "CAST(CAST(up AS INTEGER) AS DOUBLE) AS v3",
        "row_number() OVER (PARTITION BY",
    ),
    "redshift": ("datediff(microsecond, '1970-01-01'::timestamp, ", "row_number() OVER (PARTITION BY"),
    "snowflake": (
        "date_part(EPOCH_MICROSECOND, time)",
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY points.v0)",
        "CAST(floor(",
    ),
}


@pytest.mark.parametrize(("flavour", "part"), [(name, part) for name, parts in SAID.items() for part in parts])
def test_a_median_is_said_as_the_database_takes_it(flavour: str, part: str) -> None:
    assert part in compiled(flavour, "datetime", "median")


def test_the_clocks_that_change_are_said_as_numbers() -> None:
    change = str(int(datetime(2024, 3, 31, 1, tzinfo=UTC).timestamp() * 1_000_000))

    for flavour in DIALECTS:
        assert re.search(rf"CASE WHEN \(.* < {change}\) THEN .* \+ 3600000000 ELSE .* \+ 7200000000 END",
                         compiled(flavour, "datetimetz", "sum", tz="Europe/Oslo"))  # fmt: skip


# ---------------------------------------------------------------------- sessions


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mssql://u@h/d", r"pip install 'redshank\[mssql\]'"),
        ("snowflake://u@account/d", r"pip install 'redshank\[snowflake\]'"),
    ],
)
def test_a_missing_driver_says_what_to_install(url: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymssql", None)
    monkeypatch.setitem(sys.modules, "snowflake", None)

    with pytest.raises(MissingExtraError, match=message):
        build_source("sql", {"url": url, "table": "a"})


@pytest.mark.parametrize("url", ["mysql://h/d?local_infile=1", "mysql://h/d?read_default_file=/etc/my.cnf",
                                 "clickhouse://h/d?readonly=0", "trino://h/d?session_properties=x"])  # fmt: skip
def test_options_that_would_change_the_session_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="takes the options"):
        build_source("sql", {"url": url, "table": "a"})


@pytest.mark.parametrize("kind", ["mysql", "clickhouse"])
def test_a_host_that_is_down_is_said_without_the_password(kind: str) -> None:
    options = {"url": f"{kind}://me:tulip@127.0.0.1:1/d", "table": "points"}

    with pytest.raises(SourceError, match="check host and port") as caught:
        build_source(kind, options).check()

    assert "tulip" not in str(caught.value)


@pytest.mark.parametrize("kind", ["mysql", "clickhouse", "trino", "mssql", "snowflake"])
def test_private_addresses_are_refused_where_they_are_forbidden(kind: str) -> None:
    with pytest.raises(ConfigError, match="private address"):
        build_source(kind, {"url": f"{kind}://127.0.0.1/d", "table": "a"}, access=Access(private=False))


def test_a_query_of_mssql_cannot_ask_another_server() -> None:
    with pytest.raises(ConfigError, match="this database only, got 'OPENQUERY'"):
        checked_query("SELECT * FROM OPENQUERY(other, 'DELETE FROM t')", "mssql")


def test_each_kind_is_an_entry_point() -> None:
    from redshank import registry

    assert {*SESSIONS} - {"postgres", "clickhousedb"} <= {*registry.names(registry.SOURCES)}


# ---------------------------------------------------------------------- a scripted Trino


def column(name: str, kind: str, *arguments: int) -> dict[str, Any]:
    found = [{"kind": "LONG", "value": value} for value in arguments]
    return {"name": name, "type": kind, "typeSignature": {"rawType": kind, "arguments": found}}


COLUMNS = {
    "time": column("time", "timestamp with time zone", 3),
    "host": column("host", "varchar", 20),
    "load": column("load", "double"),
}


class Trino:
    """Answers each statement with some rows, on two pages; ``heard`` are the statements with their transaction."""

    def __init__(self) -> None:
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        self.heard: list[tuple[str, str | None]] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                script.heard.append((text, self.headers.get("X-Trino-Transaction-Id")))
                self._answer(script.pages(text)[0], is_start=text.startswith("START TRANSACTION"))

            def do_GET(self) -> None:
                self._answer({"id": "q", "infoUri": "", "stats": {"state": "FINISHED"}, **script.page(3, 6)})

            def do_DELETE(self) -> None:
                script.heard.append(("DELETE", None))
                self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def _answer(self, content: dict[str, Any], is_start: bool = False) -> None:
                import json

                body = json.dumps(content).encode()
                self.send_response(200)
                if is_start:
                    self.send_header("X-Trino-Started-Transaction-Id", "reading-7")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()

    def page(self, first: int, end: int) -> dict[str, Any]:
        """Rows of the columns that the last statement names, all for ``*``."""
        found = re.findall(r"\w+", self.heard[-1][0].partition("SELECT ")[2].partition("FROM")[0])
        named = [name for name in found if name in COLUMNS] or list(COLUMNS)
        rows = [{"time": f"2024-03-30 00:{i:02}:00.000 UTC", "host": "a", "load": float(i)} for i in range(first, end)]
        return {"columns": [COLUMNS[name] for name in named], "data": [[row[name] for name in named] for row in rows]}

    def pages(self, text: str) -> list[dict[str, Any]]:
        if "SELECT 1" in text:  # whether EXECUTE IMMEDIATE is known
            return [{"id": "q", "infoUri": "", "stats": {"state": "FINISHED"}}]
        if not text.lstrip().upper().startswith(("SELECT", "EXECUTE")):
            return [{"id": "q", "infoUri": "", "stats": {"state": "FINISHED"}}]
        if "information_schema" in text:
            found = {"columns": [column("table_name", "varchar", 20)], "data": [["points"]]}
            return [{"id": "q", "infoUri": "", "stats": {"state": "FINISHED"}, **found}]
        if "elsewhere" in text:
            error = {"message": "Table 'elsewhere' does not exist", "errorName": "TABLE_NOT_FOUND",
                     "errorCode": 46, "errorType": "USER_ERROR"}  # fmt: skip
            return [{"id": "q", "infoUri": "", "stats": {"state": "FAILED"}, "error": error}]
        return [{"id": "q", "infoUri": "", "stats": {"state": "RUNNING"}, **self.page(0, 3),
                 "nextUri": f"{self.url}/v1/statement/executing/q/1"}]  # fmt: skip


@pytest.fixture
def trino() -> Iterator[Trino]:
    """The scripted server."""
    found = Trino()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_trino_reads_in_a_transaction_that_only_reads(trino: Trino) -> None:
    address = f"trino://me@127.0.0.1:{trino.server.server_port}/hive/web"

    reading = build_source("trino", {"url": address, "table": "points"}).read(Query(by=("host",), time="time"))

    assert reading.panels[0].values.ravel().tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert str(reading.panels[0].keys[0]) == "load{host=a}"
    assert "START TRANSACTION READ ONLY" in [text for text, _ in trino.heard]
    assert {transaction for text, transaction in trino.heard if "points" in text} == {"reading-7"}


def test_what_trino_refuses_is_said_in_its_words(trino: Trino) -> None:
    address = f"trino://me@127.0.0.1:{trino.server.server_port}/hive/web"

    with pytest.raises((DataError, SourceError), match="elsewhere"):
        build_source("trino", {"url": address, "table": "elsewhere"}).read(Query())
