"""API tokens: shown once, kept as a hash, with a role and an end."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Row, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from redshank.errors import ConflictError, NotFoundError, RevisionError
from redshank.store.database import Database
from redshank.store.ids import new_id
from redshank.store.records import Role, Token
from redshank.store.tables import tokens

PREFIX = "rsk_"
USE_NS = 60_000_000_000  # "last used" is kept this exactly, so that reading does not become writing
COLUMNS = [column for column in tokens.columns if column.name != "hash"]


class Tokens:
    """All tokens."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def create(self, name: str, role: Role, expires_ns: int | None = None) -> tuple[Token, str]:
        """Make a token; return its record and the token itself, which nobody can read again.

        Raises:
            ConflictError: the name is taken.
        """
        now_ns, text = self._clock(), PREFIX + secrets.token_urlsafe(32)
        made = Token(
            id=new_id(now_ns), name=name, role=role, created_ns=now_ns, expires_ns=expires_ns, last_used_ns=None
        )
        row = {column.name: getattr(made, column.name) for column in COLUMNS}
        try:
            with self._database.write() as connection:
                connection.execute(insert(tokens), {**row, "hash": _hash(text)})
        except IntegrityError as error:
            raise ConflictError(f"token {name!r}: the name is taken", field="name") from error
        return made, text

    def find(self, text: str) -> Token | None:
        """Return whom a token belongs to; None = unknown or expired. Notes the use, once a minute."""
        now_ns = self._clock()
        alive = or_(tokens.c.expires_ns.is_(None), tokens.c.expires_ns > now_ns)
        with self._database.read() as connection:
            row = connection.execute(select(*COLUMNS).where(tokens.c.hash == _hash(text), alive)).first()
        if row is None:
            return None
        found = _token(row)
        if found.last_used_ns is None or abs(now_ns - found.last_used_ns) >= USE_NS:
            with self._database.write() as connection:
                connection.execute(update(tokens).where(tokens.c.id == found.id).values(last_used_ns=now_ns))
        return found

    def get(self, token_id: str) -> Token:
        """Return one token by its id; NotFoundError when there is none."""
        with self._database.read() as connection:
            row = connection.execute(select(*COLUMNS).where(tokens.c.id == token_id)).first()
        if row is None:
            raise NotFoundError(f"token {token_id!r}: not found")
        return _token(row)

    def all(self) -> Sequence[Token]:
        """Return all tokens, expired ones too, by name."""
        with self._database.read() as connection:
            return [_token(row) for row in connection.execute(select(*COLUMNS).order_by(tokens.c.name))]

    def count(self) -> int:
        """Return how many tokens there are."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(tokens)).scalar_one()

    def change(self, was: Token, *, name: str, role: Role, expires_ns: int | None) -> Token:
        """Give a token another name, role or end; return its record.

        Raises:
            RevisionError: it is no longer as it ``was``, or is gone.
            ConflictError: the name is taken.
        """
        same = (tokens.c.id == was.id) & (tokens.c.name == was.name) & (tokens.c.role == was.role)
        same &= tokens.c.expires_ns.is_not_distinct_from(was.expires_ns)
        changed = update(tokens).where(same).values(name=name, role=role, expires_ns=expires_ns)
        try:
            with self._database.write() as connection:
                if connection.execute(changed).rowcount == 0:
                    raise RevisionError(f"token {was.name!r}: was changed since it was read")
        except IntegrityError as error:
            raise ConflictError(f"token {name!r}: the name is taken", field="name") from error
        return replace(was, name=name, role=role, expires_ns=expires_ns)

    def delete(self, token_id: str) -> None:
        """Make a token void; NotFoundError when there is none."""
        with self._database.write() as connection:
            if connection.execute(delete(tokens).where(tokens.c.id == token_id)).rowcount == 0:
                raise NotFoundError(f"token {token_id!r}: not found")


def _hash(text: str) -> str:
    """A plain hash will do: the token has 256 bits of chance, nobody can try them all."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _token(row: Row[tuple[object, ...]]) -> Token:
    return Token(**row._mapping)
