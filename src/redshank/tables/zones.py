"""Local clock times to UTC, daylight saving nights included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Integers = NDArray[np.int64]
_HOUR = 3_600_000_000_000
_DAY = 24 * _HOUR


@dataclass(frozen=True)
class Localised:
    """UTC nanoseconds, and how many times were ambiguous (the hour that comes twice) or do not exist."""

    times: Integers
    ambiguous: int
    nonexistent: int

    def notes(self, tz: str) -> list[str]:
        """Return what was done, for people."""
        notes = []
        if self.ambiguous:
            notes.append(
                f"{self.ambiguous:,} times fall into the hour that comes twice in {tz}; the second pass was told from "
                "the first by the order of the rows"
            )
        if self.nonexistent:
            notes.append(f"{self.nonexistent:,} times do not exist in {tz} (clocks went forward); moved on by the gap")
        return notes


def to_utc(local: Integers, series: NDArray[np.int32], tz: str) -> Localised:
    """Convert local clock times, nanoseconds in the order of the rows, of rows that belong to ``series``.

    In the hour that comes twice, a row is in the second pass when its series was already seen at that time, or when
    the clock of its series has gone back since. A time that is skipped is read with the offset before the change.
    """
    clock = pl.Series(local).cast(pl.Datetime("ns"))
    earliest = _localised(clock, tz, "earliest")
    latest = _localised(clock, tz, "latest")
    first, second = earliest.to_numpy(), latest.to_numpy()
    missing = earliest.is_null().to_numpy()
    times = np.where(missing, 0, np.nan_to_num(first)).astype(np.int64) if missing.any() else first.astype(np.int64)
    if missing.any():
        before = _localised(
            (clock.filter(pl.Series(missing)).cast(pl.Int64) - _DAY).cast(pl.Datetime("ns")), tz, "latest"
        )
        times[missing] = before.fill_null(0).to_numpy() + _DAY
    twice = np.flatnonzero(~missing & (first != second))
    if len(twice):
        again = _second_pass(local[twice], series[twice])
        times[twice[again]] = second[twice[again]]
    return Localised(times, len(twice), int(missing.sum()))


def _localised(clock: pl.Series, tz: str, ambiguous: str) -> pl.Series:
    return clock.dt.replace_time_zone(tz, ambiguous=ambiguous, non_existent="null").cast(pl.Int64)  # type: ignore[arg-type]


def _second_pass(local: Integers, series: NDArray[np.int32]) -> NDArray[np.bool_]:
    rows = pl.DataFrame({"t": local, "s": series}).with_columns(night=pl.col("t") // _DAY)
    again = rows.select(
        (pl.int_range(pl.len()).over("s", "t") > 0)
        | ((pl.col("t") < pl.col("t").shift(1)).fill_null(False).cum_sum().over("s", "night") > 0)
    )
    return again.to_series().to_numpy()


def utc_expression(local: pl.Expr, tz: str) -> pl.Expr:
    """Return UTC nanoseconds of local ones inside a stream: the hour that comes twice is read as its first pass."""

    def at(clock: pl.Expr) -> pl.Expr:
        zoned = clock.cast(pl.Datetime("ns")).dt.replace_time_zone(tz, ambiguous="earliest", non_existent="null")
        return zoned.cast(pl.Int64)

    return at(local).fill_null(at(local - _DAY) + _DAY)
