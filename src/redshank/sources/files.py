"""Read files of any format into panels: find them, find out what they are, and hand their tables on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from redshank.errors import RedshankError
from redshank.sources.base import Progress, Query, Reading, Source
from redshank.sources.content import Content
from redshank.sources.formats import open_tables
from redshank.sources.paths import find_files
from redshank.tables.read import read_tables


class FileSource(Source):
    """Files, folders and globs; ``-`` is standard input."""

    kind: ClassVar[str] = "files"

    def __init__(self, paths: Sequence[str]) -> None:
        """Keep the paths; nothing is read yet."""
        self.paths = list(paths)

    def read(self, query: Query, progress: Progress | None = None) -> Reading:
        """Return the panels of all files; those of one shape are joined.

        In a folder or a glob, a file that holds no series is left out and named in the findings, unless ``strict``.

        Raises:
            SourceError: a file is missing, or is not what it looks like.
            DataError: there is nothing in it to score.
        """
        with ExitStack() as cleanup:
            folder = cleanup.enter_context(TemporaryDirectory(prefix="redshank-"))
            found = find_files(self.paths)
            tables, left_out = [], []
            for number, path in enumerate(found):
                try:
                    tables += open_tables(Content.of(path, folder, number), query)
                except RedshankError as error:
                    if len(found) == 1 or query.strict:
                        raise
                    left_out.append(str(error))
                    first_error = error
            if not tables:
                raise first_error
            reading = read_tables(tables, query, progress)
        if left_out:
            reading.findings.notes.append(f"left out {len(left_out)} files: " + "; ".join(left_out[:3]))
        return reading

    def describe(self) -> str:
        """Return the paths."""
        return ", ".join(self.paths)

    def preview(self, n: int = 10) -> list[dict[str, Any]]:
        """Return the first ``n`` rows of the first file, as they stand there."""
        with TemporaryDirectory(prefix="redshank-") as folder:
            tables = open_tables(Content.of(find_files(self.paths)[0], folder, 0), Query())
            return tables[0].sample().head(n).to_dicts()
