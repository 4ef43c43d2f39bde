"""Looks a store over, in use or not, and says what is wrong and what to do about it; changes nothing."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from redshank import __version__
from redshank.errors import RedshankError
from redshank.store.doctor_checks import thorough_checks
from redshank.store.lock import holder_of
from redshank.store.migrate import HEAD, schema_of
from redshank.store.records import Finding
from redshank.store.secrets import FILE as KEY_FILE
from redshank.store.sqlite import FILE as DATABASE_FILE
from redshank.store.store import Store, open_database

MEBIBYTE = 1 << 20
LEAST_FREE, LOW_FREE = 100 * MEBIBYTE, 1024 * MEBIBYTE
BIG_LOG = 512 * MEBIBYTE


def examine(
    data: Path,
    database: str | None = None,
    *,
    quick: bool = False,
    history: str | None = None,
    clock: Callable[[], int] = time.time_ns,
    reach: Callable[[Store], Iterable[Finding]] | None = None,
) -> Iterator[Finding]:
    """Yield what each check found, as it is found; a server may be using the store.

    ``quick`` leaves out what reads every byte. ``history``: as for ``Store.open``. ``reach`` checks what the store does
    not know, such as whether its sources answer.
    """
    yield from _check_folder(data, database)
    if database is None and not (data / DATABASE_FILE).is_file():
        yield Finding("database", "error", f"{data / DATABASE_FILE} is missing; start the server once, or restore")
        return
    try:
        opened = open_database(data, database, may_make=False)
        try:
            with opened.read() as connection:
                schema = schema_of(connection)
        finally:
            opened.close()
    except RedshankError as error:
        yield Finding("database", "error", str(error))
        return
    yield _schema(schema)
    if schema != HEAD:
        return
    with Store.open(data, database, exclusive=False, clock=clock, history=history) as store:
        yield from thorough_checks(store, quick=quick, history=history)
        if reach is not None:
            yield from reach(store)


def _check_folder(data: Path, database: str | None) -> Iterator[Finding]:
    if not data.is_dir():
        yield Finding("folder", "error", f"{data} must be a folder; give its place with --data")
        return
    if os.access(data, os.W_OK | os.X_OK):
        yield Finding("folder", "ok", f"{data} can be written")
    else:
        yield Finding("folder", "error", f"{data} cannot be written by this user")
    holder = holder_of(data)
    yield Finding("lock", "ok", "no server uses the folder" if holder is None else f"in use by process {holder}")
    yield _disk(data)
    yield from _leftovers(data)
    if database is None:
        yield from _log(data)
    yield from _key(data)


def _disk(data: Path) -> Finding:
    usage = shutil.disk_usage(data)
    text = f"{usage.free / MEBIBYTE:,.0f} MiB free of {usage.total / MEBIBYTE:,.0f}"
    if usage.free < LEAST_FREE:
        return Finding("disk", "error", f"{text}; make room, or nothing more can be kept")
    if usage.free < LOW_FREE:
        return Finding("disk", "warning", f"{text}; make room soon")
    return Finding("disk", "ok", text)


def _leftovers(data: Path) -> Iterator[Finding]:
    found = sorted(path.name for path in data.iterdir() if path.name.startswith((".backup-", ".restore-", "replaced-")))
    if found:
        yield Finding("leftovers", "warning", f"can be removed when no longer wanted: {', '.join(found)}")


def _log(data: Path) -> Iterator[Finding]:
    log = data / f"{DATABASE_FILE}-wal"
    size_bytes = log.stat().st_size if log.exists() else 0
    if size_bytes > BIG_LOG:
        text = f"{log.name} has {size_bytes / MEBIBYTE:,.0f} MiB: some program has kept the database open for reading"
        yield Finding("log", "warning", f"{text}; restart the server")


def _key(data: Path) -> Iterator[Finding]:
    path = data / KEY_FILE
    if path.exists() and os.name == "posix" and path.stat().st_mode & 0o077:
        yield Finding("key", "error", f"others can read {path}; run: chmod 600 {path}")


def _schema(schema: str | None) -> Finding:
    if schema == HEAD:
        return Finding("schema", "ok", f"schema {schema}, redshank {__version__}")
    if schema is not None and schema > HEAD:
        return Finding("schema", "error", f"schema {schema} is newer than redshank {__version__}; upgrade redshank")
    return Finding("schema", "warning", f"schema is {schema or 'missing'}, must be {HEAD}; start the server once")
