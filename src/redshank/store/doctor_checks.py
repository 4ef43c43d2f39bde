"""The checks of ``redshank doctor`` that look into the data."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text

from redshank.errors import RedshankError
from redshank.store.backup import history_place
from redshank.store.database import Database
from redshank.store.records import Finding, Level
from redshank.store.references import references
from redshank.store.secrets import PREFIX
from redshank.store.tables import audit, blobs, events, live, outbox, quarantine, runs, score_cursors, segments, states

if TYPE_CHECKING:
    from redshank.store.store import Store

CHUNK = 1 << 20
AHEAD_NS = 60_000_000_000  # clocks of two machines may differ this much
YOUNG_SECONDS = 3600.0  # a file this young may just be on its way into the table
NAMED = 5
TRIES = 3  # deliveries that failed so often are worth a warning


def thorough_checks(store: Store, *, quick: bool, history: str | None) -> Iterator[Finding]:
    """Yield what each check of an open store found; one that cannot be made says why."""
    database = store.database
    if not quick:
        yield from _made("integrity", _integrity(database))
        yield from _made("states", _blobs(database))
    elsewhere, folder = history_place(store.data, history)
    if elsewhere is None:
        yield from _made("history", _history(database, folder, quick))
    else:
        yield Finding("history", "ok", f"lies in {elsewhere}; not looked at")
    yield from _made("quarantine", _quarantine(database))
    yield from _made("references", _references(store))
    yield from _made("secrets", _secrets(store))
    yield from _made("deliveries", _deliveries(database))
    yield from _made("clock", _clock(database, store.clock()))


def _made(check: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except RedshankError as error:
        yield Finding(check, "error", str(error))


def _integrity(database: Database) -> Iterator[Finding]:
    """Let SQLite look at every page; PostgreSQL looks after its own."""
    if not database.is_sqlite:
        return
    with database.read() as connection:
        said = list(connection.execute(text("PRAGMA integrity_check(10)")).scalars())
        broken = connection.execute(text("PRAGMA foreign_key_check")).first()
    if said != ["ok"] or broken is not None:
        what = "; ".join(map(str, said)) if said != ["ok"] else f"rows of {broken[0]} refer to nothing"  # type: ignore[index]
        yield Finding("integrity", "error", f"{database.name} is damaged: {what}; restore a backup")
    else:
        yield Finding("integrity", "ok", f"{database.name} is whole")


def _blobs(database: Database) -> Iterator[Finding]:
    query = select(blobs.c.id, blobs.c.sha256, states.c.monitor_id, blobs.c.shard, blobs.c.part)
    with database.read() as connection:
        rows = connection.execute(query.join(states, states.c.id == blobs.c.state_id).order_by(blobs.c.id)).all()
    wrong = []
    for row in rows:
        with database.read() as connection:
            data = connection.execute(select(blobs.c.data).where(blobs.c.id == row.id)).scalar()
        if data is not None and hashlib.sha256(data).hexdigest() != row.sha256:
            wrong.append(f"{row.part} of shard {row.shard} of monitor {row.monitor_id}")
    yield _verdict("states", wrong, f"{len(rows)} parts of states are as they were saved", "damaged, train again")


def _history(database: Database, folder: Path, quick: bool) -> Iterator[Finding]:
    with database.read() as connection:
        known = connection.execute(select(segments.c.path, segments.c.sha256, segments.c.size_bytes)).all()
    wrong = []
    for row in known:
        size_bytes, sha256 = _measured(folder / row.path, quick)
        if size_bytes != row.size_bytes or sha256 not in (None, row.sha256):
            wrong.append(row.path)
    wrong = _still_known(database, wrong)
    yield _verdict("history", wrong, f"{len(known)} files of history are as they were written", "damaged or missing")
    paths = {row.path for row in known}
    old = time.time() - YOUNG_SECONDS
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_mtime < old)
    strays = [str(path.relative_to(folder)) for path in found if path.relative_to(folder).as_posix() not in paths]
    if strays:
        yield Finding("strays", "warning", f"files of history that nothing refers to: {_named(strays)}")


def _measured(file: Path, quick: bool) -> tuple[int, str | None]:
    """Return size and checksum of a file; -1 when it is not there, no checksum when in a hurry."""
    try:
        size_bytes = file.stat().st_size
        if quick:
            return size_bytes, None
        with file.open("rb") as opened:
            return size_bytes, hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return -1, None


def _still_known(database: Database, paths: list[str]) -> list[str]:
    """Return those that are still in the table: a server merges files meanwhile."""
    if not paths:
        return []
    with database.read() as connection:
        known = set(connection.execute(select(segments.c.path)).scalars())
    return [path for path in paths if path in known]


def _quarantine(database: Database) -> Iterator[Finding]:
    with database.read() as connection:
        count = connection.execute(select(func.count()).select_from(quarantine)).scalar_one()
    if count:
        yield Finding("quarantine", "warning", f"{count} damaged parts of states were set aside; look at the disk")


def _references(store: Store) -> Iterator[Finding]:
    declared = store.resources.all()
    names = {(one.kind, one.name) for one in declared}
    wrong = [
        f"{one.kind} {one.name!r} needs {kind} {name!r}"
        for one in declared
        for kind, name in references(one.kind, one.spec)
        if (kind, name) not in names
    ]
    yield _verdict("references", wrong, f"{len(declared)} declarations, all they refer to is there", "missing")


def _secrets(store: Store) -> Iterator[Finding]:
    kept = [(one.name, secret) for one in store.resources.all() for secret in _encrypted(one.spec)]
    wrong = []
    for name, secret in kept:
        try:
            store.secrets.decrypt(secret)
        except RedshankError:
            wrong.append(name)
    if kept:
        yield _verdict(
            "secrets", sorted(set(wrong)), f"{len(kept)} secrets can be read", "cannot be read with this key"
        )


def _encrypted(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith(PREFIX):
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _encrypted(inner)


def _deliveries(database: Database) -> Iterator[Finding]:
    figures = select(outbox.c.sink, func.count(), func.max(outbox.c.error)).group_by(outbox.c.sink)
    is_dead = outbox.c.dead_ns.is_not(None)
    cursors = select(score_cursors.c.sink, func.count(), func.max(score_cursors.c.error)).group_by(score_cursors.c.sink)
    with database.read() as connection:
        waiting = connection.execute(figures.where(outbox.c.attempts >= TRIES, ~is_dead)).all()
        dead = connection.execute(figures.where(is_dead)).all()
        failing = connection.execute(cursors.where(score_cursors.c.attempts >= TRIES)).all()
    for sink, count, error in waiting:
        yield Finding("deliveries", "warning", f"{count} events do not reach sink {sink!r}: {error}")
    for sink, count, error in failing:
        yield Finding("deliveries", "warning", f"scores of {count} monitors do not reach sink {sink!r}: {error}")
    for sink, count, error in dead:
        letters = "1 dead letter" if count == 1 else f"{count:,} dead letters"
        text = f"{letters} of sink {sink!r}; see `redshank sinks deliveries {sink}`, then replay or drop them: {error}"
        yield Finding("deliveries", "warning", text)


def _clock(database: Database, now_ns: int) -> Iterator[Finding]:
    """Compare the clock with the newest times that were written by it."""
    columns = (audit.c.at_ns, events.c.updated_ns, live.c.ticked_ns, runs.c.created_ns)
    with database.read() as connection:
        newest_ns = max(connection.execute(select(func.max(column))).scalar() or 0 for column in columns)
    if newest_ns > now_ns + AHEAD_NS:
        seconds = (newest_ns - now_ns) // 1_000_000_000
        yield Finding("clock", "error", f"the store holds times {seconds} s ahead of this clock; set the clock right")
    else:
        yield Finding("clock", "ok", "the clock is not behind what was kept")


def _verdict(check: str, wrong: list[str], well: str, badly: str) -> Finding:
    level: Level = "error" if wrong else "ok"
    return Finding(check, level, f"{_named(wrong)}: {badly}" if wrong else well)


def _named(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
