"""Declarations over HTTP: made, read, changed, deleted; nobody's change is lost, no secret comes out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from api_client import asking, service_of
from redshank.api.resources import EXAMPLES
from redshank.service.hiding import hide
from redshank.service.resources import merge_patch

ODD_NAMES = ["å b", "100%", "a?b", "a#b", "%2F", "a\\b", "日本", "a+b", "'; drop table--", "x" * 200, "a:b"]
CHANGED_BY_CLIENTS = ["%2F"]  # decoded twice by the one of the tests


@pytest.fixture
def kinds_with_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sources have any options: the kind of these tests, files, has no secrets."""
    monkeypatch.setattr("redshank.service.resources.problems_of", lambda kind, spec: [])


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with asking(tmp_path) as client:
        yield client


def make(client: TestClient, group: str, /, **fields: Any) -> Any:
    answer = client.post(f"/api/v1/{group}", json=fields, params={"validate": False})
    assert answer.status_code == 201, answer.text
    return answer


def error_of(answer: Any) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["field"]


@pytest.mark.parametrize("kind", EXAMPLES)
def test_what_is_made_can_be_read_changed_and_deleted(client: TestClient, kind: str) -> None:
    make(client, "sources", name="hosts", kind="files", path="hosts.csv")
    example = {**EXAMPLES[kind], "name": "mine"}  # type: ignore[index]

    made = make(client, kind, **example)
    read = client.get(made.headers["location"])
    changed = client.patch(made.headers["location"], json={"name": "other"}, params={"validate": False})
    gone = client.delete(f"/api/v1/{kind}/other")

    assert made.headers["location"] == f"/api/v1/{kind}/mine"
    assert read.json() == made.json()
    assert read.json()["name"] == "mine"
    assert read.json().keys() - {"meta"} == example.keys()
    assert read.headers["etag"] == made.headers["etag"] != changed.headers["etag"]
    assert changed.json()["meta"]["revision"] == 2
    assert gone.status_code == 204
    assert client.get(made.headers["location"]).status_code == 404


@pytest.mark.usefixtures("kinds_with_secrets")
def test_what_was_read_can_be_sent_back_as_it_is(client: TestClient) -> None:
    made = make(client, "sources", name="a", kind="files", path="x.csv", password="word")

    answer = client.put("/api/v1/sources/a", json=made.json(), params={"validate": False})

    assert answer.status_code == 200
    assert answer.json()["password"] == "***"
    assert service_of(client).resources.spec("sources", "a").options["password"] == "word"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_name_is_a_name(client: TestClient, name: str) -> None:
    made = make(client, "sources", name=name, kind="files", path="x.csv")

    read = service_of(client).resources.get("sources", name)

    assert read.name == made.json()["name"] == name
    assert made.headers["location"] == f"/api/v1/sources/{quote(name, safe='')}"


@pytest.mark.parametrize("name", [name for name in ODD_NAMES if name not in CHANGED_BY_CLIENTS])
def test_an_odd_name_is_found_by_its_path(client: TestClient, name: str) -> None:
    made = make(client, "sources", name=name, kind="files", path="x.csv")

    assert client.get(made.headers["location"]).json()["name"] == name


@pytest.mark.parametrize("name", ["", " a", "a ", "a/b", "a\nb", "x" * 201, 1, None])
def test_a_name_that_is_none_is_refused(client: TestClient, name: Any) -> None:
    answer = client.post("/api/v1/sources", json={"name": name, "kind": "files", "path": "x.csv"})

    assert error_of(answer) == (422, "invalid", "name")


def test_a_name_is_given_once(client: TestClient) -> None:
    make(client, "sources", name="a", kind="files", path="x.csv")

    answer = client.post(
        "/api/v1/sources", json={"name": "a", "kind": "files", "path": "y.csv"}, params={"validate": False}
    )

    assert error_of(answer) == (409, "conflict", "name")


def test_a_change_of_what_somebody_changed_meanwhile_is_refused(client: TestClient) -> None:
    old = make(client, "sources", name="a", kind="files", path="x.csv").headers["etag"]
    client.patch("/api/v1/sources/a", json={"path": "y.csv"}, params={"validate": False})

    answers = [
        client.request(method, "/api/v1/sources/a", json=body, headers={"If-Match": old})
        for method, body in (("PUT", {"kind": "files", "path": "z.csv"}), ("PATCH", {"path": "z"}), ("DELETE", None))
    ]

    assert [error_of(answer)[:2] for answer in answers] == [(412, "changed")] * 3
    assert client.get("/api/v1/sources/a").json()["path"] == "y.csv"


