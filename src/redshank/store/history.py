"""The score history: every point of every monitor with its score and range, emitted once and never rewritten.

Columns: ``series`` (int32, ``StoredSeries.id``), ``time`` (int64, UTC ns), ``score``, ``rarity``, and for each channel
``value.CHANNEL``, ``expected.CHANNEL``, ``lower.CHANNEL``, ``upper.CHANNEL``, ``share.CHANNEL``; all float64, exact to
the bit, NaN = not known. Rows are written by ``LiveRecords.commit`` as ``TickCommit.block``, made by ``encode_block``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from redshank.panel import Floats
from redshank.store.database import Database
from redshank.store.history_archive import Archive, Ids
from redshank.store.history_blocks import SERIES, TIME, encode_block
from redshank.store.history_compact import NORMAL, Compacted, Sizes, compact, owners_to_compact
from redshank.store.history_files import SegmentFiles
from redshank.store.records import Fence, Segment
from redshank.store.tables import score_blocks
from redshank.thinning import thinned_indices

__all__ = ["Dense", "History", "encode_block"]
REPLAYED_ROWS = 2_000_000  # about as many are given at once by replay


@dataclass(frozen=True, eq=False)
class Dense:
    """Values of many series on the times that any of them has.

    ``series``: (n_series,) their numbers, rising. ``times``: (n_time,) UTC ns, rising. ``values``: (n_series, n_time,
    n_channels), NaN = no value. ``channels``: n_channels names.
    """

    series: NDArray[np.int32]
    times: NDArray[np.int64]
    values: Floats
    channels: tuple[str, ...]


class History:
    """The score history of all monitors. Used by any number of threads."""

    def __init__(self, database: Database, files: SegmentFiles) -> None:
        """``files``: where segments are."""
        self.archive = Archive(database, files, "scores", score_blocks)

    def read(
        self, monitor_id: str, series: Ids, start_ns: int, end_ns: int, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Return the rows of these series (numbers; None = all) with start <= t < end, by series, then time.

        ``columns``: beside series and time, of those that are there; None = all.

        Raises:
            TooLargeError: there are more than 20 million.
            StateError: a piece of the history is damaged.
        """
        return self.archive.read(monitor_id, series, start_ns, end_ns, columns)

    def thinned(self, monitor_id: str, series: int, start_ns: int, end_ns: int, n_points: int) -> pl.DataFrame:
        """Return at most ``n_points`` (>= 8) rows of one series that show its course, by time; all when they are few.

        The least and the greatest value and the greatest score of each stretch of time are among them, to the accuracy
        of 64 points at the borders of the stretches. Cost: some ms for a million points.
        """
        frame = self.archive.chart(monitor_id, series, start_ns, end_ns)
        return thinned_rows(frame, n_points)

    def last(self, monitor_id: str, series: Ids = None) -> pl.DataFrame:
        """Return the newest row of each of these series (None = of all that are in the newest piece), by series."""
        n_wanted = None if series is None else len(set(series))
        found: pl.DataFrame | None = None
        for frame in self.archive.newest_first(monitor_id, series):
            newest = frame.group_by(SERIES).last()
            if found is not None:
                both = pl.concat([found, newest], how="diagonal").sort(SERIES, TIME)
                newest = both.group_by(SERIES).last().with_columns(pl.col(pl.Float64).fill_null(float("nan")))
            found = newest
            if n_wanted is None or len(found) == n_wanted:
                break
        return pl.DataFrame(schema={SERIES: pl.Int32, TIME: pl.Int64}) if found is None else found.sort(SERIES)

    def replay(
        self, monitor_id: str, start_ns: int, end_ns: int, channels: Sequence[str], rows: int = REPLAYED_ROWS
    ) -> Iterator[Dense]:
        """Yield the values of all series with start <= t < end, in stretches of time one after the other.

        Each holds about ``rows`` points, but at least one time. Nothing is yielded for a stretch without rows.
        """
        names = [f"value.{channel}" for channel in channels]
        whole = self.archive.range_of(monitor_id)
        if whole is None:
            return
        start_ns, end_ns = max(start_ns, whole[0]), min(end_ns, whole[1])
        if start_ns >= end_ns:
            return
        parts = max(1, -(-self.archive.rows_between(monitor_id, start_ns, end_ns) // rows))
        span = max(1, -(-(end_ns - start_ns) // parts))
        for first in range(start_ns, end_ns, span):
            frame = self.read(monitor_id, None, first, min(first + span, end_ns), names)
            if len(frame):
                yield dense(frame, names, tuple(channels))

    def range_of(self, monitor_id: str) -> tuple[int, int] | None:
        """Return start and end of a monitor's history, start <= t < end; None = there is none."""
        return self.archive.range_of(monitor_id)

    def compact(self, monitor_id: str, sizes: Sizes = NORMAL, fence: Fence | None = None) -> Compacted:
        """Join small pieces of a monitor's history; to be called now and then (each minute is not too often)."""
        return compact(self.archive, monitor_id, sizes, fence=fence)

    def to_compact(self) -> list[str]:
        """Return the monitors for which ``compact`` may have something to do."""
        return owners_to_compact(self.archive)

    def drop_before(self, monitor_id: str, cutoff_ns: int, fence: Fence | None = None) -> int:
        """Remove what is older, in whole pieces (which span up to ten days); return the number of rows."""
        return self.archive.drop_before(monitor_id, cutoff_ns, fence)

    def remove(self, monitor_id: str, fence: Fence | None = None) -> int:
        """Remove all of a monitor; return the number of rows."""
        return self.archive.remove(monitor_id, fence)

    def remove_strays(self, now_ns: int, *, spare_seconds: float) -> list[str]:
        """Remove files that a crash left behind; ``spare_seconds``: younger ones stay, 0 = no other process writes."""
        return self.archive.remove_strays(now_ns, spare_seconds=spare_seconds)

    def owners(self) -> list[str]:
        """Return the ids of all monitors that have a history."""
        return self.archive.owners()

    def segments(self) -> list[Segment]:
        """Return all segments, for backup and checks."""
        return self.archive.segments_of()


def thinned_rows(frame: pl.DataFrame, n_points: int) -> pl.DataFrame:
    """Return at most so many rows of one series, by time, that show its course."""
    values = [frame[name].to_numpy() for name in frame.columns if name.split(".")[0] == "value"]
    scores = [frame[name].to_numpy() for name in ("score",) if name in frame.columns]
    return frame[thinned_indices(frame[TIME].to_numpy(), values, scores, n_points)]


def dense(frame: pl.DataFrame, names: Sequence[str], channels: tuple[str, ...]) -> Dense:
    """Lay rows out by series and time; of a column that is not there all is NaN."""
    series, row = np.unique(frame[SERIES].to_numpy(), return_inverse=True)
    times, place = np.unique(frame[TIME].to_numpy(), return_inverse=True)
    values = np.full((len(series), len(times), len(names)), np.nan)
    for channel, name in enumerate(names):
        if name in frame.columns:
            values[row, place, channel] = frame[name].to_numpy()
    return Dense(series, times, values, channels)
