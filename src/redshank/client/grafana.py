"""What the server gives to Grafana, as plain rows: for scripts and for trying a dashboard out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redshank.client.operations import Group, Mode, operation
from redshank.client.request import Request, plain

Rows = list[dict[str, Any]]
PATH = "/api/v1/grafana"


class Grafana(Group[Mode]):
    """Rows with times in milliseconds."""

    @operation
    def probe(self) -> Request[dict[str, Any]]:
        """Say that the server is reached, and the token is good."""
        return Request(method="GET", path=PATH, read=plain)

    @operation
    def monitors(self) -> Request[Rows]:
        """Return the monitors, as choices of a variable."""
        return Request(method="GET", path=f"{PATH}/monitors", read=plain)

    @operation
    def series(self, monitors: Sequence[str] = (), *, text: str | None = None, limit: int = 200) -> Request[Rows]:
        """Return the series of monitors (none = all), as choices of a variable."""
        given = {"monitor": ",".join(monitors), "text": text or "", "limit": str(limit)}
        return Request(method="GET", path=f"{PATH}/series", params=_filled(given), read=plain)

    @operation
    def points(self, series: Sequence[str], from_ms: int, to_ms: int, *, points: int = 1000) -> Request[Rows]:
        """Return points of series with score and range."""
        given = {"series": ",".join(series), "points": str(points), **_between(from_ms, to_ms)}
        return Request(method="GET", path=f"{PATH}/points", params=_filled(given), read=plain)

    @operation
    def events(self, from_ms: int, to_ms: int, *, monitors: Sequence[str] = (), severity: int = 0) -> Request[Rows]:
        """Return events as rows of a table."""
        given = {"monitor": ",".join(monitors), "severity": str(severity), **_between(from_ms, to_ms)}
        return Request(method="GET", path=f"{PATH}/events", params=_filled(given), read=plain)

    @operation
    def annotations(
        self, from_ms: int, to_ms: int, *, monitors: Sequence[str] = (), severity: int = 0
    ) -> Request[Rows]:
        """Return events as annotations."""
        given = {"monitor": ",".join(monitors), "severity": str(severity), **_between(from_ms, to_ms)}
        return Request(method="GET", path=f"{PATH}/annotations", params=_filled(given), read=plain)


def _between(from_ms: int, to_ms: int) -> dict[str, str]:
    return {"from": str(from_ms), "to": str(to_ms)}


def _filled(given: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in given.items() if value]
