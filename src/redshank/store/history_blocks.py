"""Small pieces of history as they stand in the database: one table in Arrow's stream format each.

Columns: ``series`` (int32), ``time`` (int64, ns), and any number of float64 columns, NaN = no value.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pyarrow as pa
import pyarrow.ipc as ipc

from redshank.errors import StateError
from redshank.store.records import Block

SERIES, TIME = "series", "time"
_PACKED = 4096  # bytes from which on packing pays
_FORMAT = pa.ipc.IpcWriteOptions(compression="lz4")
_PLAIN = pa.ipc.IpcWriteOptions()


def encode_block(frame: pl.DataFrame) -> Block:
    """Return a table of history as a block, for ``TickCommit.block``; it must have at least one row.

    Columns: ``series`` int32, ``time`` int64 ns, and float64 ones. For scores: ``score``, ``rarity``, and for each
    channel ``value.CHANNEL``, ``expected.CHANNEL``, ``lower.CHANNEL``, ``upper.CHANNEL``, ``share.CHANNEL``. All-NaN
    columns may be left out. No series may have two rows of one time.
    """
    others = [name for name in frame.columns if name not in (SERIES, TIME)]
    frame = frame.select(pl.col(SERIES).cast(pl.Int32), pl.col(TIME).cast(pl.Int64), pl.col(others).cast(pl.Float64))
    times = frame[TIME]
    return Block(
        start_ns=int(times.min()),  # type: ignore[arg-type]
        end_ns=int(times.max()) + 1,  # type: ignore[arg-type]
        rows=len(frame),
        data=_written(frame),
    )


def _written(frame: pl.DataFrame) -> bytes:
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema, options=_FORMAT if table.nbytes >= _PACKED else _PLAIN) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def decode_blocks(blocks: Sequence[bytes]) -> pl.DataFrame:
    """Return the rows of blocks one after the other; a column that one of them lacks is NaN there.

    Raises:
        StateError: a block is damaged.
    """
    try:
        tables = [ipc.open_stream(pa.py_buffer(data)).read_all() for data in blocks]
    except (pa.ArrowException, OSError) as error:
        raise StateError(f"history: a block is damaged: {error}") from error
    return joined(tables)


def joined(tables: Sequence[pa.Table]) -> pl.DataFrame:
    """Return tables of history one after the other; a column that one of them lacks is NaN there."""
    if not tables:
        return pl.DataFrame(schema={SERIES: pl.Int32, TIME: pl.Int64})
    same = all(table.schema.equals(tables[0].schema) for table in tables)
    frame = pl.from_arrow(pa.concat_tables(tables, promote_options="none" if same else "default"))
    assert isinstance(frame, pl.DataFrame)
    return frame if same else frame.with_columns(pl.col(pl.Float64).fill_null(float("nan")))


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Return rows by series and time; of those of one series and time the last one only."""
    frame = frame.sort(SERIES, TIME, maintain_order=True)
    same = (frame[SERIES].diff(null_behavior="ignore") == 0) & (frame[TIME].diff(null_behavior="ignore") == 0)
    return frame.unique((SERIES, TIME), keep="last", maintain_order=True) if same.any() else frame
