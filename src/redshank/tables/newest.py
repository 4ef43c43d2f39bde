"""The newest time of tables, read in a stream of their times only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl

from redshank.errors import DataError
from redshank.panel import to_datetime, to_time
from redshank.sources.base import Query
from redshank.tables.points import TIME, Parsed
from redshank.tables.raw import RawTable


def newest_time(raws: Sequence[RawTable], query: Query) -> datetime | None:
    """Return the newest time of the tables within the range of ``query``; None when they hold none.

    Raises:
        DataError: a table has no time.
    """
    newest = [time for time in (_newest(raw, query) for raw in raws) if time is not None]
    return max(newest) if newest else None


def _newest(raw: RawTable, query: Query) -> datetime | None:
    parsed = Parsed.of(raw, query, in_stream=True)
    if not parsed.roles.clock.columns:
        raise DataError(f"{raw.where}: must have a column of times to know what is new", field="time")
    parsed.learn_times()
    limit = query.end if query.end is None else int(to_time(query.end).view("int64"))

    def last(points: pl.LazyFrame) -> pl.LazyFrame:
        return (points if limit is None else points.filter(pl.col(TIME) < limit)).select(pl.col(TIME).max())

    found = parsed.streamed(last).item()
    return None if found is None else to_datetime(np.datetime64(int(found), "ns"))
