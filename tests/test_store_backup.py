"""A backup of a store in use comes back as it was; a damaged one changes nothing."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import insert

from redshank.errors import ConflictError, NotFoundError, StateError, UnavailableError
from redshank.panel import Key
from redshank.store.backup import backup
from redshank.store.doctor import examine
from redshank.store.history import encode_block
from redshank.store.history_compact import Sizes
from redshank.store.records import Answer, Block, TickCommit
from redshank.store.restore import restore
from redshank.store.rows import as_row
from redshank.store.store import Store
from redshank.store.tables import metadata, point_blocks, point_requests, point_series, quarantine, segments
from store_data import MINUTE, NOON, event, live, train


def fill(store: Store) -> None:
    """Keep a little of everything."""
    secret = store.secrets.encrypt("hunter2")
    store.resources.create("sources", "shop", {"kind": "sql", "password": secret})
    monitor = store.resources.create("monitors", "orders", {"source": "shop"})
    train(store, monitor.id, 1)
    after = live(monitor.id, cursor_ns=NOON + MINUTE)
    block = Block(start_ns=NOON, end_ns=NOON + MINUTE, rows=1, data=b"\x00scores")
    tick = TickCommit(
        base=store.live.get(monitor.id),
        live=after,
        block=block,
        events=[event(reason="ø\x00")],
        deliveries=[("mail", "e1")],
    )
    store.live.commit(tick)
    store.series.admit(monitor.id, [Key.of("cpu", {"host": "ø\x00"})], first_ns=NOON, shard_series=10)
    store.events.comment("e1", "me", "looks real")
    store.tokens.create("ci", "view")
    store.audit.add("ci", "create", "sources", "shop")
    store.runs.log(store.runs.create(monitor.id, "orders", "train").id, [("info", "began")])
    add_segment(store, "scores/m1/a.parquet", b"columns")
    store.timers.begin({(monitor.id, "train"): NOON})
    store.idempotency.begin("ci", "k", "f")
    store.idempotency.finish("ci", "k", Answer(status=201, headers={"etag": "1"}, body=b"\x00"))
    store.score_cursors.keep({("mail", monitor.id): NOON}, NOON)
    store.leases.take("leader", "a", 30, NOON)
    spoiled = {"monitor_id": "m1", "state_id": 9, "shard": 0, "part": "x", "found_ns": 1, "sha256": "", "data": b"x"}
    pushed = {"owner": "shop", "id": 0, "identity": "{}"}
    request = {"owner": "shop", "request": "r1", "points": 1, "at_ns": NOON}
    with store.database.write() as connection:
        for table, row in ((quarantine, spoiled), (point_series, pushed), (point_requests, request)):
            connection.execute(insert(table), row)
        connection.execute(insert(point_blocks), {"owner": "shop", **as_row(block)})


def add_segment(store: Store, path: str, body: bytes, root: Path | None = None) -> None:
    """Put a file into the history, and its row."""
    file = (root or store.data / "history") / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(body)
    row = {"content": "scores", "owner": "m1", "start_ns": 0, "end_ns": 1, "rows": 1, "size_bytes": len(body)}
    with store.database.write() as connection:
        connection.execute(insert(segments), {**row, "path": path, "sha256": hashlib.sha256(body).hexdigest()})


def contents(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables."""
    with store.database.read() as connection:
        return {table.name: sorted(map(repr, connection.execute(table.select()))) for table in metadata.sorted_tables}


def test_a_store_in_use_comes_back_as_it_was(store: Store, tmp_path: Path, address: str | None) -> None:
    fill(store)
    before = contents(store)
    assert [name for name, rows in before.items() if not rows] == []

    manifest = backup(store.data, tmp_path / "b", address)
    store.audit.add("ci", "create", "sources", "later")
    restore(tmp_path / "b", tmp_path / "other")

    with Store.open(tmp_path / "other") as again:
        assert contents(again) == before
        assert again.secrets.decrypt(again.resources.get("sources", "shop").spec["password"]) == "hunter2"
        assert (again.data / "history/scores/m1/a.parquet").read_bytes() == b"columns"
        assert again.audit.list().items[0].name == "shop"
        again.audit.add("ci", "create", "sources", "more")
    assert {member.path for member in manifest.members} == {
        "redshank.db",
        "secret.key",
        "history/scores/m1/a.parquet",
    }


