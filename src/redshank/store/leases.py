"""Leases: which process leads, until when, and the rising token that shuts an old leader out."""

from __future__ import annotations

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from redshank.store.database import Database
from redshank.store.records import Fence
from redshank.store.tables import leases

SECOND = 1_000_000_000


class Leases:
    """All leases, by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, name: str, owner: str, seconds: float, now_ns: int) -> Fence | None:
        """Take a lease that is free, over or already the owner's; None when another holds it.

        The token rises with every take, so also the owner's own older fences are void. A lease further ahead than
        twice its length is over too: the clock was set back.
        """
        until_ns = now_ns + int(seconds * SECOND)
        too_far_ns = now_ns + int(2 * seconds * SECOND)
        free = (leases.c.until_ns <= now_ns) | (leases.c.until_ns > too_far_ns) | (leases.c.owner == owner)
        taken = update(leases).where(leases.c.name == name, free)
        try:
            with self._database.write() as connection:
                token = connection.execute(
                    taken.values(owner=owner, until_ns=until_ns, token=leases.c.token + 1).returning(leases.c.token)
                ).scalar()
                if token is None and connection.execute(select(leases.c.name).where(leases.c.name == name)).first():
                    return None
                if token is None:
                    token = 1
                    connection.execute(insert(leases).values(name=name, owner=owner, token=token, until_ns=until_ns))
        except IntegrityError:  # another took it first
            return None
        return Fence(name=name, owner=owner, token=token)

    def renew(self, fence: Fence, seconds: float, now_ns: int) -> None:
        """Hold it longer.

        Raises:
            LeaseLostError: another took it meanwhile.
        """
        with self._database.write(fence) as connection:
            connection.execute(
                update(leases).where(leases.c.name == fence.name).values(until_ns=now_ns + int(seconds * SECOND))
            )

    def release(self, fence: Fence) -> None:
        """Let it go, if it is still held; the next ``take`` gets it at once, with a higher token."""
        mine = (leases.c.name == fence.name) & (leases.c.owner == fence.owner) & (leases.c.token == fence.token)
        with self._database.write() as connection:
            connection.execute(update(leases).where(mine).values(until_ns=0, owner="", token=leases.c.token + 1))

    def holder(self, name: str, now_ns: int) -> str | None:
        """Return the owner of a lease that is not over; None = nobody."""
        with self._database.read() as connection:
            held = select(leases.c.owner).where(leases.c.name == name, leases.c.until_ns > now_ns)
            return connection.execute(held).scalar()
