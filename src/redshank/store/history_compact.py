"""Keep the pieces of history few: small blocks become larger, many blocks a segment, small segments larger ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
import polars as pl
from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from redshank.errors import LeaseLostError
from redshank.store.history_archive import Archive, BlockPlace, only_one, together
from redshank.store.history_blocks import decode_blocks, encode_block, in_order, joined
from redshank.store.history_files import Head, Written
from redshank.store.records import Fence, Segment
from redshank.store.rows import as_row
from redshank.store.tables import segments

DAY = 86_400_000_000_000
Piece = TypeVar("Piece", BlockPlace, Segment)
_MOST_PIECES = 1000  # that become one
_EVER = (np.iinfo(np.int64).min, np.iinfo(np.int64).max)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """When pieces are joined. Memory of a compaction: about 100 bytes for each of ``flush_rows`` or ``part_rows``.

    ``fan``: as many neighbours of about one size become one. Blocks become a segment when together they have
    ``flush_rows`` or ``flush_bytes``, or ``day_rows`` and span a day. A joined segment has at most ``most_rows``, and
    spans at most ``most_span_ns`` unless a part of it spans half as much already, so that retention finds its end.
    """

    block_fan: int = 16
    flush_rows: int = 262_144
    flush_bytes: int = 16 << 20
    day_rows: int = 1024
    fan: int = 8
    most_rows: int = 1 << 25
    most_span_ns: int = 10 * DAY
    part_rows: int = 1_000_000


@dataclass
class Compacted:
    """What a compaction did."""

    joined_blocks: int = 0
    flushed_blocks: int = 0
    joined_segments: int = 0

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to do."""
        return not (self.joined_blocks or self.flushed_blocks or self.joined_segments)

    def __str__(self) -> str:
        """Return it in words."""
        return (
            f"joined {self.joined_blocks} blocks, moved {self.flushed_blocks} to segments, "
            f"joined {self.joined_segments} segments"
        )


NORMAL = Sizes()


def compact(
    archive: Archive, owner: str, sizes: Sizes = NORMAL, *, everything: bool = False, fence: Fence | None = None
) -> Compacted:
    """Do what there is to do for one owner. Cheap when there is nothing; one at a time, others return at once.

    ``everything``: move all blocks to segments, however few.

    Raises:
        UnavailableError: the database or the files cannot be written; nothing is lost.
        LeaseLostError: somebody else leads.
    """
    done = Compacted()
    with only_one(archive.compacting) as mine:
        if not mine:
            return done
        while _join_blocks(archive, owner, sizes, done, fence):
            pass
        while _flush(archive, owner, sizes, done, everything=everything, fence=fence):
            pass
        while _join_segments(archive, owner, sizes, done, fence):
            pass
    return done


def owners_to_compact(archive: Archive, sizes: Sizes = NORMAL) -> list[str]:
    """Return the owners for whom ``compact`` may have something to do, in two queries for all of them."""
    table, rows = archive.blocks, func.sum(archive.blocks.c.rows)
    span = func.max(table.c.end_ns) - func.min(table.c.start_ns)
    is_due = or_(
        func.count() >= sizes.block_fan,
        rows >= sizes.flush_rows,
        func.sum(func.length(table.c.data)) >= sizes.flush_bytes,
        and_(rows >= sizes.day_rows, span >= DAY),
    )
    blocks = select(table.c.owner).group_by(table.c.owner).having(is_due)
    joined = select(segments.c.owner).where(segments.c.content == archive.content).group_by(segments.c.owner)
    with archive.database.read() as connection:
        due = set(connection.execute(blocks).scalars())
        return sorted(due.union(connection.execute(joined.having(func.count() >= sizes.fan)).scalars()))


