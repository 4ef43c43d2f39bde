"""Routes that try sources and sinks."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import Response

from redshank.api.answers import Json
from redshank.api.bodies import JsonBody
from redshank.api.route import Called, Routes, Shape
from redshank.api.schemas import CheckedAnswer
from redshank.api.source_schemas import DescribedAnswer
from redshank.service.connections import MOST_PREVIEWED, Checked

routes = Routes("trying out")
SURVEY = {
    "places": [{"name": "hosts.csv", "kind": "file", "rows": None}],
    "columns": [
        {"name": "time", "type": "String", "role": "time", "values": 200, "examples": ["2026-03-01T12:00:00"]},
        {"name": "host", "type": "String", "role": "label", "values": 3, "examples": ["a", "b", "c"]},
        {"name": "cpu", "type": "String", "role": "measure", "values": 197, "examples": ["35.2"]},
    ],
    "time": "time",
    "notes": ["of the first 200 rows"],
}
FOUND = {
    "survey": SURVEY,
    "problem": None,
    "name": "hosts.csv",
    "rows": 12096,
    "series": 6,
    "files": 1,
    "bad_rows": 0,
    "bad_rows_shown": [],
    "time": "time",
    "time_format": "ISO 8601",
    "zone": "UTC",
    "measures": ["cpu", "mem"],
    "labels": ["host"],
    "step_seconds": 300.0,
    "gaps": 0,
    "duplicates": 0,
    "unsorted": 0,
    "infinite": 0,
    "notes": [],
    "newest": "2026-03-01T12:00:00Z",
}
PREVIEWED = Shape(
    schema={
        "type": "object",
        "required": ["rows"],
        "properties": {"rows": {"type": "array", "items": {"type": "object"}}},
    },
    example={"rows": [{"time": "2026-03-01T12:00:00", "host": "a", "cpu": 35.2}]},
)
Rows = Annotated[int, Query(ge=1, le=MOST_PREVIEWED, description="So many rows.")]
Text = Annotated[str | None, Query(max_length=100_000)]


async def _target(path: Text = None, query: Text = None, table: Text = None, index: Text = None) -> dict[str, Any]:
    """What a monitor would read of the source."""
    return {"path": path, "query": query, "table": table, "index": index}


Target = Annotated[dict[str, Any], Depends(_target)]


@routes.add(
    "POST",
    "/sources/{name}/check",
    role="edit",
    answers={
        200: Shape(schema=CheckedAnswer, example={"ok": True, "message": "csv hosts.csv: can be read", "code": None})
    },
)
def check_source(call: Called, name: str, target: Target) -> Response:
    """Check a source.

    It is reached and one row is read. What is wrong is in the answer, which is 200 all the same.
    """
    return Json(_checked(call.service.connections.check_source(name, target)))


def _checked(found: Checked) -> dict[str, Any]:
    return {"ok": found.is_ok, "message": found.message, "code": found.code}


@routes.add(
    "GET",
    "/sources/{name}/describe",
    role="edit",
    answers={200: Shape(schema=DescribedAnswer, example=FOUND)},
)
def describe(call: Called, name: str, target: Target) -> Response:
    """Say what is in a source.

    What there is to read: places such as tables, columns with their types, roles and examples. Then of its last seven
    days: which columns are measures, labels and the time, the step, what could not be read; or, where these cannot be
    read as they are, why, in `problem`.
    """
    return Json(call.service.connections.describe_source(name, target))


@routes.add(
    "GET",
    "/sources/{name}/preview",
    role="edit",
    answers={200: PREVIEWED},
)
def preview(
    call: Called,
    name: str,
    target: Target,
    rows: Rows = 10,
) -> Response:
    """Look at the first rows of a source.

    As they stand there.
    """
    return Json({"rows": call.service.connections.preview_source(name, target, rows)})


DECLARED = Shape(schema={"type": "object"}, example={"kind": "files", "path": "logs/*.csv"})
TRIED = Shape(schema=CheckedAnswer, example={"ok": True, "message": "csv hosts.csv: can be read", "code": None})


@routes.add("POST", "/sources/check", role="edit", body=DECLARED, answers={200: TRIED}, once=False)
def check_new_source(call: Called, body: JsonBody) -> Response:
    """Check a source that is not declared.

    Given as it would be declared, and not kept. It is reached and one row is read; what is wrong is in the answer.
    """
    return Json(_checked(call.service.connections.check_source(body, {})))


@routes.add(
    "POST",
    "/sources/describe",
    role="edit",
    body=DECLARED,
    answers={200: Shape(schema=DescribedAnswer, example=FOUND)},
    once=False,
)
def describe_new_source(call: Called, body: JsonBody) -> Response:
    """Say what is in a source that is not declared.

    Given as it would be declared, and not kept.
    """
    return Json(call.service.connections.describe_source(body, {}))


@routes.add("POST", "/sources/preview", role="edit", body=DECLARED, answers={200: PREVIEWED}, once=False)
def preview_new_source(call: Called, body: JsonBody, rows: Rows = 10) -> Response:
    """Look at the first rows of a source that is not declared.

    Given as it would be declared, and not kept.
    """
    return Json({"rows": call.service.connections.preview_source(body, {}, rows)})


@routes.add(
    "POST",
    "/sinks/{name}/check",
    role="edit",
    answers={200: Shape(schema=CheckedAnswer, example={"ok": True, "message": "a test event was sent", "code": None})},
)
def check_sink(
    call: Called,
    name: str,
    send: Annotated[bool, Query(description="False: send nothing, only find out whether it could be.")] = True,
) -> Response:
    """Check a sink.

    A test event is sent to it. What is wrong is in the answer, which is 200 all the same.
    """
    return Json(_checked(call.service.connections.check_sink(name, actor=call.actor, sends=send)))
