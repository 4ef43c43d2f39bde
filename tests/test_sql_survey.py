"""What a database says of itself before anything is read, and addresses that say what to read."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from redshank.errors import ConfigError, DataError
from redshank.sources.base import Query
from redshank.sources.build import build_source
from redshank.sources.sql import SqlSource
from redshank.sources.survey import Place


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """Address of a file with orders, an empty table and a view."""
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, time TEXT, shop VARCHAR(9), amount REAL, raw BLOB)"
        )
        rows = [(f"2024-03-01 {i // 60:02}:{i % 60:02}:00", shop, i + 0.5) for i in range(300) for shop in "abc"]
        connection.executemany("INSERT INTO orders (time, shop, amount) VALUES (?, ?, ?)", rows)
        connection.execute("CREATE TABLE later (time TEXT, value REAL)")
        connection.execute("CREATE VIEW amounts AS SELECT time, amount FROM orders")
    connection.close()
    return f"sqlite:///{path}"


def test_a_database_says_what_it_holds(shop: str) -> None:
    source = build_source("sql", {"url": shop})

    source.check()

    survey = source.survey(Query())
    assert {(place.name, place.kind) for place in survey.places} == {
        ("orders", "table"), ("later", "table"), ("amounts", "view")
    }  # fmt: skip
    assert survey.columns == ()
    with pytest.raises(ConfigError, match="needs a table or a query"):
        source.read(Query())


def test_a_table_says_what_its_columns_are(shop: str) -> None:
    survey = build_source("sql", {"url": shop, "table": "orders"}).survey(Query())

    found = {column.name: column for column in survey.columns}
    assert survey.time == "time"
    assert {name: (column.type, column.role) for name, column in found.items()} == {
        "id": ("INTEGER", ""), "time": ("TEXT", "time"), "shop": ("VARCHAR(9)", "label"),
        "amount": ("REAL", "measure"), "raw": ("BLOB", ""),
    }  # fmt: skip
    assert found["shop"].values == 3
    assert found["shop"].examples == ("a", "b", "c")
    assert survey.to_json()["columns"][2]["examples"] == ["a", "b", "c"]


def test_a_query_says_what_its_columns_are(shop: str) -> None:
    query = "SELECT time, shop AS \"the 'shop'\", amount FROM orders WHERE time >= :start"

    survey = build_source("sql", {"url": shop, "query": query}).survey(Query())

    assert {column.name: column.role for column in survey.columns} == {
        "time": "time", "the 'shop'": "label", "amount": "measure"
    }  # fmt: skip


def test_a_table_without_times_says_so(shop: str) -> None:
    survey = build_source("sql", {"url": shop, "query": "SELECT shop FROM orders"}).survey(Query())

    assert survey.time is None
    assert "must have a column of numbers" in survey.notes[0]


def test_a_table_that_is_not_there_has_near_names(shop: str) -> None:
    with pytest.raises(DataError, match="did you mean 'orders'"):
        build_source("sql", {"url": shop, "table": "order"}).survey(Query())


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("postgresql://me@db/shop", {"url": "postgresql://me@db/shop"}),
        ("postgresql://me:x@db/shop?table=a%20b", {"url": "postgresql://me:x@db/shop", "table": "a b"}),
        (
            "postgresql://db/shop?sslmode=require&table=orders&connect_timeout=3",
            {"url": "postgresql://db/shop?sslmode=require", "table": "orders", "connect_timeout": "3s"},
        ),
        (
            "sqlite:///shop.db?query=SELECT+a+FROM+b+WHERE+c%3D1%26d",
            {"url": "sqlite:///shop.db", "query": "SELECT a FROM b WHERE c=1&d"},
        ),
    ],
    ids=["address only", "table", "options of the driver", "query"],
)
def test_an_address_says_what_to_read(url: str, options: dict[str, Any]) -> None:
    assert SqlSource.options_of(url) == options


@pytest.mark.external_service
def test_postgresql_says_how_many_rows_there_are(postgresql: str) -> None:
    import psycopg

    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute('CREATE SCHEMA "odd/\'🦉"')
        connection.execute('CREATE TABLE "odd/\'🦉".points (time timestamptz, name varchar(5), value numeric(8, 2))')
        rows = "SELECT now() - i * interval '1 min', 'n' || i % 4, i FROM generate_series(1, 500) i"
        connection.execute(f'INSERT INTO "odd/\'🦉".points {rows}')
        connection.execute('CREATE VIEW "The View" AS SELECT 1 AS a')
        connection.execute("ANALYZE")

    survey = build_source("postgresql", {"url": postgresql, "table": "odd/'🦉.points"}).survey(Query())

    assert Place("odd/'🦉.points", "table", 500) in survey.places
    assert Place("The View", "view", None) in survey.places
    assert [(column.name, column.type, column.values) for column in survey.columns] == [
        ("time", "TIMESTAMP WITH TIME ZONE", None), ("name", "VARCHAR(5)", 4), ("value", "NUMERIC(8, 2)", None)
    ]  # fmt: skip


@pytest.mark.external_service
def test_redshift_is_read_over_the_wire_of_postgresql(postgresql: str) -> None:
    import psycopg

    with psycopg.connect(postgresql, autocommit=True) as connection:
        rows = (
            "SELECT '2024-01-01Z'::timestamptz + i * interval '1 min' AS time, i AS value FROM generate_series(0, 59) i"
        )
        connection.execute(f"CREATE TABLE points AS {rows}")
    url = postgresql.replace("postgresql://", "redshift://")

    source = build_source("sql", {"url": url, "table": "points"})

    assert source.read(Query()).findings.rows == 60
    assert [place.name for place in source.survey(Query()).places] == ["points"]
