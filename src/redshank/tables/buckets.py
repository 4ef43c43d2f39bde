"""Rows of one bucket to one value, inside the stream that reads them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from redshank.panel import Floats
from redshank.tables.zones import to_utc

_DAY = 86_400_000_000_000
_MONDAY = 4 * _DAY  # 1970-01-05
ZERO_WHEN_EMPTY = ("count", "sum")


@dataclass(frozen=True)
class Buckets:
    """Buckets of equal length, numbered by whole steps.

    They are aligned to the step in UTC; with ``tz``, those of whole days to local midnight. Whole weeks start on
    Monday.
    """

    step: int  # nanoseconds
    tz: str | None = None

    @classmethod
    def of(cls, step: timedelta, tz: str | None) -> Buckets:
        """Return the buckets of this length."""
        nanoseconds = step // timedelta(microseconds=1) * 1000
        return cls(nanoseconds, tz if nanoseconds % _DAY == 0 else None)

    @property
    def _origin(self) -> int:
        return _MONDAY if self.step % (7 * _DAY) == 0 else 0

    def index(self, utc: pl.Expr) -> pl.Expr:
        """Return the number of the bucket that UTC nanoseconds fall into."""
        if self.tz:
            zoned = utc.cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone(self.tz)
            utc = zoned.dt.replace_time_zone(None).dt.epoch("ns")
        return (utc - self._origin).floordiv(self.step)

    def starts(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the UTC nanoseconds at which buckets start."""
        local = index * self.step + self._origin
        if not self.tz:
            return local
        return to_utc(local, np.arange(len(local), dtype=np.int32), self.tz).times


def aggregate(agg: str, value: str, time: str) -> pl.Expr:
    """Return the aggregate of a float column (null = no value) over the rows of a bucket, null when it has none.

    ``variance`` and ``std`` are those of a sample (n - 1), missing for a single value. ``pNN`` interpolates linearly.
    ``first`` and ``last`` go by time, and by the order of rows at equal times.
    """
    column = pl.col(value)
    if agg == "count":
        return column.count().cast(pl.Float64)
    if agg in ("first", "last"):
        there = column.is_not_null()
        ordered = column.filter(there).sort_by(pl.col(time).filter(there), maintain_order=True)
        return ordered.first() if agg == "first" else ordered.last()
    if agg.startswith("p"):
        return column.quantile(float(agg[1:]) / 100, interpolation="linear")
    if agg in ("variance", "std"):
        return column.var(ddof=1) if agg == "variance" else column.std(ddof=1)
    simple = {"min": column.min(), "max": column.max(), "sum": column.sum(), "mean": column.mean()}
    return simple.get(agg, column.median())


def fill_empty(agg: str, cells: Floats) -> None:
    """Set empty buckets between the first and last one of each series to 0 where none means zero (in place)."""
    if agg not in ZERO_WHEN_EMPTY:
        return
    there = ~np.isnan(cells)
    begun = np.logical_or.accumulate(there, axis=1)
    goes_on = np.logical_or.accumulate(there[:, ::-1], axis=1)[:, ::-1]
    cells[begun & goes_on & ~there] = 0.0


def last_is_full(points: pl.LazyFrame, time: str, last_time: int, bucket_end: int, step: int) -> bool:
    """Whether the data reaches the end of its last bucket.

    A row of regular data stands for the time to the next one (a quarter more is granted for jitter); an event does not.
    """
    if last_time >= bucket_end:
        return True
    recent = points.filter(pl.col(time) > last_time - 3 * step).select(time).unique().sort(time)
    differences = np.diff(recent.collect(engine="streaming")[time].drop_nulls().to_numpy())
    if not len(differences):
        return False
    usual = float(np.median(differences))
    is_regular = float(np.quantile(differences, 0.25)) >= 0.75 * usual and float(differences.min()) >= 0.5 * usual
    return is_regular and last_time + 1.25 * usual >= bucket_end
