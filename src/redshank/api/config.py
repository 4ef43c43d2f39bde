"""Routes of configuration as code: plan, apply, export, schema."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from starlette.responses import Response

from redshank.api.answers import Json
from redshank.api.bodies import JsonBody
from redshank.api.route import Called, Routes, Shape
from redshank.api.schemas import ApplyBody, ConfigBody
from redshank.service.config_document import read_document
from redshank.service.config_export import export_text
from redshank.service.config_plan import plan_json
from redshank.service.config_schema import config_schema
from redshank.specs.document import Document
from redshank.specs.reading import read_spec

routes = Routes("config")
DOCUMENT = {"monitors": [{"name": "cpu", "path": "/data/cpu.csv", "step": "5m"}]}


PLAN = {
    "origin": "redshank.yaml",
    "fingerprint": "0d2b5c...",
    "counts": {"create": 0, "change": 1, "adopt": 0, "rename": 0, "delete": 0, "unchanged": 12},
    "steps": [
        {
            "action": "change",
            "kind": "monitors",
            "name": "cpu",
            "new_name": None,
            "fields": [{"path": "policy.budget", "before": None, "after": "2/day"}],
            "spec": None,
            "events": {"before": 9, "after": 4, "same": 4, "error": None},
        }
    ],
    "problems": [],
}
ANSWER = Shape(schema={"type": "object"}, example=PLAN)


@routes.add(
    "POST",
    "/config/plan",
    role="edit",
    body=Shape(schema=ConfigBody, example={"document": DOCUMENT, "origin": "redshank.yaml"}),
    answers={200: ANSWER},
    once=False,
)
def plan(call: Called, body: JsonBody) -> Response:
    """Say what applying would change.

    Nothing is changed. Fields before and after, secrets hidden; steps in the order in which they would be done. With
    `problems` it could not be applied.
    """
    given = read_spec(ConfigBody, body, "config")
    document = read_document(given.document)
    found = call.service.config.plan(document, given.origin, take_over=given.take_over, days=given.days)
    return Json(plan_json(found))


@routes.add(
    "POST",
    "/config/apply",
    role="edit",
    body=Shape(schema=ApplyBody, example={"document": DOCUMENT, "origin": "redshank.yaml", "fingerprint": None}),
    answers={200: ANSWER},
)
def apply(call: Called, body: JsonBody) -> Response:
    """Make everything as the document says, or nothing.

    Answers what was done, as a plan. 409 when something belongs to another origin or would be missed, 412 when the
    fingerprint is not that of the plan any more.
    """
    given = read_spec(ApplyBody, body, "config")
    done = call.service.config.apply(
        read_document(given.document),
        given.origin,
        actor=call.actor,
        take_over=given.take_over,
        is_checked=given.validate_,
        fingerprint=given.fingerprint,
    )
    return Json(plan_json(done))


@routes.add(
    "GET",
    "/config/export",
    role="view",
    answers={
        200: Shape(
            schema=Document,
            example=DOCUMENT,
            more=(Shape(schema={"type": "object"}, media_type="application/yaml", example="monitors: []"),),
        )
    },
)
def export(
    call: Called,
    origin: Annotated[
        str | None, Query(max_length=200, description="Only what has this origin; empty = made by hand. None = all.")
    ] = None,
    secrets: Annotated[
        Literal["keep", "env"],
        Query(description="`keep`: written as `***`, which the server keeps. `env`: as references to variables."),
    ] = "keep",
    format: Annotated[Literal["json", "yaml"], Query(description="yaml: with comments.")] = "json",
) -> Response:
    """Export everything that is declared.

    As a configuration file in a stable order that applies to the same state; no secret is in it. What templates made is
    left out, for they make it again.
    """
    values = call.service.config.export(origin, secrets)
    if format == "yaml":
        return Response(export_text(values), media_type="application/yaml")
    return Json(values)


@routes.add("GET", "/config/schema", role="view", answers={200: Shape(schema={"type": "object"})})
def schema(call: Called) -> Response:
    """Give the JSON Schema of configuration files.

    For editors; with the sources and sinks that are installed here.
    """
    return Json(config_schema())
