"""Rows of one bucket to one value, inside the stream that reads them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from redshank.panel import Floats, to_datetime, to_time
from redshank.tables.zones import to_utc

_DAY = 86_400_000_000_000
_MONDAY = 4 * _DAY  # 1970-01-05
RECENT_STEPS = 3  # how much before the newest time is looked at to tell whether the last bucket is full
ZERO_WHEN_EMPTY = ("count", "sum", "cardinality")


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
    def origin(self) -> int:
        """Start of the bucket numbered 0, in nanoseconds of UTC, or of the local clock where there is ``tz``."""
        return _MONDAY if self.step % (7 * _DAY) == 0 else 0

    def index(self, utc: pl.Expr) -> pl.Expr:
        """Return the number of the bucket that UTC nanoseconds fall into."""
        if self.tz:
            zoned = utc.cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone(self.tz)
            utc = zoned.dt.replace_time_zone(None).dt.epoch("ns")
        return (utc - self.origin).floordiv(self.step)

    def starts(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the UTC nanoseconds at which buckets start."""
        local = index * self.step + self.origin
        if not self.tz:
            return local
        return to_utc(local, np.arange(len(local), dtype=np.int32), self.tz).times

    def indices(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of the buckets that UTC nanoseconds fall into."""
        found = pl.DataFrame({"t": times}).select(self.index(pl.col("t"))).to_series()
        return found.to_numpy().astype(np.int64)

    def end_of(self, time: int) -> int:
        """Return the UTC nanoseconds at which the bucket of a time ends."""
        return int(self.starts(self.indices(np.array([time], np.int64)) + 1)[0])

    def bounds(
        self, start: datetime | None, end: datetime | None, *, is_wider: bool = True
    ) -> tuple[datetime | None, datetime | None]:
        """Return a range of whole buckets: those that it touches, else (not ``is_wider``) those that lie within it.

        An open end stays open. Within may be empty: start >= end.
        """
        return self._edge(start, is_up=not is_wider), self._edge(end, is_up=is_wider)

    def _edge(self, moment: datetime | None, *, is_up: bool) -> datetime | None:
        if moment is None:
            return None
        time = to_time(moment).astype("datetime64[ns]").view(np.int64)
        index = self.indices(np.array([time], np.int64))
        start = int(self.starts(index)[0])
        edge = int(self.starts(index + 1)[0]) if is_up and start < time else start
        return to_datetime(np.datetime64(edge, "ns"))


def aggregate(agg: str, value: str, time: str) -> pl.Expr:
    """Return the aggregate of a float column (null = no value) over the rows of a bucket, null when it has none.

    ``variance`` and ``std`` are those of a sample (n - 1), missing for a single value. ``pNN`` interpolates linearly.
    ``first`` and ``last`` go by time, and by the order of rows at equal times. ``cardinality`` is the number of
    different values; these may be text.
    """
    column = pl.col(value)
    if agg == "count":
        return column.count().cast(pl.Float64)
    if agg == "cardinality":
        return column.drop_nulls().n_unique().cast(pl.Float64)
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
    recent = points.filter(pl.col(time) > last_time - RECENT_STEPS * step).select(time).unique()
    return reaches_end(recent.collect(engine="streaming")[time].drop_nulls().to_numpy(), bucket_end)


def reaches_end(times: NDArray[np.int64], bucket_end: int) -> bool:
    """Whether data reaches the end of its last bucket, told by its times of the last ``RECENT_STEPS`` steps.

    ``times``: nanoseconds of UTC in any order, of all series, more than once or not.
    """
    times = np.unique(times)
    if len(times) and int(times[-1]) >= bucket_end:
        return True
    differences = np.diff(times)
    if not len(differences):
        return False
    usual = float(np.median(differences))
    is_regular = float(np.quantile(differences, 0.25)) >= 0.75 * usual and float(differences.min()) >= 0.5 * usual
    return is_regular and int(times[-1]) + 1.25 * usual >= bucket_end
