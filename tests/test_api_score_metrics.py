"""Newest scores for Prometheus to scrape, of the monitors that ask for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from api_client import asking, service_of
from store_data import MINUTE, NOON
from test_api_series import fill

Figures = dict[str, dict[str, float]]
POINTS = 10


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with asking(tmp_path_factory.mktemp("data"), requests_per_minute=0) as client:
        for name, body in {
            "shown": {"kind": "prometheus", "scrape": True, "max_series": 2, "labels": {"site": "oslo"}},
            "sent": {"kind": "prometheus", "url": "http://localhost:1/"},
        }.items():
            assert client.put(f"/api/v1/sinks/{name}", json=body, params={"validate": False}).status_code == 201
        for name, sinks in {
            "hosts": ["sent", "shown"],
            "inside": [{"kind": "prometheus", "scrape": True}],
            "not": ["sent"],
        }.items():
            body = {"name": name, "path": "x.csv", "sinks": sinks}
            assert client.post("/api/v1/monitors", json=body, params={"validate": False}).status_code == 201
            service = service_of(client)
            fill(service.store, service.resources.get("monitors", name).id, POINTS)
        yield client


def figures(client: TestClient, monitor: str) -> Figures:
    """The figures of a monitor by name and series."""
    answer = client.get("/api/v1/metrics/scores")
    assert answer.status_code == 200, answer.text
    found: Figures = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if sample.labels["monitor"] == monitor:
                found.setdefault(sample.name, {})[sample.labels["series"]] = sample.value
    return found


def test_the_newest_point_of_each_series_is_shown(client: TestClient) -> None:
    found = figures(client, "hosts")

    first, second = "cpu{host=a, zone=eu=1}", "cpu{host=b}"
    assert found == {
        "redshank_actual": {first: 9.0, second: 10.0},
        "redshank_expected": {first: 9.0, second: 9.0},
        "redshank_score": {first: 0.9, second: 0.9},
        "redshank_anomaly": {first: 0.0, second: 0.0},
        "redshank_score_timestamp_seconds": dict.fromkeys((first, second), (NOON + 9 * MINUTE) / 1e9),
    }
    assert 'site="oslo"' in client.get("/api/v1/metrics/scores").text


def test_a_sink_inside_of_a_monitor_counts_and_one_that_is_not_scraped_does_not(client: TestClient) -> None:
    assert len(figures(client, "inside")["redshank_score"]) == 3
    assert figures(client, "not") == {}
