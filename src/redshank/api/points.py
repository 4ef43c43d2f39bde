"""The route by which points are pushed."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from redshank.api.answers import Json
from redshank.api.bodies import read_body
from redshank.api.route import Call, Called, Routes, Shape
from redshank.api.schemas import TakenAnswer
from redshank.service.points import Sent, Taken

routes = Routes("points")
ROWS = [
    {"time": "2026-03-01T12:00:00Z", "host": "a", "cpu": 35.2, "mem": 61.0},
    {"time": "2026-03-01T12:00:00Z", "host": "b", "cpu": 12.9, "mem": 48.5},
]
BODY = Shape(
    schema={"anyOf": [{"type": "array", "items": {"type": "object"}}, {"type": "object"}]},
    example=ROWS,
    more=(
        Shape(
            media_type="application/x-ndjson",
            schema={"type": "string"},
            example='{"time": 1772366400, "measure": "cpu", "value": 35.2, "labels": {"host": "a"}}\n',
        ),
        Shape(media_type="text/csv", schema={"type": "string"}, example="time,host,cpu\n2026-03-01T12:00:00Z,a,35.2\n"),
        Shape(media_type="text/plain", schema={"type": "string"}, example="cpu,host=a value=35.2 1772366400000000000"),
        Shape(media_type="application/vnd.apache.arrow.stream", schema={"type": "string", "format": "binary"}),
    ),
)
ALL_TAKEN: dict[str, Any] = {
    "rows": 2,
    "accepted": 2,
    "points": 4,
    "missing": 0,
    "refused": 0,
    "new_series": 0,
    "left_out": [],
    "is_repeat": False,
    "rejected": 0,
    "rejected_rows": [],
}
SOME_TAKEN = {
    **ALL_TAKEN,
    "accepted": 1,
    "points": 2,
    "rejected": 1,
    "rejected_rows": [{"row": 2, "text": '{"time": "noon"}', "reason": "time: cannot be read: 'noon'"}],
}


async def _raw(request: Request) -> bytes:
    return await read_body(request, request.app.state.settings.push_bytes)


@routes.add(
    "POST",
    "/points",
    role="edit",
    body=BODY,
    answers={200: Shape(schema=TakenAnswer, example=ALL_TAKEN), 207: Shape(schema=TakenAnswer, example=SOME_TAKEN)},
)
def push(
    call: Called,
    body: Annotated[bytes, Depends(_raw)],
    source: Annotated[str, Query(min_length=1, max_length=200, description="Name of a source of kind push.")],
    precision: Annotated[
        Literal["ns", "us", "ms", "s", "m", "h"] | None,
        Query(description="Unit of times that are numbers; none = told from their size."),
    ] = None,
) -> Response:
    """Push points.

    JSON, NDJSON, CSV, Influx line protocol or Arrow, by Content-Type, packed by gzip or zstd or not. A row is taken
    whole or not at all; of two points of one series and time the later counts. When this is answered, the points
    survive a crash. 207: some rows were not taken; the first hundred are named. 422: none was.
    """
    sent = Sent(
        body=body,
        content_type=call.request.headers.get("content-type"),
        content_encoding=call.request.headers.get("content-encoding"),
        most_bytes=call.request.app.state.settings.push_bytes,
        precision=precision,
        request=_name(call),
    )
    taken = call.service.points.push(source, sent)
    return Json(_told(taken), status_code=207 if taken.rejected_count else 200)


def _name(call: Call) -> str | None:
    """Return the sender's name for the request, so that points are not kept twice even if we crash in between."""
    key = call.request.headers.get("idempotency-key")
    return None if key is None else hashlib.sha256(f"{call.actor.key}\n{key}".encode()).hexdigest()


def _told(taken: Taken) -> dict[str, Any]:
    return {
        "rows": taken.rows,
        "accepted": taken.accepted,
        "points": taken.points,
        "missing": taken.missing,
        "refused": taken.refused,
        "new_series": taken.new_series,
        "left_out": list(taken.left_out),
        "is_repeat": taken.is_repeat,
        "rejected": taken.rejected_count,
        "rejected_rows": [{"row": each.row, "text": each.text, "reason": each.reason} for each in taken.rejected],
    }
