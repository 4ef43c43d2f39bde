"""Tokens: made once, kept as a hash by the store, known here for a few seconds without asking it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

from redshank.errors import ConfigError, UnauthorizedError
from redshank.service.actor import Actor
from redshank.service.audit import Audit
from redshank.store.pages import make_cursor, read_cursor
from redshank.store.records import Page, Role, Token
from redshank.store.store import Store

FIRST = "first"
KNOWN_FOR_NS = 5_000_000_000  # another process may have deleted a token: this one finds out that late
MOST_KNOWN = 1000


class Tokens:
    """All tokens."""

    def __init__(self, store: Store, audit: Audit, clock: Callable[[], int]) -> None:
        """``clock`` gives nanoseconds since 1970."""
        self._store, self._audit, self._clock = store, audit, clock
        self._known: dict[str, tuple[Token, int]] = {}
        self._lock = threading.Lock()

    def first(self) -> str | None:
        """Make an admin token and return it, when there is no token at all; else None."""
        if self._store.tokens.count():
            return None
        _, text = self._store.tokens.create(FIRST, "admin")
        self._audit.note("server", "create", "tokens", FIRST, {"role": "admin"})
        return text

    def create(self, name: str, role: Role, expires_ns: int | None, *, actor: Actor) -> tuple[Token, str]:
        """Make a token; return its record, and the token itself, which is not kept.

        ConfigError when it would be expired at once, ConflictError when the name is taken.
        """
        if expires_ns is not None and expires_ns <= self._clock():
            raise ConfigError("token: expires: must be in the future", field="expires")
        made, text = self._store.tokens.create(name, role, expires_ns)
        self._audit.note(actor.name, "create", "tokens", name, {"role": role})
        return made, text

    def get(self, token_id: str) -> Token:
        """Return a token; NotFoundError when there is none of that id."""
        return self._store.tokens.get(token_id)

    def list(self, *, limit: int = 100, cursor: str | None = None) -> Page:
        """Return a page of tokens, by name."""
        found = list(self._store.tokens.all())
        if cursor is not None:
            after = read_cursor(cursor, [str])[0]
            found = [each for each in found if each.name > after]
        more = len(found) > limit
        return Page(items=found[:limit], next_cursor=make_cursor([found[limit - 1].name]) if more else None)

    def change(self, was: Token, *, name: str, role: Role, expires_ns: int | None, actor: Actor) -> Token:
        """Give a token another name, role or end, at once in this process; return its record.

        ConfigError when it would be expired at once, ConflictError when the name is taken, RevisionError when it is no
        longer as it ``was``.
        """
        if expires_ns is not None and expires_ns != was.expires_ns and expires_ns <= self._clock():
            raise ConfigError("token: expires: must be in the future", field="expires")
        made = self._store.tokens.change(was, name=name, role=role, expires_ns=expires_ns)
        with self._lock:
            self._known.clear()
        self._audit.note(actor.name, "update", "tokens", name, {"was": was.name, "role": role})
        return made

    def delete(self, token_id: str, *, actor: Actor) -> None:
        """Make a token void, at once in this process; NotFoundError when there is none of that id."""
        gone = self._store.tokens.get(token_id)
        self._store.tokens.delete(token_id)
        with self._lock:
            self._known.clear()
        self._audit.note(actor.name, "delete", "tokens", gone.name, {})

    def known(self, text: str) -> Actor | None:
        """Return whose a token is, without asking the store; None when that has to be done."""
        now_ns = self._clock()
        token, until_ns = self._known.get(_key(text), (None, 0))
        if token is None or not now_ns < until_ns <= now_ns + KNOWN_FOR_NS:
            return None
        return None if token.expires_ns is not None and token.expires_ns <= now_ns else _actor(token)

    def authenticate(self, text: str) -> Actor:
        """Return whose a token is; UnauthorizedError when it is unknown or has expired."""
        token = self._store.tokens.find(text)
        if token is None:
            raise UnauthorizedError("token: must be one that exists and has not expired")
        with self._lock:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[_key(text)] = (token, self._clock() + KNOWN_FOR_NS)
        return _actor(token)


def _actor(token: Token) -> Actor:
    return Actor(token.name, token.role, f"token {token.id}")


def _key(text: str) -> str:
    """Return what a token is remembered by: memory holds no token in the clear."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
