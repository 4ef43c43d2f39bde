"""Read files of any format into panels: find them, find out what they are, and hand their tables on.

Of growing files only what is new is read again; of files named by days only those of the days asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import unquote

import numpy as np
from pydantic import BeforeValidator, Field, SecretStr

from redshank.errors import ConfigError, NoPointsError, RedshankError, SourceError
from redshank.panel import to_datetime, to_time
from redshank.sources.base import Progress, Query, Reading, Source
from redshank.sources.content import Content, is_packed, reading
from redshank.sources.day_names import DayName
from redshank.sources.formats import open_tables
from redshank.sources.paths import STDIN, find_files, format_suffix
from redshank.sources.remote_files import S3, RemoteFiles, scheme_of, shown, suffix_of
from redshank.sources.tails import LINED, Tails, copy_lines, end_of_lines, is_being_written
from redshank.specs.base import Duration
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
    """Which files, and how they are read where that should not be found out.

    For addresses: ``user`` and ``password`` (of S3 the id and secret of a key), ``token`` or ``headers`` sign in;
    ``region`` and ``endpoint`` are those of S3; the rest is as for all that is reached by HTTP.
    """

    path: Paths
    user: str | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    ca: str | None = None
    verify: bool = True
    region: str | None = None
    endpoint: str | None = None
    connect_timeout: Duration = Field(default=timedelta(seconds=10), gt=timedelta(0))
    timeout: Duration = Field(default=timedelta(minutes=1), gt=timedelta(0))
    retries: int = Field(default=4, ge=0, le=20)
    max_bytes: int = Field(default=1 << 30, ge=1)
    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    records: str | None = None
    allow_pickle: bool = False


_READING = frozenset({"separator", "decimal", "encoding", "sheet", "records", "allow_pickle"})
_REMOTE = frozenset(FileOptions.model_fields) - _READING - {"path"}


class FileSource(Source):
    """Files, folders, globs and addresses; ``-`` is standard input."""

    kind: ClassVar[str] = "files"
    schemes: ClassVar[tuple[str, ...]] = ("file", "http", "https", "s3")
    Options: ClassVar[type[Options]] = FileOptions

    def __init__(
        self, paths: Sequence[str], *, reading: Mapping[str, Any] | None = None, remote: RemoteFiles | None = None
    ) -> None:
        """Keep the paths, and the fields of every query that are set here; nothing is read yet."""
        self.paths = [_without_scheme(path) for path in paths]
        self.reading = dict(reading or {})
        self.access = Access()
        self.is_watched = False
        self._remote = remote or RemoteFiles({}, self.access)
        self._tails = Tails()

    @classmethod
    def options_of(cls, url: str) -> dict[str, Any]:
        """Return the options that an address stands for: the path, all of it."""
        return {"path": url}

    @classmethod
    def build(cls, options: FileOptions, access: Access) -> Self:
        """Return the source; ConfigError when a path lies outside of the folders allowed."""
        if STDIN in options.path:
            raise ConfigError("path: standard input cannot be watched; give a file, a folder or a glob", field="path")
        given = {name: getattr(options, name) for name in options.model_fields_set}
        reading = {name: value for name, value in given.items() if name in _READING}
        Query(**reading)
        remote = RemoteFiles({name: value for name, value in given.items() if name in _REMOTE}, access)
        plain = [_without_scheme(path) for path in options.path]
        paths = [path if scheme_of(path) else access.path(path) for path in plain]
        source = cls(paths, reading=reading, remote=remote)
        source.access, source.is_watched = access, True
        return source

    def read(self, query: Query, progress: Progress | None = None) -> Reading:
        """Return the panels of all files; those of one shape are joined.

        In a folder or a glob, a file that holds no series is left out and named in the findings, unless ``strict``.

        Raises:
            SourceError: a file is missing, or is not what it looks like.
            DataError: there is nothing in it to score.
        """
        query = self._asked(query)
        with self.counts.reading(), self._tables(query) as (tables, left_out):
            reading = read_tables(tables, query, progress)
        self.counts.add(rows=reading.findings.rows)
        if left_out:
            reading.findings.notes.append(f"left out {len(left_out)} files: " + "; ".join(left_out[:3]))
        return reading

    def newest(self, query: Query) -> datetime | None:
        """Return the newest time in the files; what was not read before is read for it, its times only."""
        query = self._asked(query)
        newest = None
        for files in self._by_age(query):
            found = [self._newest_of(path, query) for path in files]
            newest = max((time for time in (newest, *found) if time is not None), default=None)
            if newest is not None and self._is_by_name:
                break
        return newest

    def signature(self) -> str | None:
        """Return names, sizes and times of change of the files; None where a server does not tell."""
        seen = sha256()
        for path in self._found(_NOW):
            told = self._remote.signature(path) if scheme_of(path) else self._signature_of(path)
            if told is None:
                return None
            seen.update(f"{path}\0{told}\0".encode(errors="surrogateescape"))
        return seen.hexdigest()

    def cancel(self) -> None:
        """Give up what other threads fetch."""
        self._remote.cancel()

    def _signature_of(self, path: str) -> str:
        try:
            found = os.stat(path)
            is_open = self.is_watched and format_suffix(path) in LINED and is_being_written(path, end_of_lines(path))
        except OSError as error:
            raise SourceError(f"files: {path!r} cannot be read: {error.strerror}") from error
        return f"{found.st_size}\0{found.st_mtime_ns}\0{found.st_ino}\0{is_open}"

    def _asked(self, query: Query) -> Query:
        return replace(query, **self.reading) if self.reading else query

    # ------------------------------------------------------------------ which files

    @property
    def _is_by_name(self) -> bool:
        """Whether the names of all files say when they are of."""
        return all(DayName.of(path) is not None for path in self.paths)

    def _by_age(self, query: Query) -> Iterator[list[str]]:
        """The files, those of the newest names first where names tell; others all at once."""
        found = self._found(query)
        if not self._is_by_name:
            yield found
            return
        begins: dict[datetime, list[str]] = {}
        for path in found:
            begin = next((one for one in (DayName(text).begin_of(path) for text in self.paths) if one), datetime.min)  # noqa: DTZ901
            begins.setdefault(begin, []).append(path)
        for begin in sorted(begins, reverse=True):
            yield begins[begin]

    def _found(self, query: Query) -> list[str]:
        """The files there are now for a range; a link may have come to lead out of the folders allowed."""
        found: dict[str, None] = {}
        for text in self.paths:
            name = DayName.of(text)
            if scheme_of(text):
                found.update(dict.fromkeys(self._addresses(text, name, query)))
            elif name is None:
                found.update(dict.fromkeys(find_files([text])))
            else:
                found.update(dict.fromkeys(one for one in find_files([name.glob]) if name.is_within(one, query)))
        if not found:
            raise NoPointsError(f"files: {', '.join(self.paths)}: there is no file of the range asked for")
        for path in found:
            if not scheme_of(path):
                self.access.check(Path(path))
        return list(found)

    def _addresses(self, text: str, name: DayName | None, query: Query) -> list[str]:
        if name is None:
            found = self._remote.listed(text)
        elif scheme_of(text) == S3:
            found = [one for one in self._remote.listed(name.glob) if name.is_within(one, query)]
        else:
            end = query.end or datetime.now(UTC) + timedelta(days=1)
            return list(name.names(query.start or end - UNLISTED, end, query.tz))
        if not found and name is None:
            raise SourceError(f"files: no file matches {shown(text)!r}")
        return found

    # ------------------------------------------------------------------ their content

    @contextmanager
    def _tables(self, query: Query) -> Iterator[tuple[list[RawTable], list[str]]]:
        """The tables of all files while they are open, and what is wrong with the files that hold none."""
        with TemporaryDirectory(prefix="redshank-") as folder:
            found = self._found(query)
            tables: list[RawTable] = []
            left_out: list[str] = []
            first_error: RedshankError | None = None
            for number, path in enumerate(found):
                try:
                    content = self._content(path, folder, number, query)
                    tables += [] if content is None else open_tables(content, query)
                except RedshankError as error:
                    if len(found) == 1 or query.strict:
                        raise
                    left_out.append(str(error))
                    first_error = first_error or error
            if not tables:
                raise first_error or self._missing(found)
            if self._is_by_name:
                for table in tables:
                    table.label = ""  # a series goes on from one day to the next
            yield tables, left_out

    def _missing(self, found: list[str]) -> RedshankError:
        where = ", ".join(shown(path) for path in found[:3])
        if self._is_by_name:
            return NoPointsError(f"files: {where}: there is no file of the range asked for")
        return SourceError(f"files: {where}: does not exist")

    def _content(self, path: str, folder: str, number: int, query: Query) -> Content | None:
        """What a file holds, or as much of it as a range needs; None when it is not there any more."""
        if scheme_of(path):
            target = Path(folder) / f"{number}-fetched"
            before = self._remote.bytes_read()
            is_there = self._remote.fetch(path, target)
            requests, retries, size = (now - then for now, then in zip(self._remote.bytes_read(), before, strict=True))
            self.counts.add(requests=requests, retries=retries, bytes=size or (is_there and target.stat().st_size))
            return Content(shown(path), target, suffix_of(path), folder, number).opened() if is_there else None
        if not self.is_watched or format_suffix(path) not in LINED or is_packed(path):
            content = Content.of(path, folder, number)
            self.counts.add(bytes=content.path.stat().st_size)
            return content
        with reading(path):
            offset = 0 if query.start is None else self._tails.place(path, _key(query), _before_ns(query))
            return self._lines(path, folder, number, offset)

    def _lines(self, path: str, folder: str, number: int, offset: int) -> Content:
        """The head of a file and its rows from a place on, without a last line that is being written."""
        end = end_of_lines(path)
        content = Content(path, Path(path), format_suffix(path), folder, number)
        is_open = is_being_written(path, end) and end > 0
        if offset or is_open:
            target = content.temporary("lines")
            if copy_lines(path, target, offset, end if is_open else os.stat(path).st_size):
                content.path = target
        self.counts.add(bytes=content.path.stat().st_size)
        return content.opened()

    def _newest_of(self, path: str, query: Query) -> datetime | None:
        """The newest time of a file, of a growing one by what was added since."""
        key, is_growing = _key(query), self.is_watched and not scheme_of(path) and format_suffix(path) in LINED
        with TemporaryDirectory(prefix="redshank-") as folder, reading(path):
            if not is_growing or is_packed(path):
                content = self._content(path, folder, 0, query)
                return None if content is None else newest_time(open_tables(content, query), query)
            end, mark = end_of_lines(path), self._tails.last(path, key)
            content = self._lines(path, folder, 0, 0 if mark is None else mark.offset)
            newest = newest_time(open_tables(content, query), replace(query, start=None, end=None))
            known = None if mark is None else to_datetime(np.datetime64(mark.newest_ns, "ns"))
            newest = max((one for one in (newest, known) if one is not None), default=None)
            if newest is None:
                return None
            self._tails.add(path, key, end, int(to_time(newest).view(np.int64)))
            if query.end is None or newest < query.end:
                return newest
            return newest_time(open_tables(self._lines(path, folder, 1, 0), query), query)

    def describe(self) -> str:
        """Return the paths."""
        return ", ".join(shown(path) if scheme_of(path) else path for path in self.paths)

    def preview(self, n: int = 10) -> list[dict[str, Any]]:
        """Return the first ``n`` rows of the first file, as they stand there."""
        with self._tables(self._asked(_NOW if self._is_by_name else Query())) as (tables, _):
            return tables[0].sample().head(n).to_dicts()


_NOW = Query()
UNLISTED = timedelta(days=31)  # of files that cannot be listed, so far back


def _key(query: Query) -> tuple[object, ...]:
    return query.time, query.tz, query.separator, query.decimal, query.encoding


def _before_ns(query: Query) -> int:
    """Rows older than this are not needed; times of a zone may be read a day off before it is applied."""
    assert query.start is not None
    start_ns = int(to_time(query.start).view(np.int64))
    return start_ns if query.tz in (None, "UTC") else start_ns - 86_400_000_000_000


def _without_scheme(path: str) -> str:
    return unquote(path.removeprefix("file://")) if path.startswith("file:///") else path
