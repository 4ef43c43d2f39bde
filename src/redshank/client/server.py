"""The server itself: is it well, which version, its figures, its description."""

from __future__ import annotations

from typing import Any

from redshank.client.answers import Health, ServerVersion
from redshank.client.operations import Group, Mode, operation
from redshank.client.request import Request, as_json, plain, text


class Server(Group[Mode]):
    """What runs there."""

    @operation
    def health(self) -> Request[Health]:
        """Say that the process lives."""
        return Request(method="GET", path="/healthz", read=as_json(Health))

    @operation
    def ready(self) -> Request[Health]:
        """Say whether it can work, and what is in the way."""
        return Request(method="GET", path="/readyz", read=as_json(Health), accepts=(200, 503))

    @operation
    def version(self) -> Request[ServerVersion]:
        """Say which version answers."""
        return Request(method="GET", path="/api/v1/version", read=as_json(ServerVersion))

    @operation
    def metrics(self) -> Request[str]:
        """Return all figures as Prometheus reads them."""
        return Request(method="GET", path="/metrics", read=text)

    @operation
    def score_metrics(self) -> Request[str]:
        """Return the newest scores of monitors that are scraped, as Prometheus reads them."""
        return Request(method="GET", path="/api/v1/metrics/scores", read=text)

    @operation
    def openapi(self) -> Request[dict[str, Any]]:
        """Return the description of the API, OpenAPI 3.1."""
        return Request(method="GET", path="/api/openapi.json", read=plain)

    @operation
    def docs(self) -> Request[str]:
        """Return the description of the API as a page."""
        return Request(method="GET", path="/api/docs", read=text)
