"""Reads of PostgreSQL: raw rows beside ConnectorX, buckets beside the bare SQL, and the memory that raw rows take."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from printing import Row
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
        connection.execute(f"CREATE INDEX ON {TABLE} USING brin (time)")
    connection.execute(_FILL.format(table=TABLE, first=first + 1, last=last))  # type: ignore[arg-type]
    connection.execute(f"VACUUM ANALYZE {TABLE}")


class Server:
    """Processor time of a PostgreSQL server on this machine, all its processes together."""

    def __init__(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            assert row is not None
            self.pid = int(_stat(row[0])[1])

    def seconds(self) -> float:
        """Return what it has used so far, with its processes that have ended."""
        ticks = sum(map(int, _stat(self.pid)[11:15]))
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                stat = _stat(int(folder.name))
            except OSError:
                continue  # it has ended
            if int(stat[1]) == self.pid:
                ticks += sum(map(int, stat[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name, "state" first."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()


def _beside(url: str, ours: Callable[[], object], theirs: Callable[[], object]) -> dict[str, float]:
    """The least times of either, in turns: on the clock, and of the processor for client and server together."""
    server = Server(url)
    clock: tuple[list[float], list[float]] = ([], [])
    used: tuple[list[float], list[float]] = ([], [])
    ours()
    for _ in range(RUNS):
        for i, work in enumerate((ours, theirs)):
            begun, before = time.perf_counter(), time.process_time() + server.seconds()
            work()
            clock[i].append(time.perf_counter() - begun)
            time.sleep(0.2)  # until the processes of the server have ended
            used[i].append(time.process_time() + server.seconds() - before)
    wall, processor = [min(times) for times in clock], [min(times) for times in used]
    return {
        "s": wall[0],
        "peer s": wall[1],
        "processor s": processor[0],
        "peer processor s": processor[1],
        "ratio": wall[0] / wall[1],
        "processor ratio": processor[0] / processor[1],
    }


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
        found.append({"read": f"{rows:,} rows, {kind}", "peer": "ConnectorX to a table", **_beside(url, ours, theirs)})
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

        found.append({"read": f"{bare} of {rows:,} rows", "peer": "the bare SQL", **_beside(url, ours, theirs)})
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
