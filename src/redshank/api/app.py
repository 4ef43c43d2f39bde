"""The application: routes, errors, description, and the gate before them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from redshank.api import (
    config,
    connections,
    deliveries,
    events,
    grafana,
    health,
    monitors,
    points,
    previews,
    resources,
    runs,
    series,
    stream,
    tokens,
)
from redshank.api.description import add_description
from redshank.api.doorkeeper import Doorkeeper
from redshank.api.errors import add_error_answers
from redshank.api.gate import Gate, is_local
from redshank.api.hub import Hub
from redshank.api.route import GuardedRoute
from redshank.errors import ConfigError
from redshank.service.service import Service
from redshank.settings import Settings

ALLOWED_HEADERS = ["Authorization", "Content-Type", "Content-Encoding", "If-Match", "If-None-Match", "Idempotency-Key"]
ALL_ROUTES = (
    *resources.ALL,
    connections.routes,
    deliveries.routes,
    monitors.routes,
    previews.routes,
    runs.routes,
    events.routes,
    series.routes,
    points.routes,
    stream.routes,
    grafana.routes,
    config.routes,
    tokens.routes,
    health.routes,
)
SHOWN_HEADERS = ["ETag", "Link", "Location", "Retry-After", "X-Request-Id"]


def create_app(service: Service, settings: Settings) -> FastAPI:
    """Return the application of a service; ConfigError when settings would leave it open to the network."""
    if settings.no_auth and not is_local(settings.host):
        raise ConfigError(
            f"no_auth: is allowed on localhost only, got host {settings.host!r}; listen there, or use tokens",
            field="no_auth",
        )
    app = FastAPI(title="Redshank", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan)
    app.router.route_class = GuardedRoute
    app.router.redirect_slashes = False
    app.state.service, app.state.settings = service, settings
    app.state.hub = Hub(service, streams=settings.streams, queue=settings.stream_queue)
    app.state.doorkeeper = Doorkeeper(service, settings)
    for routes in ALL_ROUTES:
        routes.add_to(app)
    add_error_answers(app)
    add_description(app)
    if settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=ALLOWED_HEADERS,
            expose_headers=SHOWN_HEADERS,
        )
    app.add_middleware(Gate, settings=settings, observe=service.observe_request)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Let as many requests be answered at once as the settings say; end the streams."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = app.state.settings.request_threads
    yield
    app.state.hub.stop()
