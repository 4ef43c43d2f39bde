"""Chores are done when they are due, by the one who leads."""

from __future__ import annotations

import polars as pl
import pytest

from redshank.errors import LeaseLostError, UnavailableError
from redshank.scheduler.chores import chores_of, too_old_ns
from redshank.scheduler.upkeep import Chore, Upkeep
from redshank.store.records import Fence
from redshank.store.store import Store
from store_data import NOON, event, live

FENCE = Fence(name="scheduler", owner="a", token=1)


def chore(name: str, done: list[str], seconds: float = 10, error: Exception | None = None) -> Chore:
    def work(fence: Fence, is_stopped: object) -> str:
        done.append(name)
        if error is not None:
            raise error
        return ""

    return Chore(name=name, seconds=seconds, work=work)


def test_each_chore_is_done_when_it_is_due() -> None:
    done: list[str] = []
    now = [0.0]
    upkeep = Upkeep([chore("a", done, 10), chore("b", done, 25)], lambda: FENCE, monotonic=lambda: now[0])

    for now[0] in range(31):
        upkeep.step()

    assert done == ["a", "b", "a", "a", "b", "a"]


def test_who_does_not_lead_does_no_chore() -> None:
    done: list[str] = []
    upkeep = Upkeep([chore("a", done)], lambda: None, monotonic=lambda: 0.0)

    upkeep.step()

    assert done == []


@pytest.mark.parametrize("error", [LeaseLostError("x"), UnavailableError("x"), ZeroDivisionError("x")])
def test_a_chore_that_fails_keeps_no_other_from_being_done(error: Exception) -> None:
    done: list[str] = []
    upkeep = Upkeep([chore("a", done, error=error), chore("b", done)], lambda: FENCE, monotonic=lambda: 0.0)

    upkeep.step()

    assert done == ["a", "b"]


def test_after_the_end_nothing_is_begun() -> None:
    done: list[str] = []
    upkeep = Upkeep([chore("a", done)], lambda: FENCE, monotonic=lambda: 0.0)

    upkeep.stop()
    upkeep.step()

    assert done == []


@pytest.mark.parametrize(
    ("cursor", "checkpoint", "cutoff"),
    [
        pytest.param(100, 99, 10, id="of now"),
        pytest.param(50, 49, -40, id="of a file of the past"),
        pytest.param(500, 5, 5, id="not kept as a state yet"),
    ],
)
def test_scores_are_too_old_by_the_clock_of_their_data(cursor: int, checkpoint: int, cutoff: int) -> None:
    assert too_old_ns(100, 90, live(cursor_ns=cursor, checkpoint_ns=checkpoint)) == cutoff


def test_the_chores_of_a_store_drop_what_removed_monitors_left(store: Store) -> None:
    fence = store.leases.take("scheduler", "a", 60, NOON)
    assert fence is not None
    from redshank.store.records import TickCommit

    store.live.commit(TickCommit(base=None, live=live("gone"), events=[event("e1", monitor_id="gone")]), fence)

    for each in chores_of(store):
        each.work(fence, lambda: False)

    assert store.live.get("gone") is None


def test_pushed_points_are_dropped_when_their_source_is_gone_or_they_are_too_old(store: Store) -> None:
    fence = store.leases.take("scheduler", "a", 60, NOON)
    assert fence is not None
    spec = {"name": "shop", "kind": "push", "retention": "1d"}
    kept = store.resources.create("sources", "shop", spec).id
    day = 24 * 3600 * 10**9
    for time_ns in (NOON - 3 * day, NOON):
        table = pl.DataFrame({"measure": ["cpu"], "time": [time_ns], "value": [1.0]})
        for owner in (kept, "gone"):
            store.points.append(owner, table)

    for each in chores_of(store):
        each.work(fence, lambda: False)

    assert store.points.sources() == [kept]
    assert store.points.read(kept, 0, NOON + 1)["time"].to_list() == [NOON]
