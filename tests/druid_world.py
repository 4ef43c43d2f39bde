"""Datasources of a real Druid, filled for a test."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any
from uuid import uuid4

import polars as pl

from redshank.sources.build import build_source
from redshank.sources.druid import DruidSource

BATCH_SECONDS = 120


def call(url: str, body: Any = None) -> Any:
    """POST JSON, or GET where there is none; return the answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def sql(url: str, statement: str) -> Any:
    """Return the rows of a statement."""
    return call(f"{url}/druid/v2/sql", {"query": statement})


class Filled:
    """A datasource of its own that holds some rows; ``time`` is a column of times."""

    def __init__(
        self, url: str, rows: pl.DataFrame, labels: tuple[str, ...], metrics: list[dict[str, str]], time: str = "time"
    ) -> None:
        self.url, self.name = url, f"redshank-{uuid4().hex[:8]}"
        self.rows = rows.with_columns(pl.col(time).dt.truncate("1ms"))  # Druid knows no smaller ones
        columns = [name for name in rows.columns if name != time]
        lines = rows.select(pl.col(time).dt.epoch("ms").alias("__time"), *columns).write_ndjson()
        self._load(lines, labels, metrics)

    def _load(self, lines: str, labels: tuple[str, ...], metrics: list[dict[str, str]]) -> None:
        overlord = sql(self.url, "SELECT server FROM sys.servers WHERE server_type = 'overlord'")[0]["server"]
        tasks = f"http://{overlord}/druid/indexer/v1/task"
        source = {"type": "inline", "data": lines}
        spec = {
            "dataSchema": {
                "dataSource": self.name,
                "timestampSpec": {"column": "__time", "format": "millis"},
                "dimensionsSpec": {"dimensions": [{"type": "string", "name": name} for name in labels]},
                "metricsSpec": metrics,
                "granularitySpec": {"segmentGranularity": "month", "queryGranularity": "none", "rollup": False},
            },
            "ioConfig": {"type": "index_parallel", "inputSource": source, "inputFormat": {"type": "json"}},
            "tuningConfig": {"type": "index_parallel", "partitionsSpec": {"type": "dynamic"}},
        }
        task = call(tasks, {"type": "index_parallel", "spec": spec})["task"]
        self._wait(lambda: call(f"{tasks}/{task}/status")["status"]["statusCode"] != "RUNNING")
        assert call(f"{tasks}/{task}/status")["status"]["statusCode"] == "SUCCESS"
        self._wait(lambda: self._count() == len(self.rows))

    def _count(self) -> int:
        known = f"SELECT 1 FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = '{self.name}'"
        if not sql(self.url, known):
            return 0
        return int(sql(self.url, f'SELECT COUNT(*) AS n FROM "{self.name}"')[0]["n"])

    def _wait(self, is_done: Any) -> None:
        deadline = time.monotonic() + BATCH_SECONDS
        while not is_done():
            assert time.monotonic() < deadline, "Druid takes too long"
            time.sleep(0.2)

    def source(self, **options: Any) -> DruidSource:
        """Return a source of this datasource."""
        what = {} if "query" in options else {"table": self.name}
        source = build_source("druid", {"url": self.url, **what, **options})
        assert isinstance(source, DruidSource)
        return source

    def renamed(self, **options: Any) -> DruidSource:
        """Return a source of the same rows by a query in which the time is called ``time``."""
        columns = ", ".join(f'"{name}"' for name in self.rows.columns if name != "time")
        return self.source(query=f'SELECT __time AS "time", {columns} FROM "{self.name}"', **options)


def doubles(*names: str) -> list[dict[str, str]]:
    """Return metrics that keep numbers as they are."""
    return [{"type": "doubleSum", "name": name, "fieldName": name} for name in names]
