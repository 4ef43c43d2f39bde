"""Segments: Parquet files of history in a folder or an object store, sorted by series and time.

A file holds its rows (``level`` 0) and, behind them, an overview (``level`` 1): of each 64 points of a series the rows
with the first, the least and the greatest value and the greatest score, so that a chart of a million points reads few.
A file of short series has none. Other programs read the rows with ``level = 0``.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq

from redshank.errors import StateError, UnavailableError
from redshank.store.history_blocks import SERIES, TIME
from redshank.store.history_cache import ByteCache
from redshank.thinning import extremes_between

LEVEL = "level"
SUFFIX = ".parquet"
BUCKET = 64  # points of a series that the overview makes few of
GROUP_ROWS = 65_536
SMALLER = 4  # times that an overview must be smaller than the rows to be worth its room
_CACHED_HEADS = 16 << 20
_CACHED_OVERVIEWS = 64 << 20
Chosen = np.ndarray | slice | None  # numbers of series, sorted; or those from start to before stop; or all


@dataclass(frozen=True, kw_only=True)
class Written:
    """A file as written: all that the table of segments keeps of it."""

    path: str
    start_ns: int
    end_ns: int
    rows: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, eq=False)
class Head:
    """What the foot of a file says of its row groups: level, rows, and the first and last series and time of each."""

    metadata: pq.FileMetaData
    levels: np.ndarray
    rows: np.ndarray
    series: np.ndarray  # (n_groups, 2)
    times: np.ndarray  # (n_groups, 2)

    @classmethod
    def of(cls, metadata: pq.FileMetaData) -> Head:
        """Read the statistics of all groups."""
        places = {metadata.schema.column(i).name: i for i in range(metadata.num_columns)}
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        ends = np.array(
            [[_ends(group.column(places[name]).statistics) for name in (LEVEL, SERIES, TIME)] for group in groups],
            np.int64,
        ).reshape(-1, 3, 2)
        return cls(metadata, ends[:, 0, 0], np.array([g.num_rows for g in groups]), ends[:, 1], ends[:, 2])

    def groups(self, level: int, series: Chosen, start_ns: int, end_ns: int) -> list[int]:
        """Return the row groups that may hold rows of these series and times."""
        found = (self.levels == level) & (self.times[:, 0] < end_ns) & (self.times[:, 1] >= start_ns)
        if isinstance(series, slice):
            found &= (self.series[:, 0] < series.stop) & (self.series[:, 1] >= series.start)
        elif series is not None:
            first = np.searchsorted(series, self.series[:, 0], side="left")
            found &= first < np.searchsorted(series, self.series[:, 1], side="right")
        return [int(i) for i in np.flatnonzero(found)]


def _ends(statistics: Any) -> tuple[int, int]:
    return int(statistics.min), int(statistics.max)


class SegmentFiles:
    """All segments under one root: a folder, or an address such as ``s3://bucket/prefix``."""

    def __init__(self, root: str | Path) -> None:
        """Nothing is made or reached yet. S3 takes its credentials from the environment."""
        self._is_local = "://" not in str(root)
        self._given = str(root)
        self._name = re.sub(r"//[^/@]*@", "//", self._given.partition("?")[0])  # without a password
        self._opened: tuple[pa_fs.FileSystem, str] | None = None
        self._heads: ByteCache[Head] = ByteCache(_CACHED_HEADS)
        self._overviews: ByteCache[pl.DataFrame] = ByteCache(_CACHED_OVERVIEWS)

    def write(self, folder: str, frames: Iterable[pl.DataFrame]) -> Written:
        """Write rows, sorted by series and time over all frames, as one file; it is on disk when this returns.

        Raises:
            UnavailableError: it cannot be written; nothing is left behind.
        """
        path = f"{folder}/{uuid4().hex}{SUFFIX}"
        try:
            with self._new_file(path) as sink:
                counts = _write_parquet(sink, frames)
        except BaseException as error:
            with suppress(UnavailableError):
                self.delete([path])
            if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
                raise UnavailableError(f"history {self._name}: cannot be written: {error}") from error
            raise
        return Written(path=path, sha256=sink.sha256, size_bytes=sink.size_bytes, **counts)

    def read(
        self, path: str, series: Chosen, start_ns: int, end_ns: int, columns: Iterable[str] | None = None
    ) -> Iterator[pl.DataFrame]:
        """Yield the rows of these series with start <= t < end, in order, in pieces.

        ``columns``: beside series and time, those that are there; None = all.

        Raises:
            FileNotFoundError: it was merged into another meanwhile.
            StateError: it is damaged.
        """
        head = self.head(path)
        for group in head.groups(0, series, start_ns, end_ns):
            yield chosen_rows(self._group(path, head, [group], columns), series, start_ns, end_ns)

    def count(self, path: str, series: Chosen, start_ns: int, end_ns: int) -> int:
        """Return how many rows must be looked at to read these."""
        head = self.head(path)
        return int(head.rows[head.groups(0, series, start_ns, end_ns)].sum())

    def overview(self, path: str, series: int, start_ns: int, end_ns: int) -> pl.DataFrame:
        """Return the rows of one series that the overview keeps, with start <= t < end; all when there is none."""
        known = self._overviews.get((path, series))
        if known is None:
            head, wanted = self.head(path), np.array([series])
            everything = (np.iinfo(np.int64).min, np.iinfo(np.int64).max)
            groups = head.groups(int(head.levels.max(initial=0)), wanted, *everything)
            known = chosen_rows(self._group(path, head, groups, None), wanted, *everything)
            self._overviews.put((path, series), known, int(known.estimated_size()) + 1000)
        return known.filter(pl.col(TIME).is_between(start_ns, end_ns, closed="left"))

    def delete(self, paths: Iterable[str]) -> None:
        """Delete files; those that are not there are no error."""
        for path in paths:
            filesystem, root = self._open()
            try:
                filesystem.delete_file(f"{root}/{path}")
            except FileNotFoundError:
                continue
            except OSError as error:
                raise UnavailableError(f"history {self._name}: cannot delete {path}: {error}") from error

    def all_paths(self) -> dict[str, float]:
        """Return all files that are there, with the seconds since 1970 when each was written."""
        filesystem, root = self._open()
        selector = pa_fs.FileSelector(root, recursive=True, allow_not_found=True)
        found = filesystem.get_file_info(selector)
        files = [info for info in found if info.type == pa_fs.FileType.File]
        return {info.path[len(root) + 1 :]: info.mtime.timestamp() for info in files}

    def sha256(self, path: str) -> str | None:
        """Return the checksum of a file as it is now; None = it is not there."""
        filesystem, root = self._open()
        digest = hashlib.sha256()
        try:
            with filesystem.open_input_stream(f"{root}/{path}") as stream:
                while piece := stream.read(1 << 20):
                    digest.update(piece)
        except FileNotFoundError:
            return None
        return digest.hexdigest()

    def _open(self) -> tuple[pa_fs.FileSystem, str]:
        if self._opened is None:
            if self._is_local:
                self._opened = pa_fs.LocalFileSystem(), str(Path(self._given).absolute())
            else:
                try:
                    self._opened = pa_fs.FileSystem.from_uri(self._given)
                except (pa.ArrowException, OSError) as error:
                    raise UnavailableError(f"history {self._name}: {error}") from error
        return self._opened

    @contextmanager
    def _new_file(self, path: str) -> Iterator[_Sink]:
        filesystem, root = self._open()
        if not self._is_local:
            with filesystem.open_output_stream(f"{root}/{path}") as stream:
                yield _Sink(stream)
            return
        place = Path(root, path)
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:
            yield _Sink(file)
            file.flush()
            os.fsync(file.fileno())
        for folder in (place.parent, place.parent.parent):
            _sync_folder(folder)

    def head(self, path: str) -> Head:
        """Return what the foot of a file says; FileNotFoundError when it was merged into another meanwhile."""
        known = self._heads.get(path)
        if known is None:
            with self._reading(path) as file:
                known = Head.of(pq.ParquetFile(file).metadata)
            self._heads.put(path, known, known.metadata.serialized_size + 64 * len(known.rows))
        return known

    def _group(self, path: str, head: Head, groups: list[int], columns: Iterable[str] | None) -> pl.DataFrame:
        names = [name for name in head.metadata.schema.names if name != LEVEL]
        if columns is not None:
            wanted = {SERIES, TIME, *columns}
            names = [name for name in names if name in wanted]
        with self._reading(path) as file:
            opened = pq.ParquetFile(file, metadata=head.metadata, page_checksum_verification=True)
            frame = pl.from_arrow(opened.read_row_groups(groups, columns=names, use_threads=False))
        assert isinstance(frame, pl.DataFrame)
        return frame

    @contextmanager
    def _reading(self, path: str) -> Iterator[pa.NativeFile]:
        filesystem, root = self._open()
        try:
            with filesystem.open_input_file(f"{root}/{path}") as file:
                yield file
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError) as error:
            raise StateError(f"history {self._name}/{path}: damaged or out of reach: {error}") from error


