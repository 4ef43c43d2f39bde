"""What every request passes first and every answer last: id, host, origin, headers, log, and the last catch.

A plain ASGI application around the others, so that its cost is small and streams pass through unbuffered.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from redshank.api.answers import error_answer
from redshank.settings import Settings

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FIXED_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
]
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
log = structlog.get_logger("redshank.api")

Observe = Callable[[str, str, int, float], None]


class Gate:
    """Wraps the application. ``observe`` is told method, route, status and seconds of each answer."""

    def __init__(self, app: ASGIApp, settings: Settings, observe: Observe) -> None:
        """Remember under which names the server may be asked for."""
        self._app = app
        self._names = _names(settings)
        self._origins = frozenset(settings.cors)
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passage = _Passage(scope, send)
        refused = self._refusal(Headers(scope=scope), scope["method"])
        try:
            if refused:
                await error_answer(403, "forbidden", refused)(scope, receive, passage.send)
            else:
                await self._app(scope, receive, passage.send)
        except Exception as error:  # noqa: BLE001 - the last catch of the HTTP door
            await self._broken(passage, error, receive)
        finally:
            self._told(passage)

    def _refusal(self, headers: Headers, method: str) -> str | None:
        """Say why a request is none of ours: a foreign name (DNS rebinding), or a page of another origin."""
        host = headers.get("host", "")
        if self._names and _host_name(host) not in self._names:
            return f"host: this server is not {host!r}; allow a name with REDSHANK_HOSTS"
        origin = headers.get("origin")
        if method in SAFE_METHODS or origin is None or origin in self._origins or urlsplit(origin).netloc == host:
            return None
        return f"origin: pages of {origin!r} may change nothing here; allow them with --cors or REDSHANK_CORS"

    async def _broken(self, passage: _Passage, error: Exception, receive: Receive) -> None:
        log.error("request failed", request=passage.id, path=passage.path, exc_info=error)
        if passage.status:
            raise error
        message = f"something went wrong here; it is in the log of the server as request {passage.id}"
        await error_answer(500, "internal", message)(passage.scope, receive, passage.send)

    def _told(self, passage: _Passage) -> None:
        seconds = time.perf_counter() - passage.started
        route = getattr(passage.scope.get("route"), "path", "none")
        self._observe(passage.method, route, passage.status, seconds)
        actor = passage.state.get("actor")
        log.info(
            "request",
            request=passage.id,
            method=passage.method,
            path=passage.path,
            status=passage.status,
            milliseconds=round(seconds * 1000, 2),
            actor=getattr(actor, "name", None),
        )


class _Passage:
    """One request on its way; sends its answer with the headers that all have, and HEAD without its body."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope, self._send = scope, send
        self.started = time.perf_counter()
        self.method, self.path, self.status = scope["method"], scope["path"], 0
        self.state: MutableMapping[str, Any] = scope.setdefault("state", {})
        given = Headers(scope=scope).get("x-request-id", "")
        self.id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        self.state["request_id"] = self.id
        if self.method == "HEAD":
            scope["method"] = "GET"

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            sent = {name for name, _ in message.get("headers", ())}
            added = [(name, value) for name, value in FIXED_HEADERS if name not in sent]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self.id.encode()), *added]
        elif self.method == "HEAD":
            message = {**message, "body": b""}
        await self._send(message)


def _names(settings: Settings) -> frozenset[str]:
    """Return the names to answer to; none = all, where others than this machine can reach the server by token."""
    if settings.hosts:
        return frozenset(name.lower() for name in settings.hosts) | LOCAL_NAMES
    return LOCAL_NAMES | {settings.host} if is_local(settings.host) else frozenset()


def is_local(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    return host.lower() in LOCAL_NAMES or host.startswith("127.")


def _host_name(host: str) -> str:
    """Return the host of ``host:port`` in lower case, brackets of IPv6 kept."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()
