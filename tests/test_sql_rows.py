"""Rows of databases become columns, and ranges of time values to compare with."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from tests.sql_world import FORMS, START, UNSORTED

from redshank.sources.sql_range import time_form
from redshank.sources.sql_rows import portion
from redshank.tables import spool
from redshank.tables.clock import find_clock
from redshank.tables.raw import RawTable
from redshank.tables.spool import Spool


def test_values_of_all_kinds_become_columns() -> None:
    rows = [
        (1, 1.5, Decimal("2.5"), True, "x", datetime(2024, 1, 1), None, 1 << 70, b"x", timedelta(seconds=3)),  # noqa: DTZ001
        (None, 2, None, None, None, None, None, 1, None, None),
    ]

    frame = portion([f"c{i}" for i in range(10)], rows)

    kinds = ["i64", "f64", "f64", "bool", "str", "datetime[μs]", "null", "f64", "str", "f64"]
    assert [str(pl.Series([], dtype=d).dtype) for d in frame.dtypes] == [str(d) for d in frame.dtypes]
    assert frame.dtypes[0] == pl.Int64
    assert frame.dtypes[1:3] == [pl.Float64, pl.Float64]
    assert frame["c7"].to_list() == [float(1 << 70), 1.0]
    assert frame["c9"].to_list() == [3.0, None]
    assert len(kinds) == frame.width


def test_numbers_and_texts_in_one_column_are_texts() -> None:
    assert portion(["a"], [(1,), ("x",), (None,)])["a"].to_list() == ["1", "x", None]


def test_many_portions_are_kept_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "ROWS_IN_MEMORY", 5)
    kept = Spool("here", str(tmp_path), {"a": pl.Float64(), "b": pl.String()}, 1000)

    for i in range(10):
        kept.add(portion(["a", "b"], [(i if i % 2 else i + 0.5, None if i < 5 else "x")] * 3))

    assert list(tmp_path.iterdir())
    table = kept.table().collect()
    assert table["a"].to_list() == [float(i if i % 2 else i + 0.5) for i in range(10) for _ in range(3)]
    assert table["b"].null_count() == 15


@pytest.mark.parametrize("form", sorted(FORMS.keys() - UNSORTED))
@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 3600, 86_399])
def test_bounds_leave_nothing_out(form: str, seconds: int) -> None:
    times = [START + timedelta(seconds=i * 97) for i in range(1000)]
    sample = pl.DataFrame({"time": [FORMS[form](t) for t in times]})
    clock = find_clock(RawTable(where="here", frame=sample.lazy()), sample, "time")
    found = time_form(clock, sample, None)
    assert found is not None
    moment = START + timedelta(seconds=seconds, microseconds=1)
    exact = pl.Series([_read(form, t) for t in times])

    lower, upper = found.bound(moment, is_end=False), found.bound(moment, is_end=True)

    assert bool((sample["time"].filter(exact >= moment) >= lower).all())
    assert bool((sample["time"].filter(exact < moment) < upper).all())


def _read(form: str, time: datetime) -> datetime:
    """The time as far as its form can say it."""
    cut = form in ("text to the minute", "compact number")
    return time.replace(second=0) if cut else time
