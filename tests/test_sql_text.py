"""What a user wrote as SQL: one query that only reads, and the values it leaves open."""

from __future__ import annotations

import pytest

from redshank.errors import ConfigError
from redshank.sources.sql_text import bindable, checked_query, open_values


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT time, load FROM cpu",
        "  select 1 ;  ",
        "SELECT 1; -- the end\n",
        "-- first\nSELECT a FROM b",
        "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
        "SELECT ';' AS semicolon, 'it''s' FROM t",
        'SELECT "update", "delete" FROM t',
        "SELECT t.update, replace(a, 'b', 'c') FROM t",
        "SELECT last_update FROM created_rows",
        "(SELECT 1) UNION (SELECT 2)",
        "SELECT a FROM t /* ; DROP TABLE t */",
        "VALUES (1, 2)",
    ],
)
def test_a_query_that_reads_is_taken(sql: str) -> None:
    assert not checked_query(sql, "sqlite").rstrip().endswith(";")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("", "must be a query"),
        ("  -- nothing", "must be a query"),
        ("DELETE FROM t", "beginning with SELECT or WITH, got 'DELETE'"),
        ("EXPLAIN SELECT 1", "beginning with SELECT"),
        ("SELECT 1; SELECT 2", "must be one statement"),
        ("SELECT 1) AS x; DROP TABLE t; SELECT * FROM (SELECT 1", "must be one statement"),
        ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "must only read, got 'DELETE'"),
        ("SELECT * INTO copy_of FROM t", "must only read, got 'INTO'"),
        ("SELECT * FROM t FOR UPDATE", "must only read, got 'UPDATE'"),
        ("SELECT (1", "an opening bracket too many"),
        ("SELECT 1) AS x, (SELECT 2", "a closing bracket too many"),
        ("SELECT 'a", "a quote that is not closed"),
    ],
)
def test_any_other_text_is_refused_with_the_reason(sql: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        checked_query(sql, "sqlite")

    assert caught.value.field == "query"


@pytest.mark.parametrize(
    "sql",
    [
        r"SELECT 'a\'; DROP TABLE t; --'",
        "SELECT a$b$ ; DROP TABLE t; $b$",
        "SELECT 1 ` ; DROP TABLE t; ` FROM t",
        "SELECT a[1 ; DROP TABLE t; ] FROM t",
        "SELECT E'a\\\\'; DROP TABLE t; --'",
    ],
)
def test_a_second_statement_cannot_hide_from_postgresql(sql: str) -> None:
    with pytest.raises(ConfigError):
        checked_query(sql, "postgresql")


@pytest.mark.parametrize(
    "sql", [r"SELECT E'it\'s; fine' AS a", "SELECT $$ it's; fine $$ AS a", "SELECT $x$ ' ; $x$ AS a, 1::int"]
)
def test_the_quotes_of_postgresql_are_known(sql: str) -> None:
    assert checked_query(sql, "postgresql") == sql


def test_values_left_open_are_found_in_code_only() -> None:
    assert open_values("SELECT a FROM t WHERE time >= :start AND time < :end", "sqlite") == {"start", "end"}
    assert open_values("SELECT ':start' AS a, b::start -- :end\nFROM t WHERE c = ':end'", "postgresql") == set()


def test_other_colons_are_text() -> None:
    sql = "SELECT '12:30' AS a, b::int FROM t WHERE c > :start AND d = :other"

    assert bindable(sql, "postgresql") == (
        r"SELECT '12\:30' AS a, b\:\:int FROM t WHERE c > :start AND d = \:other" + "\n"
    )
