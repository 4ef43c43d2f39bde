"""Restore: a backup into an empty place, checked first, so that a wrong file changes nothing."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from redshank.errors import ConflictError, NotFoundError, UnavailableError
from redshank.store.backup import history_place
from redshank.store.bundle import Manifest, unpack
from redshank.store.database import Database
from redshank.store.lock import FILE as LOCK_FILE
from redshank.store.lock import FolderLock
from redshank.store.migrate import check_known, migrate
from redshank.store.portable import copy_rows, has_rows
from redshank.store.sqlite import FILE as DATABASE_FILE
from redshank.store.sqlite import sqlite_engine
from redshank.store.store import HISTORY


def restore(
    file: Path, data: Path, database: str | None = None, *, history: str | None = None, replace: bool = False
) -> Manifest:
    """Put a backup into a data folder (and its rows into a PostgreSQL database when one is given); return its contents.

    ``history``: folder that the files of the history go into, beside what is there; None, or the address of an object
    store, which must be filled by other means: the data folder.

    ``replace``: what is in the folder is moved aside, into ``replaced-TIME`` in it; rows of the PostgreSQL database are
    dropped.

    Raises:
        NotFoundError: there is no such file.
        ConflictError: folder or database are not empty.
        StateError: the backup is damaged, or of a newer version; nothing was changed.
        UnavailableError: a server uses the folder, or the disk is full; nothing was changed.
    """
    if not file.is_file():
        raise NotFoundError(f"backup {file}: not found")
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(data)
        try:
            with tempfile.TemporaryDirectory(prefix=".restore-", dir=data) as folder:
                manifest = _restore(file, data, database, Path(folder), replace)
            _move_history(data / HISTORY, history_place(data, history)[1])
            return manifest
        finally:
            lock.release()
    except OSError as error:
        raise UnavailableError(f"restore to {data}: {error}") from error


def _restore(file: Path, data: Path, address: str | None, folder: Path, replace: bool) -> Manifest:
    present = [path for path in data.iterdir() if path.name != LOCK_FILE and path != folder]
    old = [path for path in present if not path.name.startswith("replaced-")]
    if old and not replace:
        raise ConflictError(
            f"data folder {data}: must be empty to restore into it; --replace moves aside what is there"
        )
    manifest = unpack(file, folder)
    check_known(manifest.schema, f"backup {file}")
    if address is not None:
        _import(folder / DATABASE_FILE, address, replace)
        for part in folder.glob(f"{DATABASE_FILE}*"):
            part.unlink()
    _swap(data, folder, old)
    return manifest


def _move_history(restored: Path, root: Path) -> None:
    """Move the files of the history to where they are looked for; their names are unique, so none is in the way."""
    if restored == root or not restored.is_dir():
        return
    for file in [path for path in restored.rglob("*") if path.is_file()]:
        target = root / file.relative_to(restored)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, target)
    shutil.rmtree(restored)


def _import(copy: Path, address: str, replace: bool) -> None:
    from redshank.store.postgresql import postgresql_engine, read_address, shown

    url = read_address(address)
    source = Database(sqlite_engine(copy, may_make=False), str(copy))
    target = Database(postgresql_engine(url), shown(url))
    try:
        migrate(source)
        migrate(target)
        if has_rows(target) and not replace:
            raise ConflictError(f"database {target.name}: must be empty to restore into it; --replace drops its rows")
        copy_rows(source, target, replace=replace)
    finally:
        source.close()
        target.close()


def _swap(data: Path, folder: Path, old: list[Path]) -> None:
    """Move what was there aside, then what was unpacked into its place, the database last."""
    if old:
        aside = data / f"replaced-{datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')}"
        aside.mkdir()
        for path in old:
            shutil.move(path, aside / path.name)
    for path in sorted(folder.iterdir(), key=lambda path: path.name == DATABASE_FILE):
        path.rename(data / path.name)
