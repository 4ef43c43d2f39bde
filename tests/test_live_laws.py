"""Whatever happens between ticks, the scores and events are those of a run that nothing disturbed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live_world import Rows, World, at, open_world, usual
from redshank.errors import UnavailableError
from redshank.store.records import Live

BEGIN, END = 150, 240  # minutes: of history, and of all
SPIKES = {("a", 170): 40.0, ("a", 171): 41.0, ("b", 200): -20.0, ("a", 238): 50.0}
AWAY = {"b": range(210, 216), "c": range(0, 180)}
SILENCE = range(222, 228)  # no host has a value

actions = st.sampled_from(["tick", "tick", "tick", "restart", "checkpoint", "crash before", "crash after", "down"])
scripts = st.lists(st.tuples(st.integers(1, 25), actions), min_size=1, max_size=10)


def rows_until(minute: int) -> Rows:
    """What the source holds then: three hosts with spikes, one away for a while, one that is new, a common silence."""
    return [
        (at(i), host, SPIKES.get((host, i), usual(i, host)))
        for i in range(minute)
        for host in "abc"
        if i not in SILENCE and i not in AWAY.get(host, ())
    ]


ALL = rows_until(END)


@contextmanager
def opened(**spec: Any) -> Iterator[World]:
    """A world in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        world = open_world(Path(folder), [], **spec)
        yield world
        world.store.close()


def told(world: World) -> list[tuple[Any, ...]]:
    """All that matters of all events."""
    return [
        (
            e.id,
            e.kind,
            str(e.key),
            e.start_ns,
            e.end_ns,
            e.opened_ns,
            e.peak_ns,
            e.score,
            e.is_open,
            e.reason,
            e.backfill,
        )
        for e in world.events()
        if e.kind != "source_down"
    ]


def deliveries(world: World) -> list[tuple[str, bool]]:
    """Event and state of all that waits for the sink."""
    return sorted((d.event.id, d.event.is_open) for d in world.store.outbox.due("mail", now_ns=1 << 62))


def undisturbed(**spec: Any) -> tuple[pl.DataFrame, list[tuple[Any, ...]]]:
    """Scores and events of ticks at each minute."""
    with opened(**spec) as world:
        for minute in range(BEGIN, END + 1):
            world.source.rows = rows_until(minute)
            world.tick(at(minute))
        return world.scores(), told(world)


@contextmanager
def crash(world: World, *, is_kept: bool) -> Iterator[None]:
    """Let the next commit fail, after or before it is kept; then the process is gone."""
    commit = world.store.live.commit

    def failing(*given: Any, **named: Any) -> Live:
        world.store.live.commit = commit  # type: ignore[method-assign]
        if is_kept:
            commit(*given, **named)
        raise UnavailableError("database: gone")

    world.store.live.commit = failing  # type: ignore[method-assign]
    with suppress(UnavailableError):
        yield
    world.store.live.commit = commit  # type: ignore[method-assign]
    world.restart()


def do(world: World, minute: int, action: str) -> None:
    """One line of a script."""
    world.source.rows = rows_until(minute)
    if action == "restart":
        world.restart()
    elif action == "checkpoint" and world.watcher is not None:
        world.watcher.checkpoint(world.job)
    elif action.startswith("crash"):
        with crash(world, is_kept=action == "crash after"):
            world.tick(at(minute))
    elif action == "down":
        world.source.is_down = True
        with suppress(Exception):
            world.tick(at(minute))
        world.source.is_down = False
    world.tick(at(minute))


@pytest.fixture(scope="module", params=["gaussian", "seasonal"])
def expected(request: pytest.FixtureRequest) -> tuple[str, pl.DataFrame, list[tuple[Any, ...]]]:
    scores, events = undisturbed(detector=request.param)
    return request.param, scores, events


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(script=scripts)
def test_crashes_restarts_and_outages_change_nothing(
    expected: tuple[str, pl.DataFrame, list[tuple[Any, ...]]], script: list[tuple[int, str]]
) -> None:
    detector, scores, events = expected
    with opened(detector=detector) as world:
        minute = BEGIN
        do(world, minute, "tick")
        for step, action in script:
            minute = min(END, minute + step)
            do(world, minute, action)
        do(world, END, "tick")

        found, now = world.scores(), told(world)

    assert found.equals(scores, null_equal=True)
    assert now == events


def test_the_undisturbed_run_has_seen_it_all() -> None:
    scores, events = undisturbed(detector="gaussian")

    kinds = [(kind, series) for _, kind, series, *_ in events]
    assert len(scores) == len(ALL)
    assert ("anomaly", "cpu{host=a}") in kinds
    assert ("anomaly", "cpu{host=b}") in kinds
    assert ("missing", "cpu{host=b}") in kinds
    assert ("new", "cpu{host=c}") in kinds
    assert ("stale", "hosts") in kinds
    assert np.isfinite(scores["score"].to_numpy()).mean() > 0.7


@pytest.mark.parametrize("action", ["crash before", "crash after"])
def test_a_crash_at_any_commit_tells_each_event_once(action: str) -> None:
    with opened(sinks=["mail"]) as calm, opened(sinks=["mail"]) as shaken:
        for minute in range(BEGIN, END + 1, 5):
            for world in (calm, shaken):
                do(world, minute, action if world is shaken else "tick")

        assert deliveries(shaken) == deliveries(calm)
        assert told(shaken) == told(calm)
