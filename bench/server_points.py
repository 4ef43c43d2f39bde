"""Points to push, and the bodies that they can be pushed in."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from serving import SECOND, Server

MINUTE = 60 * SECOND
BODIES = ("arrow", "ndjson", "json", "csv", "influx")
TYPES = {
    "arrow": "application/vnd.apache.arrow.stream",
    "ndjson": "application/x-ndjson",
    "json": "application/json",
    "csv": "text/csv",
    "influx": "text/plain",
}


@dataclass(frozen=True)
class Points:
    """Series with a daily course and noise, a point a minute."""

    measures: tuple[str, ...]
    hosts: tuple[str, ...]

    @classmethod
    def of_measures(cls, names: list[str]) -> Points:
        """One series for each measure, without labels."""
        return cls(tuple(names), ())

    @classmethod
    def of_labels(cls, measure: str, count: int) -> Points:
        """Many series of one measure, told apart by the label host."""
        return cls((measure,) * count, tuple(f"host{i:06d}" for i in range(count)))

    @property
    def n_series(self) -> int:
        """How many series there are."""
        return len(self.measures)

    def at(self, start_ns: int, minutes: int) -> pl.DataFrame:
        """All series over some minutes: columns time, measure, host (when there are labels) and value."""
        minute = start_ns // MINUTE + np.arange(minutes)
        noise = np.random.default_rng(abs(int(minute[0]))).normal(0, 1, (minutes, self.n_series))
        values = 50 + 20 * np.sin(2 * np.pi * minute / 1440)[:, None] + noise
        columns = {
            "time": np.repeat((minute * MINUTE).astype("datetime64[ns]"), self.n_series),
            "measure": list(self.measures) * minutes,
            **({"host": list(self.hosts) * minutes} if self.hosts else {}),
            "value": values.ravel().round(3),
        }
        return pl.DataFrame(columns)


def body(kind: str, points: pl.DataFrame) -> bytes:
    """Write points as a body of one kind."""
    if kind == "arrow":
        sink = io.BytesIO()
        table = points.to_arrow(compat_level=pl.CompatLevel.oldest())
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue()
    if kind == "csv":
        return points.write_csv().encode()
    if kind == "influx":
        return _influx(points)
    labels = "host" in points.columns
    rows = [
        {
            "time": f"{time:%Y-%m-%dT%H:%M:%SZ}",
            "measure": measure,
            "value": value,
            **({"labels": {"host": rest[0]}} if labels else {}),
        }
        for time, measure, *rest, value in points.iter_rows()
    ]
    if kind == "json":
        return json.dumps({"points": rows}).encode()
    return "\n".join(map(json.dumps, rows)).encode()


def _influx(points: pl.DataFrame) -> bytes:
    labels = "host" in points.columns
    lines = points.select(
        pl.format(
            "{}{} value={} {}",
            pl.col("measure"),
            pl.format(",host={}", pl.col("host")) if labels else pl.lit(""),
            pl.col("value"),
            pl.col("time").dt.epoch("ns"),
        )
    )
    return "\n".join(lines.to_series().to_list()).encode()


def push(server: Server, source: str, kind: str, points: pl.DataFrame) -> None:
    """Send points to a source."""
    send(server, source, kind, body(kind, points))


def send(server: Server, source: str, kind: str, content: bytes) -> None:
    """Send a body to a source; every row of it must be taken."""
    headers = {"Content-Type": TYPES[kind]}
    answer = server.call("POST", "/points", params={"source": source}, content=content, headers=headers)
    if answer["rejected"]:
        raise SystemExit(f"{kind}: rows were not taken: {answer}"[:1000])
