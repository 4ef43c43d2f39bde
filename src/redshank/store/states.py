"""Detector states: kept shard by shard with checksums; one state serves the checkpoint, a version, or both.

A state is saved first and counts only once a version or the live record refers to it, in the transaction of
``live.commit``. One that nothing refers to is dropped by ``collect``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, exists, func, insert, select, update

from redshank.errors import ConflictError, NotFoundError, StateError
from redshank.store.database import Database
from redshank.store.records import Blob, Fence, Version
from redshank.store.tables import blobs, live, quarantine, states, versions

_IDLE = (~exists().where(live.c.state_id == states.c.id), ~exists().where(versions.c.state_id == states.c.id))


class States:
    """All saved states and versions."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def save(self, monitor_id: str, at_ns: int, shards: Iterable[Blob], fence: Fence | None = None) -> int:
        """Save a state, a transaction per shard so that other writers get between; return its id.

        It counts once ``TickCommit.live.state_id`` or ``TickCommit.version.state_id`` says so.
        """
        row = {"monitor_id": monitor_id, "at_ns": at_ns, "created_ns": self._clock()}
        with self._database.write(fence) as connection:
            added = insert(states).values(**row, size_bytes=0, is_complete=False).returning(states.c.id)
            state_id: int = connection.execute(added).scalar_one()
        size_bytes = 0
        for blob in shards:
            rows = [_blob_row(state_id, blob.shard, part, data) for part, data in blob.parts.items()]
            size_bytes += sum(len(data) for data in blob.parts.values())
            with self._database.write(fence) as connection:
                for blob_row in rows:
                    connection.execute(insert(blobs), blob_row)
        with self._database.write(fence) as connection:
            complete = update(states).where(states.c.id == state_id).values(is_complete=True, size_bytes=size_bytes)
            connection.execute(complete)
        return state_id

    def load(self, state_id: int) -> Iterator[Blob]:
        """Yield the shards of a state in their order, one in memory at a time.

        Raises:
            StateError: a part is damaged (it is then in quarantine and will not be loaded again) or missing.
        """
        with self._database.read() as connection:
            mine = select(blobs.c.shard).where(blobs.c.state_id == state_id).distinct().order_by(blobs.c.shard)
            shards = list(connection.execute(mine).scalars())
            is_complete = connection.execute(select(states.c.is_complete).where(states.c.id == state_id)).scalar()
        if not is_complete:
            raise StateError(f"state {state_id}: must be saved whole, but it is missing or cut; train again")
        for shard in shards:
            yield self._shard(state_id, shard)

    def versions(self, monitor_id: str) -> Sequence[Version]:
        """Return the versions of a monitor, newest first."""
        with self._database.read() as connection:
            return _versions(connection, versions.c.monitor_id == monitor_id)

    def version(self, monitor_id: str, number: int) -> Version:
        """Return one version; NotFoundError when there is none."""
        with self._database.read() as connection:
            return _version(connection, monitor_id, number)

    def counts(self) -> dict[str, int]:
        """Return how many versions each monitor has that has any."""
        query = select(versions.c.monitor_id, func.count()).group_by(versions.c.monitor_id)
        with self._database.read() as connection:
            return {monitor_id: count for monitor_id, count in connection.execute(query)}

    def next_number(self, monitor_id: str) -> int:
        """Return the number of the next version of a monitor."""
        query = select(func.max(versions.c.number)).where(versions.c.monitor_id == monitor_id)
        with self._database.read() as connection:
            return (connection.execute(query).scalar() or 0) + 1

    def restore(self, monitor_id: str, number: int, fence: Fence | None = None) -> Version:
        """Make a version the live one; the points since its cursor are learned when it is loaded. Return it."""
        with self._database.write(fence) as connection:
            version = _version(connection, monitor_id, number)
            if version.state_id is None:
                raise ConflictError(f"version {number}: its state is no longer kept")
            back = {
                "version": number,
                "checkpoint_ns": version.cursor_ns,
                "state_id": version.state_id,
                "revision": live.c.revision + 1,
            }
            changed = connection.execute(update(live).where(live.c.monitor_id == monitor_id).values(back))
            if changed.rowcount == 0:
                raise ConflictError(f"version {number}: the monitor has not started yet")
            return _version(connection, monitor_id, number)

    def prune(self, monitor_id: str, keep: int, fence: Fence | None = None) -> int:
        """Drop all versions but the newest ``keep`` and the live one; return how many went."""
        with self._database.write(fence) as connection:
            known = _versions(connection, versions.c.monitor_id == monitor_id)
            old = [version for version in known[keep:] if not version.is_live]
            numbers = [version.number for version in old]
            gone = delete(versions).where(versions.c.monitor_id == monitor_id, versions.c.number.in_(numbers))
            connection.execute(gone)
        self.drop([version.state_id for version in old if version.state_id is not None])
        return len(old)

    def collect(self, before_ns: int) -> int:
        """Drop states that nothing refers to and that were saved before a time; return how many went.

        The time must be long ago: a younger state may just be on its way into a version.
        """
        with self._database.read() as connection:
            unused = select(states.c.id).where(states.c.created_ns < before_ns, *_IDLE)
            found = list(connection.execute(unused).scalars())
        self.drop(found)
        return len(found)

    def drop(self, state_ids: Sequence[int]) -> None:
        """Drop those of these states that nothing refers to, one in a transaction."""
        for state_id in state_ids:
            with self._database.write() as connection:
                connection.execute(delete(states).where(states.c.id == state_id, *_IDLE))

    def _shard(self, state_id: int, shard: int) -> Blob:
        query = select(blobs.c.part, blobs.c.sha256, blobs.c.data).where(
            blobs.c.state_id == state_id, blobs.c.shard == shard
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(blobs.c.part)).all()
        for part, sha256, data in rows:
            if hashlib.sha256(data).hexdigest() != sha256:
                self._set_aside(state_id, shard, part)
                raise StateError(
                    f"state {state_id}: part {part!r} of shard {shard} is damaged and was set aside; train again"
                )
        return Blob(shard=shard, parts={part: bytes(data) for part, _, data in rows})

    def _set_aside(self, state_id: int, shard: int, part: str) -> None:
        this = and_(blobs.c.state_id == state_id, blobs.c.shard == shard, blobs.c.part == part)
        with self._database.write() as connection:
            monitor_id = connection.execute(select(states.c.monitor_id).where(states.c.id == state_id)).scalar()
            row = connection.execute(select(blobs.c.sha256, blobs.c.data).where(this)).first()
            if row is None or monitor_id is None:
                return
            where = {"monitor_id": monitor_id, "state_id": state_id, "shard": shard, "part": part}
            kept = insert(quarantine).values(**where, found_ns=self._clock(), sha256=row.sha256, data=row.data)
            connection.execute(kept)
            connection.execute(delete(blobs).where(this))
            connection.execute(update(states).where(states.c.id == state_id).values(is_complete=False))


