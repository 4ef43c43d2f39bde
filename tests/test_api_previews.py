"""What a monitor would do and need, before it is saved; and what is found out when it is saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from api_client import asking, service_of

SECRET = {"kind": "sql", "url": "sqlite:///x.db", "password": "word"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(1)
    values = np.round(10 + np.sin(np.arange(2000) / 20) + rng.normal(0, 0.1, 2000), 3)
    values[1900:1905] = 30
    times = np.datetime64("2026-01-01T00:00:00") + np.arange(2000) * np.timedelta64(5, "m")
    rows = "".join(f"{time}Z,{value}\n" for time, value in zip(times, values, strict=True))
    (folder / "cpu.csv").write_text("time,cpu\n" + rows)
    (folder / "empty.csv").write_text("time,cpu\n")
    return folder


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with asking(tmp_path_factory.mktemp("data"), requests_per_minute=0) as client:
        yield client


def monitor(folder: Path, **fields: Any) -> dict[str, Any]:
    return {"name": "cpu", "path": str(folder / "cpu.csv"), "detector": "gaussian", **fields}


def error_of(answer: Any) -> tuple[int, str, str | None]:
    return answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["field"]


def test_a_preview_finds_what_live_detection_would(client: TestClient, folder: Path) -> None:
    answer = client.post("/api/v1/preview", json={"monitor": monitor(folder)})

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["points"] == 1999  # the last may still be filling
    assert any(event["start"] <= "2026-01-07T14:20:00Z" < event["end"] for event in found["events"])
    assert service_of(client).store.events.newest() == 0


def test_a_preview_keeps_to_its_range(client: TestClient, folder: Path) -> None:
    body = {"monitor": monitor(folder), "start": "2026-01-02T00:00:00Z", "end": "2026-01-03T00:00:00Z"}

    found = client.post("/api/v1/preview", json=body).json()

    assert (found["start"], found["end"], found["points"]) == ("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", 288)


@pytest.mark.parametrize(
    ("fields", "range", "status", "field"),
    [
        ({"detectr": 1}, {}, 422, "detectr"),
        ({"detector": "gausian"}, {}, 422, "detector"),
        ({"path": "/nowhere/x.csv"}, {}, 502, None),
        ({"measures": "memory"}, {}, 422, None),
        ({}, {"start": "2026-01-02", "days": 1}, 422, "days"),
        ({}, {"days": 0}, 422, "days"),
        ({}, {"days": 1e300}, 422, "days"),
        ({}, {"start": "2027-01-01"}, 422, None),
        ({}, {"start": "2026-01-03", "end": "2026-01-02"}, 422, "start"),
        ({"source": {"kind": "files", "path": "***"}}, {}, 422, "source.path"),
    ],
    ids=str,
)
def test_a_wrong_preview_is_refused(
    client: TestClient, folder: Path, fields: dict[str, Any], range: dict[str, Any], status: int, field: str | None
) -> None:
    answer = client.post("/api/v1/preview", json={"monitor": monitor(folder, **fields), **range})

    assert answer.status_code == status, answer.text
    assert field is None or answer.json()["error"]["field"] == field


def test_only_two_previews_are_computed_at_once(client: TestClient, folder: Path) -> None:
    places = service_of(client).previews._places
    for _ in range(2):
        places.acquire()
    try:
        answer = client.post("/api/v1/preview", json={"monitor": monitor(folder)})
    finally:
        for _ in range(2):
            places.release()

    assert error_of(answer) == (429, "too_many", None)
    assert answer.headers["retry-after"] == "5"


def test_what_a_monitor_needs_is_told_by_its_data(client: TestClient, folder: Path) -> None:
    found = client.post("/api/v1/capacity", json={"monitor": monitor(folder)}).json()

    assert (found["fits"], found["message"], found["taken"]["monitors"]) == (True, None, 0)
    assert (found["need"]["detector"], found["need"]["series"], found["need"]["step_seconds"]) == ("gaussian", 1, 300.0)


def test_what_does_not_fit_is_told_with_what_would(client: TestClient) -> None:
    body = {"series": 100_000_000, "step": "1s", "detector": "analog"}

    found = client.post("/api/v1/capacity", json=body).json()

    assert not found["fits"]
    assert "100,000,000 series" in found["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"detector": "analogue"}, "analogue"),
        ({"series": 0}, "series"),
        ({"step": 60}, "step"),
        ({"monitr": {}}, "monitr"),
    ],
    ids=str,
)
def test_a_wrong_question_of_capacity_is_refused(client: TestClient, body: Any, field: str | None) -> None:
    answer = client.post("/api/v1/capacity", json=body)

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


def test_a_monitor_is_checked_whole_when_it_is_saved(client: TestClient, folder: Path) -> None:
    assert client.post("/api/v1/monitors", json=monitor(folder, name="good")).status_code == 201


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        pytest.param({"path": "/nowhere/x.csv"}, 502, "source_failed", id="source not there"),
        pytest.param({"measures": "memory"}, 422, "bad_data", id="column not there"),
        pytest.param({"train": {"cron": "0 0 31 2 *"}}, 422, "invalid", id="31st of February"),
        pytest.param({"train": {"once": "2001-01-01T00:00:00Z"}}, 422, "invalid", id="never again"),
        pytest.param({"detector": "hindsight"}, 422, "invalid", id="not causal"),
        pytest.param({"path": None}, 422, "invalid", id="no source"),
    ],
)
def test_a_monitor_that_cannot_work_is_not_saved(
    client: TestClient, folder: Path, fields: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post("/api/v1/monitors", json=monitor(folder, name="bad", **fields))

    assert error_of(answer)[:2] == (status, code), answer.text
    assert client.get("/api/v1/monitors/bad").status_code == 404


def test_a_monitor_whose_source_has_no_points_yet_is_saved(client: TestClient) -> None:
    client.post("/api/v1/sources", json={"name": "shop", "kind": "push"})

    assert client.post("/api/v1/monitors", json={"name": "shop", "source": "shop"}).status_code == 201


def test_a_schedule_that_never_comes_is_not_saved(client: TestClient) -> None:
    answer = client.post("/api/v1/schedules", json={"name": "never", "cron": "0 0 30 2 *"})

    assert answer.status_code == 422


def test_a_monitor_is_saved_offline_when_it_is_asked_for(client: TestClient, folder: Path) -> None:
    body = monitor(folder, name="offline", path="/nowhere/x.csv")

    assert client.post("/api/v1/monitors", json=body, params={"validate": False}).status_code == 201
