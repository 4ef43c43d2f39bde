"""Speed of pushed points and of the history on one core: processor time of this process, best of several.

python bench/push.py                 # decode and keep a push, read a tick of 100,000 series, chart a million points
python bench/push.py --points 1000000
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import zstandard

from printing import Row, machine, seconds_of, show, told, write_json
from redshank.engine.pushed import PushedSource
from redshank.push.decode import decode
from redshank.sources.base import Query
from redshank.store.history import encode_block
from redshank.store.store import Store

START = 1_769_860_800_000_000_000
TICK = 60_000_000_000
RUNS = 3
WIDE_SERIES = 100_000
LONG_POINTS = 1_000_000


def table(n_points: int, n_series: int) -> pl.DataFrame:
    """One point a minute of each series, tick by tick."""
    noise = np.random.default_rng(1)
    number = np.arange(n_points)
    hosts = pl.Series([f"host-{i:06d}" for i in range(n_series)]).gather(number % n_series)
    times = pl.Series(START + number // n_series * TICK).cast(pl.Datetime("ns", "UTC"))
    return pl.DataFrame({"time": times, "host": hosts, "cpu": np.round(50 + 10 * noise.normal(size=n_points), 3)})


def bodies(points: pl.DataFrame) -> dict[str, tuple[bytes, str, str | None]]:
    """The same points in each format: body, content type, encoding."""
    narrow = points.select(
        measure=pl.lit("cpu"), labels=pl.struct("host"), time=pl.col("time").dt.epoch("ms"), value="cpu"
    )
    wide = points.with_columns(pl.col("time").dt.to_string("iso:strict").str.replace(r"\+00:00$", "Z"))
    lines = points.select(
        pl.format("cpu,host={} value={} {}", "host", "cpu", pl.col("time").dt.epoch("ns")).alias("line")
    )
    stream = io.BytesIO()
    points.write_ipc_stream(stream)
    arrow = stream.getvalue()
    return {
        "Arrow": (arrow, "application/vnd.apache.arrow.stream", None),
        "Arrow, zstd": (zstandard.compress(arrow), "application/vnd.apache.arrow.stream", "zstd"),
        "CSV": (points.write_csv().encode(), "text/csv", None),
        "NDJSON, a wide row": (wide.write_ndjson().encode(), "application/x-ndjson", None),
        "NDJSON, a point a row": (narrow.write_ndjson().encode(), "application/x-ndjson", None),
        "JSON, a point a row": (b"[" + narrow.write_ndjson().encode().strip().replace(b"\n", b",") + b"]", "", None),
        "line protocol": ("\n".join(lines["line"]).encode(), "text/plain", None),
    }


def peers(points: pl.DataFrame) -> dict[str, Callable[[], object]]:
    """What others take to make a table of the same body, and no more."""
    made = bodies(points)
    arrow, csv, rows = (made[name][0] for name in ("Arrow", "CSV", "NDJSON, a point a row"))
    return {
        "polars.read_ipc_stream": lambda: pl.read_ipc_stream(io.BytesIO(arrow)),
        "polars.read_csv": lambda: pl.read_csv(csv, try_parse_dates=True),
        "polars.read_ndjson": lambda: pl.read_ndjson(rows),
        "json.loads of each line": lambda: [json.loads(line) for line in rows.splitlines()],
    }


def peer_rows(n_points: int, n_series: int) -> list[Row]:
    """The speed of each peer."""
    found = peers(table(n_points, n_series))
    return [{"peer": name, "decoded points/s": n_points / best(found[name])} for name in told("peer", found)]


def best(work: Callable[[], object]) -> float:
    """Return the least processor seconds of several runs."""
    return seconds_of(work, RUNS)


def push_rows(store: Store, n_points: int, n_series: int) -> list[Row]:
    """Decoding a body, and decoding and keeping it, of each format."""
    points = table(n_points, n_series)
    found = []
    made = bodies(points)
    for name in told(f"{n_series:,} series", made):
        body, kind, encoding = made[name]

        def read(body: bytes = body, kind: str = kind, encoding: str | None = encoding) -> object:
            return decode(body, kind or None, encoding, now_ns=START)

        def keep(body: bytes = body, kind: str = kind, encoding: str | None = encoding) -> None:
            store.points.append("bench", decode(body, kind or None, encoding, now_ns=START).points)

        keep()
        decoding, keeping = best(read), best(keep)
        store.points.remove("bench")
        found.append(
            {
                "format": name,
                "series": n_series,
                "bytes a point": len(body) / n_points,
                "decoded points/s": n_points / decoding,
                "decoded and kept points/s": n_points / keeping,
            }
        )
    return found


def tick_rows(store: Store) -> list[Row]:
    """A tick of very many series: pushed, read by a monitor, its scores kept, and all compacted."""
    body, kind, _ = bodies(table(WIDE_SERIES, WIDE_SERIES))["Arrow"]
    source, seconds = PushedSource(store.points, "wide"), {}
    end = np.datetime64(START + TICK, "ns").astype("datetime64[us]").item()
    query = Query(by=("host",), step=timedelta(minutes=1), end=end, closed=True)
    store.points.append("wide", decode(body, kind, now_ns=START).points)
    panel = source.read(query).panels[0]
    assert panel.values.shape == (WIDE_SERIES, 1, 1)
    seconds["push it (Arrow, decoded and kept)"] = best(
        lambda: store.points.append("wide", decode(body, kind, now_ns=START).points)
    )
    seconds["read it as a panel"] = best(lambda: source.read(query))
    scores = wide_scores(WIDE_SERIES, 1)
    seconds["keep its scores"] = best(lambda: _keep(store, "wide", scores))
    store.points.remove("wide")
    store.history.remove("wide")
    for i in range(8):
        _keep(store, "wide", wide_scores(WIDE_SERIES, 1, i))
    started = time.process_time()
    store.history.compact("wide")
    seconds["move its scores to a segment"] = (time.process_time() - started) / 8
    seconds["read one series of 8 ticks"] = best(lambda: store.history.read("wide", [5000], START, START + 10 * TICK))
    seconds["replay 8 ticks"] = (
        best(lambda: list(store.history.replay("wide", START, START + 10 * TICK, ["value"]))) / 8
    )
    return [{f"a tick of {WIDE_SERIES:,} series": what, "ms": 1000 * each} for what, each in seconds.items()]


def chart_rows(store: Store) -> list[Row]:
    """A chart of 2,000 points of a series of a million."""
    for first in range(0, LONG_POINTS, 200_000):
        _keep(store, "long", wide_scores(1, 200_000, first, seed=first))
        store.history.compact("long")
    end = START + LONG_POINTS * TICK
    assert len(store.history.read("long", [0], START, end)) == LONG_POINTS
    store.history.archive.files._overviews.clear()
    started = time.process_time()
    store.history.thinned("long", 0, START, end, 2000)
    cold = time.process_time() - started
    seconds = {
        "a chart of all, the first time": cold,
        "a chart of all, again": best(lambda: store.history.thinned("long", 0, START, end, 2000)),
        "a chart of the last 10,000": best(lambda: store.history.thinned("long", 0, end - 10_000 * TICK, end, 2000)),
        "all points": best(lambda: store.history.read("long", [0], START, end)),
    }
    return [{f"a series of {LONG_POINTS:,} points": what, "ms": 1000 * each} for what, each in seconds.items()]


def wide_scores(n_series: int, n_time: int, first: int = 0, seed: int = 0) -> pl.DataFrame:
    """Scores as a tick keeps them."""
    noise = np.random.default_rng(seed)
    size = n_series * n_time
    times = START + (first + np.arange(n_time)) * TICK
    names = ("score", "rarity", "value.value", "expected.value", "lower.value", "upper.value")
    return pl.DataFrame(
        {"series": np.repeat(np.arange(n_series, dtype=np.int32), n_time), "time": np.tile(times, n_series)}
        | {name: noise.normal(size=size) for name in names}
    )


def _keep(store: Store, owner: str, frame: pl.DataFrame) -> None:
    block = encode_block(frame)
    with store.database.write() as connection:
        store.history.archive.add(connection, owner, block)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=100_000, help="points of a body")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        pushed = push_rows(store, given.points, 1000) + push_rows(store, given.points, min(100_000, given.points))
        show("Pushed points, one core", pushed)
        others = peer_rows(given.points, 1000)
        show("The same bodies as tables by others", others)
        ticks, charts = tick_rows(store), chart_rows(store)
        show("A tick of many series, one core", ticks)
        show("A long series, one core", charts)
    print(machine())
    write_json(given.json, {"push": pushed, "peers": others, "tick": ticks, "chart": charts})


if __name__ == "__main__":
    main()
