"""Schedules fire once, whatever happens in between."""

from __future__ import annotations

import pytest

from redshank.errors import LeaseLostError
from redshank.store.records import Run
from redshank.store.store import Store
from redshank.store.timers import Firing
from store_data import MINUTE, NOON


def firing(*windows: tuple[int, int], is_one: bool = True) -> Firing:
    """A training of monitor m1 that is due in windows of minutes after noon."""
    spans = [(NOON + start * MINUTE, NOON + end * MINUTE) for start, end in windows]
    return Firing(
        monitor_id="m1",
        monitor="shop",
        verb="train",
        windows=spans,
        last_ns=NOON + windows[-1][1] * MINUTE,
        is_one=is_one,
    )


def made(store: Store) -> list[tuple[int | None, int | None]]:
    """Windows of all runs, in minutes after noon."""
    runs: list[Run] = list(store.runs.list(sort="created").items)
    spans = [(run.start_ns, run.end_ns) for run in runs]
    return sorted((((s or 0) - NOON) // MINUTE, ((e or 0) - NOON) // MINUTE) for s, e in spans)


def test_a_firing_makes_a_run_for_each_window_and_is_remembered(store: Store) -> None:
    store.timers.begin({("m1", "train"): NOON})

    count = store.timers.fire([firing((0, 5), (5, 10), is_one=False)])

    assert count == 2
    assert made(store) == [(0, 5), (5, 10)]
    assert store.timers.all() == {("m1", "train"): NOON + 10 * MINUTE}


def test_the_same_firing_again_makes_nothing(store: Store) -> None:
    store.timers.begin({("m1", "train"): NOON})
    store.timers.fire([firing((0, 5))])

    assert store.timers.fire([firing((0, 5))]) == 0
    assert made(store) == [(0, 5)]


def test_a_run_that_still_waits_grows_instead_of_piling_up(store: Store) -> None:
    store.timers.begin({("m1", "train"): NOON})
    store.timers.fire([firing((0, 5))])

    store.timers.fire([firing((5, 10))])

    assert made(store) == [(0, 10)]


def test_a_run_that_has_begun_does_not_grow(store: Store) -> None:
    store.timers.begin({("m1", "train"): NOON})
    store.timers.fire([firing((0, 5))])
    store.runs.claim(NOON + 10 * MINUTE)

    store.timers.fire([firing((5, 10))])

    assert made(store) == [(0, 5), (5, 10)]


def test_a_timer_that_is_gone_fires_nothing(store: Store) -> None:
    store.timers.begin({("m1", "train"): NOON})

    store.timers.forget(["m1"])

    assert store.timers.fire([firing((0, 5))]) == 0
    assert made(store) == []


def test_a_timer_can_be_set_back(store: Store) -> None:
    store.timers.begin({("m1", "train"): NOON + 1000 * MINUTE})

    store.timers.begin({("m1", "train"): NOON})

    assert store.timers.fire([firing((0, 5))]) == 1


def test_who_leads_no_more_fires_nothing(store: Store) -> None:
    fence = store.leases.take("leader", "a", 10, NOON)
    store.timers.begin({("m1", "train"): NOON}, fence)
    store.leases.take("leader", "a", 10, NOON)

    with pytest.raises(LeaseLostError):
        store.timers.fire([firing((0, 5))], fence)

    assert made(store) == []


def test_the_next_due_time_is_that_of_the_first_waiting_run(store: Store) -> None:
    store.runs.continuous("m2", "hosts")
    store.runs.create("m1", "shop", "train", due_ns=NOON + 5)
    store.runs.create("m1", "shop", "tune", due_ns=NOON + 3)

    assert store.runs.next_due() == NOON + 3


def test_nothing_is_due_when_nothing_waits(store: Store) -> None:
    assert store.runs.next_due() is None


def test_every_change_of_a_declaration_shows(store: Store) -> None:
    seen = [store.resources.fingerprint()]
    store.resources.create("monitors", "a", {"name": "a"})
    seen.append(store.resources.fingerprint())
    store.resources.update("monitors", "a", {"name": "a", "step": "1m"})
    seen.append(store.resources.fingerprint())
    store.resources.delete("monitors", "a")
    seen.append(store.resources.fingerprint())

    assert len(set(seen[:3])) == 3
    assert seen[3] == seen[0]
