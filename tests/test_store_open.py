"""Opening a store: one server at a time, and clear words when it cannot be."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from redshank.errors import NotFoundError, StateError, UnavailableError
from redshank.store import migrate
from redshank.store.records import Blob
from redshank.store.store import Store
from redshank.store.tables import metadata
from store_data import NOON


def test_a_second_server_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with Store.open(tmp_path), pytest.raises(UnavailableError, match=f"in use by process {os.getpid()}"):
        Store.open(tmp_path)


def test_a_closed_store_can_be_opened_again(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.resources.create("sources", "shop", {})

    with Store.open(tmp_path) as store:
        assert store.resources.get("sources", "shop").revision == 1


def test_what_a_dead_process_had_begun_is_dropped(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        state = store.states.save("m1", NOON, [Blob(shard=0, parts={"detector": b"abc"})])
        store.idempotency.begin("ci", "k", "f")

    with Store.open(tmp_path) as store:
        assert store.idempotency.begin("ci", "k", "other") is None
        with pytest.raises(StateError):
            next(store.states.load(state))


def test_looking_at_nothing_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        Store.open(tmp_path / "none", exclusive=False)

    assert not (tmp_path / "none").exists()


@pytest.mark.external_service
def test_servers_that_start_at_once_make_the_tables_once(postgresql: str, tmp_path: Path) -> None:
    def start(number: int) -> int:
        with Store.open(tmp_path / str(number), postgresql) as store:
            store.audit.add("ci", "create", "sources", str(number))
            return len(store.audit.list().items)

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(start, range(4))) == 4


def test_tables_that_cannot_be_made_are_made_by_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: Connection) -> None:
        upgrade(connection)
        raise KeyboardInterrupt

    upgrade = migrate._upgrade
    monkeypatch.setattr(migrate, "_upgrade", fail)
    with pytest.raises(KeyboardInterrupt):
        Store.open(tmp_path)
    monkeypatch.undo()

    with Store.open(tmp_path) as store:
        assert store.events.newest() == 0


def test_the_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    with store.database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
