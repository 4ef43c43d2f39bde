"""Who may pass: tokens, roles, rates; and posts that must be done once only."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from redshank.api.bodies import read_body
from redshank.api.limiting import RateLimit
from redshank.errors import ConfigError, ForbiddenError, UnauthorizedError
from redshank.service.actor import Actor
from redshank.service.service import Service
from redshank.settings import Settings
from redshank.store.records import Answer, Role

RANKS: dict[Role, int] = {"view": 1, "edit": 2, "admin": 3}
KEPT_ANSWER_BYTES = 1 << 20
LONGEST_KEY = 255


class Doorkeeper:
    """Admits requests to routes."""

    def __init__(self, service: Service, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nobody known."""
        self._service, self._settings = service, settings
        self._requests = RateLimit("requests", settings.requests_per_minute, clock)
        self._failures = RateLimit("wrong tokens", settings.failed_tokens_per_minute, clock)

    async def admit(self, request: Request, role: Role | None) -> Actor:
        """Return who asks; UnauthorizedError, ForbiddenError or LimitError. ``role`` None: open to all."""
        address = request.client.host if request.client else "unknown"
        if role is None:
            self._requests.take(f"address {address}")
            return Actor("anyone", "view")
        actor = await self._actor(request, address)
        self._requests.take(actor.key)
        if RANKS[actor.role] < RANKS[role]:
            raise ForbiddenError(f"token {actor.name!r}: needs the role {role}, has {actor.role}")
        return actor

    async def _actor(self, request: Request, address: str) -> Actor:
        if self._settings.no_auth:
            return Actor("local", "admin", f"address {address}")
        self._failures.check(address)
        text = _bearer(request)
        actor = self._service.tokens.known(text)
        if actor is not None:
            return actor
        try:
            return await run_in_threadpool(self._service.tokens.authenticate, text)
        except UnauthorizedError:
            self._failures.take(address)
            raise

    async def answer_once(
        self, request: Request, handle: Callable[[Request], Coroutine[Any, Any, Response]]
    ) -> Response:
        """Answer a post under its Idempotency-Key: anew, or as it was answered before.

        ConflictError while the first is still being answered; ConfigError when the key came with another body. Errors
        and what is too large are not kept.
        """
        key = request.headers["idempotency-key"]
        if not 0 < len(key) <= LONGEST_KEY:
            raise ConfigError(f"Idempotency-Key: must be 1 to {LONGEST_KEY} characters, got {len(key)}")
        body = await read_body(request, self._settings.push_bytes)
        actor, memory = request.state.actor.key, self._service.idempotency
        fingerprint = await run_in_threadpool(_fingerprint, request, body)
        kept = await run_in_threadpool(memory.begin, actor, key, fingerprint)
        if kept is not None:
            return Response(kept.body, kept.status, {**kept.headers, "Idempotency-Replayed": "true"})
        answer: Response | None = None
        try:
            answer = await handle(request)
        finally:
            if answer is None or not _is_to_be_kept(answer):
                await run_in_threadpool(memory.release, actor, key)
        if _is_to_be_kept(answer):
            headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
            await run_in_threadpool(
                memory.finish, actor, key, Answer(status=answer.status_code, headers=headers, body=bytes(answer.body))
            )
        return answer


def _is_to_be_kept(answer: Response) -> bool:
    return answer.status_code < 500 and len(answer.body) <= KEPT_ANSWER_BYTES


def _bearer(request: Request) -> str:
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not text.strip():
        raise UnauthorizedError("token: must be given as 'Authorization: Bearer TOKEN'")
    return text.strip()


def _fingerprint(request: Request, body: bytes) -> str:
    """Return what makes two posts the same: address, query, type and body."""
    head = f"{request.url.path}?{request.url.query} {request.headers.get('content-type', '')} "
    head += request.headers.get("content-encoding", "")
    return hashlib.sha256(head.encode() + b"\n" + body).hexdigest()
