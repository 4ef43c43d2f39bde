"""What Grafana reads: choices of variables, thinned points, events as a table and as annotations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from api_client import asking, service_of
from redshank.panel import Key
from store_data import MINUTE, NOON, event
from test_api_series import KEYS, fill

NOON_MS, DAY_MS = NOON // 1_000_000, 86_400_000
DAYS = {"from": NOON_MS, "to": NOON_MS + 4 * DAY_MS}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with asking(tmp_path_factory.mktemp("data"), requests_per_minute=0) as client:
        for name in ("hosts", "other"):
            client.post("/api/v1/monitors", json={"name": name, "path": "x.csv"}, params={"validate": False})
        service = service_of(client)
        monitor_id = service.resources.get("monitors", "hosts").id
        fill(service.store, monitor_id)
        service.store.events.upsert(
            [
                event("a", monitor_id=monitor_id, monitor="hosts", key=KEYS[0]),
                event("b", monitor_id=monitor_id, monitor="hosts", key=KEYS[1], start_ns=NOON + MINUTE, severity=90),
                event(
                    "c",
                    monitor_id=monitor_id,
                    monitor="hosts",
                    key=Key.of("disk"),
                    kind="stale",
                    start_ns=NOON,
                    end_ns=NOON,
                    direction="unknown",
                    score=None,
                ),
            ]
        )
        service.store.events.label("b", "false")
        yield client


def rows(client: TestClient, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/grafana{path}", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def test_variables_offer_monitors_and_their_series(client: TestClient) -> None:
    assert [row["__value"] for row in rows(client, "/monitors")] == ["hosts", "other"]
    found = rows(client, "/series", monitor="{hosts,other}")
    assert [row["__text"] for row in found] == [str(key) for key in KEYS]
    assert found[0]["labels"] == "host=a, zone=eu=1"
    assert [row["__text"] for row in rows(client, "/series", text="MEM")] == ["mem{host=a}"]
    assert len(rows(client, "/series", limit=2)) == 2


def test_points_are_thinned_and_keep_the_peak(client: TestClient) -> None:
    one, two = [row["__value"] for row in rows(client, "/series", limit=2)]

    found = rows(client, "/points", series=f"{one},{two}", points=50, **DAYS)

    assert {row["series"] for row in found} == {str(KEYS[0]), str(KEYS[1])}
    assert 10 < len(found) <= 100
    assert max(row["actual"] for row in found if row["actual"] is not None) == 1e6 + 1
    first = found[0]
    assert (first["time"], first["actual"], first["expected"], first["lower"]) == (NOON_MS, 0.0, 0.0, None)


def test_an_interval_gives_no_more_points_than_one_each(client: TestClient) -> None:
    one = rows(client, "/series", limit=1)[0]["__value"]

    assert len(rows(client, "/points", series=one, interval_ms=3_600_000, **DAYS)) <= 96


def test_a_value_that_is_missing_is_null(client: TestClient) -> None:
    one = rows(client, "/series", limit=1)[0]["__value"]
    second = {"from": NOON_MS + 60_000, "to": NOON_MS + 120_000}

    (row,) = rows(client, "/points", series=one, **second)

    assert (row["actual"], row["score"]) == (None, None)


def test_events_are_found_by_time_monitor_series_and_severity(client: TestClient) -> None:
    one = rows(client, "/series", limit=1)[0]["__value"]

    assert [row["id"] for row in rows(client, "/events", **DAYS)] == ["b", "c", "a"]
    assert [row["id"] for row in rows(client, "/events", monitor="other", **DAYS)] == []
    assert [row["id"] for row in rows(client, "/events", series=one, **DAYS)] == ["a"]
    assert [row["id"] for row in rows(client, "/events", severity=80, **DAYS)] == ["b"]
    assert [row["id"] for row in rows(client, "/events", limit=1, **DAYS)] == ["b"]


def test_annotations_leave_out_what_people_call_false(client: TestClient) -> None:
    stale, high = rows(client, "/annotations", **DAYS)

    assert high == {
        "time": NOON_MS,
        "timeEnd": NOON_MS + 60_000,
        "isRegion": True,
        "title": "cpu{host=a, zone=eu=1} too high (70)",
        "text": "cpu 97 instead of 50",
        "tags": "hosts,anomaly,up",
        "id": "a",
    }
    assert (stale["title"], stale["isRegion"], stale["tags"]) == ("disk stale (70)", False, "hosts,stale")


@pytest.mark.parametrize(
    ("path", "query", "status", "said"),
    [
        ("/points", {**DAYS, "series": ""}, 422, "at least one"),
        ("/points", {**DAYS, "series": "no.1"}, 404, "not found"),
        ("/points", {**DAYS, "series": ",".join(f"m.{i}" for i in range(51))}, 422, "at most 50"),
        ("/points", {"from": 2, "to": 1, "series": "m.1"}, 422, "to: must be after from"),
        ("/events", {**DAYS, "monitor": "host"}, 422, "did you mean 'hosts'"),
        ("/events", {"from": "now", "to": 1}, 422, "from"),
    ],
    ids=["no series", "unknown series", "too many series", "end before start", "unknown monitor", "words as time"],
)
def test_what_is_wrong_is_named(client: TestClient, path: str, query: dict[str, Any], status: int, said: str) -> None:
    answer = client.get(f"/api/v1/grafana{path}", params=query)

    assert (answer.status_code, said in answer.text) == (status, True), answer.text
