"""Pieces of pushed-down aggregation: offsets of time zones, the bytes of COPY, statements of old and odd servers."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from redshank.sources.sql_buckets import Wording, wording_of
from redshank.sources.sql_cells import Aggregation, cells_statement, is_exact
from redshank.sources.sql_copy import _table
from redshank.sources.sql_copy_kernel import find_texts
from redshank.sources.sql_offsets import Offsets
from redshank.sources.sql_range import time_form
from redshank.tables.buckets import Buckets
from redshank.tables.clock import find_clock
from redshank.tables.raw import RawTable
from redshank.tables.zones import utc_expression

EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
START = datetime(2023, 12, 20, tzinfo=UTC)
ZONES = ["UTC", "Europe/Oslo", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Casablanca"]


def moved(times: list[int], offsets: list[tuple[int, int]]) -> list[int]:
    """What the CASE of the database does, one time after the other."""
    *changing, (_, last) = offsets
    return [time + next((offset for before, offset in changing if time < before), last) for time in times]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(ZONES), st.lists(st.integers(0, 500 * 86_400), min_size=1, max_size=40))
def test_offsets_of_a_zone_equal_those_of_the_zone_database(tz: str, seconds: list[int]) -> None:
    start = int(START.timestamp() * 1e6)
    times = [start + second * 1_000_000 for second in seconds]

    offsets = Offsets.of(tz, start, start + 501 * 86_400_000_000)

    local = [
        (datetime.fromtimestamp(time / 1e6, ZoneInfo(tz)).replace(tzinfo=None) - EPOCH) // timedelta(microseconds=1)
        for time in times
    ]
    assert moved(times, offsets.from_utc()) == local
    nanos = pl.DataFrame({"t": times}).select(utc_expression(pl.col("t") * 1000, tz)).to_series()
    assert moved(times, offsets.from_local()) == (nanos // 1000).to_list()


# ---------------------------------------------------------------------- bytes of COPY


def field(kind: str, value: Any) -> bytes:
    if value is None:
        return struct.pack("!i", -1)
    packed = (
        value.encode()
        if kind == "str"
        else struct.pack({"int": "!q", "float": "!d", "bool": "!?", "date": "!i"}.get(kind, "!q"), value)
    )
    return struct.pack("!i", len(packed)) + packed


def copied(kinds: dict[str, str], rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    body = b"".join(
        struct.pack("!h", len(row))
        + b"".join(field(kind, value) for kind, value in zip(kinds.values(), row, strict=True))
        for row in rows
    )
    return _table(list(kinds), list(kinds.values()), np.frombuffer(body + b"\xff\xff", np.uint8))


def test_fields_of_every_kind_are_read_from_the_bytes() -> None:
    kinds = {name: name for name in ("int", "float", "bool", "date", "datetime", "datetimetz", "str")}
    end = (1 << 63) - 1
    frame = copied(
        kinds,
        [
            (-1, float("nan"), True, -10_957, 0, 1_500_000, "ü/'\n"),
            (None,) * 7,
            (-(1 << 63), -0.0, False, (1 << 31) - 1, end, -end - 1, ""),
        ],
    )

    assert frame["int"].to_list() == [-1, None, -(1 << 63)]
    assert str(frame["float"].to_list()) == "[nan, None, -0.0]"
    assert frame["bool"].to_list() == [True, None, False]
    assert frame["date"].to_list() == [EPOCH.date(), None, None]
    assert frame["datetime"].to_list() == [EPOCH + timedelta(days=10_957), None, None]
    assert frame["datetimetz"].to_list() == [datetime(2000, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC), None, None]
    assert frame["str"].to_list() == ["ü/'\n", None, ""]


def test_an_answer_without_rows_has_its_columns() -> None:
    frame = copied({"a": "int", "b": "str"}, [])

    assert dict(frame.schema) == {"a": pl.Int64(), "b": pl.String()}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.none() | st.text(alphabet="ab", max_size=3), max_size=60))
def test_equal_texts_have_equal_numbers(texts: list[str | None]) -> None:
    buffer = np.frombuffer("".join(text or "" for text in texts).encode() or b"-", np.uint8)
    lengths = np.array([-1 if text is None else len(text) for text in texts], np.int32)
    starts = np.cumsum(np.append(0, np.maximum(lengths, 0)))[:-1].astype(np.int64)

    codes, firsts = find_texts(buffer, starts, lengths)

    assert [texts[firsts[code]] for code in codes] == texts
    assert len(firsts) == len(set(texts))


# ---------------------------------------------------------------------- statements


def aggregation(values: list[Any], agg: str, **changed: Any) -> Aggregation:
    frame = pl.DataFrame({"time": values})
    clock = find_clock(RawTable(where="x", frame=frame.lazy()), frame, "time")
    form = time_form(clock, frame, changed.get("tz"))
    assert form is not None
    kinds = {"host": "str", "load": "float"}
    rule = Buckets.of(timedelta(minutes=5), None)
    return Aggregation(form=form, time="time", labels=["host"], measures=["load"], kinds=kinds, agg=agg, rule=rule)


def said(wording: Wording, asked: Aggregation) -> str:
    statement = cells_statement(wording, asked, sa.select().select_from(sa.table("points")))
    compiled = statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": False})
    return " ".join(str(compiled).split())


TIMES = [START + i * timedelta(minutes=1) for i in range(20)]


@pytest.mark.parametrize(
    ("dialect", "version", "agg", "parts"),
    [
        ("postgresql", (15, 2), "mean", ["date_bin(", "avg(points.v0)"]),
        ("postgresql", (12, 1), "mean", ["EXTRACT(epoch FROM time)", "% 300000000"]),
        ("postgresql", (15, 2), "p95", ["percentile_cont(", "WITHIN GROUP (ORDER BY points.v0)"]),
        ("redshift", (8, 0, 2), "mean", ["datediff(microsecond, '1970-01-01'::timestamp", "avg(points.v0)"]),
        ("redshift", (8, 0, 2), "p95", ["row_number() OVER (PARTITION BY points.l0, points.bucket"]),
    ],
    ids=["postgresql", "an old postgresql", "percentile", "redshift", "percentile of redshift"],
)
def test_each_server_is_asked_in_its_own_words(
    dialect: str, version: tuple[int, ...], agg: str, parts: list[str]
) -> None:
    wording = wording_of(dialect, version)
    assert wording is not None

    statement = said(wording, aggregation(TIMES, agg))

    assert [part for part in parts if part not in statement] == [], statement


@pytest.mark.parametrize(
    ("values", "moment", "exact"),
    [
        (TIMES, START + timedelta(microseconds=1), True),
        ([time.replace(tzinfo=None) for time in TIMES], START + timedelta(microseconds=1), True),
        ([int(time.timestamp()) for time in TIMES], START, True),
        ([int(time.timestamp()) for time in TIMES], START + timedelta(milliseconds=1), False),
        ([time.timestamp() + 0.5 for time in TIMES], START, False),
        ([time.date() for time in TIMES], START, True),
        ([time.date() for time in TIMES], START + timedelta(hours=1), False),
        ([time.strftime("%Y-%m-%d %H:%M") for time in TIMES], START + timedelta(minutes=1), True),
        ([time.strftime("%Y-%m-%d %H:%M") for time in TIMES], START + timedelta(seconds=1), False),
    ],
    ids=[
        "zoned",
        "local",
        "seconds",
        "within a second",
        "broken seconds",
        "days",
        "within a day",
        "text",
        "in a minute",
    ],
)
def test_bounds_that_cut_too_wide_are_known(values: list[Any], moment: datetime, exact: bool) -> None:
    assert is_exact(aggregation(values, "mean").form, moment) is exact
