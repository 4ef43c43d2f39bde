"""The contract of sources, on SQL databases: SQLite here, PostgreSQL as a server."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests import source_contract as contract

from redshank.errors import DataError
from redshank.sources.base import Query, Source
from redshank.sources.build import build_source
from redshank.tables import read_table

ROWS = contract.contract_rows()
FEW = contract.contract_rows(timedelta(hours=8))
COLUMNS = "host text, city text, load {float}, requests {int}, latency {float}"


def written(rows: pl.DataFrame, time: Callable[[datetime], Any]) -> list[tuple[Any, ...]]:
    return [(time(row[0]), *row[1:]) for row in rows.iter_rows()]


def expected(rows: pl.DataFrame, *, is_local: bool, unit: str = "us") -> pl.DataFrame:
    """The rows as the database holds them: times cut to its unit, without a zone where it keeps none."""
    time = pl.col("time").dt.truncate("1s") if unit == "s" else pl.col("time")
    return rows.with_columns(time.dt.replace_time_zone(None) if is_local else time)


# ---------------------------------------------------------------------- SQLite


def text_z(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


SQLITE: dict[str, tuple[Callable[[datetime], Any], bool, str]] = {
    "text with Z": (text_z, False, "us"),
    "text": (lambda t: t.strftime("%Y-%m-%d %H:%M:%S"), True, "s"),
    "text with fraction": (lambda t: t.strftime("%Y/%m/%d %H:%M:%S.%f"), True, "us"),
    "compact": (lambda t: int(t.strftime("%Y%m%d%H%M%S")), True, "s"),
    "epoch s": (lambda t: int(t.timestamp()), False, "s"),
    "epoch ms": (lambda t: round(t.timestamp() * 1000), False, "us"),
    "epoch ns": (lambda t: round(t.timestamp() * 1000) * 1_000_000, False, "us"),
    "epoch with fraction": (lambda t: t.timestamp(), False, "us"),
}


def sqlite(path: Path, rows: pl.DataFrame, form: str) -> Callable[[], Source]:
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE points (time, {COLUMNS.format(float='REAL', int='INTEGER')})")
    marks = ", ".join("?" * 6)
    connection.executemany(f"INSERT INTO points VALUES ({marks})", written(rows, SQLITE[form][0]))
    connection.commit()
    connection.close()
    return lambda: build_source("sqlite", {"url": f"sqlite:///{path}", "table": "points"})


@pytest.mark.parametrize("form", SQLITE)
def test_sqlite_aggregates_as_it_is_done_here(tmp_path: Path, form: str) -> None:
    _, is_local, unit = SQLITE[form]
    make = sqlite(tmp_path / "points.db", FEW, form)
    rows = expected(FEW, is_local=is_local, unit=unit)

    is_all = form == "text with Z"
    some = contract.ALL_AGGREGATIONS if is_all else ("mean",)
    contract.check_law(make, rows, aggregations=some, steps=(timedelta(days=1) if is_all else timedelta(hours=5),))

    notes = make().read(contract.query(agg="mean", step=timedelta(hours=5), tz="Europe/Oslo")).findings.notes
    assert not [note for note in notes if "aggregated here" in note]


def test_sqlite_keeps_the_other_laws(tmp_path: Path) -> None:
    make = sqlite(tmp_path / "points.db", FEW, "text with Z")

    contract.check_raw(make, FEW)
    contract.check_repeatable(make)
    contract.check_cursor(make, ranges=8)
    contract.check_newest(make, FEW)
    contract.check_preview_survey(make)
    contract.check_none(make)


# ---------------------------------------------------------------------- PostgreSQL

POSTGRESQL: dict[str, tuple[str, Callable[[datetime], Any], bool, str]] = {
    "timestamptz": ("timestamptz", lambda t: t, False, "us"),
    "timestamp": ("timestamp", lambda t: t.replace(tzinfo=None), True, "us"),
    "text": ("text", lambda t: t.strftime("%Y-%m-%d %H:%M:%S.%f"), True, "us"),
    "text with Z": ("text", text_z, False, "us"),
    "compact text": ("text", lambda t: t.strftime("%Y%m%d%H%M%S"), True, "s"),
    "epoch s": ("integer", lambda t: int(t.timestamp()), False, "s"),
    "epoch ms": ("bigint", lambda t: round(t.timestamp() * 1000), False, "us"),
    "epoch with fraction": ("double precision", lambda t: t.timestamp(), False, "us"),
    "numeric epoch": ("numeric", lambda t: round(t.timestamp(), 3), False, "us"),
}


def postgresql_table(url: str, rows: pl.DataFrame, form: str, *, numbers: str = "float8") -> Callable[[], Source]:
    import psycopg

    kind, time, _, _ = POSTGRESQL[form]
    columns = COLUMNS.format(float=numbers, int="bigint")
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE points (time {kind}, {columns})")
        with cursor.copy("COPY points FROM STDIN") as copy:
            for row in written(rows, time):
                copy.write_row(row)
    return lambda: build_source("postgresql", {"url": url, "table": "points"})


@pytest.mark.external_service
def test_postgresql_keeps_the_contract(postgresql: str) -> None:
    contract.check_all(postgresql_table(postgresql, ROWS, "timestamptz"), ROWS)


@pytest.mark.external_service
@pytest.mark.parametrize("form", POSTGRESQL)
def test_postgresql_aggregates_as_it_is_done_here(postgresql: str, form: str) -> None:
    _, _, is_local, unit = POSTGRESQL[form]
    make = postgresql_table(postgresql, ROWS, form, numbers="numeric")
    rows = expected(ROWS, is_local=is_local, unit=unit)

    contract.check_law(make, rows)

    notes = make().read(contract.query(agg="mean", step=timedelta(hours=5), tz="Europe/Oslo")).findings.notes
    assert not [note for note in notes if "aggregated here" in note]


@pytest.mark.external_service
@pytest.mark.parametrize("ending", ["", " WHERE time >= :start AND time < :end"])
def test_a_query_is_aggregated_by_postgresql_too(postgresql: str, ending: str) -> None:
    postgresql_table(postgresql, ROWS, "timestamptz")
    query = f"SELECT * FROM points{ending} -- with a remark"

    contract.check_law(lambda: build_source("postgresql", {"url": postgresql, "query": query}), ROWS)


@pytest.mark.external_service
def test_hostile_labels_come_through_postgresql(postgresql: str) -> None:
    import psycopg

    rows = contract.hostile_rows()
    with psycopg.connect(postgresql) as connection, connection.cursor() as cursor:
        cursor.execute('CREATE TABLE "it\'s a ""table"" 🦉/%s" (time timestamptz, name text, value float8)')
        with cursor.copy('COPY "it\'s a ""table"" 🦉/%s" FROM STDIN') as copy:
            for row in rows.iter_rows():
                copy.write_row(row)
    options = {"url": postgresql, "table": 'it\'s a "table" 🦉/%s'}

    contract.check_hostile_labels(lambda: build_source("postgresql", options), rows)


@pytest.mark.external_service
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("boolean", [True, False, None, True]),
        ("smallint", [1, -2, None, 32767]),
        ("bigint", [2**62, 2**62, 2**62, -5]),
        ("numeric", ["1.5", "NaN", "12345678901234567890", "-0.1"]),
        ("real", [0.5, float("nan"), float("inf"), -float("inf")]),
        ("double precision", [1e150, float("nan"), 1e-300, float("inf")]),
        ("interval", [timedelta(seconds=1.5), timedelta(days=2), None, timedelta(hours=-1)]),
        ("numeric(8, 2)", ["1.10", "2.20", "3.30", None]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_of_every_type_are_aggregated_by_postgresql(postgresql: str, kind: str, values: list[Any]) -> None:
    import psycopg

    start = datetime(2024, 3, 1, tzinfo=UTC)
    with psycopg.connect(postgresql) as connection:
        connection.execute(f"CREATE TABLE points (time timestamptz, value {kind})")
        for i in range(12):
            connection.execute(
                "INSERT INTO points VALUES (%s, %s)", (start + timedelta(minutes=i), values[i * 7 // 3 % len(values)])
            )
        connection.execute("INSERT INTO points SELECT time + interval '12 min', value FROM points WHERE value = value")
    with psycopg.connect(postgresql) as connection:
        rows = connection.execute("SELECT time, value FROM points").fetchall()
    local = pl.DataFrame(
        {"time": [row[0] for row in rows], "value": [_number(row[1]) for row in rows]},
        schema={"time": pl.Datetime("us", "UTC"), "value": pl.Float64},
    )
    source = build_source("postgresql", {"url": postgresql, "table": "points"})
    asked = Query(measures=("value",), by=(), step=timedelta(minutes=5), time="time", end=start + timedelta(hours=1))

    for agg in ("count", "min", "max", "sum", "mean", "variance", "p90", "last", "cardinality"):
        query = replace(asked, agg=agg)
        reading = source.read(query)
        contract.check_same(reading, read_table(local, query), 1e-9)
        assert not [note for note in reading.findings.notes if "aggregated here" in note], agg
    raw = replace(asked, step=None)
    contract.check_same(source.read(raw), read_table(local, raw))


def _number(value: Any) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return None if value is None else float(value)


@pytest.mark.external_service
def test_labels_and_times_of_odd_types_are_read_from_postgresql(postgresql: str) -> None:
    import psycopg

    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('sad', 'O''K')")
        connection.execute(
            "CREATE TABLE points (time timestamptz, mood mood, code char(4), flag bool, number int, value real)"
        )
        connection.execute(
            "INSERT INTO points SELECT '2024-03-01Z'::timestamptz + i * interval '1 min',"
            " (enum_range(NULL::mood))[i % 2 + 1], 'c' || i % 3, i % 2 = 0, i % 2, i * 0.1"
            " FROM generate_series(0, 99) i"
        )
        connection.execute(
            "INSERT INTO points VALUES ('infinity', 'sad', 'c0', true, 1, 1), ('-infinity', NULL, NULL, NULL, 1, 1)"
        )
        connection.execute("INSERT INTO points VALUES ('4000-01-01 BC', 'sad', 'c0', true, 1, 1)")
    source = build_source("postgresql", {"url": postgresql, "table": "points"})
    start = datetime(2024, 3, 1, tzinfo=UTC)
    asked = Query(
        measures=("value",),
        by=("mood", "code", "flag", "number"),
        time="time",
        start=start,
        end=start + timedelta(hours=2),
    )
    bucketed = replace(asked, agg="max", step=timedelta(minutes=10), closed=True)

    for filters in ({}, {"mood": ("O'K",)}, {"code": ("c1",), "flag": ("true", "maybe")}, {"number": ("1", "one")}):
        raw = source.read(replace(asked, filter=filters))
        reading = source.read(replace(bucketed, filter=filters))
        assert not [note for note in reading.findings.notes if "aggregated here" in note]
        assert {key for panel in reading.panels for key in panel.keys} == {
            key for panel in raw.panels for key in panel.keys
        }
        assert sum(panel.n_series for panel in raw.panels) == {"mood": 3, "code": 1, "number": 3}.get(
            next(iter(filters), ""), 6
        )
    assert source.newest(asked) == start + timedelta(minutes=99)
    assert source.preview(200)[-1]["time"] is None
    everything = source.read(replace(asked, start=None, end=None, by=()))
    assert everything.findings.bad_count == 3


@pytest.mark.external_service
def test_rows_without_a_time_are_counted_as_bad(postgresql: str) -> None:
    import psycopg

    with psycopg.connect(postgresql) as connection:
        connection.execute("CREATE TABLE points (time timestamptz, value int)")
        connection.execute(
            "INSERT INTO points SELECT '2024-03-01Z'::timestamptz + i * interval '1 min', i"
            " FROM generate_series(0, 99) i"
        )
        connection.execute("INSERT INTO points VALUES (NULL, 7), (NULL, 8)")
    source = build_source("postgresql", {"url": postgresql, "table": "points"})
    query = Query(measures=("value",), by=(), time="time", agg="max", step=timedelta(minutes=10))

    findings = source.read(query).findings

    assert (findings.bad_count, findings.rows) == (2, 102)
    assert not [note for note in findings.notes if "aggregated here" in note]
    with pytest.raises(DataError, match="time is empty"):
        source.read(replace(query, strict=True))