class _Sink:
    """A file that is written to and its checksum."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        self.closed = False

    def write(self, data: Any) -> int:
        self._file.write(data)
        self._digest.update(data)
        self.size_bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back here."""

    def close(self) -> None:
        self.closed = True

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make sure that the name of a new file survives a loss of power."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _write_parquet(sink: _Sink, frames: Iterable[pl.DataFrame]) -> dict[str, int]:
    """Write rows, then their overview; return start, end and number of rows."""
    rows, start, end = 0, np.iinfo(np.int64).max, np.iinfo(np.int64).min
    overviews: list[pl.DataFrame] = []
    writer: pq.ParquetWriter | None = None
    try:
        for frame in frames:
            if writer is None:
                writer = _writer(sink, frame)
            rows += len(frame)
            start, end = min(start, int(frame[TIME].min())), max(end, int(frame[TIME].max()) + 1)  # type: ignore[arg-type]
            overviews.append(overview_of(frame))
            writer.write_table(_with_level(frame, 0), row_group_size=GROUP_ROWS)
        if writer is not None and SMALLER * sum(map(len, overviews)) <= rows:
            writer.write_table(_with_level(pl.concat(overviews), 1), row_group_size=GROUP_ROWS)
    finally:
        if writer is not None:
            writer.close()
    return {"rows": rows, "start_ns": start, "end_ns": end}


