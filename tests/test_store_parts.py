"""Tokens, secrets, idempotency, audit, leases and the outbox."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from redshank.errors import ConfigError, ConflictError, LeaseLostError, NotFoundError, StateError
from redshank.panel import Key
from redshank.store.events import EventFilter
from redshank.store.records import Answer
from redshank.store.secrets import Secrets
from redshank.store.store import Store
from redshank.store.tables import tokens
from store_data import MINUTE, NOON, event

SECOND = 1_000_000_000


def test_a_token_is_found_by_itself_only(store: Store) -> None:
    made, text = store.tokens.create("ci", "view")

    found = store.tokens.find(text)

    assert found == made
    assert store.tokens.find(text + "x") is None
    assert store.tokens.get(made.id) == replace(made, last_used_ns=NOON)


def test_a_token_ends_when_it_was_to_end(store: Store) -> None:
    made, text = store.tokens.create("ci", "admin", NOON + MINUTE)

    assert store.tokens.find(text) == made
    store.clock.move(60)
    assert store.tokens.find(text) is None
    assert [one.name for one in store.tokens.all()] == ["ci"]


def test_the_last_use_of_a_token_is_noted_once_a_minute(store: Store) -> None:
    made, text = store.tokens.create("ci", "view")
    used = []

    for seconds in (0, 30, 31):
        store.clock.move(seconds)
        store.tokens.find(text)
        used.append(store.tokens.get(made.id).last_used_ns)

    assert used == [NOON, NOON, NOON + 61 * SECOND]


def test_a_token_that_was_removed_is_void(store: Store) -> None:
    made, text = store.tokens.create("ci", "view")

    store.tokens.delete(made.id)

    assert (store.tokens.find(text), store.tokens.count()) == (None, 0)
    with pytest.raises(NotFoundError):
        store.tokens.delete(made.id)


def test_tokens_have_names_of_their_own(store: Store) -> None:
    store.tokens.create("ci", "view")

    with pytest.raises(ConflictError, match="name is taken"):
        store.tokens.create("ci", "admin")


def test_tokens_are_not_kept_in_clear(store: Store) -> None:
    _, text = store.tokens.create("ci", "view")

    with store.database.read() as connection:
        assert text not in repr(list(connection.execute(tokens.select())))


@pytest.mark.parametrize("text", ["", "x", "rsk_\ud800", "rsk_\x00", "ø" * 5000])
def test_odd_tokens_are_unknown(store: Store, text: str) -> None:
    assert store.tokens.find(text) is None


def test_a_secret_is_encrypted_and_read_again(tmp_path: Path) -> None:
    kept = Secrets(tmp_path).encrypt("hunter2")

    assert kept.startswith("enc:")
    assert Secrets(tmp_path).decrypt(kept) == "hunter2"
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_secret_is_encrypted_once_and_a_plain_text_is_itself(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path)
    kept = secrets.encrypt("ø hunter2")

    assert secrets.encrypt(kept) == kept
    assert secrets.decrypt("plain") == "plain"
    assert secrets.encrypt("ø hunter2") != kept


def test_a_secret_of_another_key_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Secrets(tmp_path).encrypt("hunter2")
    monkeypatch.setenv("REDSHANK_SECRET_KEY", "A" * 43 + "=")

    with pytest.raises(StateError, match="restore that key, or enter the secret again"):
        Secrets(tmp_path).decrypt(kept)


def test_the_key_of_the_environment_wins_and_no_file_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDSHANK_SECRET_KEY", "A" * 43 + "=")

    kept = Secrets(tmp_path).encrypt("hunter2")

    assert Secrets(tmp_path / "elsewhere").decrypt(kept) == "hunter2"
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("too short")

    with pytest.raises(ConfigError, match="must be 32 bytes"):
        Secrets(tmp_path).encrypt("hunter2")


def test_an_answer_is_kept_for_a_day(store: Store) -> None:
    store.idempotency.begin("ci", "k", "f")
    store.idempotency.finish("ci", "k", Answer(status=201, headers={}, body=b""))

    store.clock.move(24 * 3600 + 1)

    assert store.idempotency.begin("ci", "k", "other") is None


def test_a_request_whose_answerer_died_can_be_asked_again(store: Store) -> None:
    store.idempotency.begin("ci", "k", "f")

    store.clock.move(601)

    assert store.idempotency.begin("ci", "k", "f") is None


def test_a_request_that_failed_can_be_asked_again(store: Store) -> None:
    store.idempotency.begin("ci", "k", "f")

    store.idempotency.release("ci", "k")

    assert store.idempotency.begin("ci", "k", "f") is None


def test_keys_of_others_are_other_keys(store: Store) -> None:
    store.idempotency.begin("ci", "k", "f")

    assert store.idempotency.begin("me", "k", "f") is None


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


def test_a_lease_that_is_over_is_taken_and_its_old_holder_is_shut_out(store: Store) -> None:
    first = store.leases.take("leader", "a", 10, NOON)

    second = store.leases.take("leader", "b", 10, NOON + 10 * SECOND)

    assert second.token == first.token + 1
    with pytest.raises(LeaseLostError):
        store.leases.renew(first, 10, NOON + 11 * SECOND)
    assert store.leases.holder("leader", NOON + 11 * SECOND) == "b"


def test_a_lease_that_is_renewed_is_held_longer(store: Store) -> None:
    first = store.leases.take("leader", "a", 10, NOON)

    store.leases.renew(first, 10, NOON + 9 * SECOND)

    assert store.leases.take("leader", "b", 10, NOON + 15 * SECOND) is None


def test_a_lease_of_a_clock_that_was_set_back_is_over(store: Store) -> None:
    store.leases.take("leader", "a", 10, NOON)

    assert store.leases.take("leader", "b", 10, NOON - 3600 * SECOND) is not None


def test_letting_go_of_a_lease_that_another_has_changes_nothing(store: Store) -> None:
    first = store.leases.take("leader", "a", 10, NOON)
    store.leases.take("leader", "b", 10, NOON + 11 * SECOND)

    store.leases.release(first)

    assert store.leases.holder("leader", NOON + 12 * SECOND) == "b"


def test_what_people_say_of_an_event_can_be_taken_back(store: Store) -> None:
    store.events.upsert([event()])
    store.events.acknowledge("e1", "me")
    store.events.label("e1", "expected")

    store.events.acknowledge("e1", None)
    store.events.label("e1", None)

    assert store.events.get("e1") == replace(event(), created_ns=NOON, updated_ns=NOON, sequence=5)


def test_comments_are_read_in_their_order(store: Store) -> None:
    store.events.upsert([event()])

    made = [store.events.comment("e1", "me", text) for text in ("one", "two")]

    assert store.events.comments("e1") == made
    with pytest.raises(NotFoundError):
        store.events.comment("none", "me", "three")


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"label": "none"}, {"b"}),
        ({"label": "any"}, {"a"}),
        ({"label": "false"}, {"a"}),
        ({"acknowledged": True}, {"b"}),
        ({"acknowledged": False}, {"a"}),
        ({"least_severity": 60}, {"a"}),
        ({"kinds": ["missing", "flat"]}, {"b"}),
        ({"monitor_ids": ["m2", "m3"]}, {"b"}),
        ({"monitor_ids": []}, set()),
        ({"text": "HOST=A"}, {"a"}),
        ({"text": "100%"}, set()),
        ({"backfill": True}, {"b"}),
        ({"backfill": False}, {"a"}),
    ],
    ids=str,
)
def test_events_are_found_by_what_they_are(store: Store, wanted: dict[str, object], names: set[str]) -> None:
    other = event("b", kind="missing", severity=50, monitor_id="m2", backfill=True, key=Key.of("cpu", {"host": "100"}))
    store.events.upsert([event("a"), other])
    store.events.label("a", "false")
    store.events.acknowledge("b", "me")

    assert {one.id for one in store.events.list(EventFilter(**wanted)).items} == names


def test_an_event_keeps_what_people_said_of_it_when_it_goes_on(store: Store) -> None:
    store.events.upsert([event()])
    store.events.label("e1", "false")

    store.events.upsert([event(severity=90)])

    assert (store.events.get("e1").severity, store.events.get("e1").label) == (90, "false")
    assert [one.sequence for one in store.events.changes(0)] == [3]
