"""What tests of SQL sources share: times in many forms, a file of SQLite, and what it is asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from redshank.panel import Panel
from redshank.sources.build import build_source
from redshank.sources.sql import SqlSource

START = datetime(2024, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
N = 600

FORMS: dict[str, Callable[[datetime], Any]] = {
    "text": lambda t: t.strftime("%Y-%m-%d %H:%M:%S"),
    "text with T and Z": lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "text with fraction": lambda t: t.strftime("%Y-%m-%d %H:%M:%S.%f"),
    "text with offset": lambda t: (t + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S+02:00"),
    "text in local order": lambda t: t.strftime("%d.%m.%Y %H:%M"),
    "text to the minute": lambda t: t.strftime("%Y-%m-%d %H:%M"),
    "compact number": lambda t: int(t.strftime("%Y%m%d%H%M")),
    "compact text": lambda t: t.strftime("%Y%m%d%H%M%S"),
    "epoch s": lambda t: int(t.timestamp()),
    "epoch s with fraction": lambda t: t.timestamp(),
    "epoch ms": lambda t: int(t.timestamp() * 1000),
    "epoch ns": lambda t: int(t.timestamp()) * 1_000_000_000,
}
UNSORTED = {"text in local order"}


def loads(folder: Path) -> Path:
    """A file of loads of two hosts, a minute apart; with the number of the row, a note, and bytes."""
    path = folder / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE cpu (id INTEGER PRIMARY KEY, time TEXT, host TEXT, load REAL, mem INTEGER, raw BLOB)"
        )
        rows = [
            (FORMS["text"](START + i * MINUTE), host, i % 60 + offset, i, b"\x00")
            for i in range(N)
            for offset, host in enumerate(("a", "b"))
        ]
        connection.executemany("INSERT INTO cpu (time, host, load, mem, raw) VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute("CREATE TABLE empty_one (time TEXT, load REAL)")
        connection.execute("CREATE VIEW loads AS SELECT time, load FROM cpu WHERE host = 'a'")
    connection.close()
    return path


def source(path: Path, **options: Any) -> SqlSource:
    built = build_source("sql", {"url": f"sqlite:///{path}", **options})
    assert isinstance(built, SqlSource)
    return built


def asked(sql: SqlSource) -> list[str]:
    """Every statement that the database is asked from now on."""
    import sqlalchemy as sa

    heard: list[str] = []
    sa.event.listen(sql.engine, "before_cursor_execute", lambda *given: heard.append(f"{given[2]} {given[3]}"))
    return heard


def values(panels: list[Panel]) -> list[float]:
    return [float(value) for panel in panels for value in panel.values.ravel()]
