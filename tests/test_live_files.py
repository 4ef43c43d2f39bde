"""Monitors of files: looked at again and again, read only when they have changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from live_world import MINUTE, START
from redshank.engine.engine import Engine, LiveWatcher
from redshank.engine.job import Job
from redshank.engine.live import LOOK_NS
from redshank.engine.setting import Monitor
from redshank.errors import SourceError
from redshank.sources.base import Query, Reading
from redshank.sources.files import FileSource
from redshank.store.store import Store


class Counted(FileSource):
    """A source of files that counts how often it is read."""

    reads = 0

    def read(self, query: Query, progress: object = None) -> Reading:
        """Count, and read."""
        Counted.reads += 1
        return super().read(query)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two hundred minutes of a file."""
    file = tmp_path / "cpu.csv"
    file.write_text("time,cpu\n" + "".join(f"{(START + i * MINUTE) // 10**9},{i % 7}\n" for i in range(200)))
    return file


@pytest.fixture
def watcher(path: Path, tmp_path: Path) -> Iterator[LiveWatcher]:
    """The watcher of a monitor of that file, its history learned."""
    Counted.reads = 0
    with Store.open(tmp_path / "data") as store:
        spec = {"name": "cpu", "path": str(path), "detector": "gaussian", "delay": "0s"}
        resource = store.resources.create("monitors", "cpu", spec)
        engine = Engine(store, lambda spec: Counted([str(path)]))
        opened = engine.watch(resource, Job())
        for _ in range(3):
            opened.tick(NOW, Job())
        assert Monitor.of(resource).name == "cpu"
        yield opened


NOW = START + 10**17


def add(path: Path, minute: int) -> None:
    """Add a row to the file."""
    with path.open("a") as file:
        file.write(f"{(START + minute * MINUTE) // 10**9},{minute % 7}\n")


def test_a_file_that_has_not_changed_is_not_read_again(watcher: LiveWatcher) -> None:
    before = Counted.reads

    ticked = watcher.tick(NOW + MINUTE, Job())

    assert Counted.reads == before
    assert (ticked.points, ticked.next_ns) == (0, NOW + MINUTE + LOOK_NS)


def test_what_was_added_to_a_file_is_scored_at_the_next_look(watcher: LiveWatcher, path: Path) -> None:
    add(path, 200)
    add(path, 201)

    ticked = watcher.tick(NOW + LOOK_NS, Job())

    assert ticked.points == 2


def test_a_file_that_is_gone_is_down_and_then_goes_on(watcher: LiveWatcher, path: Path) -> None:
    rows = path.read_bytes()
    path.unlink()

    with pytest.raises(SourceError, match="does not exist"):
        watcher.tick(NOW + LOOK_NS, Job())
    path.write_bytes(rows)
    add(path, 200)

    assert watcher.tick(NOW + 2 * LOOK_NS, Job()).points == 1
