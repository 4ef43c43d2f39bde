"""Small files that the examples in the documentation name, written beside them before they run."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

START = datetime(2024, 5, 6, tzinfo=UTC)


WRITTEN = {  # as the page of the server's quick start shows them
    "points.csv": """\
time,pressure,flow
2026-05-06T12:00:00Z,4.2,17
2026-05-06T12:01:00Z,4.3,16
""",
    "redshank.yaml": """\
monitors:
  - name: hosts
    path: hosts.csv
""",
    "rig.yaml": """\
sources:
  - {name: rig, kind: push}
sinks:
  - {name: log, kind: event_log, path: events.jsonl}
monitors:
  - name: rig
    source: rig
    step: 1m
    sinks: [log]
""",
}


def _daily(count: int, per_day: int, seed: int) -> np.ndarray:
    """A daily wave with noise and one blatant fault at three quarters."""
    random = np.random.default_rng(seed)
    values = 40 + 15 * np.sin(2 * np.pi * np.arange(count) / per_day) + random.normal(0, 1, count)
    values[count * 3 // 4 : count * 3 // 4 + 6] += 45
    return values


def _table(header: str, rows: list[str]) -> str:
    return "\n".join([header, *rows]) + "\n"


def _cpu() -> str:
    times = [START + timedelta(minutes=10) * i for i in range(2016)]
    values = _daily(2016, 144, 1)
    return _table(
        "time,cpu", [f"{time:%Y-%m-%dT%H:%M:%SZ},{value:.2f}" for time, value in zip(times, values, strict=True)]
    )


def _hosts(hosts: str = "abc") -> str:
    columns = {host: (_daily(1000, 144, 2 + i), _daily(1000, 144, 12 + i)) for i, host in enumerate(hosts)}
    rows = [
        f"{START + timedelta(minutes=10) * i:%Y-%m-%dT%H:%M:%SZ},{host},{cpu[i]:.2f},{mem[i]:.2f}"
        for i in range(1000)
        for host, (cpu, mem) in columns.items()
    ]
    return _table("time,host,cpu,mem", rows)


def _orders() -> str:
    random = np.random.default_rng(4)
    seconds = np.sort(random.uniform(0, 21 * 86400, 6000))
    rows = [
        f"{START + timedelta(seconds=float(second)):%Y-%m-%d %H:%M:%S},{'north' if i % 3 else 'south'},{amount:.2f}"
        for i, (second, amount) in enumerate(zip(seconds, random.gamma(2, 20, 6000), strict=True))
    ]
    return _table("created_at,shop,amount", rows)


def _rig() -> str:
    sensors = [_daily(1500, 100, seed) for seed in (21, 22, 23)]
    rows = [
        f"{START + timedelta(seconds=i):%Y-%m-%d %H:%M:%S};{sensors[0][i]:.3f};{sensors[1][i]:.3f};{sensors[2][i]:.3f}"
        for i in range(1500)
    ]
    return _table("time;pressure;flow;temperature", rows)


def _druid() -> str:
    values = _daily(1000, 288, 31)
    return json.dumps(
        [
            {"timestamp": f"{START + timedelta(minutes=5) * i:%Y-%m-%dT%H:%M:%S.000Z}", "result": {"bytes": value}}
            for i, value in enumerate(values.round(1).tolist())
        ]
    )


def write_all(folder: Path) -> None:
    """Write every file into ``folder``: what CONTRIBUTING.md lists."""
    import polars as pl

    files = WRITTEN | {"cpu.csv": _cpu(), "hosts.csv": _hosts(), "orders.csv": _orders(), "rig.csv": _rig()}
    for name, text in files.items():
        (folder / name).write_text(text)
    pl.read_csv(folder / "orders.csv", try_parse_dates=True).write_parquet(folder / "orders.parquet")
    with closing(sqlite3.connect(folder / "orders.db")) as database, database:
        database.execute("CREATE TABLE orders (created_at TEXT, shop TEXT, amount REAL)")
        orders = [line.split(",") for line in _orders().splitlines()[1:]]
        database.executemany("INSERT INTO orders VALUES (?, ?, ?)", orders)
    (folder / "druid.json").write_text(_druid())
    (folder / "logs").mkdir()
    for host in "ab":
        (folder / "logs" / f"{host}.csv.gz").write_bytes(gzip.compress(_hosts(host).encode()))
