"""The file of a backup: a tar, compressed by zstd, whose last member says what is in it, with checksums."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

import zstandard

from redshank.errors import ConfigError, StateError

MANIFEST = "manifest.json"
FORMAT = 1
CHUNK = 1 << 20


@dataclass(frozen=True)
class Member:
    """A file in a backup; ``path`` is that below the data folder."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is in a backup. ``elsewhere``: address of the history when it is not in it, as in an object store."""

    created: str
    package: str
    schema: str
    elsewhere: str | None = None
    format: int = FORMAT
    members: tuple[Member, ...] = field(default=())


class Writer:
    """Adds files to a backup."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.members: list[Member] = []

    def add(self, path: str, source: Path, mode: int = 0o644) -> Member:
        """Add a file under a path below the data folder."""
        with source.open("rb") as file:
            return self.add_stream(path, file, source.stat().st_size, mode)

    def add_stream(self, path: str, stream: IO[bytes], size_bytes: int, mode: int = 0o644) -> Member:
        """Add so many bytes of a stream."""
        info = tarfile.TarInfo(path)
        info.size, info.mode = size_bytes, mode
        counted = _Counted(stream)
        self._tar.addfile(info, counted)
        member = Member(path, size_bytes, counted.digest.hexdigest())
        self.members.append(member)
        return member

    def finish(self, manifest: Manifest) -> None:
        """Write the last member."""
        body = json.dumps(asdict(manifest), indent=1).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size = len(body)
        self._tar.addfile(info, io.BytesIO(body))


class _Counted:
    """A stream and the checksum of what was read of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.digest.update(data)
        return data


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """Make a backup file, whole and on disk at the end, or not at all; readable by its owner only."""
    partial = path.with_name(path.name + ".partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            with (
                zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) as compressed,
                tarfile.open(fileobj=compressed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
            ):
                yield Writer(tar)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def unpack(path: Path, folder: Path) -> Manifest:
    """Write all files of a backup below a folder, which nobody else uses; return what is in it.

    Raises:
        StateError: it is cut, altered, or no backup of this program.
    """
    found: dict[str, Member] = {}
    manifest: Manifest | None = None
    try:
        with (
            path.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as stream,
            tarfile.open(fileobj=stream, mode="r|") as tar,
        ):
            for info in tar:
                body = tar.extractfile(info)
                if body is None:
                    raise StateError(f"backup {path}: {info.name!r} must be a file")
                if info.name == MANIFEST:
                    manifest = _manifest(path, json.load(body))
                else:
                    found[info.name] = _extract(body, info, folder)
    except (tarfile.TarError, zstandard.ZstdError, EOFError, ValueError, KeyError, TypeError) as error:
        raise StateError(f"backup {path}: must be a whole file made by `redshank backup`: {error}") from error
    if manifest is None:
        raise StateError(f"backup {path}: must be a whole file made by `redshank backup`, but its end is missing")
    wrong = [member.path for member in manifest.members if found.get(member.path) != member]
    if wrong or len(found) != len(manifest.members):
        raise StateError(f"backup {path}: damaged: {', '.join(wrong) or 'files that it does not name'}")
    return manifest


def _extract(body: IO[bytes], info: tarfile.TarInfo, folder: Path) -> Member:
    place = PurePosixPath(info.name)
    if place.is_absolute() or ".." in place.parts or "\\" in info.name:
        raise StateError(f"backup: a file must lie inside the data folder, got {info.name!r}")
    target = folder / place
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size_bytes = hashlib.sha256(), 0
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, info.mode & 0o666), "wb") as file:
        while data := body.read(CHUNK):
            file.write(data)
            digest.update(data)
            size_bytes += len(data)
        file.flush()
        os.fsync(file.fileno())
    return Member(info.name, size_bytes, digest.hexdigest())


def _manifest(path: Path, given: dict[str, Any]) -> Manifest:
    if given["format"] > FORMAT:
        raise ConfigError(f"backup {path}: format must be <= {FORMAT}, got {given['format']}; upgrade redshank")
    members = tuple(Member(**member) for member in given["members"])
    return Manifest(**{**given, "members": members})
