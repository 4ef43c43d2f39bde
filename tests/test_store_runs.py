"""Runs: one worker holds one run, and only its claim may write to it."""

from __future__ import annotations

import pytest

from redshank.errors import StaleError
from redshank.store.records import Progress
from redshank.store.store import Store
from store_data import NOON


def test_a_run_is_claimed_once(store: Store) -> None:
    made = store.runs.create("m1", "shop", "train")

    claimed = store.runs.claim(NOON)

    assert claimed is not None
    assert (claimed.id, claimed.state, claimed.attempt) == (made.id, "running", 1)
    assert store.runs.claim(NOON) is None


def test_a_claim_that_was_taken_back_writes_nothing(store: Store) -> None:
    first = store.leases.take("leader", "a", 1, NOON)
    run = store.runs.create("m1", "shop", "train")
    store.runs.claim(NOON, first)
    later = store.leases.take("leader", "a", 1, NOON)

    (taken,) = store.runs.recover(later)

    assert taken.state == "waiting"
    with pytest.raises(StaleError):
        store.runs.progress(Progress(run_id=run.id, attempt=1, done=5))
