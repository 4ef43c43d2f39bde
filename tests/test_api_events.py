"""Events over HTTP: found by what they are, judged by people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from api_client import asking, service_of
from redshank.panel import Key
from redshank.store.records import StoredEvent

HOUR_NS = 3_600_000_000_000
START_NS = 1_772_323_200_000_000_000  # 2026-03-01


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with asking(tmp_path_factory.mktemp("data"), requests_per_minute=0) as client:
        for name in ("m1", "m2"):
            client.post("/api/v1/monitors", json={"name": name, "path": "x.csv"}, params={"validate": False})
        ids = [service_of(client).resources.get("monitors", name).id for name in ("m1", "m2")]
        found = [event(f"e{i}", ids[i % 2], f"m{i % 2 + 1}", i) for i in range(6)]
        service_of(client).store.events.upsert(found)
        yield client


def event(event_id: str, monitor_id: str, monitor: str, number: int) -> StoredEvent:
    start_ns = START_NS + number * HOUR_NS
    return StoredEvent(
        id=event_id,
        monitor_id=monitor_id,
        monitor=monitor,
        kind="missing" if number == 5 else "anomaly",
        key=Key.of("cpu", {"host": f"h{number}"}),
        start_ns=start_ns,
        end_ns=start_ns + HOUR_NS // 2,
        opened_ns=start_ns,
        peak_ns=start_ns,
        score=float("nan") if number == 5 else 2.5,
        severity=10 * number,
        direction="up",
        actual=1.0,
        expected=None,
        lower=None,
        upper=None,
        rarity=1e-6,
        points=3,
        is_open=number == 4,
        reason="a < b & c",
        backfill=number == 0,
    )


def ids_of(client: TestClient, *filters: str, **query: Any) -> list[str]:
    answer = client.get("/api/v1/events", params={"filter": filters, **query})
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ((), "543210"),
        (("monitor=m1",), "420"),
        (("monitor=m1", "monitor=m2", "severity>=30"), "543"),
        (("kind=missing",), "5"),
        (("kind=missing", "kind=anomaly", "severity>=40"), "54"),
        (("open=true",), "4"),
        (("open=false", "backfill=false", "severity>=20"), "532"),
        (("backfill=true",), "0"),
        (("series~H3}",), "3"),
        (("time>=2026-03-01T01:00:00Z", "time<2026-03-01T03:00:00Z"), "21"),
        (("label=none", "acknowledged=false", "severity>=50"), "5"),
    ],
    ids=str,
)
def test_events_are_found_by_what_they_are(client: TestClient, filters: tuple[str, ...], found: str) -> None:
    assert ids_of(client, *filters) == [f"e{number}" for number in found]


@pytest.mark.parametrize(
    ("filter", "said"),
    [
        ("monitor=m3", "choices are m1, m2"),
        ("kind=anomoly", "did you mean 'anomaly'"),
        ("open=maybe", "true or false"),
        ("severity>=high", "whole number"),
        ("severity=10", "takes >= here"),
        ("time>=soon", "such as 2026"),
        ("label=wrong", "choices are"),
        ("colour=red", "unknown field"),
    ],
)
def test_a_filter_that_is_none_is_refused(client: TestClient, filter: str, said: str) -> None:
    answer = client.get("/api/v1/events", params={"filter": filter})

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "filter")
    assert said in answer.json()["error"]["message"]


def test_events_are_read_in_pages_from_either_end(client: TestClient) -> None:
    first = client.get("/api/v1/events", params={"limit": 4, "sort": "start", "fields": "id"}).json()
    second = client.get(
        "/api/v1/events", params={"limit": 4, "sort": "start", "fields": "id", "cursor": first["next_cursor"]}
    ).json()

    assert [item["id"] for item in first["items"] + second["items"]] == [f"e{number}" for number in range(6)]
    assert second["next_cursor"] is None


def test_an_event_is_told_in_texts_and_nulls(client: TestClient) -> None:
    found = client.get("/api/v1/events/e5").json()

    assert found["score"] is None
    assert (found["start"], found["end"]) == ("2026-03-01T05:00:00Z", "2026-03-01T05:30:00Z")
    assert (found["series"], found["labels"]) == ("cpu{host=h5}", {"host": "h5"})


def test_an_acknowledgement_is_given_and_taken_back(client: TestClient) -> None:
    given = client.put("/api/v1/events/e1/acknowledgement").json()
    found = ids_of(client, "acknowledged=true")
    back = client.delete("/api/v1/events/e1/acknowledgement").json()

    assert given["acknowledged_by"] == "first"
    assert given["acknowledged"].endswith("Z")
    assert found == ["e1"]
    assert (back["acknowledged_by"], back["acknowledged"]) == (None, None)


@pytest.mark.parametrize("label", ["true", "false", "expected"])
def test_a_label_is_given_and_taken_back(client: TestClient, label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str | None]] = []
    monkeypatch.setattr(service_of(client).events, "_labeled", lambda event: told.append((event.id, event.label)))

    given = client.put("/api/v1/events/e2/label", json={"label": label}).json()
    found = ids_of(client, f"label={label}"), ids_of(client, "label=any")
    back = client.delete("/api/v1/events/e2/label").json()

    assert (given["label"], back["label"]) == (label, None)
    assert found == (["e2"], ["e2"])
    assert told == [("e2", label), ("e2", None)]


def test_a_comment_has_its_author(client: TestClient) -> None:
    made = client.post("/api/v1/events/e3/comments", json={"text": "<b>late backup</b>"})
    read = client.get("/api/v1/events/e3/comments").json()

    assert made.status_code == 201
    assert read == {"items": [made.json()], "next_cursor": None}
    assert (made.json()["author"], made.json()["text"]) == ("first", "<b>late backup</b>")


def test_many_events_are_judged_at_once_and_those_that_are_not_there_named(client: TestClient) -> None:
    body = {"ids": ["e0", "nothing", "e0"], "acknowledged": True, "label": "expected", "comment": "planned"}

    answer = client.post("/api/v1/events/judge", json=body)

    assert answer.status_code == 200
    assert [(each["id"], each["label"]) for each in answer.json()["done"]] == [("e0", "expected")]
    assert [(each["id"], each["error"]["code"]) for each in answer.json()["failed"]] == [("nothing", "not_found")]
    assert [each["text"] for each in client.get("/api/v1/events/e0/comments").json()["items"]] == ["planned"]
    client.post("/api/v1/events/judge", json={"ids": ["e0"], "acknowledged": False, "label": "none"})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PUT", "/acknowledgement", None),
        ("DELETE", "/acknowledgement", None),
        ("PUT", "/label", {"label": "true"}),
        ("DELETE", "/label", None),
        ("GET", "/comments", None),
        ("POST", "/comments", {"text": "x"}),
    ],
)
def test_an_event_that_is_not_there_is_not_found(client: TestClient, method: str, path: str, body: Any) -> None:
    answer = client.request(method, f"/api/v1/events/nothing{path}", json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("e1/label", {"label": "maybe"}),
        ("e1/label", {"label": True}),
        ("e1/label", {}),
        ("judge", {"ids": []}),
        ("judge", {"ids": ["a"] * 1001}),
        ("judge", {"ids": "e1"}),
        ("e1/comments", {"text": ""}),
        ("e1/comments", {"text": "  "}),
        ("e1/comments", {"text": "x" * 10_001}),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_wrong_judgement_is_refused(client: TestClient, path: str, body: Any) -> None:
    method = "PUT" if path.endswith("label") else "POST"

    assert client.request(method, f"/api/v1/events/{path}", json=body).status_code == 422
