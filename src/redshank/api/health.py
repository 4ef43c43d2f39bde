"""Routes for those who run the server: is it alive, can it work, which version, figures."""

from __future__ import annotations

import platform

from starlette.responses import HTMLResponse, Response

import redshank
from redshank.api.answers import Json
from redshank.api.page import page
from redshank.api.route import Called, Routes, Shape
from redshank.api.schemas import Health, VersionOfServer

routes = Routes("server", prefix="")
PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}


@routes.add("GET", "/healthz", role=None, answers={200: Shape(schema=Health, example={"status": "ok", "checks": {}})})
def healthz(call: Called) -> Response:
    """Say that the process lives.

    Asks nobody else, so that an unreachable database is no reason to kill the process.
    """
    return Json({"status": "ok", "checks": {}})


@routes.add(
    "GET",
    "/readyz",
    role=None,
    answers={
        200: Shape(schema=Health, example={"status": "ok", "checks": {"store": "ok", "scheduler": "leads"}}),
        503: Shape(schema=Health, example={"status": "unavailable", "checks": {"store": "database is away"}}),
    },
)
def readyz(call: Called) -> Response:
    """Say whether the server can work.

    Asks the store, and whether somebody leads the schedule.
    """
    is_ready, checks = call.service.ready()
    return Json({"status": "ok" if is_ready else "unavailable", "checks": checks}, 200 if is_ready else 503)


@routes.add(
    "GET",
    "/metrics",
    role="view",
    answers={
        200: Shape(
            schema={"type": "string"},
            media_type="text/plain",
            example='redshank_runs_total{verb="train",state="done"} 3',
        )
    },
)
def metrics(call: Called) -> Response:
    """Give figures to Prometheus.

    Requests, runs, lag of each monitor, points, events, waiting deliveries, errors of sources, memory.
    """
    text, media_type = call.service.metrics.text()
    return Response(text, media_type=media_type)


@routes.add(
    "GET",
    "/api/v1/metrics/scores",
    role="view",
    answers={
        200: Shape(
            schema={"type": "string"},
            media_type="text/plain",
            example='redshank_score{host="a",measure="cpu",monitor="hosts",series="cpu{host=a}"} 0.1',
        )
    },
)
def score_metrics(call: Called) -> Response:
    """Give the newest scores and bands of series to Prometheus.

    Of the monitors that have a sink of kind prometheus with `scrape: true`.
    """
    text, media_type = call.service.score_metrics.text()
    return Response(text, media_type=media_type)


@routes.add(
    "GET",
    "/api/v1/version",
    role="view",
    answers={
        200: Shape(schema=VersionOfServer, example={"version": redshank.__version__, "api": "v1", "python": "3.11.7"})
    },
)
def version(call: Called) -> Response:
    """Say which version answers."""
    return Json({"version": redshank.__version__, "api": "v1", "python": platform.python_version()})


@routes.add("GET", "/api/openapi.json", role=None, answers={200: Shape(schema={"type": "object"})})
def openapi(call: Called) -> Response:
    """Give this document as OpenAPI 3.1."""
    return Json(call.request.app.openapi(), headers={"Cache-Control": "no-cache"})


@routes.add("GET", "/api/docs", role=None, answers={200: Shape(schema={"type": "string"}, media_type="text/html")})
def docs(call: Called) -> Response:
    """Show this document to people.

    One page without scripts, so that it also works without network.
    """
    return HTMLResponse(page(call.request.app.openapi()), headers=PAGE_HEADERS)