def _join_blocks(archive: Archive, owner: str, sizes: Sizes, done: Compacted, fence: Fence | None) -> bool:
    """Replace one run of small blocks by a larger one; whether there was one."""
    run = _run(archive.block_places(owner), sizes.block_fan, sizes.flush_rows)
    if not run:
        return False
    table, ids = archive.blocks, [one.id for one in run]
    with archive.database.write(fence) as connection:
        found = _data(archive, connection, owner, run)
        if found is None:
            return False
        block = encode_block(in_order(decode_blocks(found)))
        values = {"start_ns": block.start_ns, "end_ns": block.end_ns, "rows": block.rows, "data": block.data}
        connection.execute(delete(table).where(table.c.id.in_(ids[:-1])))
        connection.execute(update(table).where(table.c.id == ids[-1]).values(values))
    done.joined_blocks += len(ids)
    return True


def _flush(
    archive: Archive, owner: str, sizes: Sizes, done: Compacted, *, everything: bool, fence: Fence | None
) -> bool:
    """Move the oldest blocks to a segment when they are many; whether they were."""
    chosen = _oldest(archive.block_places(owner), sizes, everything=everything)
    if not chosen:
        return False
    with archive.database.read() as connection:
        found = _data(archive, connection, owner, chosen)
    if found is None:
        return False
    written = archive.files.write(_folder(archive, owner), [in_order(decode_blocks(found))])
    table = archive.blocks
    with _or_removed(archive, written), archive.database.write(fence) as connection:
        mine = table.c.id.in_([one.id for one in chosen]), table.c.owner == owner
        gone = connection.execute(delete(table).where(*mine).returning(table.c.rows)).scalars()
        _must_be(sorted(gone) == sorted(one.rows for one in chosen))
        connection.execute(insert(segments), {"content": archive.content, "owner": owner, **as_row(written)})
        done.flushed_blocks += len(chosen)
    return True


def _join_segments(archive: Archive, owner: str, sizes: Sizes, done: Compacted, fence: Fence | None) -> bool:
    """Replace one run of small segments by a larger one; whether there was one."""
    run = _run(archive.segments_of(owner), sizes.fan, sizes.most_rows, sizes.most_span_ns)
    if not run:
        return False
    try:
        written = archive.files.write(_folder(archive, owner), _merged(archive, run, sizes.part_rows))
    except FileNotFoundError:
        return False  # one of them was dropped, or joined by somebody else, meanwhile
    ids = [one.id for one in run]
    with _or_removed(archive, written), archive.database.write(fence) as connection:
        gone = connection.execute(delete(segments).where(segments.c.id.in_(ids[:-1])).returning(segments.c.path))
        kept = (segments.c.id == ids[-1], segments.c.path == run[-1].path)
        changed = connection.execute(update(segments).where(*kept).values(as_row(written))).rowcount
        _must_be(changed == 1 and sorted(gone.scalars()) == sorted(one.path for one in run[:-1]))
        done.joined_segments += len(run)
    archive.files.delete(one.path for one in run)
    return True


class _ChangedError(Exception):
    """What was to be replaced is not as it was; somebody else removed it or did the same."""


def _must_be(unchanged: bool) -> None:
    if not unchanged:
        raise _ChangedError


@contextmanager
def _or_removed(archive: Archive, written: Written) -> Iterator[None]:
    """Remove a new file again when it is certain that nothing refers to it.

    After any other error it may be referred to (the connection was lost after the commit): then it stays.
    """
    try:
        yield
    except (_ChangedError, LeaseLostError) as error:
        archive.files.delete([written.path])
        if isinstance(error, LeaseLostError):
            raise


def _data(archive: Archive, connection: Connection, owner: str, places: Sequence[BlockPlace]) -> list[bytes] | None:
    """The data of blocks in their order; None when one is gone."""
    table = archive.blocks
    mine = table.c.id.in_([one.id for one in places]), table.c.owner == owner
    found = connection.execute(select(table.c.data).where(*mine).order_by(table.c.id)).scalars().all()
    return list(found) if len(found) == len(places) else None


