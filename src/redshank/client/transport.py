"""How to talk to a server: what is sent, when it is sent again, and which error an answer is."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import msgspec

import redshank
from redshank import errors
from redshank.client.request import Received, Request
from redshank.errors import ConfigError, LimitError, RedshankError, UnavailableError

Answer = TypeVar("Answer")
BUSY = (429, 502, 503, 504)
MOST_WAIT_SECONDS = 30.0
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
STREAM_SILENCE_SECONDS = 60.0  # the server says something every quarter of a minute


class _Token:
    """A token that no repr, log or traceback shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "***"

    def header(self) -> str:
        """Return what is sent."""
        return f"Bearer {self._text}"


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How to talk: where, as whom, how long to wait for an answer, and how often to try again."""

    url: str
    token: _Token | None
    timeout_seconds: float
    retries: int

    @classmethod
    def of(cls, url: str, token: str | None, timeout_seconds: float, retries: int) -> Manner:
        """Check what was given.

        Raises:
            ConfigError: the address is none, or a number is out of range.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"url: must be such as http://127.0.0.1:8765, got {url!r}", field="url")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ConfigError("url: must hold no user, password, query or fragment; give a token instead", field="url")
        if not timeout_seconds > 0:
            raise ConfigError(f"timeout_seconds: must be above 0, got {timeout_seconds!r}", field="timeout_seconds")
        if token is not None and (not token.strip() or not token.isascii() or not token.isprintable()):
            raise ConfigError("token: must be printable ASCII text without line breaks", field="token")
        return cls(
            url=url.rstrip("/"),
            token=None if token is None else _Token(token.strip()),
            timeout_seconds=timeout_seconds,
            retries=max(0, retries),
        )

    def sent(self, request: Request[Any]) -> dict[str, Any]:
        """Return a request as httpx2 takes it."""
        headers = {"User-Agent": f"redshank/{redshank.__version__}", **request.headers}
        if self.token is not None:
            headers["Authorization"] = self.token.header()
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        if request.once and "Idempotency-Key" not in headers:
            headers["Idempotency-Key"] = uuid.uuid4().hex
        return {
            "method": request.method,
            "url": self.url + request.path,
            "params": list(request.params),
            "headers": headers,
            "content": request.body,
            "timeout": request.timeout_seconds or self.timeout_seconds,
        }

    def trouble(self, error: httpx2.HTTPError) -> UnavailableError:
        """Return the error for an answer that did not come."""
        if isinstance(error, httpx2.TimeoutException) and not isinstance(error, httpx2.ConnectTimeout):
            return UnavailableError(f"server {self.url}: did not answer in time ({type(error).__name__})")
        hint = "; is it running? `redshank serve` starts one here" if isinstance(error, _NOT_SENT) else ""
        return UnavailableError(f"server {self.url}: cannot be reached: {error or type(error).__name__}{hint}")

    def wait_seconds(self, request: Request[Any], attempt: int, answer: Received | httpx2.HTTPError) -> float | None:
        """Return how long to wait before trying again; None when it is not to be tried again.

        What certainly never arrived is; what may have arrived only where twice is as good as once.
        """
        if attempt > self.retries:
            return None
        if isinstance(answer, httpx2.HTTPError):
            is_safe = isinstance(answer, _NOT_SENT) or request.may_repeat
            return _backoff(attempt) if is_safe else None
        if (
            answer.status not in BUSY
            or answer.status in request.accepts
            or not (answer.status == 429 or request.may_repeat)
        ):
            return None
        asked = _seconds(answer.headers.get("retry-after"))
        if asked is not None:
            return asked if asked <= MOST_WAIT_SECONDS else None
        return _backoff(attempt)


def _backoff(attempt: int) -> float:
    return float(min(0.2 * 2.0 ** (attempt - 1), 5.0) * random.uniform(0.5, 1.0))


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdecimal() else None


def read_answer(request: Request[Answer], received: Received, attempt: int = 1) -> Answer:
    """Return what an answer says.

    Raises:
        RedshankError: of the class that the server names.
    """
    if received.status == 404 and request.method == "DELETE" and attempt > 1:
        return request.read(Received(204, received.headers, b""))  # the first try did it, its answer was lost
    if not 200 <= received.status < 300 and received.status not in request.accepts:
        raise error_of(received)
    try:
        return request.read(received)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnavailableError(f"{request.path}: the answer is not what this client expects: {error}") from error


def error_of(received: Received) -> RedshankError:
    """Return the error that an answer is, of the same class as where it was raised."""
    try:
        given = msgspec.json.decode(received.body)["error"]
        code, message, field = str(given["code"]), str(given["message"]), given.get("field")
    except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError):
        message = f"server: answered {received.status} without saying why; is a Redshank server behind this address?"
        code, field = "", None
    kind = _kind(code, received.status)
    if issubclass(kind, LimitError):
        return kind(message, field=field, retry_seconds=_seconds(received.headers.get("retry-after")))
    return kind(message, field=field)


def _kind(code: str, status: int) -> type[RedshankError]:
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, RedshankError)]
    by_code = {each.code: each for each in kinds}
    by_status = {each.status: each for each in reversed(kinds) if each is not RedshankError}
    return by_code.get(code) or by_status.get(status) or RedshankError


def stream_timeout(seconds: float) -> httpx2.Timeout:
    """Return how long to wait on a stream, which may be silent for longer than an answer takes."""
    return httpx2.Timeout(seconds, read=max(seconds, STREAM_SILENCE_SECONDS))
