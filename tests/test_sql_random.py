"""Random rows of SQLite, odd values among them, give the same however they are aggregated."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import source_contract as contract

from redshank.errors import DataError, NoPointsError
from redshank.sources import sql
from redshank.sources.base import AGGREGATIONS, Query
from redshank.sources.build import build_source
from redshank.sources.sql_cells import NotPushedError

START = datetime(2024, 10, 26, 12, tzinfo=UTC)  # the clocks of Oslo go back within
FORMS: dict[str, Any] = {
    "text": lambda t: t.strftime("%Y-%m-%d %H:%M:%S"),
    "seconds": lambda t: int(t.timestamp()),
}
numbers = st.one_of(
    st.none(),
    st.integers(-(2**40), 2**40),
    st.floats(-1e9, 1e9).map(lambda value: round(value, 2)),
    st.sampled_from([9e999, -9e999, 0.0, -0.0, 1e300, 2**62, 2**62]),
)
rows = st.lists(
    st.tuples(
        st.integers(0, 2 * 86_400),
        st.sampled_from([None, "", "a", "A", "a ", "ü'\""]),
        numbers | st.sampled_from(["x", "7"]),
    ),
    min_size=6,
    max_size=30,
    unique_by=lambda row: (row[0], row[1] or ""),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows,
    st.sampled_from(sorted(FORMS)),
    st.sampled_from([*AGGREGATIONS, "p5", "p95"]),
    st.sampled_from([timedelta(minutes=30), timedelta(hours=7), timedelta(days=1)]),
    st.sampled_from([None, "Europe/Oslo"]),
    st.booleans(),
)
def test_rows_aggregated_by_sqlite_and_here_are_the_same(
    tmp_path: Path, found: list[Any], form: str, agg: str, step: timedelta, tz: str | None, in_range: bool
) -> None:
    path = tmp_path / "points.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE points (time, name TEXT COLLATE NOCASE, value)")
    found = [*found, (0, "z", 1.5), (1, "z", 2.5), (2 * 86_400 + 1, "z", 3.5)]
    written = [(FORMS[form](START + timedelta(seconds=second)), name, value) for second, name, value in found]
    connection.executemany("INSERT INTO points VALUES (?, ?, ?)", written)
    connection.commit()
    connection.close()
    ends: dict[str, Any] = {"start": START + timedelta(minutes=7), "end": START + timedelta(hours=40), "closed": True}
    query = Query(
        measures=("value",), by=("name",), time="time", agg=agg, step=step, tz=tz, **(ends if in_range else {})
    )
    source = build_source("sqlite", {"url": f"sqlite:///{path}", "table": "points"})

    with pytest.MonkeyPatch.context() as patch:
        pushed = outcome(source, query)
        patch.setattr(sql, "read_pushed", refused)
        local = outcome(source, query)

    assert type(pushed) is type(local), (pushed, local)
    if not isinstance(pushed, Exception):
        contract.check_same(pushed, local, 1e-6)


def refused(*given: object) -> None:
    raise NotPushedError("not now")


def outcome(source: Any, query: Query) -> Any:
    try:
        return source.read(query)
    except (NoPointsError, DataError) as error:
        return error
