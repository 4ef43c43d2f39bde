"""Configuration as code over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api_client import asking, service_of, token_of
from redshank.service.config_schema import config_schema

DOCUMENT = {"monitors": [{"name": "cpu", "path": "/data/cpu.csv", "step": "5m"}]}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A client of an admin."""
    with asking(tmp_path) as asked:
        service_of(asked).config._check = lambda kind, spec: None  # the files need not be there
        yield asked


def sent(client: TestClient, verb: str, document: Any = DOCUMENT, **fields: Any) -> Any:
    """Post a document and return the answer."""
    return client.post(f"/api/v1/config/{verb}", json={"document": document, "origin": "x", **fields})


def test_a_plan_is_answered_and_changes_nothing(client: TestClient) -> None:
    answer = sent(client, "plan")

    assert answer.status_code == 200, answer.text
    assert answer.json()["counts"]["create"] == 1
    assert answer.json()["steps"][0]["spec"] == {"name": "cpu", "path": "/data/cpu.csv", "step": "5m"}
    assert client.get("/api/v1/monitors").json()["items"] == []


def test_what_was_agreed_to_is_applied(client: TestClient) -> None:
    fingerprint = sent(client, "plan").json()["fingerprint"]

    assert sent(client, "apply", fingerprint=fingerprint).json()["counts"]["create"] == 1
    assert client.get("/api/v1/monitors/cpu").json()["meta"]["origin"] == "file:x"
    assert sent(client, "apply", fingerprint=fingerprint).status_code == 412
    assert sent(client, "plan").json()["counts"] == {
        **dict.fromkeys(("create", "change", "adopt", "rename", "delete"), 0),
        "unchanged": 1,
    }


def test_a_source_of_pushed_points_is_declared_together_with_its_monitor(tmp_path: Path) -> None:
    document = {
        "sources": [{"name": "rig", "kind": "push"}],
        "monitors": [{"name": "m", "source": "rig", "step": "1m"}],
    }
    with asking(tmp_path) as client:
        first, second = sent(client, "apply", document), sent(client, "apply", document)

    assert first.status_code == 200, first.text
    assert (first.json()["counts"]["create"], second.json()["counts"]["unchanged"]) == (2, 2)


def test_all_that_is_wrong_is_said_at_once(client: TestClient) -> None:
    document = {"monitors": [{"name": "a", "stp": 1}, {"name": "a", "step": "soon"}], "monitor": []}

    error = sent(client, "plan", document).json()["error"]

    assert error["field"] == "monitors[0].stp"
    assert sorted(line.partition(":")[0] for line in error["message"].splitlines()) == [
        "monitor",
        "monitors[0].stp",
        "monitors[1].name",
        "monitors[1].step",
    ]


def test_an_export_is_json_or_yaml(client: TestClient) -> None:
    sent(client, "apply")

    assert client.get("/api/v1/config/export").json() == DOCUMENT
    text = client.get("/api/v1/config/export", params={"format": "yaml", "origin": "x"})
    assert text.headers["content-type"].startswith("application/yaml")
    assert "- name: cpu\n" in text.text


def test_the_schema_is_given(client: TestClient) -> None:
    assert client.get("/api/v1/config/schema").json() == config_schema()


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_one_who_may_only_look_may_not_compare(client: TestClient, verb: str) -> None:
    """A plan tells whether a secret is the one that was guessed."""
    answer = client.post(
        f"/api/v1/config/{verb}", json={"document": DOCUMENT}, headers=token_of(client, "view", f"v{verb}")
    )

    assert answer.status_code == 403


@pytest.mark.parametrize(
    "body",
    [{}, {"document": 3}, {"document": {}, "origin": ""}, {"document": {}, "days": -1}, {"document": {}, "x": 1}, []],
)
def test_a_wrong_body_is_refused(client: TestClient, body: Any) -> None:
    assert client.post("/api/v1/config/plan", json=body).status_code == 422
