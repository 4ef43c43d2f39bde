"""Sources and sinks tried out over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api_client import asking
from redshank.errors import SourceError
from redshank.service.deadline import within

ROWS = "time,host,cpu\n" + "".join(f"2026-01-01T{hour:02}:00:00Z,a,{hour}\n" for hour in range(24))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    (tmp_path / "hosts.csv").write_text(ROWS)
    with asking(tmp_path / "data") as client:
        sources: dict[str, Any] = {"hosts": {"path": str(tmp_path / "hosts.csv")}, "gone": {"path": "/nowhere/x.csv"}}
        for name, options in sources.items():
            client.put(f"/api/v1/sources/{name}", json={"kind": "files", **options}, params={"validate": False})
        sinks = {"results": str(tmp_path / "events.jsonl"), "away": "/proc/nowhere/events.jsonl"}
        for name, path in sinks.items():
            body = {"kind": "files", "events": path}
            assert client.put(f"/api/v1/sinks/{name}", json=body, params={"validate": False}).status_code == 201
        yield client


def test_a_source_is_reached(client: TestClient) -> None:
    found = client.post("/api/v1/sources/hosts/check").json()

    assert found["ok"]
    assert "can be read" in found["message"]


def test_what_is_wrong_with_a_source_is_said(client: TestClient) -> None:
    answer = client.post("/api/v1/sources/gone/check")

    assert answer.status_code == 200
    assert not answer.json()["ok"]
    assert answer.json()["code"] == "source_failed"
    assert "/nowhere/x.csv" in answer.json()["message"]


def test_the_first_rows_of_a_source_are_shown(client: TestClient) -> None:
    found = client.get("/api/v1/sources/hosts/preview", params={"rows": 2}).json()

    assert [row["cpu"] for row in found["rows"]] == [0, 1] or [row["cpu"] for row in found["rows"]] == ["0", "1"]


def test_what_is_in_a_source_is_said(client: TestClient) -> None:
    found = client.get("/api/v1/sources/hosts/describe").json()

    assert (found["measures"], found["labels"], found["time"]) == (["cpu"], ["host"], "time")
    assert (found["rows"], found["step_seconds"], found["newest"]) == (24, 3600.0, "2026-01-01T23:00:00Z")


def test_what_a_source_does_is_counted_also_when_it_is_gone(client: TestClient) -> None:
    for _ in range(2):
        client.get("/api/v1/sources/hosts/describe")
    client.get("/api/v1/sources/gone/describe")

    lines = client.get("/metrics").text.splitlines()

    figures = dict(line.rsplit(" ", 1) for line in lines if line.startswith("redshank_source_"))
    assert float(figures['redshank_source_rows_total{source="hosts"}']) == 48
    assert float(figures['redshank_source_reads_total{source="hosts"}']) == 2
    assert float(figures['redshank_source_bytes_total{source="hosts"}']) >= 2 * len(ROWS)
    assert float(figures['redshank_source_errors_total{source="hosts"}']) == 0


def test_a_source_is_tried_with_what_a_monitor_would_read(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text(ROWS.replace("cpu", "mem"))

    found = client.get("/api/v1/sources/hosts/describe", params={"path": str(tmp_path / "other.csv")}).json()

    assert found["measures"] == ["mem"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "sources/none/check", 404),
        ("GET", "sources/none/preview", 404),
        ("GET", "sources/none/describe", 404),
        ("POST", "sinks/none/check", 404),
        ("GET", "sources/hosts/preview?rows=0", 422),
        ("GET", "sources/hosts/preview?table=x", 422),
        ("GET", "sources/gone/preview", 502),
    ],
)
def test_what_cannot_be_tried_is_an_error(client: TestClient, method: str, path: str, status: int) -> None:
    assert client.request(method, f"/api/v1/{path}").status_code == status


def test_a_sink_gets_a_test_event(client: TestClient, tmp_path: Path) -> None:
    answer = client.post("/api/v1/sinks/results/check").json()
    again = client.post("/api/v1/sinks/results/check").json()

    assert (answer["ok"], again["ok"]) == (True, True)
    written = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert {row["id"] for row in written} == {"redshank-test"}


def test_a_sink_is_tried_without_sending(client: TestClient, tmp_path: Path) -> None:
    assert client.post("/api/v1/sinks/results/check", params={"send": False}).json()["ok"]

    assert not (tmp_path / "events.jsonl").exists()


def test_what_is_wrong_with_a_sink_is_said(client: TestClient) -> None:
    answer = client.post("/api/v1/sinks/away/check")

    assert (answer.status_code, answer.json()["ok"], answer.json()["code"]) == (200, False, "sink_failed")


def test_what_never_answers_is_given_up() -> None:
    gone = threading.Event()

    with pytest.raises(SourceError, match=r"slow: did not answer within 0\.01 s"):
        within(0.01, gone.wait, gone.set, "slow")

    assert gone.is_set()


def test_what_fails_in_time_fails_as_it_does() -> None:
    def broken() -> None:
        raise SourceError("away")

    with pytest.raises(SourceError, match="away"):
        within(5, broken, lambda: None, "x")
