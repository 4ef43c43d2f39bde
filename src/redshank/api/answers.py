"""From plain values to an answer: JSON in which NaN is null, with ETag where there is a revision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

_ENCODER = msgspec.json.Encoder(enc_hook=str)  # what rows of a source hold beside numbers, texts and times


class Json(Response):
    """An answer in JSON; NaN and infinity are null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode plain values."""
        return _ENCODER.encode(content)


def encode(content: Any) -> bytes:
    """Return plain values as JSON bytes; NaN and infinity are null."""
    return _ENCODER.encode(content)


def error_answer(
    status: int, code: str, message: str, field: str | None = None, headers: Mapping[str, str] | None = None
) -> Json:
    """Return the one shape of an error."""
    body = {"error": {"code": code, "message": message, "field": field}}
    return Json(body, status_code=status, headers=dict(headers or {}))


def nothing(headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer without content."""
    return Response(status_code=204, headers=dict(headers or {}))
