"""Rows of history wherever they stand: new ones in blocks in the database, older ones in segments.

Rows are added in blocks inside a transaction of the caller. Compaction (``history_compact.py``) joins small blocks,
moves them to a segment when they are many, and joins small segments; what it makes is on disk before one transaction
puts it in the place of what it was made of, so that a crash at any instant loses and doubles nothing: at worst a file
is left that nobody knows, which ``remove_strays`` removes. The order of pieces by id is that in which they came.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, delete, func, insert, select

from redshank.errors import StateError, TooLargeError
from redshank.store.database import Database
from redshank.store.history_blocks import SERIES, TIME, decode_blocks, in_order, joined
from redshank.store.history_files import SegmentFiles, chosen_rows
from redshank.store.records import Fence, Segment
from redshank.store.rows import as_record
from redshank.store.tables import segments

MOST_ROWS = 20_000_000  # that one read returns, and that are looked at in blocks
EVER = (-(2**63), 2**63 - 1)
_LOOKED_AT = 131_072  # rows up to which a chart looks at all of them
_TRIES = 5
Result = TypeVar("Result")
Ids = NDArray[np.int32] | Sequence[int] | None


@dataclass(frozen=True)
class BlockPlace:
    """A block without its data."""

    id: int
    start_ns: int
    end_ns: int
    rows: int
    size_bytes: int


@dataclass(frozen=True)
class Pieces:
    """What may hold rows of a range, in the order in which it came: segments, then the data of blocks."""

    segments: list[Segment]
    blocks: list[bytes]


class Archive:
    """The history of one content, scores or points; each owner (monitor, source) has its own."""

    def __init__(
        self, database: Database, files: SegmentFiles, content: Literal["scores", "points"], blocks: Table
    ) -> None:
        """``blocks``: the table of this content's blocks."""
        self.database = database
        self.files = files
        self.content = content
        self.blocks = blocks
        self.compacting = threading.Lock()

    def read(
        self, owner: str, series: Ids, start_ns: int, end_ns: int, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Return the rows of these series (numbers; None = all) with start <= t < end by series, then time.

        Of two rows of one series and time the later one counts. ``columns``: beside series and time; None = all.

        Raises:
            TooLargeError: there are more than ``MOST_ROWS``.
            StateError: a piece is damaged.
        """
        wanted = None if series is None else np.unique(np.asarray(series, np.int32))
        return self._again(lambda: self._read(owner, wanted, start_ns, end_ns, columns))

    def chart(self, owner: str, series: int, start_ns: int, end_ns: int) -> pl.DataFrame:
        """Return rows of one series in the range by time: all when they are few, else those that show its course.

        Cost: a few ms for a million points.
        """
        return self._again(lambda: self._chart(owner, series, start_ns, end_ns))

    def newest_first(self, owner: str, series: Ids) -> Iterator[pl.DataFrame]:
        """Yield rows of these series, one piece after the other: all blocks, then segment by segment, newest first."""
        wanted = None if series is None else np.unique(np.asarray(series, np.int32))
        pieces = self._again(lambda: self._pieces(owner, None, None))
        if pieces.blocks:
            yield in_order(_of_blocks(pieces.blocks, wanted, *EVER, None))
        for one in sorted(pieces.segments, key=lambda one: -one.end_ns):
            try:
                frames = list(self.files.read(one.path, wanted, *EVER))
            except FileNotFoundError:
                continue
            if frames:
                yield together(frames)

    def add(self, connection: Connection, owner: str, block: Any) -> None:
        """Add a block inside a transaction."""
        values = {"start_ns": block.start_ns, "end_ns": block.end_ns, "rows": block.rows, "data": block.data}
        connection.execute(insert(self.blocks), {"owner": owner, **values})

    def range_of(self, owner: str) -> tuple[int, int] | None:
        """Return start and end of all there is, start <= t < end; None = nothing."""
        found = []
        with self.database.read() as connection:
            for table in (self.blocks, segments):
                ends = select(func.min(table.c.start_ns), func.max(table.c.end_ns))
                found.append(connection.execute(ends.where(*self._overlap(table, owner, None, None))).one())
        starts, stops = [row[0] for row in found if row[0] is not None], [row[1] for row in found if row[1] is not None]
        return (min(starts), max(stops)) if starts else None

    def rows_between(self, owner: str, start_ns: int, end_ns: int) -> int:
        """Return about how many rows there are with start <= t < end, taking those of a piece as evenly spread."""
        rows = 0.0
        with self.database.read() as connection:
            for table in (self.blocks, segments):
                ends = select(table.c.start_ns, table.c.end_ns, table.c.rows)
                for first, last, count in connection.execute(
                    ends.where(*self._overlap(table, owner, start_ns, end_ns))
                ):
                    rows += count * (min(last, end_ns) - max(first, start_ns)) / (last - first)
        return round(rows)

    def owners(self) -> list[str]:
        """Return whose rows there are."""
        with self.database.read() as connection:
            blocks = connection.execute(select(self.blocks.c.owner).distinct()).scalars().all()
            kept = select(segments.c.owner).where(segments.c.content == self.content).distinct()
            return sorted({*blocks, *connection.execute(kept).scalars()})

    def segments_of(self, owner: str | None = None) -> list[Segment]:
        """Return all segments, of one owner or of all, in their order."""
        query = select(segments).where(segments.c.content == self.content).order_by(segments.c.id)
        with self.database.read() as connection:
            found = connection.execute(query if owner is None else query.where(segments.c.owner == owner))
            return [as_record(Segment, row) for row in found]

    def block_places(self, owner: str) -> list[BlockPlace]:
        """Return the blocks of an owner in their order."""
        table = self.blocks
        columns = (table.c.id, table.c.start_ns, table.c.end_ns, table.c.rows, func.length(table.c.data))
        with self.database.read() as connection:
            found = connection.execute(select(*columns).where(table.c.owner == owner).order_by(table.c.id))
            return [BlockPlace(*row) for row in found]

    def drop_before(self, owner: str, cutoff_ns: int, fence: Fence | None = None) -> int:
        """Remove the pieces all of whose rows are older; return the number of rows. Pieces span days at most."""
        return self._drop(owner, self.blocks.c.end_ns <= cutoff_ns, segments.c.end_ns <= cutoff_ns, fence)

    def remove(self, owner: str, fence: Fence | None = None) -> int:
        """Remove all of an owner; return the number of rows."""
        return self._drop(owner, self.blocks.c.id.is_not(None), segments.c.id.is_not(None), fence)

    def remove_strays(self, now_ns: int, *, spare_seconds: float) -> list[str]:
        """Remove files of this content that no segment names and that are older; return their paths.

        ``spare_seconds``: how long another process may take from writing a file to naming it; 0 = there is none.
        A database that names no file at all removes none: the files may be those of another database.
        """
        known = {one.path for one in self.segments_of()}
        if not known:
            return []
        there = self.files.all_paths()
        limit = now_ns / 1e9 - spare_seconds
        strays = [
            path
            for path, written in there.items()
            if path.startswith(f"{self.content}/") and path not in known and (spare_seconds <= 0 or written < limit)
        ]
        self.files.delete(strays)
        return strays

    def damaged(self) -> list[str]:
        """Return the paths of segments that are missing or not as they were written. Reads every byte."""
        return [one.path for one in self.segments_of() if self.files.sha256(one.path) != one.sha256]

    def _drop(self, owner: str, old_blocks: Any, old_segments: Any, fence: Fence | None) -> int:
        mine = (segments.c.content == self.content, segments.c.owner == owner, old_segments)
        with self.database.write(fence) as connection:
            dropped = delete(self.blocks).where(self.blocks.c.owner == owner, old_blocks).returning(self.blocks.c.rows)
            rows = sum(connection.execute(dropped).scalars())
            gone = connection.execute(delete(segments).where(*mine).returning(segments.c.rows, segments.c.path)).all()
        self.files.delete(path for _, path in gone)
        return int(rows + sum(count for count, _ in gone))

    def _overlap(self, table: Table, owner: str, start_ns: int | None, end_ns: int | None) -> list[Any]:
        found = [table.c.owner == owner]
        if table is segments:
            found.append(segments.c.content == self.content)
        if end_ns is not None:
            found.append(table.c.start_ns < end_ns)
        if start_ns is not None:
            found.append(table.c.end_ns > start_ns)
        return found

    def _pieces(self, owner: str, start_ns: int | None, end_ns: int | None) -> Pieces:
        """What may hold rows of a range, as of one moment."""
        blocks, kept = self.blocks, self._overlap(segments, owner, start_ns, end_ns)
        within = self._overlap(blocks, owner, start_ns, end_ns)
        with self.database.read() as connection:
            rows = connection.execute(select(func.sum(blocks.c.rows)).where(*within)).scalar() or 0
            _check_size(rows)
            named = connection.execute(select(segments).where(*kept).order_by(segments.c.id)).all()
            data = connection.execute(select(blocks.c.data).where(*within).order_by(blocks.c.id)).scalars().all()
        return Pieces([as_record(Segment, row) for row in named], list(data))

    def _read(
        self, owner: str, wanted: np.ndarray | None, start_ns: int, end_ns: int, columns: Sequence[str] | None
    ) -> pl.DataFrame:
        pieces = self._pieces(owner, start_ns, end_ns)
        frames = [joined([])]
        n_rows = 0
        for one in pieces.segments:
            for frame in self.files.read(one.path, wanted, start_ns, end_ns, columns):
                n_rows += len(frame)
                _check_size(n_rows)
                frames.append(frame)
        frames.append(_of_blocks(pieces.blocks, wanted, start_ns, end_ns, columns))
        _check_size(n_rows + len(frames[-1]))
        return in_order(together(frames))

    def _chart(self, owner: str, series: int, start_ns: int, end_ns: int) -> pl.DataFrame:
        pieces, wanted = self._pieces(owner, start_ns, end_ns), np.array([series], np.int32)
        looked_at = sum(self.files.count(one.path, wanted, start_ns, end_ns) for one in pieces.segments)
        whole = looked_at <= _LOOKED_AT or (self.content == "points" and _overlap(pieces.segments))
        frames = [joined([])]
        for one in pieces.segments:
            if whole:
                frames += self.files.read(one.path, wanted, start_ns, end_ns)
            else:
                frames.append(self.files.overview(one.path, series, start_ns, end_ns))
        frames.append(_of_blocks(pieces.blocks, wanted, start_ns, end_ns, None))
        return in_order(together(frames))

    def _again(self, work: Callable[[], Result]) -> Result:
        """Do it again when a segment was merged into another between being named and being read."""
        for _ in range(_TRIES - 1):
            try:
                return work()
            except FileNotFoundError:
                continue
        try:
            return work()
        except FileNotFoundError as error:
            raise StateError(
                f"history: a segment is missing, {error}; all hosts must share where it is kept"
            ) from error


@contextmanager
def only_one(lock: threading.Lock) -> Iterator[bool]:
    """Hold a lock if nobody else does; False = somebody does."""
    taken = lock.acquire(blocking=False)
    try:
        yield taken
    finally:
        if taken:
            lock.release()


def _check_size(n_rows: int) -> None:
    if n_rows > MOST_ROWS:
        raise TooLargeError(f"history: at most {MOST_ROWS:,} rows are read at once; ask for a shorter range")


def _overlap(found: Sequence[Segment]) -> bool:
    spans = sorted((one.start_ns, one.end_ns) for one in found)
    return any(after[0] < before[1] for before, after in pairwise(spans))


def _of_blocks(
    blocks: Sequence[bytes], wanted: np.ndarray | None, start_ns: int, end_ns: int, columns: Sequence[str] | None
) -> pl.DataFrame:
    frame = decode_blocks(blocks)
    if columns is not None:
        frame = frame.select(SERIES, TIME, *(name for name in frame.columns if name in columns))
    return chosen_rows(frame, wanted, start_ns, end_ns)


def together(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Rows one after the other; a column that one of them lacks is NaN there."""
    frames = [frame for frame in frames if len(frame)] or [frames[-1]]
    if all(frame.columns == frames[0].columns for frame in frames):
        return frames[0] if len(frames) == 1 else pl.concat(frames)
    return pl.concat(frames, how="diagonal").with_columns(pl.col(pl.Float64).fill_null(float("nan")))
