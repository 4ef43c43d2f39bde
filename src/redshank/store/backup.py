"""Backup: a store that is in use, as of one moment, in one file."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from redshank import __version__
from redshank.errors import ConflictError, NotFoundError, StateError, UnavailableError
from redshank.store.bundle import Manifest, Writer, writing
from redshank.store.database import Database
from redshank.store.migrate import check_known, migrate, must_be_current, schema_of
from redshank.store.portable import copy_rows
from redshank.store.secrets import FILE as KEY_FILE
from redshank.store.sqlite import FILE as DATABASE_FILE
from redshank.store.sqlite import sqlite_engine
from redshank.store.store import HISTORY
from redshank.store.tables import segments

TRIES = 10


def backup(
    data: Path, target: Path, database: str | None = None, *, history: str | None = None, with_key: bool = True
) -> Manifest:
    """Write a backup of a data folder to a file; a server may be using it. Return what is in it.

    Database and history are of one moment. Of PostgreSQL all rows are taken, so that the backup can be restored to
    either kind of database. ``history``: as for ``Store.open``; the files of an object store are not copied, only its
    address is kept. The key that encrypts secrets is in the backup unless ``with_key`` is False.

    Raises:
        NotFoundError: there is no store.
        ConflictError: the file is there already.
        StateError: a file of the history is missing, or the store is of a newer version.
        UnavailableError: the disk is full, or something cannot be read.
    """
    if target.exists():
        raise ConflictError(f"backup {target}: must not be there yet")
    if database is None and not (data / DATABASE_FILE).exists():
        raise NotFoundError(f"data folder {data}: there is no {DATABASE_FILE} to back up")
    elsewhere, root = history_place(data, history)
    try:
        with (
            tempfile.TemporaryDirectory(prefix=".redshank-", dir=target.absolute().parent) as copied,
            tempfile.TemporaryDirectory(prefix=".backup-", dir=data) as linked,
            writing(target) as writer,
        ):
            copy = Path(copied, DATABASE_FILE)
            if elsewhere is None:
                paths = _take_moment(data, database, copy, root, Path(linked))
            else:
                paths = _take_database(data, database, copy)
            return _write(writer, copy, Path(linked), paths, data / KEY_FILE if with_key else None, elsewhere)
    except (OSError, sqlite3.Error) as error:
        raise UnavailableError(f"backup {target}: {error}") from error


def _write(
    writer: Writer, copy: Path, linked: Path, paths: Sequence[str], key: Path | None, elsewhere: str | None
) -> Manifest:
    writer.add(DATABASE_FILE, copy, 0o600)
    if elsewhere is None:
        for path in paths:
            writer.add(f"{HISTORY}/{path}", linked / path)
    if key is not None and key.exists():
        writer.add(KEY_FILE, key, 0o600)
    manifest = Manifest(
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        package=__version__,
        schema=_schema(copy),
        elsewhere=elsewhere,
        members=tuple(writer.members),
    )
    writer.finish(manifest)
    return manifest


def history_place(data: Path, history: str | None) -> tuple[str | None, Path]:
    """Return the address of a history in an object store (None = in a folder), and the folder of one that is not."""
    if history is not None and "://" in history:
        return history, data / HISTORY
    return None, data / HISTORY if history is None else Path(history)


def _take_moment(data: Path, database: str | None, copy: Path, root: Path, linked: Path) -> Sequence[str]:
    """Copy the database, then link the files that it names; again from the start when one was merged meanwhile."""
    for _ in range(TRIES):
        paths = _take_database(data, database, copy)
        missing = next((path for path in paths if not _link(root / path, linked / path)), None)
        if missing is None:
            return paths
    raise StateError(f"history {root}: {missing} is missing; see `redshank doctor`")


def _take_database(data: Path, database: str | None, copy: Path) -> Sequence[str]:
    """Copy the database as of one moment; return the paths of the segments it names."""
    copy.unlink(missing_ok=True)
    if database is None:
        with closing(sqlite3.connect(data / DATABASE_FILE)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    else:
        _export(database, copy)
    check_known(_schema(copy), str(data / DATABASE_FILE))
    with closing(sqlite3.connect(copy)) as connection:
        return [path for (path,) in connection.execute(str(select(segments.c.path).order_by(segments.c.id)))]


def _export(address: str, copy: Path) -> None:
    """Copy all rows of a PostgreSQL database into a new SQLite file."""
    from redshank.store.postgresql import postgresql_engine, read_address, shown

    url = read_address(address)
    source = Database(postgresql_engine(url), shown(url))
    target = Database(sqlite_engine(copy, may_make=True), str(copy))
    try:
        must_be_current(source)
        migrate(target)
        copy_rows(source, target)
    finally:
        source.close()
        target.close()
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def _schema(file: Path) -> str:
    database = Database(sqlite_engine(file, may_make=False), str(file))
    try:
        with database.read() as connection:
            return schema_of(connection) or ""
    finally:
        database.close()


def _link(source: Path, target: Path) -> bool:
    """Hold on to a file under another name, so that it stays whatever the server does; False = it is not there."""
    if target.exists():
        return True
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError:
        return False
    except OSError:  # a file system without links
        try:
            shutil.copyfile(source, target)
        except FileNotFoundError:
            return False
    return True