def _oldest(places: Sequence[BlockPlace], sizes: Sizes, *, everything: bool) -> list[BlockPlace]:
    """The blocks to move now; none when they are few."""
    rows, size = sum(one.rows for one in places), sum(one.size_bytes for one in places)
    span = max((one.end_ns for one in places), default=0) - min((one.start_ns for one in places), default=0)
    is_due = rows >= sizes.flush_rows or size >= sizes.flush_bytes or (rows >= sizes.day_rows and span >= DAY)
    if not (is_due or everything):
        return []
    fitting = np.cumsum([one.rows for one in places]) <= 2 * sizes.flush_rows
    return list(places[: max(1, min(int(fitting.sum()), _MOST_PIECES))])


def _run(pieces: Sequence[Piece], fan: int, most_rows: int, most_span_ns: int | None = None) -> Sequence[Piece]:
    """The first run of at least ``fan`` neighbours that are small beside what they become; empty = there is none."""
    sizes = [max(one.rows, 1).bit_length() for one in pieces]
    step = fan.bit_length() - 1
    for limit in range(step, max(sizes, default=0) + step + 1, step):
        for first in range(len(pieces) - fan + 1):
            last, rows = first, 0
            most = min(len(pieces), first + _MOST_PIECES)
            while last < most and sizes[last] <= limit and rows + pieces[last].rows <= most_rows:
                rows += pieces[last].rows
                last += 1
                if most_span_ns is not None and _span(pieces[first:last]) > most_span_ns:
                    last -= 1
                    break
            if last - first >= fan:
                return pieces[first:last]
    return ()


def _span(pieces: Sequence[Piece]) -> int:
    """How much longer the pieces are together than twice the longest of them; never less than 0."""
    whole = max(one.end_ns for one in pieces) - min(one.start_ns for one in pieces)
    longest = max(one.end_ns - one.start_ns for one in pieces)
    return whole if whole > 2 * longest else 0


def _folder(archive: Archive, owner: str) -> str:
    """Where the files of an owner are: its name may hold anything."""
    return f"{archive.content}/{hashlib.sha256(owner.encode()).hexdigest()[:16]}"


def _merged(archive: Archive, run: Sequence[Segment], part_rows: int) -> Iterator[pl.DataFrame]:
    """The rows of several segments by series, then time, in parts."""
    for series, start_ns, end_ns in _parts([archive.files.head(one.path) for one in run], part_rows):
        frames = [frame for one in run for frame in archive.files.read(one.path, series, start_ns, end_ns)]
        frame = in_order(together([joined([]), *frames]))
        if len(frame):
            yield frame


def _parts(heads: Sequence[Head], part_rows: int) -> Iterator[tuple[slice, int, int]]:
    """Ranges of series, and of time within a long one, that hold about so many rows each."""
    level = [head.levels == 0 for head in heads]
    rows = np.concatenate([head.rows[own] for head, own in zip(heads, level, strict=True)])
    first = np.concatenate([head.series[own, 0] for head, own in zip(heads, level, strict=True)])
    last = np.concatenate([head.series[own, 1] for head, own in zip(heads, level, strict=True)])
    starts = np.concatenate([head.times[own, 0] for head, own in zip(heads, level, strict=True)])
    # A group of one series alone is cut off from those before and after, so that a long series is cut by time.
    alone = np.unique(first[first == last])
    cuts = np.union1d(_cuts(first, rows, part_rows), np.union1d(alone, alone + 1))
    cuts = cuts[(cuts > first.min()) & (cuts <= last.max())]
    bounds = [int(first.min()), *cuts.tolist(), int(last.max()) + 1]
    for low, high in pairwise(bounds):
        inside = (first >= low) & (last < high) if high - low == 1 else np.zeros(len(first), bool)
        times = _cuts(starts[inside], rows[inside], part_rows).tolist()
        for start, end in zip([_EVER[0], *times], [*times, _EVER[1]], strict=True):
            yield slice(low, high), start, end


def _cuts(places: np.ndarray, rows: np.ndarray, part_rows: int) -> np.ndarray:
    """Places between which there are about so many rows."""
    order = np.argsort(places, kind="stable")
    part = np.cumsum(rows[order]) // part_rows
    return np.unique(places[order][1:][np.diff(part) > 0]) if len(order) else places
