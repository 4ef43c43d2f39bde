"""Whatever goes wrong leaves in one shape, on every route."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api_client import asking, plain_path, service_of, token_of
from redshank.api.app import ALL_ROUTES, create_app
from redshank.api.bodies import parse_json
from redshank.errors import ConfigError, RedshankError
from redshank.settings import Settings

API = ALL_ROUTES
ROUTES = [(each.method, each.path, each.role) for routes in API for each in routes]
IDS = [f"{method} {path}" for method, path, _ in ROUTES]
WRITING = [
    (each.method, each.path, each.role)
    for routes in API
    for each in routes
    if "requestBody" in each.options["openapi_extra"] and "points" not in each.path
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with asking(tmp_path_factory.mktemp("data"), requests_per_minute=0, body_bytes=2048) as client:
        yield client


def assert_error(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The body is an error of that status and code, in the one shape; return it."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    error: dict[str, Any] = answer.json()["error"]
    assert list(error) == ["code", "message", "field"]
    assert error["code"] == code
    assert "Traceback" not in error["message"]
    assert answer.headers["x-request-id"]
    return error


@pytest.mark.parametrize(("method", "path", "role"), ROUTES, ids=IDS)
def test_every_route_names_a_parameter_that_nobody_reads(
    client: TestClient, method: str, path: str, role: str | None
) -> None:
    answer = client.request(method, plain_path(path), params={"nobodys": "1"})

    assert assert_error(answer, 422, "invalid")["field"] == "nobodys"


@pytest.mark.parametrize(("method", "path", "role"), ROUTES, ids=IDS)
def test_every_route_refuses_a_wrong_method(client: TestClient, method: str, path: str, role: str | None) -> None:
    answer = client.request("TRACE", plain_path(path))

    error = assert_error(answer, 405, "method_not_allowed")
    assert method in answer.headers["allow"].split(", ")
    assert method in error["message"]


@pytest.mark.parametrize(("method", "path", "role"), WRITING, ids=[f"{each[0]} {each[1]}" for each in WRITING])
def test_every_body_is_checked(client: TestClient, method: str, path: str, role: str | None) -> None:
    headers = {"Content-Type": "application/json"}

    assert_error(client.request(method, plain_path(path), content=b"{", headers=headers), 422, "invalid")
    assert_error(
        client.request(method, plain_path(path), content=b"<a/>", headers={"Content-Type": "text/xml"}),
        415,
        "unsupported_media_type",
    )
    assert_error(client.request(method, plain_path(path), content=b" " * 3000, headers=headers), 413, "too_large")


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1", "/api/v1/nothing", "/api/v1/monitors/", "/api/v1/monitors//", "/%00"]
)
def test_an_unknown_route_is_not_found(client: TestClient, path: str) -> None:
    assert_error(client.get(path), 404, "not_found")


def test_what_nobody_expected_is_answered_without_a_traceback(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **options: Any) -> None:
        raise ZeroDivisionError("the secret is 42")

    monkeypatch.setattr(service_of(client).resources, "list", broken)

    answer = client.get("/api/v1/monitors", headers={"X-Request-Id": "abc-1"})

    error = assert_error(answer, 500, "internal")
    assert "42" not in error["message"]
    assert "abc-1" in error["message"]
    assert answer.headers["x-request-id"] == "abc-1"


def test_an_error_of_ours_keeps_its_status_and_field(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **options: Any) -> None:
        raise RedshankError("store: it is broken", field="store")

    monkeypatch.setattr(service_of(client).resources, "list", broken)

    assert assert_error(client.get("/api/v1/monitors"), 500, "internal")["field"] == "store"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b'{"a": NaN}', "NaN is no JSON number; write null", id="NaN"),
        pytest.param(b"[Infinity]", "Infinity is no JSON number", id="Infinity"),
        pytest.param(b"[-Infinity]", "-Infinity is no JSON number", id="-Infinity"),
        pytest.param(b"[1e400]", "out of the range of float64", id="1e400"),
        pytest.param(b"[9223372036854775808]", "must fit in 64 bits", id="2**63"),
        pytest.param(b"[" * 65 + b"]" * 65, "nested at most 64", id="deep"),
        pytest.param(b"[" * 100_000, "must be", id="very deep and cut"),
        pytest.param(b'{"a": 1', "truncated", id="cut"),
        pytest.param(b'"\xff"', "must be JSON", id="not UTF-8"),
        pytest.param(rb'"\ud800"', "must be JSON", id="half a surrogate pair"),
        pytest.param(b" ", "got nothing", id="blank"),
    ],
)
def test_what_is_not_json_is_refused_in_words(body: bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_json(body)


@pytest.mark.parametrize("text", ["[" * 64 + "]" * 64, "9223372036854775807", "1e308", "[" + "{}," * 1000 + "{}]"])
def test_what_is_json_is_read(text: str) -> None:
    parse_json(text.encode())


def test_a_long_number_within_a_text_is_only_a_text() -> None:
    assert parse_json(b'["99999999999999999999999"]') == ["9" * 23]


def test_a_body_in_chunks_is_counted_as_it_comes(client: TestClient) -> None:
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield b" " * 1024

    answer = client.post("/api/v1/monitors", content=chunks(), headers={"Content-Type": "application/json"})

    assert_error(answer, 413, "too_large")


def test_a_packed_body_is_not_unpacked_where_none_is_expected(client: TestClient) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    answer = client.post("/api/v1/monitors", content=gzip.compress(b" " * 1_000_000), headers=headers)

    assert_error(answer, 415, "unsupported_media_type")


def test_too_many_requests_are_told_when_to_come_again(tmp_path: Path) -> None:
    with asking(tmp_path, requests_per_minute=3) as client:
        answers = [client.get("/api/v1/version") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert_error(answers[3], 429, "too_many")
    assert 1 <= int(answers[3].headers["retry-after"]) <= 21


def test_one_token_does_not_use_up_the_rate_of_another(tmp_path: Path) -> None:
    with asking(tmp_path, requests_per_minute=2) as client:
        other = token_of(client, "view")
        mine = [client.get("/api/v1/version").status_code for _ in range(3)]

        assert mine == [200, 200, 429]
        assert client.get("/api/v1/version", headers=other).status_code == 200


def test_settings_that_open_the_server_to_the_network_without_tokens_are_refused(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, host="0.0.0.0", no_auth=True)

    with asking(tmp_path) as client, pytest.raises(ConfigError, match="localhost only"):
        create_app(service_of(client), settings)
