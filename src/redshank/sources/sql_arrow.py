"""Answers in Arrow to the same columns as rows give (sql_rows.py), for drivers that hand them over."""

from __future__ import annotations

from typing import Any

import polars as pl


def arrow_portion(batch: Any) -> pl.DataFrame:
    """Return a batch or table of Arrow: whole numbers as int64, others as float64, times in UTC, what is left as text.

    Columns of bytes and nested values are text too, as no one asks for them.
    """
    frame = pl.from_arrow(batch)
    assert isinstance(frame, pl.DataFrame)
    return frame.with_columns(plain(column) for column in frame.get_columns())


def plain(column: pl.Series) -> pl.Series:
    """Return a column with the type that the same values have as rows."""
    dtype = column.dtype
    if dtype in (pl.String, pl.Boolean, pl.Date, pl.Time, pl.Int64, pl.Float64, pl.Null):
        return column
    if dtype.is_integer():
        whole = column.cast(pl.Int64, strict=False)
        return whole if whole.null_count() == column.null_count() else column.cast(pl.Float64)
    if dtype.is_numeric():
        return column.cast(pl.Float64)
    if isinstance(dtype, pl.Datetime):
        return column.cast(pl.Datetime("us", "UTC" if dtype.time_zone else None))
    if isinstance(dtype, pl.Duration):
        return column.cast(pl.Duration("us")).cast(pl.Int64) / 1e6
    if dtype in (pl.Categorical, pl.Enum):
        return column.cast(pl.String)
    return pl.Series(column.name, [None if value is None else str(value) for value in column.to_list()], pl.String)