def test_an_etag_of_a_deleted_namesake_does_not_match(client: TestClient) -> None:
    old = make(client, "sources", name="a", kind="files", path="x.csv").headers["etag"]
    client.delete("/api/v1/sources/a")
    make(client, "sources", name="a", kind="files", path="x.csv")

    assert client.delete("/api/v1/sources/a", headers={"If-Match": old}).status_code == 412


def test_put_makes_what_is_not_there_yet(client: TestClient) -> None:
    body = {"kind": "files", "path": "x.csv"}

    made = client.put("/api/v1/sources/a", json=body, params={"validate": False}, headers={"If-None-Match": "*"})
    again = client.put("/api/v1/sources/a", json=body, params={"validate": False}, headers={"If-None-Match": "*"})
    other = client.put("/api/v1/sources/b", json=body, params={"validate": False}, headers={"If-Match": "*"})

    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/sources/a")
    assert error_of(again)[:2] == error_of(other)[:2] == (412, "changed")


def test_what_is_known_already_is_not_sent_again(client: TestClient) -> None:
    etag = make(client, "sources", name="a", kind="files", path="x.csv").headers["etag"]

    answer = client.get("/api/v1/sources/a", headers={"If-None-Match": f'"other", {etag}'})

    assert (answer.status_code, answer.content) == (304, b"")


def test_what_is_in_use_is_kept_and_its_users_named(client: TestClient) -> None:
    make(client, "sources", name="hosts", kind="files", path="x.csv")
    make(client, "monitors", name="cpu", source="hosts")

    answer = client.delete("/api/v1/sources/hosts")

    assert error_of(answer)[:2] == (409, "conflict")
    assert "monitor 'cpu'" in answer.json()["error"]["message"]


def test_a_reference_to_nothing_is_refused(client: TestClient) -> None:
    make(client, "sources", name="hosts", kind="files", path="x.csv")

    answer = client.post("/api/v1/monitors", json={"name": "cpu", "source": "host"})

    assert error_of(answer) == (422, "invalid", "source")
    assert "did you mean 'hosts'" in answer.json()["error"]["message"]


def test_null_takes_a_field_away(client: TestClient) -> None:
    make(client, "monitors", name="cpu", path="x.csv", tags=["a"], policy={"open_above": 2, "budget": "1/day"})

    answer = client.patch(
        "/api/v1/monitors/cpu", json={"tags": None, "policy": {"open_above": None}}, params={"validate": False}
    )

    assert answer.json()["policy"] == {"budget": "1/day"}
    assert "tags" not in answer.json()


@pytest.mark.parametrize(
    ("old", "change", "new"),
    [  # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
    ids=str,
)
def test_a_merge_patch_does_what_the_standard_says(old: Any, change: Any, new: Any) -> None:
    assert merge_patch(old, change) == new


SECRETS = {
    "password": "word-1",
    "url": "postgresql://me:word-2@db/shop",
    "headers": {"Authorization": "Bearer word-3"},
    "api_key": "word-4",
    "options": {"sasl_password": "word-5", "tokens": ["word-6"]},
}


@pytest.mark.usefixtures("kinds_with_secrets")
def test_no_secret_comes_out_anywhere(client: TestClient, tmp_path: Path) -> None:
    made = make(client, "sources", name="a", kind="files", path="x.csv", **SECRETS)
    client.patch("/api/v1/sources/a", json={"password": "word-7"}, params={"validate": False})

    shown = made.text + "".join(
        client.get(path).text for path in ("/api/v1/sources/a", "/api/v1/sources", "/api/v1/audit", "/metrics")
    )

    assert "word-" not in shown
    assert made.json()["url"] == "postgresql://me:***@db/shop"
    assert all(b"word-" not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


@pytest.mark.usefixtures("kinds_with_secrets")
def test_where_a_secret_is_may_be_shown(client: TestClient) -> None:
    made = make(client, "sources", name="a", kind="files", path="x.csv", password="env:PASSWORD", token="file:/run/t")

    assert (made.json()["password"], made.json()["token"]) == ("env:PASSWORD", "file:/run/t")


@pytest.mark.usefixtures("kinds_with_secrets")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"url": "postgresql://me:***@evil/shop"}, id="address"),
        pytest.param({"host": "evil"}, id="host added"),
        pytest.param({"url": None}, id="address taken away"),
        pytest.param({"kind": "http"}, id="kind"),
    ],
)
def test_a_hidden_secret_is_not_sent_to_another_address(client: TestClient, change: dict[str, Any]) -> None:
    make(client, "sources", name="a", kind="files", path="x.csv", **SECRETS)

    answer = client.patch("/api/v1/sources/a", json=change, params={"validate": False})

    assert error_of(answer)[:2] == (422, "invalid")
    assert "given anew" in answer.json()["error"]["message"]


