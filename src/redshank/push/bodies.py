"""Unpack a request's body, never to more than is allowed."""

from __future__ import annotations

import zlib

import zstandard

from redshank.errors import DataError, MediaTypeError, TooLargeError

ENCODINGS = ("gzip", "deflate", "zstd", "identity")
_PIECE = 4096
_WINDOW = 1 << 27


def unpacked(body: bytes, encoding: str | None, most_bytes: int) -> bytes:
    """Return a body without its content encoding (None = it has none).

    Raises:
        TooLargeError: it is longer than ``most_bytes``, packed or unpacked.
        MediaTypeError: the encoding is none of ``ENCODINGS``.
        DataError: it is damaged.
    """
    for name in reversed([part.strip().lower() for part in (encoding or "").split(",") if part.strip()]):
        body = _without(name, body, most_bytes)
    if len(body) > most_bytes:
        raise _too_large(most_bytes)
    return body


def _without(name: str, body: bytes, most_bytes: int) -> bytes:
    try:
        if name in ("gzip", "x-gzip"):
            return _inflated(body, 31, most_bytes)
        if name == "deflate":
            return _inflated(body, 15, most_bytes)
        if name == "zstd":
            return _decompressed(body, most_bytes)
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise DataError(f"push: the body is no whole {name}: {error}") from error
    if name == "identity":
        return body
    raise MediaTypeError(f"push: content encoding must be one of {', '.join(ENCODINGS)}, got {name!r}")


def _inflated(body: bytes, window: int, most_bytes: int) -> bytes:
    """All members of a gzip body, or one zlib stream."""
    found = bytearray()
    while body:
        one = zlib.decompressobj(window)
        found += one.decompress(body, most_bytes - len(found) + 1)
        if len(found) > most_bytes:
            raise _too_large(most_bytes)
        if not one.eof:
            raise EOFError("it ends too early")
        body = one.unused_data if window == 31 else b""
    return bytes(found)


def _decompressed(body: bytes, most_bytes: int) -> bytes:
    """All frames of a zstd body, fed in pieces so small that none unpacks to much."""
    found, rest = bytearray(), body
    while rest:
        one = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
        for first in range(0, len(rest), _PIECE):
            found += one.decompress(rest[first : first + _PIECE])
            if len(found) > most_bytes:
                raise _too_large(most_bytes)
            if one.eof:
                rest = one.unused_data + rest[first + _PIECE :]
                break
        else:
            raise EOFError("it ends too early")
    return bytes(found)


def _too_large(most_bytes: int) -> TooLargeError:
    return TooLargeError(f"push: a body must unpack to at most {most_bytes:,} bytes")
