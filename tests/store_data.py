"""Records to fill a store with in tests."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redshank.panel import Key
from redshank.store.records import Blob, Live, StoredEvent, TickCommit, Version

if TYPE_CHECKING:
    from redshank.store.store import Store

MINUTE = 60_000_000_000
NOON = 1_767_268_800_000_000_000  # 2026-01-01T12:00Z


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_ns: int = NOON) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns

    def move(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)


@cache
def blank_database() -> bytes:
    """The file of an empty database; copied, it spares a test the making of all tables."""
    from redshank.store.store import Store

    with tempfile.TemporaryDirectory() as folder:
        Store.open(Path(folder)).close()
        return Path(folder, "redshank.db").read_bytes()


def blank_folder(folder: Path) -> Path:
    """Make a data folder with an empty database."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "redshank.db").write_bytes(blank_database())
    return folder


def event(name: str = "e1", **changes: Any) -> StoredEvent:
    """An open anomaly of one minute."""
    plain = StoredEvent(
        id=name,
        monitor_id="m1",
        monitor="shop",
        kind="anomaly",
        key=Key.of("cpu", {"host": "a"}),
        start_ns=NOON,
        end_ns=NOON + MINUTE,
        opened_ns=NOON,
        peak_ns=NOON,
        score=3.5,
        severity=70,
        direction="up",
        actual=97.0,
        expected=50.0,
        lower=40.0,
        upper=60.0,
        rarity=12_000.0,
        points=1,
        is_open=True,
        share={"cpu": 1.0},
        reason="cpu 97 instead of 50",
    )
    return replace(plain, **changes)


def live(monitor_id: str = "m1", **changes: Any) -> Live:
    """A monitor that has just started."""
    plain = Live(
        monitor_id=monitor_id,
        cursor_ns=NOON,
        checkpoint_ns=NOON,
        version=1,
        memory={},
        ticked_ns=NOON,
        points=0,
    )
    return replace(plain, **changes)


def train(store: Store, monitor_id: str, number: int) -> None:
    """Make a version and let it be the live one."""
    state = store.states.save(monitor_id, NOON, [Blob(shard=0, parts={"detector": b"abc"})])
    version = Version(
        monitor_id=monitor_id,
        number=number,
        detector="seasonal",
        params={},
        start_ns=None,
        cursor_ns=NOON,
        n_series=1,
        size_bytes=3,
        created_ns=NOON,
        state_id=state,
    )
    after = live(monitor_id, version=number, state_id=state)
    store.live.commit(TickCommit(base=store.live.get(monitor_id), live=after, version=version))
