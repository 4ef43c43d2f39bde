"""Whatever table a library hands over, as Polars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from redshank.errors import DataError


def native_table(frame: Any) -> pl.LazyFrame:
    """Return a table of any library as a lazy Polars frame; DataError when it is none."""
    if isinstance(frame, pl.LazyFrame):
        return frame
    if isinstance(frame, pl.Series):
        frame = frame.to_frame(frame.name or "value")
    if isinstance(frame, pl.DataFrame):
        return frame.lazy()
    if isinstance(frame, np.ndarray):
        return _array_table(frame).lazy()
    try:
        if isinstance(frame, Mapping):
            return pl.DataFrame(dict(frame), strict=False).lazy()
        if isinstance(frame, list | tuple):
            return _list_table(list(frame)).lazy()
        return _foreign_table(frame).lazy()
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise DataError(f"table: must be a table, an array or a dict of columns, got {type(frame).__name__}") from error


def _array_table(array: np.ndarray) -> pl.DataFrame:
    """A column for each series of an array (n_time,) or (n_series, n_time), or for each field of a record array."""
    if array.dtype.names:
        return pl.DataFrame({name: array[name] for name in array.dtype.names})
    if array.ndim not in (1, 2) or array.dtype.kind not in "biuf":
        raise DataError(f"array: must be numbers (n_time,) or (n_series, n_time), got {array.dtype} {array.shape}")
    if array.ndim == 1:
        return pl.DataFrame({"value": array.astype(np.float64)})
    return pl.DataFrame({f"series_{i}": row.astype(np.float64) for i, row in enumerate(array)})


def _list_table(rows: list[Any]) -> pl.DataFrame:
    if rows and all(isinstance(row, Mapping) for row in rows):
        return pl.DataFrame(rows, infer_schema_length=None, strict=False)
    return pl.DataFrame({"value": rows}, strict=False)


def _with_index_as_columns(frame: Any) -> Any:
    """A pandas table whose index holds labels or periods as one whose columns hold them, or whose index is times."""
    kind = type(getattr(frame, "index", None)).__name__
    if kind == "MultiIndex":
        return frame.reset_index()
    return frame.to_timestamp() if kind == "PeriodIndex" else frame


def _foreign_table(frame: Any) -> pl.DataFrame:
    import narwhals as nw

    frame = _with_index_as_columns(frame)
    native = nw.from_native(frame, allow_series=True)
    if isinstance(native, nw.Series):
        native = native.alias(native.name or "value").to_frame()
    pandas_index = getattr(frame, "index", None)
    eager = native.collect() if isinstance(native, nw.LazyFrame) else native
    table = eager.to_polars()
    if pandas_index is not None and type(pandas_index).__name__ == "DatetimeIndex":
        index = nw.from_native(pandas_index.to_series(), series_only=True).to_polars()
        name = pandas_index.name if isinstance(pandas_index.name, str) else "time"
        if name not in table.columns:
            table = table.insert_column(0, index.alias(name))
    return table
