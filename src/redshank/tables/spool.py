"""Rows that come in portions as one table, kept on disk when there are many."""

from __future__ import annotations

import uuid
from pathlib import Path

import polars as pl

from redshank.errors import DataError

ROWS_IN_MEMORY = 1_000_000  # more are kept in files of a temporary folder


class Spool:
    """Portions one after the other as one table; bounded in memory however many they are.

    ``types``: of the columns where a portion holds no value at all. ``most``: rows above which DataError is raised.
    """

    def __init__(self, where: str, folder: str, types: dict[str, pl.DataType], most: int) -> None:
        """Begin with nothing."""
        self.where, self.folder, self.types, self.most = where, Path(folder), types, most
        self.rows = 0
        self._frames: list[pl.DataFrame] = []
        self._files: list[Path] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Add a portion; DataError when there are more rows than allowed."""
        self.rows += len(frame)
        if self.rows > self.most:
            raise DataError(
                f"{self.where}: holds more than {self.most:,} rows in the range asked for; ask for less, aggregate in "
                "the query, or raise max_rows"
            )
        empty = [name for name, dtype in frame.schema.items() if dtype == pl.Null]
        self._frames.append(frame.with_columns(pl.col(name).cast(self.types[name]) for name in empty))
        if sum(map(len, self._frames)) > ROWS_IN_MEMORY:
            self._put_down()

    def _put_down(self) -> None:
        path = self.folder / f"{uuid.uuid4().hex}.arrow"
        pl.concat(self._frames, how="vertical_relaxed").write_ipc(path)
        self._files.append(path)
        self._frames = []

    def table(self) -> pl.LazyFrame:
        """Return all of it, lazily; needs the folder while it is read."""
        parts = [pl.scan_ipc(path) for path in self._files] + [frame.lazy() for frame in self._frames]
        return parts[0] if len(parts) == 1 else pl.concat(parts, how="vertical_relaxed")
