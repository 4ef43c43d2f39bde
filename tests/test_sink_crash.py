"""Killed at any instant, deliveries lose no event and double none."""

from __future__ import annotations

from pathlib import Path

import pytest

from sink_crash import killed
from sql_places import rows_of, sink_to
from test_daily_files import rows_in

EVENTS = 4000


@pytest.mark.external_service
def test_each_event_is_in_the_table_once_however_often_the_delivery_is_killed(tmp_path: Path, postgresql: str) -> None:
    done = killed(tmp_path / "data", "sql", {"url": postgresql}, EVENTS, kills=4)

    sink = sink_to(postgresql)
    names = [row["id"] for row in rows_of(sink, sink.tables.events)]
    sink.close()
    assert done.kills >= 3
    assert sorted(names) == sorted(f"e{i}" for i in range(EVENTS))


@pytest.mark.external_service
def test_each_event_is_in_the_files_once_however_often_the_delivery_is_killed(tmp_path: Path) -> None:
    options = {"events": f"{tmp_path}/events_%Y-%m-%d.csv"}

    done = killed(tmp_path / "data", "daily_files", options, EVENTS, kills=4)

    names = [row["id"] for row in rows_in(tmp_path, "events_*.csv")]
    assert done.kills >= 3
    assert sorted(names) == sorted(f"e{i}" for i in range(EVENTS))
