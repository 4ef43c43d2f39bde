"""Killed at any instant, deliveries lose no event and double none."""

from __future__ import annotations

from pathlib import Path

import pytest

from sink_crash import killed
from sql_places import rows_of, sink_to

EVENTS = 4000


@pytest.mark.external_service
def test_each_event_is_in_the_table_once_however_often_the_delivery_is_killed(tmp_path: Path, postgresql: str) -> None:
    done = killed(tmp_path / "data", "sql", {"url": postgresql}, EVENTS, kills=4)

    sink = sink_to(postgresql)
    names = [row["id"] for row in rows_of(sink, sink.tables.events)]
    sink.close()
    assert done.kills >= 3
    assert sorted(names) == sorted(f"e{i}" for i in range(EVENTS))