def test_a_backup_is_for_its_owner_only(store: Store, tmp_path: Path, address: str | None) -> None:
    backup(store.data, tmp_path / "b", address)

    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_backup_without_the_key_has_none(tmp_path: Path) -> None:
    with Store.open(tmp_path / "data") as store:
        store.secrets.encrypt("hunter2")

        manifest = backup(store.data, tmp_path / "b", with_key=False)

    assert [member.path for member in manifest.members] == ["redshank.db"]


def test_backups_beside_commits_hold_each_commit_whole(tmp_path: Path) -> None:
    is_over = threading.Event()

    def commit(store: Store) -> None:
        kept = store.live.commit(TickCommit(base=None, live=live(cursor_ns=0)))
        while not is_over.is_set():
            number = kept.cursor_ns
            block = Block(start_ns=number, end_ns=number + 1, rows=1, data=b"x" * 1000)
            kept = store.live.commit(TickCommit(base=kept, live=replace(kept, cursor_ns=number + 1), block=block))

    with Store.open(tmp_path / "data") as store:
        worker = threading.Thread(target=commit, args=(store,))
        worker.start()
        for i in range(3):
            backup(store.data, tmp_path / f"b{i}")
        is_over.set()
        worker.join()

    for i in range(3):
        restore(tmp_path / f"b{i}", tmp_path / f"again{i}")
        with Store.open(tmp_path / f"again{i}") as again, again.database.read() as connection:
            blocks = [row.start_ns for row in connection.execute(metadata.tables["score_blocks"].select())]
            cursors = [row.cursor_ns for row in connection.execute(metadata.tables["live"].select())]
        assert [len(blocks)] == (cursors or [0])


@pytest.mark.parametrize("place", [20, -20, 400], ids=["near its head", "near its end", "further in"])
def test_a_damaged_backup_changes_nothing(tmp_path: Path, place: int) -> None:
    with Store.open(tmp_path / "data") as store:
        fill(store)
        backup(store.data, tmp_path / "b")
    whole = bytearray((tmp_path / "b").read_bytes())
    whole[place] ^= 0x55
    (tmp_path / "b").write_bytes(whole)

    with pytest.raises(StateError, match="backup"):
        restore(tmp_path / "b", tmp_path / "again")

    assert [path.name for path in (tmp_path / "again").iterdir()] == ["redshank.lock"]


def test_a_backup_that_was_cut_changes_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path / "data") as store:
        backup(store.data, tmp_path / "b")
    whole = (tmp_path / "b").read_bytes()
    (tmp_path / "b").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(StateError, match="must be a whole file"):
        restore(tmp_path / "b", tmp_path / "again")


def test_any_other_file_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("time,value\n")

    with pytest.raises(StateError, match="must be a whole file made by `redshank backup`"):
        restore(tmp_path / "b", tmp_path / "again")


def test_what_is_there_is_moved_aside_only_when_asked(tmp_path: Path) -> None:
    with Store.open(tmp_path / "data") as store:
        store.resources.create("sources", "old", {})
        backup(store.data, tmp_path / "b")
        store.resources.create("sources", "new", {})
    with pytest.raises(ConflictError, match="must be empty"):
        restore(tmp_path / "b", tmp_path / "data")

    restore(tmp_path / "b", tmp_path / "data", replace=True)

    (aside,) = (tmp_path / "data").glob("replaced-*")
    with Store.open(tmp_path / "data") as store, Store.open(aside) as old:
        assert [one.name for one in store.resources.all()] == ["old"]
        assert [one.name for one in old.resources.all()] == ["new", "old"]


def test_a_folder_in_use_is_not_restored_into(tmp_path: Path) -> None:
    with Store.open(tmp_path / "data") as store:
        backup(store.data, tmp_path / "b")

        with pytest.raises(UnavailableError, match="in use by process"):
            restore(tmp_path / "b", tmp_path / "data", replace=True)


