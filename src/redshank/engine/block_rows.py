"""The score history as the blocks of ticks hold it."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pyarrow as pa
import pyarrow.ipc as ipc
from sqlalchemy import select

from redshank.store.store import Store
from redshank.store.tables import score_blocks


class BlockRows:
    """Reads the blocks of a store."""

    def __init__(self, store: Store) -> None:
        """Read those of ``store``."""
        self._store = store

    def read(self, owner: str, series: Sequence[int] | None, start_ns: int, end_ns: int, /) -> pl.DataFrame:
        """Return the rows of these series (None = all) of a monitor with start <= t < end, by series and time."""
        c = score_blocks.c
        query = select(c.data).where(c.owner == owner, c.start_ns < end_ns, c.end_ns > start_ns).order_by(c.id)
        with self._store.database.read() as connection:
            blocks = list(connection.execute(query).scalars())
        tables = [ipc.open_stream(pa.py_buffer(block)).read_all() for block in blocks]
        if not tables:
            return pl.DataFrame(schema={"series": pl.Int32, "time": pl.Int64})
        frame = pl.from_arrow(pa.concat_tables(tables, promote_options="default"))
        assert isinstance(frame, pl.DataFrame)
        inside = (pl.col("time") >= start_ns) & (pl.col("time") < end_ns)
        wanted = inside if series is None else inside & pl.col("series").is_in(list(series))
        return frame.filter(wanted).sort("series", "time")
