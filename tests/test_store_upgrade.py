"""A store of every schema that was ever released is brought up to date, with all that is in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from redshank.store.migrate import HEAD, SCRIPTS
from redshank.store.store import Store
from redshank.store.tables import metadata
from store_data import NOON, Clock, blank_folder, event
from test_store_backup import contents

DUMPS = sorted((Path(__file__).parent / "golden").glob("store_*.sql"))


def undumped(dump: Path, folder: Path) -> Path:
    """Make a data folder of a dump."""
    with closing(sqlite3.connect(folder / "redshank.db")) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
    return folder


def schema(file: Path) -> set[tuple[str, str]]:
    """Names of all tables and indexes, and how they were made."""
    with closing(sqlite3.connect(file)) as connection:
        return set(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


def test_there_is_a_dump_of_every_schema() -> None:
    steps = {path.stem.split("_")[0] for path in (SCRIPTS / "versions").glob("0*.py")}

    assert {dump.stem.removeprefix("store_") for dump in DUMPS} == steps
    assert max(steps) == HEAD


def test_the_newest_dump_is_of_the_newest_schema(tmp_path: Path) -> None:
    old, new = undumped(DUMPS[-1], tmp_path), blank_folder(tmp_path / "new")

    assert schema(old / "redshank.db") == schema(new / "redshank.db"), (
        "not released yet? run: python tests/store_dump.py"
    )


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.stem)
def test_an_old_store_is_brought_up_to_date(dump: Path, tmp_path: Path) -> None:
    with Store.open(undumped(dump, tmp_path), clock=Clock()) as store:
        with store.database.read() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        filled = {line.split('"')[1] for line in dump.read_text().splitlines() if line.startswith('INSERT INTO "')}
        assert [name for name, rows in contents(store).items() if name in filled and not rows] == []
        assert [one.event.id for one in store.outbox.due("mail", NOON)] == ["e1"]
        assert store.events.get("e1").reason == event(reason="ø�").reason
        monitor = store.resources.get("monitors", "orders")
        (version,) = store.states.versions(monitor.id)
        assert [blob.parts for blob in store.states.load(version.state_id)] == [{"detector": b"abc"}]
        assert store.live.get(monitor.id).cursor_ns > NOON
        assert [one.key.label_map for one in store.series.all_of(monitor.id)] == [{"host": "ø\x00"}]
        store.events.upsert([event("e2")])
        assert [one.id for one in store.events.changes(0)][-1] == "e2"
