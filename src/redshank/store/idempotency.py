"""Answers of requests that carried an Idempotency-Key, so that asking again does not do again."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from redshank.errors import ConfigError, ConflictError
from redshank.store.database import Database
from redshank.store.records import Answer
from redshank.store.tables import idempotency

KEPT_NS = 24 * 3600 * 1_000_000_000
OPEN_NS = 10 * 60 * 1_000_000_000  # after this long a request without an answer is taken for dead


class Idempotency:
    """The answers of the last 24 hours, by actor and key."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def begin(self, actor: str, key: str, fingerprint: str) -> Answer | None:
        """Return the answer given before; None = go on, then call ``finish`` or ``release``.

        ``fingerprint``: a hash of method, path and body; the same key must not stand for another request.

        Raises:
            ConflictError: the same request is being answered right now.
            ConfigError: the key was used for another request.
        """
        now_ns = self._clock()
        row = {"actor": actor, "key": key, "fingerprint": fingerprint, "created_ns": now_ns}
        try:
            with self._database.write() as connection:
                mine = (idempotency.c.actor == actor) & (idempotency.c.key == key)
                found = connection.execute(select(idempotency).where(mine)).first()
                if found is not None and not _is_over(found, now_ns):
                    return _answer(found, fingerprint)
                if found is not None:  # no other row: that of one who was first just now must stay
                    old = mine & (idempotency.c.created_ns == found.created_ns)
                    connection.execute(delete(idempotency).where(old))
                connection.execute(insert(idempotency), row)
        except IntegrityError as error:
            raise _busy(key) from error
        return None

    def finish(self, actor: str, key: str, answer: Answer) -> None:
        """Keep the answer of a request that was begun."""
        values = {"status": answer.status, "headers": dict(answer.headers), "body": answer.body}
        mine = (idempotency.c.actor == actor) & (idempotency.c.key == key)
        with self._database.write() as connection:
            connection.execute(update(idempotency).where(mine).values(values))

    def release(self, actor: str, key: str) -> None:
        """Forget a request that failed, so that it can be tried again with the same key."""
        mine = (idempotency.c.actor == actor) & (idempotency.c.key == key) & idempotency.c.status.is_(None)
        with self._database.write() as connection:
            connection.execute(delete(idempotency).where(mine))

    def release_all(self) -> None:
        """Forget all requests without an answer; to be called when no process answers any."""
        unanswered = idempotency.c.status.is_(None)
        with self._database.read() as connection:
            if connection.execute(select(idempotency.c.key).where(unanswered).limit(1)).first() is None:
                return
        with self._database.write() as connection:
            connection.execute(delete(idempotency).where(unanswered))

    def prune(self) -> int:
        """Drop answers older than a day; return how many went."""
        old = idempotency.c.created_ns < self._clock() - KEPT_NS
        with self._database.write() as connection:
            return connection.execute(delete(idempotency).where(old)).rowcount


def _is_over(row: Row[tuple[object, ...]], now_ns: int) -> bool:
    kept_ns = OPEN_NS if row.status is None else KEPT_NS
    return bool(row.created_ns < now_ns - kept_ns)


def _answer(row: Row[tuple[object, ...]], fingerprint: str) -> Answer:
    if row.fingerprint != fingerprint:
        raise ConfigError(f"Idempotency-Key {row.key!r}: was used for another request", field="Idempotency-Key")
    if row.status is None:
        raise _busy(row.key)
    return Answer(status=row.status, headers=row.headers, body=bytes(row.body))


def _busy(key: str) -> ConflictError:
    return ConflictError(f"Idempotency-Key {key!r}: the same request is being answered right now")
