"""The database keeps transactions whole, whatever happens to process, disk or server; and says what is wrong."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text

from redshank.errors import ConfigError, StateError, UnavailableError
from redshank.store.events import EventFilter
from redshank.store.records import Block, TickCommit
from redshank.store.runs import RunFilter
from redshank.store.store import Store
from store_data import MINUTE, NOON, event, live

COMMITTING = """
import sys
from pathlib import Path
from redshank.store.records import Block, Live, TickCommit
from redshank.store.store import Store
with Store.open(Path(sys.argv[1])) as store:
    live = store.live.get("m1")
    for i in range(int(sys.argv[2])):
        start = 0 if live is None else live.cursor_ns
        after = Live(monitor_id="m1", cursor_ns=start + 1, checkpoint_ns=0, version=0, memory={}, ticked_ns=0, points=0)
        block = Block(start_ns=start, end_ns=start + 1, rows=1, data=b"x" * int(sys.argv[3]))
        live = store.live.commit(TickCommit(base=live, live=after, block=block))
        print(live.cursor_ns, flush=True)
"""

LOOKING = """
import sys
from pathlib import Path
from redshank.store.store import Store
with Store.open(Path(sys.argv[1]), exclusive=False) as store:
    print(store.live.get("m1").points)
"""
ENDING = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'redshank' AND datname = current_database()
"""


