"""An application over a store in a folder of its own, and who asks it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from redshank.api.app import create_app
from redshank.service.actor import Actor
from redshank.service.service import Service
from redshank.settings import Settings
from redshank.store.store import Store

SETTER = Actor("test", "admin")


@contextmanager
def asking(folder: Path, **settings: Any) -> Iterator[TestClient]:
    """Give a client whose token is an admin's; ``client.app.state.service`` is the service behind it."""
    with Store.open(folder) as store:
        service = Service(store)
        token = service.tokens.first()
        app = create_app(service, Settings(data=folder, **settings))
        headers = {"Authorization": f"Bearer {token}"}
        with TestClient(app, base_url="http://localhost", headers=headers, raise_server_exceptions=False) as client:
            yield client


def token_of(client: TestClient, role: str, name: str = "") -> dict[str, str]:
    """Return the headers of a new token of a role."""
    _, text = service_of(client).tokens.create(name or role, role, None, actor=SETTER)  # type: ignore[arg-type]
    return {"Authorization": f"Bearer {text}"}


def service_of(client: TestClient) -> Service:
    """Return the service behind a client."""
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    return service


def plain_path(path: str) -> str:
    """Return the path of a route with something in the place of its variables."""
    return re.sub(r"\{[^}]*\}", "1", path)


def keep_something(client: TestClient) -> None:
    """Make one thing of each kind, named ``0``, for requests that name them."""
    folder = client.app.state.settings.data  # type: ignore[attr-defined]
    bodies: dict[str, dict[str, Any]] = {
        "sources": {"kind": "files", "path": "x.csv"},
        "sinks": {"kind": "files", "events": str(folder / "events.jsonl")},
        "schedules": {"every": "1h"},
        "templates": {"monitor": {"path": "x.csv"}},
        "monitors": {"path": "x.csv"},
    }
    for kind, body in bodies.items():
        answer = client.put(f"/api/v1/{kind}/0", json=body, params={"validate": False})
        assert answer.status_code == 201, answer.text
