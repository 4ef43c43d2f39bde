"""Who may do what, on every route; and who may not even ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api_client import SETTER, asking, plain_path, token_of
from redshank.api.app import ALL_ROUTES
from redshank.api.limiting import RateLimit
from redshank.errors import LimitError, UnauthorizedError
from redshank.service.service import Service
from redshank.store.store import Store

ROUTES = [(each.method, each.path, each.role) for routes in ALL_ROUTES for each in routes]
GUARDED = [route for route in ROUTES if route[2] is not None]
RANKS = {"view": 1, "edit": 2, "admin": 3}
OPEN = {"/healthz", "/readyz", "/api/openapi.json", "/api/docs"}


def names(routes: list[Any]) -> list[str]:
    return [f"{method} {path}" for method, path, _ in routes]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with asking(tmp_path_factory.mktemp("data"), requests_per_minute=0, failed_tokens_per_minute=0) as client:
        yield client


@pytest.fixture(scope="module")
def tokens(client: TestClient) -> dict[str, dict[str, str]]:
    return {role: token_of(client, role) for role in RANKS}


def test_only_what_tells_nothing_is_open_to_all() -> None:
    assert {path for _, path, role in ROUTES if role is None} == OPEN


def test_reading_needs_no_more_than_view_but_for_what_may_hold_more() -> None:
    wrong = {path.removeprefix("/api/v1/") for method, path, role in GUARDED if method == "GET" and role != "view"}

    assert wrong - {"sources/{name}/describe", "sources/{name}/preview"} == {"tokens", "tokens/{token_id}", "audit"}


def test_nothing_is_changed_with_view() -> None:
    assert [path for method, path, role in GUARDED if method != "GET" and role == "view"] == []


@pytest.mark.parametrize(("method", "path", "role"), GUARDED, ids=names(GUARDED))
def test_every_route_asks_for_a_token(client: TestClient, method: str, path: str, role: str) -> None:
    answers = [
        client.request(method, plain_path(path), headers={"Authorization": given})
        for given in ("", "Bearer", "Bearer rsk_wrong", "Basic dXNlcjpwYXNz", "rsk_wrong")
    ]

    assert [answer.status_code for answer in answers] == [401] * 5
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}
    assert {answer.json()["error"]["code"] for answer in answers} == {"unauthorized"}


@pytest.mark.parametrize("held", RANKS)
@pytest.mark.parametrize(("method", "path", "role"), GUARDED, ids=names(GUARDED))
def test_every_route_asks_for_its_role(
    client: TestClient, tokens: dict[str, dict[str, str]], method: str, path: str, role: str, held: str
) -> None:
    answer = client.request(method, plain_path(path), params={"nobodys": "1"}, headers=tokens[held])

    # A request that may pass is stopped by its wrong parameter, so nothing is done by this test.
    assert answer.status_code == (422 if RANKS[held] >= RANKS[role] else 403)


def test_a_deleted_token_is_refused_at_once(client: TestClient) -> None:
    headers = token_of(client, "view", "short-lived")
    assert client.get("/api/v1/version", headers=headers).status_code == 200
    found = {item["name"]: item["id"] for item in client.get("/api/v1/tokens").json()["items"]}

    assert client.delete(f"/api/v1/tokens/{found['short-lived']}").status_code == 204

    assert client.get("/api/v1/version", headers=headers).status_code == 401


def test_a_token_is_shown_once(client: TestClient) -> None:
    made = client.post("/api/v1/tokens", json={"name": "once", "role": "edit"})

    assert made.status_code == 201
    assert made.json()["token"].startswith("rsk_")
    assert client.get(made.headers["location"]).json() == {k: v for k, v in made.json().items() if k != "token"}
    assert made.json()["token"] not in client.get("/api/v1/audit").text
    assert made.json()["token"] not in client.get("/api/v1/tokens").text


def test_a_token_is_changed_and_stays_the_same_token(client: TestClient) -> None:
    made = client.post("/api/v1/tokens", json={"name": "changing", "expires": "2100-01-01T00:00:00Z"})
    mine = {"Authorization": f"Bearer {made.json()['token']}"}
    path, tag = f"/api/v1/tokens/{made.json()['id']}", made.headers["ETag"]
    before = client.post("/api/v1/schedules", json={"name": "by it", "every": "5m"}, headers=mine)

    changed = client.patch(path, json={"role": "edit", "expires": None}, headers={"If-Match": tag})
    after = client.post("/api/v1/schedules", json={"name": "by it", "every": "5m"}, headers=mine)
    late = client.patch(path, json={"role": "view"}, headers={"If-Match": tag})

    assert (before.status_code, changed.status_code, after.status_code, late.status_code) == (403, 200, 201, 412)
    assert (changed.json()["role"], changed.json()["expires"], changed.json()["name"]) == ("edit", None, "changing")
    assert client.get(path).headers["ETag"] == changed.headers["ETag"] != tag
    assert client.delete(path, headers={"If-Match": tag}).status_code == 412


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"role": "king"}, 422, "role"),
        ({"rol": "view"}, 422, "rol"),
        ({"expires": "2001-01-01T00:00:00Z"}, 422, "expires"),
        ({"name": "other"}, 409, "name"),
        ([], 422, None),
    ],
)
def test_a_token_is_not_changed_to_what_cannot_be(
    client: TestClient, body: Any, status: int, field: str | None
) -> None:
    names = {each["name"]: each["id"] for each in client.get("/api/v1/tokens?limit=1000").json()["items"]}
    for name in {"other", "kept"} - names.keys():
        names[name] = client.post("/api/v1/tokens", json={"name": name}).json()["id"]

    answer = client.patch(f"/api/v1/tokens/{names['kept']}", json=body)

    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field)


def test_making_a_token_takes_no_idempotency_key_for_its_answer_must_not_be_kept(client: TestClient) -> None:
    answer = client.post("/api/v1/tokens", json={"name": "kept"}, headers={"Idempotency-Key": "k"})

    assert answer.status_code == 422
    assert "may not be kept" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"name": "first"}, 409, "name"),
        ({"name": ""}, 422, "name"),
        ({"name": "a", "role": "root"}, 422, "role"),
        ({"name": "a", "expires": "2001-01-01T00:00:00Z"}, 422, "expires"),
        ({"name": "a", "expires": "soon"}, 422, "expires"),
        ({"name": "a", "rôle": "view"}, 422, "rôle"),
        ([], 422, None),
    ],
    ids=str,
)
def test_a_wrong_token_is_not_made(client: TestClient, body: Any, status: int, field: str | None) -> None:
    answer = client.post("/api/v1/tokens", json=body)

    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field)


def test_a_token_expires(tmp_path: Path) -> None:
    now = [1_000_000_000_000_000_000]
    with Store.open(tmp_path, clock=lambda: now[0]) as store:
        service = Service(store, clock=lambda: now[0])
        _, text = service.tokens.create("a", "view", now[0] + 3_000_000_000, actor=SETTER)
        service.tokens.authenticate(text)
        assert service.tokens.known(text) is not None

        now[0] += 3_000_000_000

        assert service.tokens.known(text) is None
        with pytest.raises(UnauthorizedError):
            service.tokens.authenticate(text)


def test_a_known_token_is_asked_for_again_after_seconds(tmp_path: Path) -> None:
    now = [1_000_000_000_000_000_000]
    with Store.open(tmp_path, clock=lambda: now[0]) as store:
        service = Service(store, clock=lambda: now[0])
        made, text = service.tokens.create("a", "view", None, actor=SETTER)
        service.tokens.authenticate(text)
        store.tokens.delete(made.id)  # as another process does

        now[0] += 5_000_000_000

        assert service.tokens.known(text) is None


def test_the_first_token_is_made_once(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        tokens = Service(store).tokens

        assert str(tokens.first()).startswith("rsk_")
        assert tokens.first() is None


def test_wrong_tokens_are_tried_only_so_often(tmp_path: Path) -> None:
    wrong = {"Authorization": "Bearer rsk_wrong"}
    with asking(tmp_path, failed_tokens_per_minute=3) as client:
        tried = [client.get("/api/v1/version", headers=wrong).status_code for _ in range(4)]

        assert tried == [401, 401, 401, 429]
        assert client.get("/api/v1/version").status_code == 429  # even the right one, from that address
        assert client.get("/healthz").status_code == 200


def test_without_tokens_everybody_on_this_machine_is_admin(tmp_path: Path) -> None:
    with asking(tmp_path, no_auth=True) as client:
        del client.headers["Authorization"]

        assert client.get("/api/v1/tokens").status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "localhost.evil.example", "127.0.0.1.nip.io", ""]
)
def test_a_foreign_name_is_refused_on_localhost(client: TestClient, host: str) -> None:
    answer = client.get("/healthz", headers={"Host": host})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8765", "127.0.0.1:1", "[::1]:8765", "[::1]"])
def test_the_names_of_this_machine_are_served(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_a_server_for_others_serves_the_names_it_is_told(tmp_path: Path) -> None:
    with asking(tmp_path, host="0.0.0.0", hosts=("watch.example",)) as client:
        told = client.get("/healthz", headers={"Host": "watch.example"})
        other = client.get("/healthz", headers={"Host": "other.example"})

    assert (told.status_code, other.status_code) == (200, 403)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1", "x"])
def test_a_page_of_another_origin_changes_nothing(client: TestClient, method: str, origin: str) -> None:
    answer = client.request(method, "/api/v1/sources/a", headers={"Origin": origin})

    assert answer.status_code == 403
    assert "origin" in answer.json()["error"]["message"]


def test_no_page_of_another_origin_reads_by_default(client: TestClient) -> None:
    answer = client.get("/healthz", headers={"Origin": "http://evil.example"})

    assert "access-control-allow-origin" not in answer.headers


def test_a_page_of_an_allowed_origin_may_ask(tmp_path: Path) -> None:
    with asking(tmp_path, cors=("https://board.example",)) as client:
        asked = {"Origin": "https://board.example", "Access-Control-Request-Method": "PUT"}
        before = client.options("/api/v1/monitors/a", headers=asked)
        read = client.get("/healthz", headers={"Origin": "https://board.example"})
        other = client.get("/healthz", headers={"Origin": "https://evil.example"})

    assert before.status_code == 200
    assert read.headers["access-control-allow-origin"] == "https://board.example"
    assert "access-control-allow-origin" not in other.headers


def test_all_answers_carry_the_headers_that_keep_browsers_safe(client: TestClient) -> None:
    for path in ("/healthz", "/nowhere", "/api/docs"):
        headers = client.get(path).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"].startswith("default-src 'none'")


def test_a_full_bucket_refills_evenly() -> None:
    now = [0.0]
    limit = RateLimit("requests", 60, lambda: now[0])
    for _ in range(60):
        limit.take("a")

    with pytest.raises(LimitError, match=r"at most 60 a minute, try again in 1\.0 s"):
        limit.take("a")
    now[0] += 1.0
    limit.take("a")
    with pytest.raises(LimitError):
        limit.take("a")
    limit.take("b")


def test_a_flood_of_keys_does_not_fill_the_memory() -> None:
    limit = RateLimit("requests", 60, lambda: 0.0)

    for number in range(30_000):
        limit.take(str(number))

    assert len(limit._full_at) <= 10_000
