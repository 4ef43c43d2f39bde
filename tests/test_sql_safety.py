"""A source of SQL only reads, ends in time, says what is wrong, and tells no secret; on files of SQLite."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.sql_world import N, loads, source, values

from redshank.errors import ConfigError, DataError, MissingExtraError, SourceError
from redshank.sources.base import Query
from redshank.sources.build import build_source, check_source_options, redacted, secret_fields
from redshank.specs.options import HIDDEN, Access


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A file with the table cpu."""
    return loads(tmp_path)


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
    with pytest.raises(MissingExtraError, match="pip install"):
        build_source("sql", {"url": "oracle://h/d", "table": "a"})


def test_a_monitors_table_takes_the_place_of_the_sources_query(database: Path) -> None:
    built = build_source("sqlite", {"url": f"sqlite:///{database}", "query": "SELECT 1"}, {"table": "loads"})

    assert len(values(built.read(Query()).panels)) == N


# ------------------------------------------------------------------ secrets


def test_a_password_in_the_address_is_taken_out_of_it() -> None:
    kept = check_source_options("sql", {"url": "postgresql://me:tulip%40@h:1/d?sslmode=require"})

    assert kept == {"url": "postgresql://me@h:1/d?sslmode=require", "password": "tulip@"}
    assert redacted("sql", kept)["password"] == HIDDEN
    assert secret_fields("sql") == ("password",)