def test_a_history_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with Store.open(tmp_path / "data") as store:
        add_segment(store, "a.parquet", b"x")
        (store.data / "history/a.parquet").unlink()

        with pytest.raises(StateError, match=r"a\.parquet is missing"):
            backup(store.data, tmp_path / "b")

    assert not (tmp_path / "b").exists()


def test_a_history_elsewhere_is_named_and_not_copied(tmp_path: Path) -> None:
    with Store.open(tmp_path / "data") as store:
        add_segment(store, "a.parquet", b"x")

        manifest = backup(store.data, tmp_path / "b", history="s3://bucket/history")

    assert (manifest.elsewhere, [member.path for member in manifest.members]) == (
        "s3://bucket/history",
        ["redshank.db"],
    )


def test_a_history_in_a_folder_of_its_own_goes_there_again(tmp_path: Path) -> None:
    root = tmp_path / "shared"
    with Store.open(tmp_path / "data", history=str(root)) as store:
        add_segment(store, "scores/m1/a.parquet", b"x", root)
        backup(store.data, tmp_path / "b", history=str(root))
    (root / "scores/m1/a.parquet").unlink()

    restore(tmp_path / "b", tmp_path / "again", history=str(root))

    assert (root / "scores/m1/a.parquet").read_bytes() == b"x"
    assert not (tmp_path / "again/history").exists()
    findings = examine(tmp_path / "again", history=str(root))
    assert {one.check: one.level for one in findings}["history"] == "ok"


def test_nothing_and_a_file_that_is_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        backup(tmp_path / "none", tmp_path / "b")
    (tmp_path / "b").write_text("")
    with pytest.raises(ConflictError):
        backup(tmp_path / "none", tmp_path / "b")
    with pytest.raises(NotFoundError):
        restore(tmp_path / "none", tmp_path / "data")


@pytest.mark.external_service
def test_a_backup_of_sqlite_is_restored_to_postgresql(postgresql: str, tmp_path: Path) -> None:
    with Store.open(tmp_path / "data") as store:
        fill(store)
        before = contents(store)
        backup(store.data, tmp_path / "b")

    restore(tmp_path / "b", tmp_path / "again", postgresql)

    with Store.open(tmp_path / "again", postgresql) as again:
        assert contents(again) == before
        again.audit.add("ci", "create", "sources", "more")
        again.events.upsert([event("e2")])
        assert again.events.get("e2").sequence > again.events.get("e1").sequence
    with pytest.raises(ConflictError, match="must be empty"):
        restore(tmp_path / "b", tmp_path / "third", postgresql)


def test_backups_beside_compaction_hold_each_score_once(tmp_path: Path) -> None:
    is_over = threading.Event()
    sizes = Sizes(block_fan=2, flush_rows=4, fan=2)

    def score(store: Store) -> None:
        kept = store.live.commit(TickCommit(base=None, live=live(cursor_ns=0)))
        while not is_over.is_set():
            number = kept.cursor_ns
            rows = pl.DataFrame({"series": pl.Series([0], dtype=pl.Int32), "time": [number], "score": [float(number)]})
            tick = TickCommit(base=kept, live=replace(kept, cursor_ns=number + 1), block=encode_block(rows))
            kept = store.live.commit(tick)
            store.history.compact("m1", sizes)

    with Store.open(tmp_path / "data") as store:
        worker = threading.Thread(target=score, args=(store,))
        worker.start()
        while not store.history.segments():
            is_over.wait(0.01)
        for i in range(5):
            backup(store.data, tmp_path / f"b{i}")
        is_over.set()
        worker.join()

    for i in range(5):
        restore(tmp_path / f"b{i}", tmp_path / f"again{i}")
        with Store.open(tmp_path / f"again{i}") as again:
            cursor = again.live.get("m1").cursor_ns
            assert again.history.read("m1", None, 0, 10**9)["time"].to_list() == list(range(cursor))
            assert [one.level for one in examine(again.data)].count("error") == 0
