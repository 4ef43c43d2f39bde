"""Read files of any format into panels: find them, find out what they are, and hand their tables on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field

from redshank.errors import ConfigError, RedshankError, SourceError
from redshank.sources.base import Progress, Query, Reading, Source
from redshank.sources.content import Content
from redshank.sources.formats import open_tables
from redshank.sources.paths import STDIN, find_files
from redshank.specs.options import Access, Options
from redshank.tables.newest import newest_time
from redshank.tables.raw import RawTable
from redshank.tables.read import read_tables

Paths = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda given: (given,) if isinstance(given, str) else given),
    Field(min_length=1),
]


class FileOptions(Options):
    """Which files, and how they are read where that should not be found out."""

    path: Paths
    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    records: str | None = None
    allow_pickle: bool = False


class FileSource(Source):
    """Files, folders and globs; ``-`` is standard input."""

    kind: ClassVar[str] = "files"
    Options: ClassVar[type[Options]] = FileOptions

    def __init__(self, paths: Sequence[str], *, reading: Mapping[str, Any] | None = None) -> None:
        """Keep the paths, and the fields of every query that are set here; nothing is read yet."""
        self.paths = list(paths)
        self.reading = dict(reading or {})
        self.access = Access()

    @classmethod
    def build(cls, options: FileOptions, access: Access) -> Self:
        """Return the source; ConfigError when a path lies outside of the folders allowed."""
        if STDIN in options.path:
            raise ConfigError("path: standard input cannot be watched; give a file, a folder or a glob", field="path")
        reading = options.model_dump(exclude={"path"}, exclude_unset=True)
        Query(**reading)
        source = cls([access.path(path) for path in options.path], reading=reading)
        source.access = access
        return source

    def read(self, query: Query, progress: Progress | None = None) -> Reading:
        """Return the panels of all files; those of one shape are joined.

        In a folder or a glob, a file that holds no series is left out and named in the findings, unless ``strict``.

        Raises:
            SourceError: a file is missing, or is not what it looks like.
            DataError: there is nothing in it to score.
        """
        query = self._asked(query)
        with self._tables(query) as (tables, left_out):
            reading = read_tables(tables, query, progress)
        if left_out:
            reading.findings.notes.append(f"left out {len(left_out)} files: " + "; ".join(left_out[:3]))
        return reading

    def newest(self, query: Query) -> datetime | None:
        """Return the newest time in the files; they are read through for it, their times only."""
        query = self._asked(query)
        with self._tables(query) as (tables, _):
            return newest_time(tables, query)

    def signature(self) -> str:
        """Return names, sizes and times of change of the files."""
        seen = sha256()
        for path in self._files():
            try:
                found = os.stat(path)
            except OSError as error:
                raise SourceError(f"files: {path!r} cannot be read: {error.strerror}") from error
            seen.update(
                f"{path}\0{found.st_size}\0{found.st_mtime_ns}\0{found.st_ino}\0".encode(errors="surrogateescape")
            )
        return seen.hexdigest()

    def _asked(self, query: Query) -> Query:
        return replace(query, **self.reading) if self.reading else query

    @contextmanager
    def _tables(self, query: Query) -> Iterator[tuple[list[RawTable], list[str]]]:
        """The tables of all files while they are open, and what is wrong with the files that hold none."""
        with TemporaryDirectory(prefix="redshank-") as folder:
            found = self._files()
            tables: list[RawTable] = []
            left_out: list[str] = []
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
            yield tables, left_out

    def _files(self) -> list[str]:
        """The files there are now; a link may have come to lead out of the folders allowed."""
        found = find_files(self.paths)
        for path in found:
            self.access.check(Path(path))
        return found

    def describe(self) -> str:
        """Return the paths."""
        return ", ".join(self.paths)

    def preview(self, n: int = 10) -> list[dict[str, Any]]:
        """Return the first ``n`` rows of the first file, as they stand there."""
        with TemporaryDirectory(prefix="redshank-") as folder:
            tables = open_tables(Content.of(self._files()[0], folder, 0), self._asked(Query()))
            return tables[0].sample().head(n).to_dicts()
