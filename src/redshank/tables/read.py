"""Read a table into panels."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import polars as pl

from redshank.panel import Key, Panel
from redshank.sources.base import Findings, Query, Reading


def read_table(frame: Any, query: Query) -> Reading:
    """Return the panels of a pandas, Polars or Arrow table."""
    table = pl.DataFrame(nw.from_native(frame, eager_only=True).to_polars())
    time = query.time or table.columns[0]
    times = table[time].str.to_datetime() if table[time].dtype == pl.String else table[time]
    measures = query.measures or tuple(
        c for c in table.columns if table[c].dtype.is_numeric() and c not in (time, "label")
    )
    panel = Panel.of(
        [table[m].cast(pl.Float64).to_numpy() for m in measures],
        times.to_numpy(),
        keys=[Key.of(m) for m in measures],
    )
    findings = Findings(rows=len(table), time=time, measures=measures, step=panel.step, n_series=len(measures))
    return Reading([panel], findings)
