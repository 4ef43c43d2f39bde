"""Rows of Druid to panels, beside curl and a JSON parser; the datasource is made first where it is missing."""

from __future__ import annotations

import argparse
import json
import subprocess
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from redshank.sources.base import Query
from redshank.sources.build import build_source

REPEATS = 3
LOADED_SECONDS = 300


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--url", default="http://127.0.0.1:18082", help="of the broker")
    parser.add_argument("--rows", type=int, default=1_000_000)


def measure(options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """Return the least times of three."""
    name = f"bench-{options.rows}"
    _fill(options.url, name, options.rows)
    source = build_source("druid", {"url": options.url, "table": name})
    asked = Query(measures=("load",), by=("host",))
    sql = f'SELECT TIMESTAMP_TO_MILLIS(__time) AS t, host, "load" FROM "{name}"'
    title = f"{options.rows:,} rows to panels"
    return {"Druid": [_compared(title, lambda: source.read(asked), options.url, sql)]}


def _compared(title: str, read: Any, url: str, sql: str) -> dict[str, Any]:
    ours, peer = [], []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        read()
        ours.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        _curl(url, sql)
        peer.append(time.perf_counter() - begun)
    return {"read": title, "s": min(ours), "curl + json s": min(peer), "ratio": min(ours) / min(peer), "aim": "<= 1.5"}


def _curl(url: str, sql: str) -> None:
    body = json.dumps({"query": sql, "resultFormat": "objectLines"})
    command = ["curl", "-fsS", f"{url}/druid/v2/sql", "-H", "Content-Type: application/json", "-d", body]
    answer = subprocess.run(command, capture_output=True, check=True).stdout
    [json.loads(line) for line in answer.splitlines() if line]


def _fill(url: str, name: str, n: int) -> None:
    """Make the datasource of rows of 50 hosts, one a second; the server must see this machine's files."""
    if name in _call(f"{url}/druid/v2/datasources"):
        return
    chance = np.random.default_rng(1)
    times = 1_704_067_200_000 + np.arange(n) * 1000
    hosts = pl.Series(chance.integers(0, 50, n)).cast(pl.String)
    rows = pl.DataFrame({"__time": times, "host": "web-" + hosts, "load": chance.normal(size=n).round(4)})
    with TemporaryDirectory() as folder:
        path = Path(folder, "rows.json")
        rows.write_ndjson(path)
        path.parent.chmod(0o755)
        _load(url, name, str(path), n)


def _load(url: str, name: str, path: str, n: int) -> None:
    sql = {"query": "SELECT server FROM sys.servers WHERE server_type = 'overlord'"}
    overlord = _call(f"{url}/druid/v2/sql", sql)[0]["server"]
    spec = {
        "dataSchema": {
            "dataSource": name,
            "timestampSpec": {"column": "__time", "format": "millis"},
            "dimensionsSpec": {"dimensions": ["host"]},
            "metricsSpec": [{"type": "doubleSum", "name": "load", "fieldName": "load"}],
            "granularitySpec": {"segmentGranularity": "month", "queryGranularity": "none", "rollup": False},
        },
        "ioConfig": {
            "type": "index_parallel",
            "inputSource": {"type": "local", "files": [path]},
            "inputFormat": {"type": "json"},
        },
        "tuningConfig": {"type": "index_parallel", "partitionsSpec": {"type": "dynamic"}},
    }
    _call(f"http://{overlord}/druid/indexer/v1/task", {"type": "index_parallel", "spec": spec})
    deadline = time.monotonic() + LOADED_SECONDS
    while name not in _call(f"{url}/druid/v2/datasources") or _count(url, name) < n:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} was not loaded within {LOADED_SECONDS} s")
        time.sleep(1)


def _count(url: str, name: str) -> int:
    return int(_call(f"{url}/druid/v2/sql", {"query": f'SELECT COUNT(*) AS n FROM "{name}"'})[0]["n"])


def _call(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)
