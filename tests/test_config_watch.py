"""Files that are watched: applied when they change, and kept as they were while they are wrong."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from redshank.errors import UnavailableError
from redshank.service.config_plan import Plan
from redshank.service.config_watch import AGAIN_NS, ConfigStatus, ConfigWatch
from redshank.specs.document import Document


@dataclass
class Watched:
    """A file, its watch, and what came of it."""

    path: Path
    applied: list[list[str]] = field(default_factory=list)
    reported: list[ConfigStatus] = field(default_factory=list)
    failing: list[Exception] = field(default_factory=list)
    now_ns: int = 0
    tick: int = 0

    def apply(self, document: Document) -> Plan:
        """Note what was applied, or fail as asked."""
        if self.failing:
            raise self.failing.pop(0)
        self.applied.append([monitor.name for monitor in document.monitors])
        return Plan(origin="x", steps=())

    def watch(self) -> ConfigWatch:
        """A watch of the file."""
        return ConfigWatch(
            [self.path], self.apply, clock=lambda: self.now_ns, report=self.reported.append, environment={}
        )

    def write(self, text: str) -> None:
        """Write the file at a later time than before, whatever the clock of the file system can tell apart."""
        self.tick += 1
        self.path.write_text(text)
        os.utime(self.path, ns=(self.tick * 10**9, self.tick * 10**9))

    def declare(self, *names: str) -> None:
        """Write a file with these monitors."""
        self.write("monitors:" + "".join(f"\n  - {{name: {name}, path: x}}" for name in names) + "\n")


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A file with one monitor."""
    made = Watched(tmp_path / "redshank.yaml")
    made.declare("a")
    return made


def test_the_files_are_applied_at_the_start(watched: Watched) -> None:
    status = watched.watch().start()

    assert watched.applied == [["a"]]
    assert (status.state, status.line()) == ("applied", "ok")


def test_a_change_is_applied_once_it_has_stopped_changing(watched: Watched) -> None:
    watch = watched.watch()
    watch.start()

    watched.declare("a", "b")
    watch.check()
    watched.declare("a", "b", "c")
    watch.check()
    assert watched.applied == [["a"]]
    watch.check()
    watch.check()

    assert watched.applied == [["a"], ["a", "b", "c"]]


def test_a_file_that_was_only_touched_is_not_applied_again(watched: Watched) -> None:
    watch = watched.watch()
    watch.start()

    watched.declare("a")
    watch.check()
    watch.check()

    assert watched.applied == [["a"]]
    assert len(watched.reported) == 1


def test_a_wrong_file_changes_nothing_and_is_reported_once(watched: Watched) -> None:
    watch = watched.watch()
    good = watch.start()

    watched.write("monitors: [{name: a, stp: 1}]")
    for _ in range(5):
        watch.check()

    assert watched.applied == [["a"]]
    assert [status.state for status in watched.reported] == ["applied", "wrong"]
    assert watch.status.fingerprint == good.fingerprint
    assert "the last good one stays in force" in watch.status.line()
    assert "unknown field 'stp'" in watch.status.line()


def test_the_old_file_put_back_is_well_again(watched: Watched) -> None:
    watch = watched.watch()
    watch.start()
    watched.write("monitors: [")
    watch.check()
    watch.check()

    watched.declare("a")
    watch.check()
    watch.check()

    assert [status.state for status in watched.reported] == ["applied", "wrong", "applied"]


def test_a_file_that_goes_and_comes_back_is_read_again(watched: Watched) -> None:
    watch = watched.watch()
    watch.start()

    watched.path.unlink()
    watch.check()
    watch.check()
    assert watch.status.state == "wrong"
    watched.declare("a")
    watch.check()
    watch.check()

    assert watch.status.state == "applied"


def test_what_fails_for_another_reason_than_the_file_is_tried_again_later(watched: Watched) -> None:
    watched.failing = [UnavailableError("database is away"), UnavailableError("database is away")]
    watch = watched.watch()
    watch.start()

    watch.check()
    assert watched.applied == []
    watched.now_ns += AGAIN_NS
    watch.check()
    watched.now_ns += AGAIN_NS
    watch.check()

    assert watched.applied == [["a"]]
    assert [status.state for status in watched.reported] == ["wrong", "applied"]


def test_a_wrong_first_file_says_that_nothing_was_applied(watched: Watched) -> None:
    watched.write("monitors: 3")

    assert "nothing of it was applied" in watched.watch().start().line()


def test_the_loop_outlives_what_nobody_thought_of(watched: Watched) -> None:
    watch = watched.watch()
    watch.start()
    watched.failing = [ZeroDivisionError("a mistake of ours")]
    watched.declare("b")
    stop = threading.Event()
    watched.reported.clear()
    looks = iter([False, False, False, True])
    stop.wait = lambda timeout=None: next(looks)  # type: ignore[method-assign]

    watch.run(stop)

    assert [status.error for status in watched.reported] == ["ZeroDivisionError: a mistake of ours"]
