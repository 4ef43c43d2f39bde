"""Reads of PostgreSQL: raw rows beside ConnectorX, buckets beside the bare SQL, and the memory that raw rows take."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg

from printing import Row, seconds_of
from redshank.sources.base import Query
from redshank.sources.build import build_source

TABLE = "redshank_bench"
RUNS = 3
_FILL = """
    INSERT INTO {table}
    SELECT '2024-01-01Z'::timestamptz + i * interval '100 ms', 'shop-' || i % 20, (i * 7919 % 100000) / 100.0, random()
    FROM generate_series({first}, {last}::bigint) i
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say where the server is, and how many rows to read."""
    parser.add_argument("--url", required=True, help="of a database in which a table may be made and dropped")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pushed-rows", type=int, default=10_000_000)
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)  # rows that a process of its own reads


def measure(options: argparse.Namespace) -> dict[str, list[Row]]:
    """Fill a table, read it, and drop it."""
    if options.memory_of:
        print(_peak_mb(options.url, options.memory_of))
        raise SystemExit
    with psycopg.connect(options.url, autocommit=True) as connection:
        try:
            _fill(connection, 0, options.rows)
            raw = _raw(options.url, options.rows)
            _fill(connection, options.rows, options.pushed_rows)
            memory = [_memory(options.url, rows) for rows in (options.rows, options.pushed_rows)]
            pushed = _pushed(options.url, options.pushed_rows)
        finally:
            connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
    return {"raw rows": raw, "memory of raw rows": memory, "buckets": pushed}


def _fill(connection: psycopg.Connection[Any], first: int, last: int) -> None:
    if first == 0:
        connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
        connection.execute(
            f"CREATE UNLOGGED TABLE {TABLE} (time timestamptz, shop text, amount numeric(10, 2), load float8)"
        )
    connection.execute(_FILL.format(table=TABLE, first=first + 1, last=last))  # type: ignore[arg-type]
    connection.execute(f"VACUUM ANALYZE {TABLE}")


def _beside(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """The least time on the clock of either, in turns: most of it is the server's."""
    found: tuple[list[float], list[float]] = ([], [])
    ours()
    for _ in range(RUNS):
        for work, times in zip((ours, theirs), found, strict=True):
            begun = time.perf_counter()
            work()
            times.append(time.perf_counter() - begun)
    return min(found[0]), min(found[1])


def _raw(url: str, rows: int) -> list[Row]:
    import connectorx

    found = []
    for column in ("amount", "load"):
        query = Query(measures=(column,), by=("shop",), time="time")
        sql = f"SELECT time, shop, {column} FROM {TABLE}"

        def ours(query: Query = query) -> object:
            return build_source("postgresql", {"url": url, "table": TABLE}).read(query)

        def theirs(sql: str = sql) -> object:
            return connectorx.read_sql(url, sql, return_type="polars")

        kind = "numeric" if column == "amount" else "float8"
        taken, peer = _beside(ours, theirs)
        found.append(
            {
                "read": f"{rows:,} rows, {kind}",
                "to panels s": taken,
                "processor s": seconds_of(ours, RUNS),
                "ConnectorX to a table s": peer,
                "its processor s": seconds_of(theirs, RUNS),
                "ratio": taken / peer,
            }
        )
    return found


def _pushed(url: str, rows: int) -> list[Row]:
    found = []
    for agg, bare in (("mean", "avg(load)"), ("sum", "sum(amount)"), ("max", "max(load)"), ("count", "count(load)")):
        column = "amount" if agg == "sum" else "load"
        sql = f"SELECT shop, date_bin('5 min', time, '1970-01-01Z') AS bucket, {bare} FROM {TABLE} GROUP BY 1, 2"
        query = Query(measures=(column,), by=("shop",), time="time", step=timedelta(minutes=5), agg=agg)

        def ours(query: Query = query) -> object:
            return build_source("postgresql", {"url": url, "table": TABLE}).read(query)

        def theirs(sql: str = sql) -> object:
            with psycopg.connect(url) as connection:
                return connection.execute(sql).fetchall()  # type: ignore[arg-type]

        taken, peer = _beside(ours, theirs)
        found.append(
            {"read": f"{bare} of {rows:,} rows", "to panels s": taken, "bare SQL s": peer, "ratio": taken / peer}
        )
    return found


def _memory(url: str, rows: int) -> Row:
    command = [sys.executable, __file__.replace("sources_postgresql", "sources"), "postgresql", "--url", url]
    done = subprocess.run([*command, "--memory-of", str(rows)], capture_output=True, text=True, check=True)
    return {"rows": rows, "peak MB": float(done.stdout)}


def _peak_mb(url: str, rows: int) -> float:
    """Memory at its most of a process that makes panels of raw rows."""
    import resource

    query = f"SELECT time, shop, load FROM {TABLE} LIMIT {rows}"
    source = build_source("postgresql", {"url": url, "query": query, "timeout": "10m"})
    source.read(Query(measures=("load",), by=("shop",), time="time"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
