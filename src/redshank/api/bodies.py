"""Bodies are read here and nowhere else: bounded while they arrive, and strict JSON only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any

import msgspec
from fastapi import Depends
from starlette.requests import ClientDisconnect, Request

from redshank.errors import ConfigError, MediaTypeError, TooLargeError, UnavailableError

MAX_DEPTH = 64
_LONG_NUMBER = re.compile(rb"[0-9]{19}")


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """Return the body as sent, kept for a second call; TooLargeError as soon as more than the limit has come.

    The declared length is checked before anything is read; a body in chunks is counted as it comes.
    """
    kept: bytes | None = getattr(request.state, "body", None)
    if kept is not None:
        if len(kept) > limit_bytes:
            raise TooLargeError(f"body: at most {limit_bytes:,} bytes, got {len(kept):,}")
        return kept
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit_bytes:
        raise TooLargeError(f"body: at most {limit_bytes:,} bytes, got {int(declared):,}")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit_bytes:
                raise TooLargeError(f"body: at most {limit_bytes:,} bytes, got more")
    except ClientDisconnect:
        raise UnavailableError("body: the connection was closed before all of it had come") from None
    request.state.body = bytes(body)
    return bytes(body)


async def json_body(request: Request) -> Any:
    """Return the JSON of a body; its type must be said, and its encoding be none."""
    _check_type(request)
    return parse_json(await read_body(request, request.app.state.settings.body_bytes))


async def optional_json_body(request: Request) -> Any:
    """Return the JSON of a body, or None when there is no body."""
    body = await read_body(request, request.app.state.settings.body_bytes)
    if not body:
        return None
    _check_type(request)
    return parse_json(body)


JsonBody = Annotated[Any, Depends(json_body)]
OptionalJsonBody = Annotated[Any, Depends(optional_json_body)]


def _check_type(request: Request) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/json" and not (given.startswith("application/") and given.endswith("+json")):
        raise MediaTypeError(f"body: content type must be application/json, got {given or 'none'}")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise MediaTypeError(f"body: content encoding must be identity here, got {encoding}")


def parse_json(body: bytes) -> Any:
    """Return what JSON says; ConfigError for NaN, Infinity, numbers too large for us, and nesting without end."""
    if not body.strip():
        raise ConfigError("body: must be JSON, got nothing")
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"body: must be JSON: {_plain(body, str(error))}") from None
    except RecursionError:
        raise ConfigError(f"body: must be nested at most {MAX_DEPTH} deep, got more") from None
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH or _LONG_NUMBER.search(body):
        _check_values(given)
    return given


def _check_values(given: Any) -> None:
    """Walk level by level, so that depth costs no stack."""
    level = [given]
    for _ in range(MAX_DEPTH + 1):
        if any(type(each) is int and not -(2**63) <= each < 2**63 for each in level):
            raise ConfigError("body: a whole number must fit in 64 bits")
        boxes = [each for each in level if isinstance(each, list | dict)]
        if not boxes:
            return
        level = [child for each in boxes for child in _children(each)]
    raise ConfigError(f"body: must be nested at most {MAX_DEPTH} deep, got more")


def _children(given: list[Any] | dict[str, Any]) -> Iterable[Any]:
    return given.values() if isinstance(given, dict) else given


def _plain(body: bytes, said: str) -> str:
    """Say NaN, Infinity and 1e400 by name; all else as the parser says it."""
    found: list[str] = []
    with suppress(ValueError, RecursionError):
        json.loads(body, parse_constant=found.append)
    if found:
        return f"{found[0]} is no JSON number; write null for a missing value"
    if "out of range" in said:
        return "a number is out of the range of float64 (about 1.8e308)"
    return said.removeprefix("JSON is malformed: ")
