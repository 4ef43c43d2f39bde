"""Scores of a tick as a piece of history: one row for each point that has a value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc

from redshank.engine.watch_answer import Advance
from redshank.store.records import Block

_PACKED_BYTES = 4096  # from which on packing pays
_PACKED = pa.ipc.IpcWriteOptions(compression="lz4")
_PLAIN = pa.ipc.IpcWriteOptions()


def score_block(advances: Sequence[Advance]) -> Block | None:
    """Return values and scores as a block in the format of the history; None when no point has a value.

    ``series`` is the row in the watch.
    """
    parts = [part for part in (score_columns(advance) for advance in advances) if len(part["time"])]
    if not parts:
        return None
    columns = parts[0] if len(parts) == 1 else {n: np.concatenate([part[n] for part in parts]) for n in parts[0]}
    table = pa.table({name: pa.array(column) for name, column in columns.items() if not _says_nothing(name, column)})
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema, options=_PACKED if table.nbytes >= _PACKED_BYTES else _PLAIN) as writer:
        writer.write_table(table)
    times = columns["time"]
    return Block(
        start_ns=int(times.min()), end_ns=int(times.max()) + 1, rows=len(times), data=sink.getvalue().to_pybytes()
    )


def score_columns(advance: Advance) -> dict[str, np.ndarray]:
    """Return the columns of the history: one row for each point that has a value."""
    scores, values = advance.scores, advance.values
    rows, at = np.nonzero(np.isfinite(values).any(axis=2))
    found: dict[str, np.ndarray] = {
        "series": rows.astype(np.int32),
        "time": scores.times.view(np.int64)[at],
        "score": scores.score[rows, at],
        "rarity": scores.rarity[rows, at],
    }
    for i, channel in enumerate(scores.channels):
        found[f"value.{channel}"] = values[rows, at, i]
        for name in ("expected", "lower", "upper", "share"):
            array = getattr(scores, name)
            if array is not None:
                found[f"{name}.{channel}"] = array[rows, at, i]
    return found


def _says_nothing(name: str, column: np.ndarray) -> bool:
    """Whether a column of numbers has none; the score stays, so that the format is always the same."""
    return name not in ("series", "time", "score") and not name.startswith("value.") and bool(np.isnan(column).all())