def committing(folder: Path, ticks: int, size_bytes: int = 100, **options: object) -> subprocess.Popen[str]:
    """Start a process that commits ticks one after the other and prints the cursor of each that was kept."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMITTING, str(folder), str(ticks), str(size_bytes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def kept(store: Store) -> tuple[int, list[int]]:
    """The cursor, and the starts of the score blocks, of the monitor that was committed to."""
    with store.database.read() as connection:
        starts = connection.execute(text("SELECT start_ns FROM score_blocks ORDER BY start_ns")).scalars()
        return store_cursor(store, connection), list(starts)


def store_cursor(store: Store, connection: object) -> int:
    return connection.execute(text("SELECT cursor_ns FROM live")).scalar() or 0


def test_what_was_kept_survives_kill_9_and_nothing_is_kept_by_half(tmp_path: Path) -> None:
    process = committing(tmp_path, 100_000)
    last = [int(process.stdout.readline()) for _ in range(50)][-1]

    process.send_signal(signal.SIGKILL)
    process.communicate()

    with Store.open(tmp_path) as store:
        cursor, starts = kept(store)
    assert cursor >= last
    assert starts == list(range(cursor))


def test_a_second_process_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with Store.open(tmp_path):
        _, said = committing(tmp_path, 1).communicate()

    assert f"in use by process {os.getpid()}" in said


def test_a_second_process_may_look(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.live.commit(TickCommit(base=None, live=live(points=7)))

        done = subprocess.run(
            [sys.executable, "-c", LOOKING, str(tmp_path)], capture_output=True, text=True, check=True
        )

    assert done.stdout == "7\n"


def test_a_disk_that_fills_up_in_a_commit_loses_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        base = store.live.commit(TickCommit(base=None, live=live()))
        big = Block(start_ns=NOON, end_ns=NOON + MINUTE, rows=1, data=b"x" * 4_000_000)
        tick = TickCommit(base=base, live=live(cursor_ns=NOON + MINUTE), block=big, events=[event()])
        limited = [200]

        @sqlalchemy_event.listens_for(store.database.engine, "begin")
        def _limit(connection: object) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count={limited[0]}")

        with pytest.raises(UnavailableError, match="disk is full, nothing was changed"):
            store.live.commit(tick)
        assert (store.live.get("m1"), store.events.newest()) == (base, 0)
        limited[0] = 1_000_000
        assert store.live.commit(tick).cursor_ns == NOON + MINUTE


def test_a_file_that_must_not_grow_loses_nothing(tmp_path: Path) -> None:
    limit = 3_000_000

    process = committing(
        tmp_path, 1000, 100_000, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    )
    told, said = process.communicate()

    assert "UnavailableError: database" in said
    with Store.open(tmp_path) as store:
        cursor, starts = kept(store)
    assert cursor == int(told.split()[-1])
    assert starts == list(range(cursor))


@pytest.mark.parametrize("place", [pytest.param(0, id="its head"), pytest.param(4096, id="a table")])
def test_a_damaged_file_is_named(tmp_path: Path, place: int) -> None:
    with Store.open(tmp_path) as store:
        store.resources.create("sources", "shop", {})
    file = tmp_path / "redshank.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:place] + b"\xa5" * (len(whole) - place))

    with pytest.raises(UnavailableError, match=r"redshank.db: the file is damaged .* restore a backup"):
        Store.open(tmp_path)


def test_a_file_that_is_taken_away_is_not_written_into(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.audit.add("ci", "create", "sources", "a")
        (tmp_path / "redshank.db").rename(tmp_path / "away")

        with pytest.raises(UnavailableError, match="was removed or replaced while it was in use"):
            store.audit.add("ci", "create", "sources", "b")

        (tmp_path / "away").rename(tmp_path / "redshank.db")
        store.audit.add("ci", "create", "sources", "c")
        assert [entry.name for entry in store.audit.list().items] == ["c", "a"]


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    with pytest.raises(UnavailableError, match="must be a folder that can be written"):
        Store.open(tmp_path / "data")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(UnavailableError, match="must be a folder that can be written: Permission denied"):
        Store.open(tmp_path)


def test_a_database_of_a_newer_version_is_refused(store: Store) -> None:
    from redshank.store.migrate import migrate

    with store.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StateError, match="got 9999; upgrade redshank"):
        migrate(store.database)


def test_a_database_that_another_process_keeps_locked_is_said_to_be(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        other = sqlite3.connect(tmp_path / "redshank.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        @sqlalchemy_event.listens_for(store.database.engine, "checkout")
        def _hurry(connection: object, record: object, proxy: object) -> None:
            connection.execute("PRAGMA busy_timeout=0")

        with pytest.raises(UnavailableError, match="locked by another process"):
            store.audit.add("ci", "create", "sources", "a")
        assert store.audit.list().items == []
        other.close()


def test_a_transaction_within_a_transaction_is_refused(store: Store) -> None:
    with store.database.read(), pytest.raises(RuntimeError, match="inside a transaction"):
        store.live.get("m1")

    assert store.live.get("m1") is None


def test_an_error_inside_a_transaction_takes_all_of_it_back(store: Store) -> None:
    def fail() -> None:
        with store.database.write() as connection:
            store.events.write(connection, [event()])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert store.events.newest() == 0


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda store: store.events.list(EventFilter(start_ns=10**30)), id="a time past all times"),
        pytest.param(lambda store: store.events.list(EventFilter(end_ns=-(10**30))), id="a time before all times"),
        pytest.param(lambda store: store.runs.create("m1", "shop", "train", due_ns=2**63), id="a number of 65 bits"),
        pytest.param(lambda store: store.resources.create("sinks", "a\ud800", {}), id="half a character"),
        pytest.param(lambda store: store.resources.create("sinks", "a", {"x": float("inf")}), id="an infinite number"),
        pytest.param(lambda store: store.resources.create("sinks", "a", {"x": {1, 2}}), id="a set"),
        pytest.param(lambda store: store.runs.list(RunFilter(monitor_ids=["\ud800"])), id="half a character to find"),
    ],
)
def test_what_no_database_can_hold_is_refused_as_such(store: Store, ask: Callable[[Store], object]) -> None:
    with pytest.raises(ConfigError, match="store: "):
        ask(store)

    assert store.resources.all() == []


def test_a_reader_sees_one_moment(store: Store) -> None:
    count = text("SELECT count(*) FROM audit")
    with store.database.read() as connection:
        before = connection.execute(count).scalar()
        other = threading.Thread(target=store.audit.add, args=("ci", "create", "sources", "a"))
        other.start()
        other.join()

        assert connection.execute(count).scalar() == before

    assert len(store.audit.list().items) == 1


@pytest.mark.external_service
def test_a_database_server_that_was_away_is_used_again(postgresql: str, tmp_path: Path) -> None:
    import psycopg

    with Store.open(tmp_path, postgresql) as store, psycopg.connect(postgresql, autocommit=True) as other:
        store.audit.add("ci", "create", "sources", "a")

        def write_and_lose_the_server() -> None:
            with store.database.write() as connection:
                store.events.write(connection, [event()])
                other.execute(ENDING)
                store.outbox.write(connection, [("mail", "e1")], {"e1": 1})

        with pytest.raises(UnavailableError):
            write_and_lose_the_server()
        other.execute(ENDING)

        assert (store.events.newest(), len(store.audit.list().items)) == (0, 1)


@pytest.mark.external_service
def test_no_database_server_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"postgresql://me:\*\*\*@127.0.0.1:1/x"):
        Store.open(tmp_path, "postgresql://me:secret@127.0.0.1:1/x")
