"""Tokens, secrets, idempotency, audit, leases and the outbox."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from redshank.errors import ConfigError, ConflictError
from redshank.store.records import Answer
from redshank.store.secrets import Secrets
from redshank.store.store import Store
from store_data import NOON, event


def test_a_token_is_found_by_itself_only(store: Store) -> None:
    made, text = store.tokens.create("ci", "view")

    found = store.tokens.find(text)

    assert found == made
    assert store.tokens.find(text + "x") is None
    assert store.tokens.get(made.id) == replace(made, last_used_ns=NOON)


def test_a_secret_is_encrypted_and_read_again(tmp_path: Path) -> None:
    kept = Secrets(tmp_path).encrypt("hunter2")

    assert kept.startswith("enc:")
    assert Secrets(tmp_path).decrypt(kept) == "hunter2"
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_repeated_request_gets_the_same_answer(store: Store) -> None:
    answer = Answer(status=201, headers={"etag": "1"}, body=b"{}")

    assert store.idempotency.begin("ci", "k", "f") is None
    with pytest.raises(ConflictError):
        store.idempotency.begin("ci", "k", "f")
    store.idempotency.finish("ci", "k", answer)

    assert store.idempotency.begin("ci", "k", "f") == answer
    with pytest.raises(ConfigError):
        store.idempotency.begin("ci", "k", "other")


def test_the_audit_log_is_read_newest_first(store: Store) -> None:
    store.audit.add("ci", "create", "sources", "a")
    store.audit.add("ci", "create", "sources", "b")

    assert [entry.name for entry in store.audit.list().items] == ["b", "a"]


def test_a_lease_is_held_by_one(store: Store) -> None:
    first = store.leases.take("leader", "a", 10, NOON)

    assert store.leases.take("leader", "b", 10, NOON) is None
    store.leases.release(first)
    assert store.leases.take("leader", "b", 10, NOON).token > first.token


def test_an_event_keeps_what_people_said_of_it_when_it_goes_on(store: Store) -> None:
    store.events.upsert([event()])
    store.events.label("e1", "false")

    store.events.upsert([event(severity=90)])

    assert (store.events.get("e1").severity, store.events.get("e1").label) == (90, "false")
    assert [one.sequence for one in store.events.changes(0)] == [3]
