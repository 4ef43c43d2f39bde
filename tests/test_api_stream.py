"""The stream: what happens is told in order, what was missed is told again, and nobody waits for a slow reader."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api_client import SETTER, asking, service_of
from redshank.api.hub import Hub
from redshank.errors import LimitError
from redshank.service.service import Service
from store_data import event


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr("redshank.api.hub.LOOK_SECONDS", 0.01)
    with asking(tmp_path, heartbeat_seconds=0.01, stream_queue=10) as client:
        assert client.post("/api/v1/monitors", json={"name": "shop", "path": "x.csv"}, params={"validate": False})
        yield client


def follow(client: TestClient, until: Callable[[list[bytes]], bool], path: str = "", **headers: str) -> list[bytes]:
    """Return what the stream sends until it has sent enough, or ends."""
    return asyncio.run(_follow(client, until, path, {**dict(client.headers), "host": "localhost", **headers}))


async def _follow(
    client: TestClient, until: Callable[[list[bytes]], bool], query: str, headers: dict[str, str]
) -> list[bytes]:
    sent: list[bytes] = []
    enough = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message.get("body", b"") if message["type"] == "http.response.body" else b"%d" % message["status"])
        if until(sent):
            enough.set()

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/stream",
        "raw_path": b"/api/v1/stream",
        "root_path": "",
        "scheme": "http",
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("testclient", 1),
    }
    app: Callable[..., Awaitable[None]] = client.app
    await asyncio.wait_for(app(scope, receive, send), 20)
    return sent


def told(sent: list[bytes]) -> list[tuple[int, str, Any]]:
    """The messages of a stream: id, type, data."""
    found = []
    for block in b"".join(sent[1:]).decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if "data" in fields:
            found.append((int(fields.get("id", 0)), fields["event"], json.loads(fields["data"])))
    return found


def has(count: int) -> Callable[[list[bytes]], bool]:
    return lambda sent: len(told(sent)) >= count


def keep(client: TestClient, *names: str, **changes: Any) -> None:
    for name in names:
        service_of(client).store.events.upsert([event(name, **changes)])


def test_changes_missed_meanwhile_come_first_each_event_once(client: TestClient) -> None:
    keep(client, "e1", "e2", "e3")
    first = service_of(client).store.events.get("e1").sequence
    keep(client, "e2", is_open=False)

    found = told(follow(client, has(2), Last_Event_ID=str(first)))

    assert [(kind, data["id"], data["is_open"]) for _, kind, data in found] == [
        ("event", "e3", True),
        ("event", "e2", False),
    ]
    assert [number for number, _, _ in found] == [data["sequence"] for _, _, data in found]


def test_without_an_id_only_what_happens_from_now_on_is_told(client: TestClient) -> None:
    keep(client, "old")

    def then_new(sent: list[bytes]) -> bool:
        if len(sent) == 3:  # status, welcome, a sign of life
            keep(client, "new")
        return has(1)(sent)

    found = told(follow(client, then_new))

    assert [data["id"] for _, _, data in found] == ["new"]


def test_signs_of_life_come_when_nothing_happens(client: TestClient) -> None:
    sent = follow(client, lambda sent: len(sent) >= 4)

    assert sent[0] == b"200"
    assert sent[2:4] == [b": still here\n\n"] * 2


def test_only_the_monitors_asked_for_are_told_of(client: TestClient) -> None:
    keep(client, "e0")
    keep(client, "e1", monitor="other")
    keep(client, "e2")

    found = told(follow(client, has(2), "monitor=shop", Last_Event_ID="0"))

    assert [data["id"] for _, _, data in found] == ["e0", "e2"]


def test_the_progress_of_a_run_is_told_to_its_end(client: TestClient) -> None:
    service = service_of(client)
    run = service.runs.start("shop", "train", actor=SETTER)

    def then_cancel(sent: list[bytes]) -> bool:
        if has(1)(sent) and service.runs.get(run.id).state == "waiting":
            service.store.runs.request_cancel(run.id)
        return has(2)(sent)

    found = told(follow(client, then_cancel, "topic=runs"))

    assert [(kind, data["state"]) for _, kind, data in found] == [("run", "waiting"), ("run", "canceled")]


def test_a_stream_ends_when_its_token_is_deleted(client: TestClient) -> None:
    _, text = service_of(client).tokens.create("guest", "view", None, actor=SETTER)
    token_id = next(each.id for each in service_of(client).tokens.list().items if each.name == "guest")

    def then_delete(sent: list[bytes]) -> bool:
        if len(sent) == 3:
            service_of(client).tokens.delete(token_id, actor=SETTER)
        return False

    sent = follow(client, then_delete, authorization=f"Bearer {text}")

    assert sent[-1] == b""
    assert client.app.state.hub.count == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("query", "headers", "field"),
    [
        ("topic=weather", {}, "topic.0"),
        ("", {"Last_Event_ID": "x"}, "Last-Event-ID"),
        ("", {"Last_Event_ID": "9" * 19}, "Last-Event-ID"),
        ("since=1", {}, "since"),
    ],
)
def test_a_wrong_stream_is_refused(client: TestClient, query: str, headers: dict[str, str], field: str) -> None:
    sent = follow(client, lambda sent: len(sent) >= 2, query, **headers)

    assert sent[0] == b"422"
    assert json.loads(sent[1])["error"]["field"].startswith(field.partition(".")[0])


def test_a_slow_reader_is_let_go_and_the_others_hear_all(client: TestClient) -> None:
    slow, others = asyncio.run(_slow_and_fast(service_of(client)))

    assert slow == (True, 10)
    assert others == (False, 20)


async def _slow_and_fast(service: Service) -> tuple[tuple[bool, int], tuple[bool, int]]:
    hub = Hub(service, streams=2, queue=10)
    slow, fast = [await hub.join(frozenset({"events"}), None) for _ in range(2)]
    heard = 0
    for half in range(2):
        service.store.events.upsert([event(f"{half}-{number}") for number in range(10)])
        await hub.look()
        while not fast.queue.empty():
            fast.queue.get_nowait()
            heard += 1
    result = (slow.is_slow, slow.queue.qsize()), (fast.is_slow, heard)
    hub.stop()
    return result


def test_a_slow_reader_is_told_that_it_missed_something(client: TestClient) -> None:
    listeners = client.app.state.hub._listeners  # type: ignore[attr-defined]

    def then_slow(sent: list[bytes]) -> bool:
        for listener in listeners:
            listener.is_slow = True
        return False

    sent = follow(client, then_slow)

    assert told(sent)[-1][1] == "missed"


def test_only_so_many_listen_at_once(client: TestClient) -> None:
    async def third() -> None:
        hub = Hub(service_of(client), streams=2, queue=10)
        try:
            for _ in range(3):
                await hub.join(frozenset({"events"}), None)
        finally:
            hub.stop()

    with pytest.raises(LimitError, match="at most 2"):
        asyncio.run(third())


def test_nobody_looks_when_nobody_listens(client: TestClient) -> None:
    follow(client, lambda sent: len(sent) >= 2)

    assert client.app.state.hub._task is None  # type: ignore[attr-defined]
