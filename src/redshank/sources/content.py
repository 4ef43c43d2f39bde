"""What a file holds: decompress it, and tell its format by content."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import zstandard

from redshank.errors import SourceError
from redshank.sources.paths import STDIN, format_suffix

HEAD_BYTES = 1 << 20
_BLOCK = 1 << 20
MOST_OF_DISK = 0.8  # share of the free room on the disk that an unpacked file may take
_MAGIC = ((b"\x1f\x8b", "gz"), (b"\x28\xb5\x2f\xfd", "zst"), (b"BZh", "bz2"), (b"PK\x03\x04", "zip"))


@dataclass
class Content:
    """One file, decompressed into a temporary folder where it has to be.

    ``name``: for people. ``path``: where the plain bytes are. ``suffix``: what the name says of the format. ``notes``:
    what was found while unpacking, such as that the file is cut short.
    """

    name: str
    path: Path
    suffix: str
    folder: str
    number: int
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, path: str, folder: str, number: int) -> Content:
        """Open a file, or standard input for ``-``; SourceError when it cannot be read or is empty."""
        if path == STDIN:
            content = cls("stdin", Path(folder) / f"{number}-stdin", "", folder, number)
            _copy(sys.stdin.buffer, content.path)
            return content.opened()
        return cls(path, Path(path), format_suffix(path), folder, number).opened()

    def opened(self) -> Content:
        """Unpack what is packed, and return itself; SourceError when it cannot be read or is empty."""
        content = self
        with reading(content.name):
            head = content.head(8)
            if not head:
                raise SourceError(f"{content.name}: is empty")
            kind = next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)
        if kind and not (kind == "zip" and _is_workbook(content)):
            content._unpack(kind)
        return content

    @property
    def label(self) -> str:
        """What tells this file from others: its name without suffixes."""
        return Path(self.name).name.split(".")[0] or self.name

    def head(self, size: int = HEAD_BYTES) -> bytes:
        """Return the first bytes."""
        with self.path.open("rb") as file:
            return file.read(size)

    def temporary(self, what: str) -> Path:
        """Return a path in the temporary folder for another form of this file."""
        return Path(self.folder) / f"{self.number}-{what}"

    def _unpack(self, kind: str) -> None:
        plain = self.temporary("plain")
        with reading(self.name):
            if kind == "zip":
                self._unzip(plain)
            elif not _decompress(kind, self.path, plain, _Room(self.name, self.folder)):
                self.notes.append(f"{self.name}: is cut short; what was before the cut is read")
        self.path = plain
        if not self.head(1):
            raise SourceError(
                f"{self.name}: holds nothing that can be decompressed" if self.notes else f"{self.name}: is empty"
            )

    def _unzip(self, plain: Path) -> None:
        with zipfile.ZipFile(self.path) as archive:
            inside = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX")]
            if len(inside) != 1:
                names = ", ".join(one.filename for one in inside[:5])
                raise SourceError(f"{self.name}: a zip must hold one file, got {len(inside)}: {names}")
            room = _Room(self.name, self.folder)
            with archive.open(inside[0]) as packed, plain.open("wb") as target:
                while block := packed.read(_BLOCK):
                    target.write(block)
                    room.take(len(block))
            self.suffix = format_suffix(inside[0].filename)


def is_packed(path: str) -> bool:
    """Whether a file is compressed, by its first bytes."""
    with reading(path), Path(path).open("rb") as file:
        head = file.read(8)
    return any(head.startswith(magic) for magic, _ in _MAGIC)


def _is_workbook(content: Content) -> bool:
    if content.suffix in (".xlsx", ".xlsm", ".xlsb", ".ods"):
        return True
    try:
        with zipfile.ZipFile(content.path) as archive:
            return any(name in ("[Content_Types].xml", "content.xml") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def _decompress(kind: str, packed: Path, plain: Path, room: _Room) -> bool:
    """Write the plain bytes; False when the file ends before it should."""
    with packed.open("rb") as raw, _unpacker(kind, raw) as source, plain.open("wb") as target:
        for block in _blocks(source):
            if block is None:
                return False
            target.write(block)
            room.take(len(block))
    return True


class _Room:
    """The room on the disk that one file may take when it is unpacked; a small file may hold a huge one."""

    def __init__(self, name: str, folder: str) -> None:
        self.name = name
        self.left = int(shutil.disk_usage(folder).free * MOST_OF_DISK)

    def take(self, size: int) -> None:
        """Use up some of the room; SourceError when there is none left."""
        self.left -= size
        if self.left < 0:
            raise SourceError(f"{self.name}: unpacks to more than there is room for in the folder of temporary files")


def _unpacker(kind: str, raw: IO[bytes]) -> gzip.GzipFile | bz2.BZ2File | zstandard.ZstdDecompressionReader:
    if kind == "gz":
        return gzip.GzipFile(fileobj=raw)
    if kind == "bz2":
        return bz2.BZ2File(raw)
    return zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)


def _blocks(source: gzip.GzipFile | bz2.BZ2File | zstandard.ZstdDecompressionReader) -> Iterator[bytes | None]:
    """The blocks of a compressed file; None where it is cut or damaged."""
    while True:
        try:
            block = source.read(1 << 14)
        except (EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError):
            yield None
            return
        if not block:
            return
        yield block


def _copy(source: IO[bytes], target: Path) -> None:
    with target.open("wb") as file:
        shutil.copyfileobj(source, file, _BLOCK)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what the system says of a file into a SourceError."""
    try:
        yield
    except FileNotFoundError as error:
        raise SourceError(f"{name}: does not exist") from error
    except PermissionError as error:
        raise SourceError(f"{name}: may not be read by this user") from error
    except IsADirectoryError as error:
        raise SourceError(f"{name}: is a folder") from error
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise SourceError(f"{name}: cannot be read: {error}") from error
