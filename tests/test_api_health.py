"""Health, readiness, figures, version, and the description of the API."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

import redshank
from api_client import SETTER, asking, service_of
from redshank.api.app import ALL_ROUTES
from redshank.errors import UnavailableError
from store_data import event, live

ROUTES = [each for routes in ALL_ROUTES for each in routes]
LINKS = {"script", "link", "img", "iframe", "object", "embed", "source", "form"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with asking(tmp_path_factory.mktemp("data"), requests_per_minute=0) as client:
        yield client


@pytest.fixture(scope="module")
def document(client: TestClient) -> Any:
    return client.get("/api/openapi.json").json()


def away(*args: Any, **options: Any) -> Any:
    raise UnavailableError("database x: away")


def figures(client: TestClient) -> dict[str, dict[tuple[str, ...], float]]:
    """Samples by name, and within by their labels' values."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_a_process_that_lives_says_so_even_when_its_store_is_away(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_of(client).store.tokens, "count", away)

    assert client.get("/healthz").json()["status"] == "ok"
    assert client.get("/readyz").status_code == 503
    assert client.get("/readyz").json() == {"status": "unavailable", "checks": {"store": "database x: away"}}


def test_a_server_that_can_work_is_ready(client: TestClient) -> None:
    answer = client.get("/readyz", headers={"Authorization": ""})

    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_the_version_is_told(client: TestClient) -> None:
    assert client.get("/api/v1/version").json()["version"] == redshank.__version__


def test_figures_are_those_of_the_store(tmp_path: Path) -> None:
    with asking(tmp_path) as client:
        service = service_of(client)
        for name in ("m1", "m2"):
            client.post(
                "/api/v1/monitors", json={"name": name, "path": "x.csv", "clock": "wall"}, params={"validate": False}
            )
        monitor_id = service.resources.get("monitors", "m1").id
        cursor_ns = service.clock() - 60_000_000_000
        record = live(monitor_id, cursor_ns=cursor_ns, points=7, error="away")
        service.store.live.commit(_tick(record))
        service.store.events.upsert([event("e1"), event("e2", kind="missing"), event("e3", is_open=False)])
        run = service.runs.start("m1", "train", actor=SETTER)
        service.runs.cancel(run.id, actor=SETTER)

        found = figures(client)

    assert 60 <= found["redshank_monitor_lag_seconds"][("m1",)] < 120
    assert found["redshank_monitor_points_total"] == {("m1",): 7}
    assert found["redshank_events_open"] == {("anomaly",): 1, ("missing",): 1}
    assert found["redshank_runs"] == {("canceled", "train"): 1}
    assert found["redshank_source_failing"] == {("of its own",): 1}
    assert found["redshank_requests_total"][("POST", "/api/v1/monitors", "201")] == 2
    assert found["redshank_store_up"] == {(): 1}
    assert found["redshank_memory_bytes"][()] > 10_000_000


def _tick(record: Any) -> Any:
    from redshank.store.records import TickCommit

    return TickCommit(base=None, live=record)


def test_figures_of_the_process_come_even_when_its_store_is_away(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_of(client).store.runs, "totals", away)

    found = figures(client)

    assert found["redshank_store_up"] == {(): 0}
    assert found["redshank_requests_total"]


def test_the_description_is_openapi_and_names_every_route(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    assert {(method.upper(), path) for path, methods in document["paths"].items() for method in methods} == {
        (each.method, each.path) for each in ROUTES
    }


def test_every_route_is_described_with_an_example(document: Any) -> None:
    operations = [one for methods in document["paths"].values() for one in methods.values()]

    assert all(one["summary"] and one["description"] for one in operations)
    bodies = [one["requestBody"]["content"] for one in operations if "requestBody" in one]
    assert all("example" in next(iter(content.values())) for content in bodies)
    assert len({one["operationId"] for one in operations}) == len(operations)
    assert all("default" in one["responses"] for one in operations)


def test_every_reference_of_the_description_leads_somewhere(document: Any) -> None:
    wanted = set(_references(document))

    assert wanted
    for reference in wanted:
        part: Any = document
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


class _Loads(HTMLParser):
    """Gathers what a page loads from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [tag] if tag in LINKS or any(name.startswith("on") for name, _ in attrs) else []


def test_the_page_of_the_description_loads_nothing_and_names_every_route(client: TestClient) -> None:
    answer, loads = client.get("/api/docs"), _Loads()
    loads.feed(answer.text)

    assert loads.found == []
    assert answer.headers["content-type"].startswith("text/html")
    assert all(each.path.replace("{", "{") in answer.text for each in ROUTES)
