"""What a user wrote as SQL: one query that only reads, and the values it leaves open."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redshank.errors import ConfigError
from redshank.sources.sql_quotes import pieces
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


# ---------------------------------------------------------------------- quotes and comments of each kind of database

HIDDEN = {  # what looks like a quote or comment of another database, and is none here
    "mysql": ["SELECT 1--1; DROP TABLE t", "SELECT 1 /*! INTO OUTFILE 'x' */", "SELECT 1 /*M! ; */",
              r"SELECT 'a\' '; --'",
              "SELECT $$ ; DROP TABLE t; $$"],
    "postgresql": ["SELECT 1 /* /* */ ' */ ; DROP TABLE t -- '", "SELECT 1 # ; DROP TABLE t", "SELECT 1 // ; x"],
    "duckdb": ["SELECT 1 /* /* */ ' */ ; DROP TABLE t -- '", "SELECT 1 ` ; DROP TABLE t; `"],
    "mssql": ["SELECT 1 AS [a]]b ; DROP TABLE t", "SELECT 1 /* /* */ ' */ ; DROP TABLE t -- '",
              r"SELECT 'a\'; DROP TABLE t; --'"],
    "clickhouse": [r"SELECT 'a\' '; DROP TABLE t; --'", "SELECT 1 # DROP\n; x",
              "SELECT \u2018 ' \u2019 ; DROP TABLE t; \u2018 ' \u2019"],
    "snowflake": [r"SELECT 'a\' '; DROP TABLE t; --'", "SELECT 1 # ; x", "SELECT $a$ ; DROP TABLE t; $a$"],
    "trino": ["SELECT 1 ` ; x `", "SELECT $$ ; x $$", "SELECT 1 // ; x"],
    "redshift": [r"SELECT 'a\' '; DROP TABLE t; --'", r"SELECT 'a\'; DROP TABLE t; --'"],
}  # fmt: skip
FINE = {
    "mysql": ["SELECT `a;b`, 'it\\'s; fine', \"so; is\" # not; here\n FROM t -- nor; here"],
    "postgresql": ["SELECT 1 /* a /* ; */ ; */", "SELECT $a$ ; ' $a$, E'it\\'s;'"],
    "duckdb": ["SELECT 1 /* a /* ; */ ; */, $$ ; $$"],
    "mssql": ["SELECT [a]];b], N'it''s;' /* /* ; */ ; */ FROM t"],
    "clickhouse": ["SELECT `a\\`;b`, 'it\\'s;', $x$ ' ; $x$ FROM t #! ; here"],
    "snowflake": ["SELECT $$ ; ' $$, 'it\\'s;' // not; here\n FROM t"],
    "trino": ["SELECT \"a;b\", 'it''s;' FROM t -- ;"],
    "redshift": ["SELECT 'a\\\\', 'it''s;' FROM t"],
}


@pytest.mark.parametrize(("dialect", "sql"), [(name, sql) for name, all_of in HIDDEN.items() for sql in all_of])
def test_a_statement_cannot_hide_in_the_quotes_of_another_database(dialect: str, sql: str) -> None:
    with pytest.raises(ConfigError):
        checked_query(sql, dialect)


@pytest.mark.parametrize(("dialect", "sql"), [(name, sql) for name, all_of in FINE.items() for sql in all_of])
def test_the_quotes_and_comments_of_each_database_are_known(dialect: str, sql: str) -> None:
    assert "".join(checked_query(sql, dialect).split()) == "".join(sql.split())


SIGNS = st.lists(
    st.sampled_from(["'", '"', "`", "$", "$a$", "\\", "/*", "*/", "--", "#", "\n", ";", "[", "]", "x", " ", "E", "''"])
)


@given(SIGNS)
@settings(max_examples=50, deadline=None)
def test_what_duckdb_takes_as_two_statements_is_refused(signs: list[str]) -> None:
    sql = "SELECT 1 AS a " + "".join(signs)
    try:
        kept = checked_query(sql, "duckdb")
    except ConfigError:
        return
    try:
        found = duckdb.extract_statements(kept)
    except duckdb.Error:
        return

    assert [one.type for one in found] == [duckdb.StatementType.SELECT]


@given(SIGNS, st.sampled_from([*FINE, "sqlite", "oracle"]))
@settings(max_examples=50, deadline=None)
def test_nothing_of_a_query_is_lost_between_its_pieces(signs: list[str], dialect: str) -> None:
    sql = "".join(signs)
    try:
        found = list(pieces(sql, dialect))
    except ConfigError:
        return

    assert "".join(text for _, text in found) == sql
    assert all(text for _, text in found)
