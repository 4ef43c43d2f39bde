"""Pushed points as Arrow, stream or file. The body is of strangers: sizes are checked before anything is unpacked."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.ipc as ipc

from redshank.errors import DataError
from redshank.push.arrow_sizes import MAGIC, check_sizes
from redshank.push.columns import MEASURE, Table, find_roles, read_columns
from redshank.push.points import LABEL, Intake
from redshank.push.rows import TIME_NAMES
from redshank.push.times import TimeReader

_DAMAGED = (pa.ArrowException, OSError, EOFError, UnicodeDecodeError, struct.error, pl.exceptions.PolarsError)


def read_arrow(body: bytes, intake: Intake, times: TimeReader) -> None:
    """Read all batches. NaN is a missing value, as null is; rows are numbered from 1.

    Raises:
        DataError: it is no Arrow, or a column is neither number, text, truth value nor time.
        TooLargeError: it unpacks to more than the limits allow.
    """
    buffer = pa.py_buffer(body)
    try:
        check_sizes(buffer, intake.limits)
        with ipc.open_file(buffer) if body.startswith(MAGIC) else ipc.open_stream(buffer) as opened:
            kinds = _kinds(opened.schema)
            number = 1
            for batch in _batches(opened):
                batch.validate(full=True)
                number += _read(batch, kinds, number, intake, times)
    except _DAMAGED as error:
        raise DataError(f"push: the body must be Arrow: {(str(error).splitlines() or ['?'])[0]}") from error


def _batches(opened: ipc.RecordBatchFileReader | ipc.RecordBatchStreamReader) -> Iterator[pa.RecordBatch]:
    if isinstance(opened, ipc.RecordBatchFileReader):
        yield from (opened.get_batch(i) for i in range(opened.num_record_batches))
    else:
        yield from opened


def _read(batch: pa.RecordBatch, kinds: dict[str, str], number: int, intake: Intake, times: TimeReader) -> int:
    """Add the points of a batch; return its number of rows."""
    frame = pl.from_arrow(batch)
    assert isinstance(frame, pl.DataFrame)
    frame = frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    if "labels" in frame.columns and frame["labels"].dtype == pl.Struct:
        named = frame["labels"].struct.unnest()
        frame = frame.drop("labels").with_columns(named.rename({name: LABEL + name for name in named.columns}))
    frame = frame.select(kinds.keys())
    numbers = np.arange(number, number + len(frame), dtype=np.int64)
    read_columns(Table(frame, numbers, lambda i: str(frame.row(i, named=True))), find_roles(kinds), intake, times)
    return len(frame)


def _kinds(schema: pa.Schema) -> dict[str, str]:
    """The kind of each column: number, text or none; DataError names one that is neither."""
    names = schema.names
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"push: column {twice!r} comes twice", field=twice)
    if "" in names:
        raise DataError("push: each column must have a name")
    kinds: dict[str, str] = {}
    for one in schema:
        if one.name == "labels" and pa.types.is_struct(one.type) and MEASURE in names:
            kinds |= {LABEL + inner.name: _kind(inner, "text") for inner in one.type}
        else:
            wanted = {MEASURE: "text", "value": "number"}.get(one.name) if MEASURE in names else None
            kinds[one.name] = _kind(one, "text" if wanted is None and one.name.startswith(LABEL) else wanted)
    if MEASURE in names:
        wrong = next((n for n, k in kinds.items() if k == "number" and n not in ("value", *TIME_NAMES)), None)
        if wrong is not None:
            raise DataError(f"push: column {wrong!r} must hold texts beside 'measure'", field=wrong)
    return kinds


def _kind(column: pa.Field, wanted: str | None) -> str:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    types = pa.types
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        found = "text"
    elif types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        found = "number"
    elif types.is_null(kind):
        found = "none"
    elif column.name in TIME_NAMES and (types.is_timestamp(kind) or types.is_date(kind)):
        return "time"
    else:
        raise DataError(
            f"push: column {column.name!r} must hold numbers or texts, got {column.type}", field=column.name
        )
    if wanted is not None and found not in (wanted, "none"):
        raise DataError(f"push: column {column.name!r} must hold {wanted}s, got {column.type}", field=column.name)
    return found
