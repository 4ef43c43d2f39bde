"""The OpenAPI 3.1 document: what the routes declare, the shapes of bodies and answers, and what holds everywhere."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import redshank
from redshank.api import deliveries, grafana_schemas, schemas, source_schemas
from redshank.specs.document import Document
from redshank.specs.monitor import MonitorSpec, TemplateSpec
from redshank.specs.schedule import NamedSchedule

INTRODUCTION = """\
Everything that Redshank's command line and web pages do is done by these routes.

**Who asks.** Send `Authorization: Bearer TOKEN`. Roles: *view* reads, *edit* also declares, runs, pushes and labels,
*admin* also makes tokens and reads the audit log.

**Times** are RFC 3339 in UTC with `Z`, durations texts such as `5m`; intervals hold start <= t < end. A value that
does not exist is `null`; numbers are never `NaN`.

**Errors** all have one shape: `{"error": {"code", "message", "field"}}`; `field` is null when no single
one is at fault.

**Lists** all take `limit` (1 to 1000), `cursor` (`next_cursor` of the page before), `sort` (a field, `-` before it for
the highest first), `filter` (`FIELD=VALUE`, as often as needed, all must hold; the description of each list names its
fields) and `fields` (names with commas between: only these of each item), and answer
`{"items": [...], "next_cursor": ...}`; `next_cursor` is null on the last page.

**Changes.** What can be changed has an `ETag`; send it as `If-Match`, and a change that somebody made meanwhile is
answered with 412 instead of being overwritten. A POST with an `Idempotency-Key` is done at most once within 24 hours;
the same key with another body is refused with 422.

**Secrets** are shown as `***`, or as `env:NAME` and `file:PATH` where they are only named; `***` sent back keeps what
is kept.
"""
# A source or sink as it is written: its options stand beside name and kind.
CONNECTION = {
    "type": "object",
    "required": ["kind"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 200},
        "kind": {"type": "string", "minLength": 1},
    },
    "additionalProperties": True,
}


def add_description(app: FastAPI) -> None:
    """Make ``app.openapi`` give the whole document, made once."""
    made: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not made:
            made.update(_document(app))
        return made

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="Redshank",
        version=redshank.__version__,
        openapi_version="3.1.0",
        summary="Finds what is not normal in time series.",
        description=INTRODUCTION,
        routes=app.routes,
    )
    for methods in document["paths"].values():
        for operation in methods.values():
            _finish(operation)
    document["components"] = {
        "schemas": _schemas(),
        "responses": {"Error": _error_response()},
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
    }
    return document


def _finish(operation: dict[str, Any]) -> None:
    """Drop what the framework says of errors, for all have our shape, and say who may ask."""
    operation["responses"].pop("422", None)
    role = operation.pop("x-role", None)
    operation.pop("x-once", None)
    about = operation.get("description", "")
    operation["description"] = f"{about}\n\nRole: {role}.".strip() if role else f"{about}\n\nOpen to all.".strip()


def _schemas() -> dict[str, Any]:
    modules = (schemas, grafana_schemas, source_schemas, deliveries)
    known = {name: each for module in modules for name, each in vars(module).items()}.values()
    models = [each for each in known if isinstance(each, type) and issubclass(each, BaseModel)]
    models += [MonitorSpec, TemplateSpec, NamedSchedule, Document]
    pairs: list[Any] = [(model, "validation") for model in models if model is not BaseModel]
    _, found = models_json_schema(pairs, ref_template="#/components/schemas/{model}")
    made: dict[str, Any] = found["$defs"]
    for name in ("SourceSpec", "SinkSpec"):
        made[name] = {**CONNECTION, "description": made[name]["description"]}
    return made


def _error_response() -> dict[str, Any]:
    return {
        "description": "What went wrong",
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Error"},
                "example": {
                    "error": {"code": "not_found", "message": "monitor 'cpu': not found", "field": None},
                },
            }
        },
    }
