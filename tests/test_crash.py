"""Killed at any instant, live detection loses nothing and doubles nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from crash import compare, killed, undisturbed

ROUNDS = 10


@pytest.mark.external_service
def test_each_point_is_scored_once_and_each_event_told_however_often_the_server_is_killed(tmp_path: Path) -> None:
    for name in ("found", "wanted"):
        (tmp_path / name).mkdir()

    counts = compare(killed(tmp_path / "found", ROUNDS, seed=3), undisturbed(tmp_path / "wanted", ROUNDS))

    assert counts.pop("points") > 0
    assert counts.pop("events") > 0
    assert counts == dict.fromkeys(counts, 0)
