"""Points pushed over HTTP: in any format, packed or not, kept once, and what is wrong named by row."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
import zstandard
from starlette.testclient import TestClient

from api_client import asking, service_of

NOON_NS = 1_772_366_400_000_000_000  # 2026-03-01T12:00Z
TIME = "2026-03-01T12:00:00Z"
ARROW = "application/vnd.apache.arrow.stream"


def arrow() -> bytes:
    body = io.BytesIO()
    pl.DataFrame({"time": [NOON_NS], "host": ["a"], "cpu": [1.5]}).write_ipc_stream(body)
    return body.getvalue()


BODIES = {
    "application/json": json.dumps([{"time": TIME, "host": "a", "cpu": 1.5}]).encode(),
    "application/x-ndjson": json.dumps(
        {"time": TIME, "labels": {"host": "a"}, "measure": "cpu", "value": 1.5}
    ).encode(),
    "text/csv": f"time,host,cpu\n{TIME},a,1.5\n".encode(),
    "text/plain": f"cpu,host=a value=1.5 {NOON_NS}".encode(),
    ARROW: arrow(),
}


@pytest.fixture
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with asking(tmp_path_factory.mktemp("data"), push_bytes=100_000) as client:
        assert client.post("/api/v1/sources", json={"name": "shop", "kind": "push"}).status_code == 201
        client.post("/api/v1/sources", json={"name": "hosts", "kind": "files", "path": "x.csv"})
        yield client


def push(client: TestClient, body: bytes, content_type: str = "application/json", **headers: str) -> Any:
    given = {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return client.post("/api/v1/points", params={"source": "shop"}, content=body, headers=given)


def kept(client: TestClient) -> list[tuple[str, int, float]]:
    store = service_of(client).store
    frame = store.points.read(store.resources.get("sources", "shop").id, 0, 2**62)
    return list(frame.select("measure", "time", "value").iter_rows())


@pytest.mark.parametrize("content_type", BODIES)
def test_points_come_in_any_format(client: TestClient, content_type: str) -> None:
    answer = push(client, BODIES[content_type], content_type)

    assert (answer.status_code, answer.json()["accepted"], answer.json()["points"]) == (200, 1, 1)
    assert [row[1:] for row in kept(client)] == [(NOON_NS, 1.5)]


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_body_may_be_packed(client: TestClient, encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zstandard.compress

    answer = push(client, pack(BODIES["text/csv"]), "text/csv", Content_Encoding=encoding)

    assert answer.status_code == 200
    assert kept(client) == [("cpu", NOON_NS, 1.5)]


def test_rows_that_are_wrong_are_named_and_the_others_kept(client: TestClient) -> None:
    body = f"time,cpu\n{TIME},1\nnoon,2\n{TIME},x\n".encode()

    answer = push(client, body, "text/csv")

    assert answer.status_code == 207
    assert (answer.json()["rows"], answer.json()["accepted"], answer.json()["rejected"]) == (3, 1, 2)
    assert [row["row"] for row in answer.json()["rejected_rows"]] == [3, 4]  # of the lines of the file
    assert all(row["reason"] and row["text"] for row in answer.json()["rejected_rows"])
    assert kept(client) == [("cpu", NOON_NS, 1.0)]


def test_a_body_of_which_nothing_can_be_kept_is_refused(client: TestClient) -> None:
    answer = push(client, b"time,cpu\nnoon,2\n", "text/csv")

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_data")
    assert "row 2: " in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "content_type", "headers", "status", "code"),
    [
        pytest.param(b"{", "application/json", {}, 422, "bad_data", id="no JSON"),
        pytest.param(b'[{"time": 1, "a": NaN}]', "application/json", {}, 422, "bad_data", id="NaN"),
        pytest.param(b"<a/>", "text/xml", {}, 415, "unsupported_media_type", id="type"),
        pytest.param(b"x", "text/csv", {"Content_Encoding": "br"}, 415, "unsupported_media_type", id="encoding"),
        pytest.param(b"x", "text/csv", {"Content_Encoding": "gzip"}, 422, "bad_data", id="no gzip"),
        pytest.param(b"x" * 100_001, "text/csv", {}, 413, "too_large", id="too long"),
        pytest.param(
            gzip.compress(b"a" * 10**7), "text/csv", {"Content_Encoding": "gzip"}, 413, "too_large", id="bomb"
        ),
        pytest.param(
            zstandard.compress(b"a" * 10**7), "text/csv", {"Content_Encoding": "zstd"}, 413, "too_large", id="zstd bomb"
        ),
        pytest.param(b"ARROW1", ARROW, {}, 422, "bad_data", id="no Arrow"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(
    client: TestClient, body: bytes, content_type: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = push(client, body, content_type, **headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert kept(client) == []


@pytest.mark.parametrize(("source", "status"), [("none", 404), ("hosts", 422), ("", 422), (None, 422)])
def test_points_are_pushed_to_a_source_of_their_kind(client: TestClient, source: str | None, status: int) -> None:
    params = {} if source is None else {"source": source}

    answer = client.post("/api/v1/points", params=params, json=[{"time": TIME, "cpu": 1}])

    assert answer.status_code == status


def test_a_push_with_a_key_is_kept_once(client: TestClient) -> None:
    body = BODIES["application/json"]

    first = push(client, body, Idempotency_Key="k")
    again = push(client, body, Idempotency_Key="k")
    other = push(client, body.replace(b"1.5", b"2.5"), Idempotency_Key="k")

    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    assert other.status_code == 422
    assert [row[2] for row in kept(client)] == [1.5]


def test_a_push_is_kept_once_even_when_its_answer_was_lost(client: TestClient) -> None:
    body = BODIES["application/json"]
    push(client, body, Idempotency_Key="k")
    with service_of(client).store.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM idempotency")

    again = push(client, body, Idempotency_Key="k")

    assert again.json()["is_repeat"]
    assert [row[2] for row in kept(client)] == [1.5]


def test_the_monitors_of_a_source_are_told_of_new_points(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(service_of(client).points._worker, "news_of", told.append)

    push(client, BODIES["application/json"])
    push(client, b"[]")

    assert told == ["shop"]


def test_pushed_points_are_read_by_monitors_of_their_source(client: TestClient) -> None:
    rows = [{"time": NOON_NS // 10**9 + 60 * minute, "host": "a", "cpu": minute} for minute in range(50)]
    push(client, json.dumps(rows).encode())

    found = client.get("/api/v1/sources/shop/describe").json()

    assert (found["measures"], found["labels"], found["step_seconds"]) == (["cpu"], ["host"], 60.0)
    assert found["name"] == "points pushed to shop"
    assert client.post("/api/v1/sources/shop/check").json()["ok"]
    assert client.get("/api/v1/sources/shop/describe", params={"table": "x"}).status_code == 422


def test_points_are_counted(client: TestClient) -> None:
    push(client, BODIES["application/json"])

    assert 'redshank_points_pushed_total{source="shop"} 1.0' in client.get("/metrics").text
