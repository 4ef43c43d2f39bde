"""Runs and monitors at work over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api_client import asking, service_of
from redshank.store.records import Blob, Live, TickCommit, Version
from redshank.store.store import Store

DAY_NS = 86_400_000_000_000


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with asking(tmp_path) as client:
        body = {"name": "m 1", "path": "x.csv", "train": {"daily": True, "at": "03:00"}}
        assert client.post("/api/v1/monitors", json=body, params={"validate": False}).status_code == 201
        yield client


def start(client: TestClient, **fields: Any) -> Any:
    return client.post("/api/v1/runs", json={"monitor": "m 1", "verb": "train", **fields})


def test_a_run_is_asked_for_and_followed(client: TestClient) -> None:
    made = start(client, verb="backtest", start="2026-01-01", end="2026-02-01T00:00:00+01:00", params={"a": [1]})

    assert made.status_code == 202
    assert made.json()["state"] == "waiting"
    assert (made.json()["start"], made.json()["end"]) == ("2026-01-01T00:00:00Z", "2026-01-31T23:00:00Z")
    assert made.json()["params"] == {"a": [1]}
    assert client.get(made.headers["location"]).json() == made.json()


def test_the_scheduler_is_woken_by_what_it_has_to_do(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    worker = service_of(client).worker
    monkeypatch.setattr(worker, "wake", lambda: told.append("wake"))
    monkeypatch.setattr(worker, "changed", lambda: told.append("changed"))

    run_id = start(client).json()["id"]
    client.post(f"/api/v1/runs/{run_id}/cancel")
    client.post("/api/v1/monitors/m 1/disable")

    assert told == ["wake", "wake", "changed"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"monitor": "m2", "verb": "train"}, 404, None),
        ({"monitor": "m 1", "verb": "explain"}, 422, "verb"),
        ({"monitor": "m 1"}, 422, "verb"),
        ({"monitor": "m 1", "verb": "train", "start": "2026-02-01", "end": "2026-01-01"}, 422, "end"),
        ({"monitor": "m 1", "verb": "train", "start": "soon"}, 422, "start"),
        ({"monitor": "m 1", "verb": "train", "start": "1500-01-01"}, 422, "start"),
        ({"monitor": "m 1", "verb": "detect"}, 422, "end"),
        ({"monitor": "m 1", "verb": "train", "params": []}, 422, "params"),
        ({"monitor": "m 1", "verb": "train", "until": 1}, 422, "until"),
    ],
    ids=str,
)
def test_a_wrong_run_is_refused(client: TestClient, body: Any, status: int, field: str | None) -> None:
    answer = client.post("/api/v1/runs", json=body)

    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field)


def test_a_waiting_run_is_canceled_once(client: TestClient) -> None:
    run_id = start(client).json()["id"]

    first = client.post(f"/api/v1/runs/{run_id}/cancel")
    second = client.post(f"/api/v1/runs/{run_id}/cancel")

    assert (first.status_code, first.json()["state"]) == (202, "canceled")
    assert (second.status_code, second.json()["error"]["code"]) == (409, "conflict")


def test_runs_are_found_by_what_they_are(client: TestClient) -> None:
    runs = [start(client, verb=verb).json()["id"] for verb in ("train", "tune", "forecast")]
    client.post(f"/api/v1/runs/{runs[0]}/cancel")

    def ids(*filters: str) -> list[str]:
        answer = client.get("/api/v1/runs", params={"filter": filters})
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert sorted(ids("monitor=m 1")) == sorted(runs)
    assert ids("state=canceled") == [runs[0]]
    assert sorted(ids("verb=tune", "verb=forecast")) == sorted(runs[1:])
    assert ids("created>=2100-01-01") == []
    assert client.get("/api/v1/runs", params={"filter": "verb=tun"}).status_code == 422
    assert client.get("/api/v1/runs", params={"filter": "monitor=m2"}).status_code == 422


def test_what_a_run_logs_is_read_from_where_one_was(client: TestClient) -> None:
    run_id = start(client).json()["id"]
    service_of(client).store.runs.log(run_id, [("info", "one"), ("error", "two")])

    found = client.get(f"/api/v1/runs/{run_id}/lines").json()["items"]
    after = client.get(f"/api/v1/runs/{run_id}/lines", params={"after": 1}).json()["items"]

    assert [(line["sequence"], line["level"], line["text"]) for line in found] == [
        (1, "info", "one"),
        (2, "error", "two"),
    ]
    assert after == found[1:]


def test_a_run_that_runs_says_how_far_it_is(client: TestClient) -> None:
    store = service_of(client).store
    run_id = start(client).json()["id"]
    run = store.runs.claim(store.clock())
    assert run is not None

    store.runs.finish(run_id, run.attempt, "failed", error={"code": "source_failed", "message": "away", "field": None})

    told = client.get(f"/api/v1/runs/{run_id}").json()
    assert told["error"] == {"code": "source_failed", "message": "away", "field": None}
    assert told["state"] == "failed"
    assert told["seconds"] >= 0
    assert (told["total"], told["percent"]) == (None, None)


def test_a_monitor_rests_and_works_again(client: TestClient) -> None:
    off = client.post("/api/v1/monitors/m 1/disable")
    on = client.post("/api/v1/monitors/m 1/enable")

    assert (off.json()["enabled"], on.json()["enabled"]) == (False, True)
    assert client.post("/api/v1/monitors/m2/enable").status_code == 404


def test_a_monitor_that_has_not_started_says_so(client: TestClient) -> None:
    told = client.get("/api/v1/monitors/m 1/status").json()

    assert (told["cursor"], told["lag_seconds"], told["version"], told["last_run"]) == (None, None, None, None)
    assert (told["series"], told["open_events"], told["enabled"]) == (0, 0, True)
    assert told["next"]["train"].endswith("T03:00:00Z")


def versions(store: Store, monitor_id: str, count: int) -> None:
    """Keep as many trainings of a monitor as are asked for, a day apart; the last is the live one."""
    base = None
    for number in range(1, count + 1):
        at_ns = number * DAY_NS
        state_id = store.states.save(monitor_id, at_ns, [Blob(shard=0, parts={"detector": b"x" * number})])
        version = Version(
            monitor_id=monitor_id,
            number=number,
            detector="seasonal",
            params={"period": number},
            start_ns=0,
            cursor_ns=at_ns,
            n_series=1,
            size_bytes=number,
            created_ns=at_ns,
            state_id=state_id,
        )
        live = Live(
            monitor_id=monitor_id,
            cursor_ns=at_ns,
            checkpoint_ns=at_ns,
            version=number,
            memory={},
            ticked_ns=at_ns,
            points=number,
            error="source: away" if number == count else None,
            state_id=state_id,
        )
        store.live.commit(TickCommit(base=base, live=live, version=version))
        base = store.live.get(monitor_id)


def test_versions_are_listed_compared_restored_and_dropped(client: TestClient) -> None:
    service = service_of(client)
    versions(service.store, service.resources.get("monitors", "m 1").id, 3)
    path = "/api/v1/monitors/m 1/versions"

    listed = client.get(path).json()["items"]
    compared = client.get(f"{path}/3/compare/1").json()["differences"]
    restored = client.post(f"{path}/1/restore").json()
    gone = client.post(f"{path}/prune", params={"keep": 1}).json()
    left = client.get(path).json()["items"]

    assert [(each["number"], each["is_live"]) for each in listed] == [(3, True), (2, False), (1, False)]
    assert compared == {
        "params.period": [3, 1],
        "cursor": ["1970-01-04T00:00:00Z", "1970-01-02T00:00:00Z"],
        "size_bytes": [3, 1],
    }
    assert restored["is_live"]
    assert gone == {"gone": 1}
    assert [each["number"] for each in left] == [3, 1]
    assert client.get(f"{path}/2").status_code == 404
    assert client.post(f"{path}/2/restore").status_code == 404
    assert client.get(f"{path}/0").status_code == 422
    assert client.get(f"{path}/first").status_code == 422


def test_a_monitor_at_work_says_where_it_stands(client: TestClient) -> None:
    service = service_of(client)
    versions(service.store, service.resources.get("monitors", "m 1").id, 1)

    told = client.get("/api/v1/monitors/m 1/status").json()

    assert (told["cursor"], told["version"], told["points"]) == ("1970-01-02T00:00:00Z", 1, 1)
    assert told["error"] == "source: away"
    assert told["lag_seconds"] is None  # a file of the past is not late
