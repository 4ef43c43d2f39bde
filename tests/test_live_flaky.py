"""A source that fails, lies and hangs by a script: it is said, nothing is lost, and the next tick goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from live_world import MINUTE, TableSource, World, at, open_world, wave
from redshank.engine.job import Job
from redshank.errors import DataError, SourceError, StoppedError
from redshank.sources.base import Progress, Query, Reading

ROWS = wave(range(240))


class FlakySource(TableSource):
    """Rows in memory that come when the script lets them: each reading asks the next of ``acts`` first."""

    acts: list[Callable[[], None]]

    def read(self, query: Query, progress: Progress | None = None) -> Reading:
        """Do as the script says, then return the panels."""
        if self.acts:
            self.acts.pop(0)()
        return super().read(query, progress)


def fails(error: Exception) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A monitor that has learned 200 minutes, over a source that fails by a script."""
    made = open_world(tmp_path, ROWS)
    source = FlakySource(ROWS)
    source.acts = []
    made.source = source
    made.tick(at(200))
    yield made
    made.store.close()


def scripted(world: World, *acts: Callable[[], None]) -> None:
    assert isinstance(world.source, FlakySource)
    world.source.acts[:] = acts


@pytest.mark.parametrize(
    "error",
    [SourceError("host: connection refused"), DataError("orders: column 'amount' not found"), SourceError("HTTP 429")],
    ids=["away", "column gone", "too many"],
)
def test_whatever_a_source_does_it_is_said_once_and_the_next_tick_goes_on(
    world: World, error: Exception, tmp_path: Path
) -> None:
    scripted(world, fails(error), fails(error), fails(error))
    for minute in (201, 202, 203):
        with pytest.raises(SourceError, match=str(error)):
            world.tick(at(minute))
    (down,) = world.events(kinds=["source_down"])
    live = world.store.live.get("m1")
    assert live is not None
    assert (down.is_open, down.reason, live.cursor_ns) == (True, str(error), at(200))

    world.tick(at(240))

    (over,) = world.events(kinds=["source_down"])
    assert (over.id, over.is_open, over.end_ns) == (down.id, False, at(240))
    with_no_failure = open_world(tmp_path / "calm", ROWS)
    with_no_failure.tick(at(200))
    with_no_failure.tick(at(240))
    assert_frame_equal(world.scores(), with_no_failure.scores())
    with_no_failure.store.close()


@pytest.mark.parametrize("hears", [True, False], ids=["that can be given up", "that hears nothing"])
def test_a_source_that_hangs_is_down_and_nothing_is_lost(world: World, hears: bool) -> None:
    begun, gone = threading.Event(), threading.Event()

    def hangs() -> None:
        begun.set()
        gone.wait(60)
        raise SourceError("reading was given up")

    scripted(world, hangs)
    if hears:
        world.source.cancel = gone.set  # type: ignore[method-assign]
    watcher, job, raised = world.watcher, Job(), []

    def ticks() -> None:
        assert watcher is not None
        with pytest.raises(StoppedError) as caught:
            watcher.tick(at(201), job)
        raised.append(caught)

    thread = threading.Thread(target=ticks)
    thread.start()
    begun.wait(60)
    job.stop.set()
    assert watcher is not None
    watcher.give_up("monitor hosts: a tick took longer than 60 s and was given up", at(202), Job())
    gone.set()
    thread.join(60)
    (down,) = world.events(kinds=["source_down"])
    assert (down.is_open, len(raised)) == (True, 1)
    assert "longer than 60 s" in down.reason

    world.restart()
    world.tick(at(240))

    (over,) = world.events(kinds=["source_down"])
    assert not over.is_open
    assert world.scores()["time"].n_unique() == len(ROWS)


def test_what_computes_for_long_is_no_source_that_is_down(world: World) -> None:
    assert world.watcher is not None

    world.watcher.give_up("a tick took longer than 60 s", at(201), Job())

    assert world.events(kinds=["source_down"]) == []
    assert world.tick(at(201) + MINUTE).points == 2
