"""An InfluxDB 1 for tests: rows of a table as a measurement of a database of its own."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import httpx2
import polars as pl

from prometheus_world import as_kept
from redshank.sinks.influx_lines import head, line
from redshank.sources.build import build_source
from redshank.sources.influxdb import InfluxdbSource

TABLE = 'points "of" a\\b/c'


class Filled:
    """A database with rows in it; ``rows`` as it has them: without NaN, which it cannot hold."""

    def __init__(self, url: str, rows: pl.DataFrame, labels: Sequence[str], measures: Sequence[str]) -> None:
        self.url, self.database = url, f"test_{uuid.uuid4().hex}"
        floats = [name for name in measures if rows[name].dtype.is_float()]
        self.rows = as_kept(rows.with_columns(pl.col(floats).fill_nan(None)), labels, measures)
        self.ask(f'CREATE DATABASE "{self.database}"')
        lines = []
        for row in self.rows.with_columns(pl.col("time").dt.epoch("ns")).to_dicts():
            start = head(TABLE, {name: row[name] or "" for name in labels})
            lines.append(line(start, [(name, row[name]) for name in measures], row["time"]) or "")
        for first in range(0, len(lines), 100_000):  # the server takes no request that is too large
            content = "\n".join(lines[first : first + 100_000]).encode()
            answer = httpx2.post(f"{url}/write", params={"db": self.database}, content=content, timeout=60)
            assert answer.status_code == 204, answer.text

    def ask(self, statement: str) -> None:
        answer = httpx2.post(f"{self.url}/query", data={"q": statement}, timeout=60)
        assert "error" not in answer.text, answer.text

    def drop(self) -> None:
        self.ask(f'DROP DATABASE "{self.database}"')

    def source(self, **options: object) -> InfluxdbSource:
        given = {"url": self.url, "database": self.database, "table": TABLE, "page_rows": 700, **options}
        built = build_source("influxdb", {name: value for name, value in given.items() if value is not None})
        assert isinstance(built, InfluxdbSource)
        return built