@pytest.mark.usefixtures("kinds_with_secrets")
def test_a_hidden_secret_that_is_not_kept_is_refused(client: TestClient) -> None:
    answer = client.post("/api/v1/sources", json={"name": "a", "kind": "files", "path": "x.csv", "password": "***"})

    assert error_of(answer) == (422, "invalid", "password")


def test_secrets_inside_monitors_and_templates_are_hidden() -> None:
    given = {"name": "m", "source": {"kind": "sql", "password": "word"}, "sinks": [{"kind": "x", "token": "word"}]}

    assert "word" not in str(hide(given) | {"monitor": hide({"monitor": given})}).replace("password", "")


def test_a_list_is_read_in_pages(client: TestClient) -> None:
    for number in range(5):
        make(client, "sources", name=f"s{number}", kind="files", path="x.csv")

    first = client.get("/api/v1/sources", params={"limit": 2, "sort": "-name", "fields": "name"})
    second = client.get(first.headers["link"].partition(">")[0].removeprefix("<"))
    third = client.get("/api/v1/sources", params={"limit": 2, "sort": "-name", "cursor": second.json()["next_cursor"]})

    assert [item["name"] for item in first.json()["items"]] == ["s4", "s3"]
    assert second.json()["items"] == [{"name": "s2"}, {"name": "s1"}]
    assert [item["name"] for item in third.json()["items"]] == ["s0"]
    assert third.json()["next_cursor"] is None
    assert "link" not in third.headers


def test_a_list_is_filtered(client: TestClient) -> None:
    make(client, "monitors", name="a", path="x.csv", tags=["web", "eu"], enabled=False)
    make(client, "monitors", name="b", path="x.csv", tags=["web"])

    def names(*filters: str) -> list[str]:
        return [item["name"] for item in client.get("/api/v1/monitors", params={"filter": filters}).json()["items"]]

    assert names("tags=web") == ["a", "b"]
    assert names("tags=web", "tags=eu") == names("enabled=false") == names("name=A") == ["a"]
    assert names("enabled=true") == ["b"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"sort": "colour"}, "sort"),
        ({"filter": "colour=red"}, "filter"),
        ({"filter": "name>red"}, "filter"),
        ({"filter": "?"}, "filter"),
        ({"fields": "nam"}, "fields"),
    ],
    ids=str,
)
def test_a_wrong_list_is_refused(client: TestClient, query: dict[str, str], field: str) -> None:
    make(client, "sources", name="a", kind="files", path="x.csv")

    assert error_of(client.get("/api/v1/sources", params=query)) == (422, "invalid", field)


def test_a_post_with_a_key_is_done_once(client: TestClient) -> None:
    body, key = {"name": "a", "kind": "files", "path": "x.csv"}, {"Idempotency-Key": "k"}
    ask = {"params": {"validate": False}, "headers": key}

    first = client.post("/api/v1/sources", json=body, **ask)  # type: ignore[arg-type]
    again = client.post("/api/v1/sources", json=body, **ask)  # type: ignore[arg-type]
    other = client.post("/api/v1/sources", json={**body, "name": "b"}, **ask)  # type: ignore[arg-type]

    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    assert (again.headers["etag"], again.headers["location"]) == (first.headers["etag"], first.headers["location"])
    assert again.headers["idempotency-replayed"] == "true"
    assert error_of(other) == (422, "invalid", "Idempotency-Key")


def test_a_post_that_failed_can_be_tried_again_under_its_key(client: TestClient) -> None:
    body, key = {"name": "m", "source": "hosts"}, {"Idempotency-Key": "k"}
    ask = {"params": {"validate": False}, "headers": key}
    failed = client.post("/api/v1/monitors", json=body, **ask)  # type: ignore[arg-type]
    make(client, "sources", name="hosts", kind="files", path="x.csv")

    again = client.post("/api/v1/monitors", json=body, **ask)  # type: ignore[arg-type]

    assert (failed.status_code, again.status_code) == (422, 201)


def test_changes_are_noted_with_who_made_them(client: TestClient) -> None:
    make(client, "sources", name="a", kind="files", path="x.csv")
    client.delete("/api/v1/sources/a")

    found = client.get("/api/v1/audit", params={"filter": "kind=sources"}).json()["items"]

    assert [(each["actor"], each["action"], each["name"]) for each in found] == [
        ("first", "delete", "a"),
        ("first", "create", "a"),
    ]


@pytest.mark.parametrize("body", [[], "x", 1, None, True])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_body_that_is_no_object_is_refused(client: TestClient, method: str, body: Any) -> None:
    path = "/api/v1/sources" if method == "POST" else "/api/v1/sources/a"

    answer = client.request(method, path, content=json.dumps(body), headers={"Content-Type": "application/json"})

    assert error_of(answer)[:2] == (422, "invalid")
