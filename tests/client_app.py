"""Clients of a real application in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from starlette.testclient import TestClient

from api_client import asking, service_of
from redshank.client.client import AsyncClient, Client
from redshank.service.service import Service

URL = "http://localhost"


@dataclass(frozen=True)
class Served:
    """An application, a client of it, and the service behind it."""

    http: TestClient
    token: str
    client: Client

    @property
    def service(self) -> Service:
        """What the application asks."""
        return service_of(self.http)

    def client_of(self, token: str | None) -> Client:
        """Another client, with another token."""
        return Client(URL, token, transport=self.http._transport, retries=0)

    def asynchronous(self) -> AsyncClient:
        """An asynchronous client of the same application."""
        app: Any = self.http.app
        return AsyncClient(URL, self.token, transport=httpx2.ASGITransport(app), retries=0)


@contextmanager
def served(folder: Path, **settings: Any) -> Iterator[Served]:
    """Give an application over a folder, with a client that is an admin."""
    with asking(folder, **settings) as http:
        token = http.headers["authorization"].removeprefix("Bearer ")
        with Client(URL, token, transport=http._transport, retries=0) as client:
            made = Served(http, token, client)
            made.service.resources._check = made.service.config._check = _unchecked
            yield made


def _unchecked(kind: str, spec: Any) -> None:
    """The files of these monitors need not be there."""
