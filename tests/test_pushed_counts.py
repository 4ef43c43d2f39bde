"""Pushed points can be counted, whatever their values are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from redshank.engine.pushed import PushedSource
from redshank.sources.base import ROWS, Query
from redshank.store.store import Store

MINUTE = 60_000_000_000
START = 1_700_002_800_000_000_000


def test_the_rows_of_a_step_are_counted_by_label(tmp_path: Path) -> None:
    hosts = ["a", "b", "a", "a", "b", "a"]
    times = [START + i * MINUTE // 3 for i in range(len(hosts))]
    pushed = pl.DataFrame(
        {"measure": ["cpu"] * len(hosts), "time": times, "value": [7.0] * len(hosts), "l.host": hosts}
    )
    begin = datetime.fromtimestamp(START / 1e9, UTC)
    query = Query(
        measures=ROWS,
        agg="count",
        step=timedelta(minutes=1),
        by=("host",),
        start=begin,
        end=begin + timedelta(minutes=2),
        closed=True,
    )

    with Store.open(tmp_path) as store:
        store.points.append("pushed", pushed)
        (panel,) = PushedSource(store.points, "pushed").read(query).panels

    counts = {str(key): panel.values[i, :, 0].tolist() for i, key in enumerate(panel.keys)}
    assert counts == {"count{host=a}": [2, 2], "count{host=b}": [1, 1]}
