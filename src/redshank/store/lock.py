"""The lock that keeps a second server out of a data folder.

The lock is the operating system's (``flock``), held as long as the process lives: it ends with the process however that
ends, and no other process that got the same pid can be taken for the holder. The pid in the file is for the message.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import IO

from redshank.errors import UnavailableError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FILE = "redshank.lock"
TRIES, PAUSE_SECONDS = 3, 0.05


class FolderLock:
    """A lock on a data folder."""

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            UnavailableError: another process has it; the message holds its pid.
        """
        self.path = folder / FILE
        self._file = _open(self.path)
        try:
            _lock_soon(self._file)
        except OSError:
            holder = _holder(self._file)
            self._file.close()
            raise UnavailableError(f"data folder {folder}: in use by process {holder}; stop it first") from None
        self._file.seek(0)
        self._file.truncate()
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Give the folder free. The file stays: whoever waits for it must not lock a file that is gone."""
        with contextlib.suppress(OSError, ValueError):
            self._file.seek(0)
            self._file.truncate()
        self._file.close()


def holder_of(folder: Path) -> int | None:
    """Return the pid of the process that holds the lock of a folder, None = nobody, 0 = somebody unknown."""
    path = folder / FILE
    if not path.exists():
        return None
    with path.open() as file:
        try:
            _lock(file, shared=True)
        except OSError:
            held = _holder(file)
            return int(held) if held.isdigit() else 0
    return None


def _open(path: Path) -> IO[str]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+", encoding="ascii")


def _lock_soon(file: IO[str]) -> None:
    """Lock, with some patience: ``holder_of`` has the lock for a moment."""
    for _ in range(TRIES - 1):
        try:
            return _lock(file)
        except OSError:
            time.sleep(PAUSE_SECONDS)
    return _lock(file)


def _lock(file: IO[str], *, shared: bool = False) -> None:
    if fcntl is None:
        import msvcrt

        file.seek(1 << 20)  # bytes that are locked cannot be read there, so not those of the pid
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        return
    fcntl.flock(file.fileno(), (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def _holder(file: IO[str]) -> str:
    file.seek(0)
    return file.read(20).strip() or "(unknown)"