def write_version(connection: Connection, version: Version) -> None:
    """Add a version inside a transaction; its number must be new."""
    names = {column.name for column in versions.columns}
    connection.execute(insert(versions), {name: getattr(version, name) for name in names})


def check_state(connection: Connection, state_id: int) -> None:
    """Refuse to refer to a state that is not whole."""
    if not connection.execute(select(states.c.is_complete).where(states.c.id == state_id)).scalar():
        raise StateError(f"state {state_id}: must be saved whole before anything refers to it")


def _blob_row(state_id: int, shard: int, part: str, data: bytes) -> dict[str, Any]:
    sha256 = hashlib.sha256(data).hexdigest()
    return {"state_id": state_id, "shard": shard, "part": part, "sha256": sha256, "data": data}


def _versions(connection: Connection, *conditions: Any) -> Sequence[Version]:
    is_live = and_(live.c.monitor_id == versions.c.monitor_id, live.c.version == versions.c.number)
    query = (
        select(versions, live.c.monitor_id.is_not(None).label("is_live"))
        .outerjoin(live, is_live)
        .where(*conditions)
        .order_by(versions.c.number.desc())
    )
    return [_record(row) for row in connection.execute(query)]


def _record(row: Row[Any]) -> Version:
    return Version(**{**row._mapping, "is_live": bool(row._mapping["is_live"])})


def _version(connection: Connection, monitor_id: str, number: int) -> Version:
    found = _versions(connection, versions.c.monitor_id == monitor_id, versions.c.number == number)
    if not found:
        raise NotFoundError(f"version {number} of monitor {monitor_id}: not found")
    return found[0]
