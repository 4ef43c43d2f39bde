"""SQLite as the database: a file in the data folder, written ahead (WAL), each commit on disk before it counts."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from redshank.store.database import BEGIN

FILE = "redshank.db"
BUSY_SECONDS = 30
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=OFF",
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-4096",
)


def sqlite_engine(path: Path, *, may_make: bool) -> Engine:
    """Return the engine of a file; without ``may_make`` the file must be there."""
    mode = "rwc" if may_make else "rw"
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connection(path, mode),
        poolclass=QueuePool,
        pool_size=20,
        max_overflow=20,
        pool_timeout=BUSY_SECONDS,
        pool_use_lifo=True,  # each connection has a cache of its own: use few
    )
    event.listen(engine, "begin", _begin)
    return engine


def _connection(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        for pragma in PRAGMAS:
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _begin(connection: Connection) -> None:
    options: dict[str, Any] = dict(connection.get_execution_options())
    connection.exec_driver_sql(f"BEGIN {options.get(BEGIN, 'IMMEDIATE')}")
