"""Routes of monitors at work: on and off, where they stand, versions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from starlette.responses import Response

from redshank.api.answers import Json
from redshank.api.render import live, run, version
from redshank.api.resources import answer as resource_answer
from redshank.api.route import Called, Routes, Shape, page_of
from redshank.api.runs import EXAMPLE as RUN
from redshank.api.schemas import ComparisonAnswer, PrunedAnswer, StatusAnswer, VersionAnswer
from redshank.api.times import time_text
from redshank.service.monitors import Status

routes = Routes("monitors at work")
VERSION = {
    "number": 3,
    "detector": "seasonal",
    "params": {"period": 288},
    "start": "2026-01-01T00:00:00Z",
    "cursor": "2026-03-01T00:00:00Z",
    "series": 3,
    "size_bytes": 18432,
    "created": "2026-03-01T00:00:04Z",
    "note": "",
    "is_live": True,
}
STATUS = {
    "name": "hosts",
    "enabled": True,
    "cursor": "2026-03-01T12:00:00Z",
    "ticked": "2026-03-01T12:00:05Z",
    "version": 3,
    "points": 60480,
    "error": None,
    "lag_seconds": 12.5,
    "next": {"train": "2026-03-02T03:00:00Z"},
    "series": 3,
    "open_events": 1,
    "last_run": {**RUN, "state": "done"},
}
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of a version.")]
ONE = Shape(schema=VersionAnswer, example=VERSION)
MONITOR = Shape(schema={"type": "object"}, example={"name": "hosts", "path": "hosts.csv", "enabled": True})


@routes.add("POST", "/monitors/{name}/enable", role="edit", answers={200: MONITOR})
def enable(call: Called, name: str) -> Response:
    """Enable a monitor."""
    return resource_answer(call.service.monitors.enable(name, True, actor=call.actor))


@routes.add("POST", "/monitors/{name}/disable", role="edit", answers={200: MONITOR})
def disable(call: Called, name: str) -> Response:
    """Disable a monitor.

    It rests; what it learned and found is kept.
    """
    return resource_answer(call.service.monitors.enable(name, False, actor=call.actor))


@routes.add("GET", "/monitors/{name}/status", role="view", answers={200: Shape(schema=StatusAnswer, example=STATUS)})
def status(call: Called, name: str) -> Response:
    """Say where a monitor stands.

    Its cursor (all before it is scored), how far that is behind now, the last error, and when it runs next.
    """
    return Json(_status(call.service.monitors.status(name)))


def _status(found: Status) -> dict[str, Any]:
    return {
        "name": found.name,
        "enabled": found.enabled,
        **live(found.live),
        "lag_seconds": found.lag_seconds,
        "next": {verb: time_text(at_ns) for verb, at_ns in found.next_ns.items()},
        "series": found.series,
        "open_events": found.open_events,
        "last_run": None if found.last_run is None else run(found.last_run),
    }


@routes.add("GET", "/monitors/{name}/versions", role="view", answers={200: page_of(VersionAnswer, VERSION)})
def versions(call: Called, name: str) -> Response:
    """List the versions of a monitor.

    All of them, newest first. Each training makes one.
    """
    return Json({"items": [version(each) for each in call.service.monitors.versions(name)], "next_cursor": None})


@routes.add("GET", "/monitors/{name}/versions/{number}", role="view", answers={200: ONE})
def get_version(call: Called, name: str, number: Number) -> Response:
    """Get a version of a monitor."""
    return Json(version(call.service.monitors.version(name, number)))


@routes.add(
    "GET",
    "/monitors/{name}/versions/{number}/compare/{other}",
    role="view",
    answers={
        200: Shape(
            schema=ComparisonAnswer,
            example={
                "one": VERSION,
                "other": {**VERSION, "number": 2, "is_live": False, "params": {"period": 0}},
                "differences": {"params.period": [288, 0]},
            },
        )
    },
)
def compare(call: Called, name: str, number: Number, other: Number) -> Response:
    """Compare two versions of a monitor."""
    found = call.service.monitors.compare(name, number, other)
    told = {
        field.removesuffix("_ns"): [time_text(value) for value in pair] if field.endswith("_ns") else list(pair)
        for field, pair in found.differences.items()
    }
    return Json({"one": version(found.one), "other": version(found.other), "differences": told})


@routes.add("POST", "/monitors/{name}/versions/{number}/restore", role="edit", answers={200: ONE})
def restore(call: Called, name: str, number: Number) -> Response:
    """Restore a version of a monitor.

    It becomes the live one, and catches up by the points since. 409 when its state is no longer kept.
    """
    return Json(version(call.service.monitors.restore(name, number, actor=call.actor)))


@routes.add(
    "POST",
    "/monitors/{name}/versions/prune",
    role="edit",
    answers={200: Shape(schema=PrunedAnswer, example={"gone": 2})},
)
def prune(
    call: Called,
    name: str,
    keep: Annotated[int, Query(ge=1, le=10_000, description="So many of the newest stay, and the live one.")] = 5,
) -> Response:
    """Drop old versions of a monitor."""
    return Json({"gone": call.service.monitors.prune(name, keep, actor=call.actor)})