def _writer(sink: _Sink, frame: pl.DataFrame) -> pq.ParquetWriter:
    numbers = [name for name in frame.columns if name not in (SERIES, TIME)]
    encodings = {SERIES: "DELTA_BINARY_PACKED", TIME: "DELTA_BINARY_PACKED"}
    return pq.ParquetWriter(
        pa.PythonFile(sink, mode="w"),
        _with_level(frame.head(0), 0).schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=[LEVEL],
        column_encoding=encodings | dict.fromkeys(numbers, "BYTE_STREAM_SPLIT"),
        write_statistics=[LEVEL, SERIES, TIME],
        write_page_checksum=True,
    )


def _with_level(frame: pl.DataFrame, level: int) -> pa.Table:
    return frame.with_columns(pl.lit(level, dtype=pl.Int8).alias(LEVEL)).to_arrow()


def overview_of(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that show the course of each series, of rows sorted by series and time."""
    if frame.is_empty():
        return frame
    series = frame[SERIES].to_numpy()
    firsts = np.flatnonzero(np.diff(series, prepend=series[0] - 1))
    place = np.arange(len(series)) - np.repeat(firsts, np.diff(np.append(firsts, len(series))))
    edges = np.append(np.flatnonzero(place % BUCKET == 0), len(series))
    values = [frame[name].to_numpy() for name in frame.columns if name.split(".")[0] == "value"]
    scores = [frame["score"].to_numpy()] if "score" in frame.columns else []
    return frame[extremes_between(edges, values, scores)]


def chosen_rows(frame: pl.DataFrame, series: Chosen, start_ns: int, end_ns: int) -> pl.DataFrame:
    """Return the rows of these series with start <= t < end."""
    chosen = pl.col(TIME).is_between(start_ns, end_ns, closed="left")
    if isinstance(series, slice):
        chosen = chosen & pl.col(SERIES).is_between(series.start, series.stop, closed="left")
    elif series is not None:
        wanted = pl.Series(series, dtype=pl.Int32)
        chosen = chosen & (pl.col(SERIES) == wanted[0] if len(wanted) == 1 else pl.col(SERIES).is_in(wanted.implode()))
    return frame.filter(chosen)
