"""What tests of pushed bodies share: their media types, how they are read and written, a table to push."""

from __future__ import annotations

import io

import polars as pl
import pyarrow as pa
import pyarrow.ipc as ipc

from redshank.push.decode import decode
from redshank.push.points import Pushed

NOW = 1_800_000_000_000_000_007
JSON, NDJSON, CSV, LINES = "application/json", "application/x-ndjson", "text/csv", "text/plain"
STREAM, FILE = "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file"


def read(body: bytes | str, kind: str, **options: object) -> Pushed:
    return decode(body.encode() if isinstance(body, str) else body, kind, now_ns=NOW, **options)  # type: ignore[arg-type]


def stream(table: pl.DataFrame, compression: str = "uncompressed") -> bytes:
    written = io.BytesIO()
    table.write_ipc_stream(written, compression=compression)  # type: ignore[arg-type]
    return written.getvalue()


TABLE = pl.DataFrame(
    {"time": [1_700_000_000_000] * 3, "host": ["a", "b", None], "cpu": [1.5, 2.5, 3.5], "jobs": [2**53, 1, None]}
)


def written_file(table: pl.DataFrame, *, by_polars: bool) -> bytes:
    if by_polars:
        written = io.BytesIO()
        table.write_ipc(written, compression="lz4")
        return written.getvalue()
    sink = pa.BufferOutputStream()
    with ipc.new_file(sink, table.to_arrow().schema) as writer:
        writer.write_table(table.to_arrow())
    return sink.getvalue().to_pybytes()
