"""What the client does when answers do not come, come late, or are not what they should be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from redshank.client.client import AsyncClient, Client
from redshank.errors import (
    ConfigError,
    ConflictError,
    LimitError,
    RedshankError,
    SourceError,
    UnavailableError,
)

URL = "http://redshank.example"
Answers = list[httpx2.Response | Exception]
RUN = {"id": "r", "monitor": "cpu", "verb": "train", "state": "done"}


class Server:
    """Answers in the order given, and keeps what was asked."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def asynchronously(self, request: httpx2.Request) -> httpx2.Response:
        """The same for an asynchronous client."""
        return self(request)


def error(status: int, code: str = "unavailable", **headers: str) -> httpx2.Response:
    """An answer that says what went wrong."""
    body = {"error": {"code": code, "message": f"{code}: because", "field": "step"}}
    return httpx2.Response(
        status, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def ok(body: Any = RUN) -> httpx2.Response:
    """A good answer."""
    return httpx2.Response(200, json=body)


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited; nobody really waits."""
    found: list[float] = []
    monkeypatch.setattr("redshank.client.blocking.time.sleep", found.append)
    return found


@pytest.fixture
def client() -> Iterator[Callable[..., Client]]:
    """Make clients of servers; they are closed in the end."""
    made: list[Client] = []

    def make(server: Server, **options: Any) -> Client:
        made.append(Client(URL, "rsk_secret", transport=httpx2.MockTransport(server), **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


LOST = httpx2.ReadError("connection reset")
REFUSED = httpx2.ConnectError("connection refused")


@pytest.mark.parametrize(
    ("call", "trouble", "tries"),
    [
        pytest.param(lambda c: c.runs.get("r"), LOST, 2, id="a read whose answer was lost"),
        pytest.param(lambda c: c.runs.get("r"), error(503), 2, id="a read of a busy server"),
        pytest.param(lambda c: c.runs.start("cpu", "train"), LOST, 2, id="a post with a key of its own"),
        pytest.param(lambda c: c.runs.start("cpu", "train"), error(429, "too_many"), 2, id="a post that was too much"),
        pytest.param(lambda c: c.tokens.create("a"), LOST, 1, id="a post that might be done twice"),
        pytest.param(lambda c: c.tokens.create("a"), REFUSED, 2, id="a post that never arrived"),
        pytest.param(lambda c: c.monitors.change("a", {}), LOST, 1, id="a change that might be done twice"),
        pytest.param(lambda c: c.monitors.delete("a", etag='"1"'), LOST, 1, id="a delete of one state"),
        pytest.param(lambda c: c.events.acknowledge("e"), LOST, 2, id="a put"),
        pytest.param(lambda c: c.runs.get("r"), error(500, "internal"), 1, id="a mistake of the server"),
        pytest.param(lambda c: c.runs.get("r"), error(404, "not_found"), 1, id="what is not there"),
    ],
)
def test_only_what_is_safe_is_sent_again(
    client: Callable[..., Client], call: Callable[[Client], Any], trouble: Any, tries: int
) -> None:
    body = {**RUN, "id": "x", "name": "a", "role": "view", "series": "s", "start": "2026-01-01T00:00:00Z"}
    server = Server(trouble, ok({**body, "end": "2026-01-01T00:00:00Z"}))

    try:
        call(client(server))
    except RedshankError:
        assert tries == 1

    assert len(server.asked) == tries


def test_the_same_key_is_sent_with_each_try(client: Callable[..., Client]) -> None:
    server = Server(LOST, LOST, ok())

    client(server).runs.start("cpu", "train")

    keys = {request.headers["idempotency-key"] for request in server.asked}
    assert len(server.asked) == 3
    assert len(keys) == 1


def test_a_delete_that_is_gone_at_the_second_try_was_done_by_the_first(client: Callable[..., Client]) -> None:
    client(Server(LOST, error(404, "not_found"))).monitors.delete("cpu")


def test_it_waits_as_long_as_the_server_asks_but_not_for_ever(
    client: Callable[..., Client], slept: list[float]
) -> None:
    client(Server(error(429, "too_many", retry_after="7"), ok())).runs.get("r")
    with pytest.raises(LimitError) as caught:
        client(Server(error(429, "too_many", retry_after="3600"))).runs.get("r")

    assert slept == [7.0]
    assert caught.value.retry_seconds == 3600


def test_waits_grow_and_end(client: Callable[..., Client], slept: list[float]) -> None:
    server = Server(REFUSED)

    with pytest.raises(UnavailableError, match="is it running"):
        client(server, retries=5).runs.get("r")

    assert len(server.asked) == 6
    assert 0.1 <= slept[0] <= 0.2
    assert 1.6 <= slept[4] <= 3.2


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (error(409, "conflict"), ConflictError, "conflict: because"),
        (error(502, "source_failed"), SourceError, "source_failed: because"),
        (error(422, "unheard_of"), ConfigError, "unheard_of: because"),
        (error(418, "teapot"), RedshankError, "teapot: because"),
        (httpx2.Response(404, text="<html>nginx</html>"), RedshankError, "is a Redshank server behind this address"),
        (httpx2.Response(200, text="<html>"), UnavailableError, "not what this client expects"),
        (httpx2.Response(200, json={"id": 3}), UnavailableError, "not what this client expects"),
        (httpx2.Response(302, headers={"location": "http://elsewhere"}), RedshankError, "answered 302"),
        (httpx2.ReadTimeout("slow"), UnavailableError, "did not answer in time"),
    ],
)
def test_each_answer_that_is_wrong_is_an_error_of_ours(
    client: Callable[..., Client], answer: Any, kind: type[RedshankError], says: str
) -> None:
    server = Server(answer)

    with pytest.raises(kind, match=says) as caught:
        client(server, retries=0).runs.get("r")

    assert "rsk_secret" not in f"{caught.value!r}{caught.value.__cause__!r}"
    assert len(server.asked) == 1


def test_fields_of_a_newer_server_are_ignored(client: Callable[..., Client]) -> None:
    assert client(Server(ok({**RUN, "mood": "good"}))).runs.get("r").state == "done"


def stream_of(*messages: str) -> httpx2.Response:
    """A stream that ends after these messages."""
    return httpx2.Response(200, text=": welcome\n\n" + "".join(f"{message}\n\n" for message in messages))


def event_message(number: int) -> str:
    """A message of an event."""
    event = {"id": f"e{number}", "monitor": "cpu", "series": "cpu", "start": "2026-01-01T00:00:00Z"}
    return f"id: {number}\nevent: event\ndata: {json.dumps({**event, 'end': '2026-01-01T00:05:00Z'})}"


def test_a_stream_goes_on_where_it_broke_off(client: Callable[..., Client], slept: list[float]) -> None:
    server = Server(
        stream_of(event_message(1), "id: 1\nevent: unheard\ndata: {}", event_message(2)),
        REFUSED,
        error(503),
        stream_of(event_message(3)),
    )

    follow = client(server).stream.follow(monitors=["cpu"])
    found = [next(follow).id for _ in range(3)]
    follow.close()

    assert found == [1, 2, 3]
    assert [request.headers.get("last-event-id") for request in server.asked] == [None, "2", "2", "2"]
    assert server.asked[0].url.params.get_list("monitor") == ["cpu"]
    assert slept == [0.5, 1.0, 2.0]


def test_a_stream_that_may_not_be_read_is_an_error(client: Callable[..., Client]) -> None:
    with pytest.raises(RedshankError, match="forbidden"):
        next(client(Server(error(403, "forbidden"))).stream.follow())
    with pytest.raises(UnavailableError, match="the server ended it"):
        list(client(Server(stream_of())).stream.follow(reconnect=False))


def test_the_asynchronous_client_repeats_and_follows_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("redshank.client.asynchronous.asyncio.sleep", sleep)

    async def use() -> None:
        server = Server(LOST, ok())
        async with AsyncClient(URL, transport=httpx2.MockTransport(server.asynchronously)) as client:
            assert (await client.runs.get("r")).state == "done"
        assert len(server.asked) == 2
        server = Server(stream_of(event_message(1)), stream_of(event_message(2)))
        async with AsyncClient(URL, transport=httpx2.MockTransport(server.asynchronously)) as client:
            found = []
            async for news in client.stream.follow():
                found.append(news.id)
                if len(found) == 2:
                    break
        assert found == [1, 2]

    asyncio.run(use())
    assert slept[-1] == 0.5
