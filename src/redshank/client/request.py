"""One request to the server, and what its answer becomes; and the steps that longer methods are made of."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar
from urllib.parse import quote

import msgspec

Answer = TypeVar("Answer")
API = "/api/v1"


@dataclass(frozen=True)
class Received:
    """An answer as it came: its status, its headers (names in lower case), and all of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Request(Generic[Answer]):
    """What is sent, and ``read``, which makes the answer of what comes back.

    ``once``: sent with an Idempotency-Key, so that it can be sent again when nobody knows whether it arrived.
    ``accepts``: statuses that ``read`` understands, beside those from 200 to 299.
    """

    method: str
    path: str
    read: Callable[[Received], Answer]
    params: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "application/json"
    once: bool = False
    accepts: Sequence[int] = ()
    timeout_seconds: float | None = None  # None: that of the client

    @property
    def may_repeat(self) -> bool:
        """Whether sending it twice has the effect of once."""
        if self.method in ("GET", "HEAD") or self.once:
            return True
        conditions = {"if-match", "if-none-match"} & {name.lower() for name in self.headers}
        return self.method in ("PUT", "DELETE") and not conditions


@dataclass(frozen=True)
class Pause:
    """Wait so many seconds; what comes back is the time of a clock that never goes back, in seconds."""

    seconds: float


@dataclass(frozen=True)
class Open:
    """Open a stream; what comes back is a handle for ``Line`` and ``Close``."""

    request: Request[Any]


@dataclass(frozen=True)
class Line:
    """The next line of a stream; None at its end."""

    handle: Any


@dataclass(frozen=True)
class Close:
    """Close a stream."""

    handle: Any


@dataclass(frozen=True)
class Give(Generic[Answer]):
    """Hand an item to whoever iterates."""

    item: Answer


Step: TypeAlias = "Request[Any] | Pause | Open | Line | Close"
Steps: TypeAlias = Generator[Step, Any, Answer]
Flow: TypeAlias = "Generator[Step | Give[Answer], Any, None]"


def ask(request: Request[Answer]) -> Steps[Answer]:
    """Send a request as part of a longer method."""
    answer: Answer = yield request
    return answer


def pause(seconds: float) -> Steps[float]:
    """Wait; return the time of a clock that never goes back."""
    now: float = yield Pause(seconds)
    return now


def place(*parts: str) -> str:
    """Return a path below the API, each part made safe."""
    return API + "".join(f"/{quote(part, safe='')}" for part in parts)


def as_json(kind: type[Answer]) -> Callable[[Received], Answer]:
    """Return what reads a body of JSON as a type."""
    decoder = _decoder(kind)
    return lambda received: decoder.decode(received.body)


def plain(received: Received) -> Any:
    """Read a body of JSON as plain values."""
    return msgspec.json.decode(received.body)


def text(received: Received) -> str:
    """Read a body of text."""
    return received.body.decode()


def nothing(received: Received) -> None:
    """Read an answer that says nothing."""


_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}


def _decoder(kind: type[Answer]) -> msgspec.json.Decoder[Answer]:
    if kind not in _DECODERS:
        _DECODERS[kind] = msgspec.json.Decoder(kind)
    return _DECODERS[kind]


def encode(values: Any) -> bytes:
    """Return a body of JSON; dates become RFC 3339, durations such as 5m are texts already."""
    return msgspec.json.encode(values)
