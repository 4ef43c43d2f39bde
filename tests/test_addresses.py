"""Sources by address: on the command line, in Python, and tried over HTTP before anything is declared."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest
from starlette.testclient import TestClient

import redshank
from api_client import asking
from redshank.app import read
from redshank.cli.completion import source_option
from redshank.cli.main import run
from redshank.errors import ConfigError, SourceError
from redshank.sources.addresses import is_address, kind_of_address, shown_address, source_at
from redshank.sources.base import Query, Reading
from redshank.sources.manner import Manner
from redshank.sources.sql import SqlSource

SHOP = "sqlite:///shop.db?table=sales"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database of sales of two shops, 200 hours with three rows each."""
    folder = tmp_path_factory.mktemp("shop")
    begin = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    rows = [
        (str(begin + i * timedelta(minutes=20)), shop, i % 12 + 90 * (i == 500)) for i in range(600) for shop in "ab"
    ]
    with sqlite3.connect(folder / "shop.db") as connection:
        connection.execute("CREATE TABLE sales (created_at TEXT, shop TEXT, amount REAL)")
        connection.executemany("INSERT INTO sales VALUES (?, ?, ?)", rows)
    (folder / "sales.sql").write_text("SELECT created_at, amount FROM sales WHERE shop = 'a'\n")
    return folder


@pytest.fixture(autouse=True)
def at_the_shop(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop)


def test_detect_reads_an_address_as_it_reads_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    shaping = ["--time", "created_at", "--agg", "sum", "--measure", "amount", "--step", "1h"]
    code = run(["detect", SHOP, *shaping, "--by", "shop", "--detector", "gaussian", "--json", "--html", "r.html"])

    assert code == 0
    assert json.loads(capsys.readouterr().out)["series"] == 2
    assert "sqlite:///shop.db" in Path("r.html").read_text()


def test_inspect_takes_a_table_a_query_and_options_beside_an_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "sqlite:///shop.db", "--query", "@sales.sql", "--option", "max_rows=1000", "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["rows"] == 600


def test_python_reads_an_address() -> None:
    found = redshank.detect(
        "sqlite:///shop.db", table="sales", measure="amount", agg="sum", step="1h", detector="gaussian"
    )

    assert found.rows == 1200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["postgress://a:geheim@h/b"], "unknown kind of address 'postgress'; did you mean 'postgres"),
        (["sqlite:///shop.db", "--option", "tabel=x"], "unknown option 'tabel'; did you mean 'table'?"),
        (["sqlite:///shop.db", "--index", "x"], "has no index; it takes query or table"),
        (["sqlite:///shop.db", "--query", "@none.sql"], "--query: 'none.sql' cannot be read: No such file"),
        ([SHOP, "other.csv"], "an address must stand alone, got 2"),
        (["shop.db", "--table", "x"], "has no table; it takes path"),
        (["sqlite:///shop.db?table=sale"], "unknown table 'sale'; did you mean 'sales'?"),
    ],
    ids=["scheme", "option", "index", "query file", "two", "file", "table"],
)
def test_a_wrong_address_is_one_line_that_says_what_to_do(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["detect", *arguments]) == 2

    printed = capsys.readouterr().err
    assert message in printed
    assert "geheim" not in printed


def test_what_stands_beside_an_address_is_refused_for_a_table() -> None:
    with pytest.raises(ConfigError, match="table: is for the address of a source"):
        read({"time": [1, 2]}, Query(), manner=Manner(target={"table": "x"}))


def test_ctrl_c_gives_up_what_a_source_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = threading.Event()

    class Hanging(SqlSource):
        def read(self, query: Query, progress: Any = None) -> Reading:
            begun.set()
            gone.wait(30)
            raise SourceError("given up")

        def cancel(self) -> None:
            gone.set()

        @classmethod
        def build(cls, options: Any, access: Any) -> Self:
            return super().build(options, access)

    begun = threading.Event()

    def interrupted(*_: Any, **__: Any) -> Any:
        begun.wait(30)
        raise KeyboardInterrupt

    monkeypatch.setattr("redshank.sources.addresses.build_source", lambda *_: Hanging.build(_options(), _access()))
    monkeypatch.setattr("redshank.executors.local._next", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read(SHOP, Query())

    assert gone.is_set()


def _options() -> Any:
    return SqlSource.Options(url="sqlite:///shop.db", table="sales")


def _access() -> Any:
    from redshank.specs.options import Access

    return Access()


def test_an_address_is_told_from_a_path_and_shown_without_secrets() -> None:
    assert [is_address(text) for text in ("a://b", "a+b://", "c:\\x", "x.csv", "-")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert shown_address("es://me:geheim@h:9200/logs?api_key=geheim#x") == "es://h:9200/logs"
    assert shown_address("es://[geheim") == "es://..."


def test_an_address_with_a_driver_is_of_its_database() -> None:
    assert kind_of_address("SQLite+pysqlite:///x.db") == "sqlite"
    assert source_at("sqlite:///shop.db", Manner(target={"table": "sales"})).describe() == "sql sqlite:///shop.db sales"


def test_sources_are_looked_at_without_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sources", "describe", SHOP]) == 0
    assert run(["sources", "preview", SHOP, "--rows", "2", "--json"]) == 0
    assert run(["sources", "check", SHOP]) == 0
    assert run(["sources", "check", "sqlite:///shop.db?table=sale"]) == 1

    printed = capsys.readouterr().out
    assert all(
        text in printed for text in ("created_at", "measure", "step", "20m", "can be read", "did you mean 'sales'")
    )


def test_an_option_of_a_named_source_is_not_set_by_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sources", "check", "shop", "--option", "a=b"]) == 2

    assert "redshank sources edit shop --set" in capsys.readouterr().err


def test_options_of_the_address_on_the_line_are_completed() -> None:
    def line(path: str) -> Any:
        return SimpleNamespace(params={"paths": [path]})

    assert source_option(line(SHOP), "max") == ["max_rows="]
    assert source_option(line("x.csv"), "") == []


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with asking(tmp_path_factory.mktemp("data")) as made:
        yield made


def test_a_source_is_tried_before_it_is_declared(client: TestClient, shop: Path) -> None:
    body = {"kind": "sqlite", "url": f"sqlite:///{shop}/shop.db", "table": "sales"}

    described = client.post("/api/v1/sources/describe", json=body).json()
    rows = client.post("/api/v1/sources/preview", json=body, params={"rows": 3}).json()["rows"]

    assert client.post("/api/v1/sources/check", json=body).json()["ok"]
    assert [row["amount"] for row in rows] == [0.0, 0.0, 1.0]
    assert {one["name"]: one["role"] for one in described["survey"]["columns"]} == {
        "created_at": "time",
        "shop": "label",
        "amount": "measure",
    }
    assert (described["step_seconds"], described["newest"], described["problem"]) == (
        1200.0,
        "2026-01-09T07:40:00Z",
        None,
    )
    assert client.get("/api/v1/sources").json()["items"] == []


def test_what_cannot_be_described_says_why(client: TestClient, shop: Path) -> None:
    body = {"kind": "sqlite", "url": f"sqlite:///{shop}/shop.db", "query": "SELECT shop FROM sales"}

    described = client.post("/api/v1/sources/describe", json=body)

    assert client.post("/api/v1/sources/check", json={**body, "query": "SELECT nix FROM sales"}).json()["ok"] is False
    assert client.post("/api/v1/sources/check", json={"kind": "sqlit"}).json()["code"] == "invalid"
    assert described.status_code in (200, 502)
