"""Pushed points, per source: kept as they come, late ones too; of one series and time the last push counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from redshank.errors import UnavailableError
from redshank.panel import Key
from redshank.push.identity import key_of
from redshank.push.points import Points, points_table
from redshank.store.database import Database
from redshank.store.history_archive import Archive, Ids
from redshank.store.history_blocks import SERIES, TIME, encode_block
from redshank.store.history_compact import NORMAL, Compacted, Sizes, compact, owners_to_compact
from redshank.store.history_files import SegmentFiles
from redshank.store.points_series import MOST_SERIES, PointSeries, SourceSeries
from redshank.store.records import Fence, Segment
from redshank.store.tables import point_blocks, point_requests, point_series

VALUE = "value"
REMEMBERED_NS = 24 * 3600 * 10**9  # how long the key of a request is known
_BLOCK_ROWS = 262_144
_TRIES = 10


@dataclass(frozen=True, kw_only=True)
class Appended:
    """What became of a push: points kept, and series seen for the first time.

    ``refused``: points not kept, since their source has as many series as it may have. ``is_repeat``: the request was
    kept before, nothing was done now.
    """

    points: int
    new_series: int = 0
    refused: int = 0
    is_repeat: bool = False


@dataclass(frozen=True, kw_only=True)
class CountedSeries:
    """A pushed series: its number in its source, how many points it has, and the first and last time of them."""

    id: int
    key: Key
    points: int
    first_ns: int
    last_ns: int


class PushedPoints:
    """The pushed points of all sources; a source is any text, such as its id. Used by any number of threads."""

    def __init__(self, database: Database, files: SegmentFiles, clock: Callable[[], int]) -> None:
        """``files``: where segments are."""
        self._database = database
        self._clock = clock
        self.archive = Archive(database, files, "points", point_blocks)
        self.series = PointSeries(database)

    def append(
        self, source: str, points: Points | pl.DataFrame, request: str | None = None, fence: Fence | None = None
    ) -> Appended:
        """Keep points, all or none; when this returns they survive a crash.

        ``points``: as decoded, or a table with columns measure, time (ns), value and ``l.NAME``. ``request``: a key of
        the sender; a second push with it within a day does nothing.

        Raises:
            UnavailableError: the database is away or full; nothing was kept.
        """
        given = points if isinstance(points, Points) else Points.of_frame(points)
        for _ in range(_TRIES):
            known = self.series.of(source)
            fresh = [identity for identity in given.identities if identity not in known.numbers]
            fresh = fresh[: max(0, MOST_SERIES - len(known.identities))]
            try:
                return self._keep(source, given, known, fresh, request, fence)
            except IntegrityError:
                continue  # another process added a series, or keeps the same request
        raise UnavailableError(f"points of {source!r}: too many processes add series at once; try again")

    def read(
        self,
        source: str,
        start_ns: int,
        end_ns: int,
        measures: Sequence[str] = (),
        labels: Mapping[str, str | Sequence[str]] | None = None,
    ) -> pl.DataFrame:
        """Return points with start <= t < end as a table: measure, time (ns), value, ``l.NAME`` (null = no such label).

        ``measures``: none = all. ``labels``: the value or values that a label must have; "" = no such label. By series
        in the order they first came, then time.

        Raises:
            TooLargeError: there are more than 20 million.
        """
        known = self.series.of(source)
        chosen = known.chosen(measures, labels) if measures or labels else None
        rows = self.rows(source, chosen, start_ns, end_ns)
        numbers, place = np.unique(rows[SERIES].to_numpy(), return_inverse=True)
        keys = [key_of(known.identities[number]) for number in numbers]
        return points_table(keys, place.astype(np.int32), rows[TIME].to_numpy(), rows[VALUE].to_numpy())

    def rows(self, source: str, series: Ids, start_ns: int, end_ns: int) -> pl.DataFrame:
        """Return points of series by number (None = all) as columns series, time, value, by series, then time."""
        rows = self.archive.read(source, series, start_ns, end_ns)
        return rows if VALUE in rows.columns else rows.with_columns(pl.lit(0.0).alias(VALUE))

    def newest(self, source: str) -> int | None:
        """Return the newest time of all points, None = there are none."""
        whole = self.archive.range_of(source)
        return None if whole is None else whole[1] - 1

    def oldest(self, source: str) -> int | None:
        """Return the oldest time of all points, None = there are none."""
        whole = self.archive.range_of(source)
        return None if whole is None else whole[0]

    def counted(self, source: str, start_ns: int, end_ns: int) -> list[CountedSeries]:
        """Return the series with points in a range, by number. Reads the times of all of them."""
        known = self.series.of(source)
        rows = self.archive.read(source, None, start_ns, end_ns, columns=())
        by_series = rows.group_by(SERIES).agg(
            pl.len().alias("points"), pl.col(TIME).min().alias("first"), pl.col(TIME).max().alias("last")
        )
        return [
            CountedSeries(id=number, key=key_of(known.identities[number]), points=points, first_ns=first, last_ns=last)
            for number, points, first, last in by_series.sort(SERIES).iter_rows()
        ]

    def compact(self, source: str, sizes: Sizes = NORMAL, fence: Fence | None = None) -> Compacted:
        """Join small pieces of a source's points; to be called now and then (each minute is not too often)."""
        return compact(self.archive, source, sizes, fence=fence)

    def to_compact(self) -> list[str]:
        """Return the sources for which ``compact`` may have something to do."""
        return owners_to_compact(self.archive)

    def drop_before(self, source: str, cutoff_ns: int, fence: Fence | None = None) -> int:
        """Remove what is older, in whole pieces (which span up to ten days); return the number of points."""
        return self.archive.drop_before(source, cutoff_ns, fence)

    def remove(self, source: str, fence: Fence | None = None) -> int:
        """Remove all points and series of a source; return the number of points."""
        with self._database.write(fence) as connection:
            for table in (point_series, point_requests):
                connection.execute(delete(table).where(table.c.owner == source))
        self.series.forget(source)
        return self.archive.remove(source, fence)

    def sources(self) -> list[str]:
        """Return all sources that have points."""
        return self.archive.owners()

    def segments(self) -> list[Segment]:
        """Return all segments, for backup and checks."""
        return self.archive.segments_of()

    def remove_strays(self, now_ns: int, *, spare_seconds: float) -> list[str]:
        """Remove files that a crash left behind; ``spare_seconds``: younger ones stay, 0 = no other process writes."""
        return self.archive.remove_strays(now_ns, spare_seconds=spare_seconds)

    def _keep(
        self,
        source: str,
        given: Points,
        known: SourceSeries,
        fresh: Sequence[str],
        request: str | None,
        fence: Fence | None,
    ) -> Appended:
        with self._database.write(fence) as connection:
            added = self._still_fresh(connection, source, known, fresh) if fresh else []
            rows = _rows(given, _numbers(given, known, added))
            before = self._kept_before(connection, source, request, len(rows))
            if before is not None:
                return Appended(points=before, is_repeat=True)
            self.series.write(connection, source, len(known.identities), added)
            for start in range(0, len(rows), _BLOCK_ROWS):
                self.archive.add(connection, source, encode_block(rows[start : start + _BLOCK_ROWS]))
        self.series.took(source, known, added)
        return Appended(points=len(rows), new_series=len(added), refused=len(given) - len(rows))

    def _still_fresh(
        self, connection: Connection, source: str, known: SourceSeries, fresh: Sequence[str]
    ) -> Sequence[str]:
        """What of the fresh series no other process has added; until the transaction ends none can."""
        self._database.one_at_a_time(connection, f"series of {source}")
        self.series.took(source, known, self.series.read(connection, source, len(known.identities)))
        return [identity for identity in fresh if identity not in known.numbers]

    def _kept_before(self, connection: Connection, source: str, request: str | None, points: int) -> int | None:
        """How many points the same request kept before; None = it is the first, and known from now on."""
        if request is None:
            return None
        now_ns, table = self._clock(), point_requests
        connection.execute(delete(table).where(table.c.at_ns < now_ns - REMEMBERED_NS))
        known = select(table.c.points).where(table.c.owner == source, table.c.request == request)
        before = connection.execute(known).scalar()
        if before is None:
            row = {"owner": source, "request": request, "points": points, "at_ns": now_ns}
            connection.execute(insert(table), row)
        return before


def _numbers(given: Points, known: SourceSeries, added: Sequence[str]) -> np.ndarray:
    """The number of each identity: those added follow those known; -1 = neither."""
    found = [known.numbers.get(identity, -1) for identity in given.identities]
    if added:
        new = {identity: number for number, identity in enumerate(added, len(known.identities))}
        pairs = zip(given.identities, found, strict=True)
        found = [new.get(identity, -1) if number < 0 else number for identity, number in pairs]
    return np.array(found, np.int32)


def _rows(given: Points, numbers: np.ndarray) -> pl.DataFrame:
    """Points with the numbers of their series; those without one are left out."""
    series = numbers[given.series] if len(given) else given.series
    rows = pl.DataFrame({SERIES: series, TIME: given.times, VALUE: given.values})
    return rows.filter(pl.col(SERIES) >= 0) if len(numbers) and numbers.min() < 0 else rows
