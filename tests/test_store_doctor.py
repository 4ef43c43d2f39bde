"""The doctor finds what is wrong, says what to do, and changes nothing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, text, update

from redshank.store.doctor import examine
from redshank.store.records import Finding, TickCommit
from redshank.store.store import Store
from redshank.store.tables import audit, blobs
from store_data import MINUTE, NOON, Clock, event, live, train
from test_store_backup import add_segment, contents, fill

OLD = 1_600_000_000  # seconds; long before any test


def found(store: Store, address: str | None = None, **options: object) -> dict[str, Finding]:
    """What each check says, by its name."""
    findings = list(examine(store.data, address, clock=store.clock, **options))
    return {finding.check: finding for finding in findings}


def troubles(store: Store, address: str | None = None, **options: object) -> dict[str, tuple[str, str]]:
    """Level and text of the checks that are not well."""
    findings = found(store, address, **options).values()
    return {one.check: (one.level, one.text) for one in findings if one.level != "ok" and one.check != "disk"}


def test_nothing_is_wrong_with_a_store_that_is_well(store: Store, address: str | None) -> None:
    fill(store)
    before = contents(store)

    assert set(troubles(store, address)) == {"quarantine"}

    assert contents(store) == before
    assert {"lock", "disk", "schema", "states", "history", "secrets", "clock"} <= set(found(store, address))


def test_the_process_that_uses_the_folder_is_named(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        assert found(store)["lock"].text == f"in use by process {os.getpid()}"

    assert found(store)["lock"].text == "no server uses the folder"


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    levels = {finding.check: finding.level for finding in examine(tmp_path / "none")}

    assert levels == {"folder": "error", "database": "error"}


def test_a_damaged_state_is_found(store: Store, address: str | None) -> None:
    train(store, "m1", 1)
    with store.database.write() as connection:
        connection.execute(update(blobs).values(data=b"abd"))

    assert troubles(store, address)["states"] == ("error", "detector of shard 0 of monitor m1: damaged, train again")
    assert "states" not in found(store, address, quick=True)


@pytest.mark.parametrize("body", [None, b"X", b"xx"], ids=["missing", "altered", "longer"])
def test_a_damaged_or_missing_file_of_history_is_found(tmp_path: Path, body: bytes | None) -> None:
    with Store.open(tmp_path, clock=Clock()) as store:
        add_segment(store, "a.parquet", b"x")
        file = tmp_path / "history/a.parquet"
        file.unlink()
        file.write_bytes(body) if body else None

        assert troubles(store)["history"] == ("error", "a.parquet: damaged or missing")


def test_files_that_nothing_refers_to_are_found_when_they_are_old(tmp_path: Path) -> None:
    with Store.open(tmp_path, clock=Clock()) as store:
        for name in ("old", "young"):
            add_segment(store, f"{name}.parquet", b"x")
        with store.database.write() as connection:
            connection.execute(text("DELETE FROM segments"))
        os.utime(tmp_path / "history/old.parquet", (OLD, OLD))

        assert troubles(store)["strays"][1] == "files of history that nothing refers to: old.parquet"


def test_a_clock_behind_what_was_kept_is_found(store: Store, address: str | None) -> None:
    store.live.commit(TickCommit(base=None, live=live(ticked_ns=NOON + 10 * MINUTE)))

    level, said = troubles(store, address)["clock"]

    assert (level, "600 s ahead of this clock" in said) == ("error", True)


def test_secrets_of_another_key_are_found(tmp_path: Path) -> None:
    with Store.open(tmp_path, clock=Clock()) as store:
        fill(store)
        (tmp_path / "secret.key").unlink()

        assert troubles(store)["secrets"] == ("error", "shop: cannot be read with this key")


def test_a_key_that_others_can_read_is_found(tmp_path: Path) -> None:
    with Store.open(tmp_path, clock=Clock()) as store:
        fill(store)
        (tmp_path / "secret.key").chmod(0o644)

        assert "run: chmod 600" in troubles(store)["key"][1]


def test_a_sink_that_takes_nothing_is_found(store: Store, address: str | None) -> None:
    store.live.commit(TickCommit(base=None, live=live(), events=[event()], deliveries=[("mail", "e1")]))
    for _ in range(3):
        (delivery,) = store.outbox.due("mail", NOON)
        store.outbox.later([(delivery, NOON)], "no answer")

    assert troubles(store, address)["deliveries"] == ("warning", "1 events do not reach sink 'mail': no answer")


def test_a_sink_that_takes_no_scores_is_found(store: Store, address: str | None) -> None:
    store.live.commit(TickCommit(base=None, live=live()))
    store.score_cursors.keep({("db", "m1"): 0}, NOON)
    for _ in range(3):
        (cursor,) = store.score_cursors.due(NOON)
        store.score_cursors.later(cursor, NOON, "no answer")

    assert troubles(store, address)["deliveries"] == (
        "warning",
        "scores of 1 monitors do not reach sink 'db': no answer",
    )


def test_a_damaged_page_is_found(tmp_path: Path) -> None:
    row = {"actor": "ci", "action": "create", "kind": "sources", "name": "a" * 200, "detail": {}}
    with Store.open(tmp_path) as store, store.database.write() as connection:
        connection.execute(insert(audit), [{**row, "at_ns": i} for i in range(300)])
    with closing(sqlite3.connect(tmp_path / "redshank.db")) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_audit_at_ns'").fetchone()[0]
    file = tmp_path / "redshank.db"
    whole = bytearray(file.read_bytes())
    whole[(page - 1) * 4096 + 100 : page * 4096] = b"\xff" * 3996
    file.write_bytes(whole)

    levels = {finding.check: finding.level for finding in examine(tmp_path)}

    assert "error" in (levels.get("integrity"), levels.get("database"))


def test_a_schema_of_another_version_is_said(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, store.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    assert "newer than redshank" in troubles(store)["schema"][1]


def test_leftovers_are_named(tmp_path: Path) -> None:
    with Store.open(tmp_path, clock=Clock()) as store:
        (tmp_path / ".backup-x").mkdir()

        assert troubles(store)["leftovers"] == ("warning", "can be removed when no longer wanted: .backup-x")


def test_the_caller_adds_what_only_it_can_check(tmp_path: Path) -> None:
    with Store.open(tmp_path, clock=Clock()) as store:
        answers = found(store, reach=lambda _: [Finding("source", "warning", "shop: no answer")])

    assert answers["source"].text == "shop: no answer"


def test_no_database_server_is_said(tmp_path: Path) -> None:
    findings = {one.check: one for one in examine(tmp_path, "postgresql://me:secret@127.0.0.1:1/x")}

    assert findings["database"].level == "error"
    assert "secret" not in findings["database"].text
