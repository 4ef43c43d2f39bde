"""The source of InfluxDB on a real one of 1.6: the contract of sources."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import polars as pl
import pytest

import source_contract as contract
from influxdb_world import TABLE, Filled
from redshank.errors import DataError, SourceError
from redshank.sources.base import Query
from redshank.tables import read_table
from service_world import running
from source_contract import END, HOURS, LABELS, MEASURES, START

pytestmark = pytest.mark.external_service
PUSHED = ("count", "min", "max", "sum", "mean", "median", "variance", "std", "first", "last", "cardinality")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running("influxdb") as url:
        yield url


@pytest.fixture(scope="module")
def filled(server: str) -> Iterator[Filled]:
    found = Filled(server, contract.contract_rows(), LABELS, MEASURES)
    yield found
    found.drop()


def test_the_contract_of_sources_is_kept(filled: Filled) -> None:
    make, rows = filled.source, filled.rows
    contract.check_law(make, rows)
    contract.check_raw(make, rows)
    contract.check_repeatable(make)
    contract.check_cursor(make)
    contract.check_filter(make, rows.drop_nulls("load"))  # a point without that field is none of it
    contract.check_newest(make, rows)
    contract.check_preview_survey(make)
    contract.check_none(make)


@pytest.mark.parametrize("agg", PUSHED)
def test_the_server_makes_the_buckets(filled: Filled, agg: str) -> None:
    asked = contract.query(agg=agg, step=HOURS, start=START, end=END, closed=True)

    found = filled.source().read(asked)

    assert not any("aggregated here" in note for note in found.findings.notes)
    contract.check_same(found, read_table(filled.rows, asked), 1e-9)


@pytest.mark.parametrize("agg", ["count", "sum", "mean", "median", "std", "p5"])
def test_series_are_put_together_by_the_tags_asked_for(filled: Filled, agg: str) -> None:
    asked = contract.query(agg=agg, step=timedelta(hours=5), by=("city",), end=END, closed=True)

    contract.check_same(filled.source().read(asked), read_table(filled.rows, asked), 1e-9)


def test_tags_come_through_as_they_are(server: str) -> None:
    rows = contract.hostile_rows().filter(~pl.col("name").str.contains("\n"))  # which no line can hold
    rows = rows.with_columns((pl.int_range(pl.len()) // 3).cast(pl.Float64).alias("value"))
    hostile = Filled(server, rows, ("name",), ("value",))

    contract.check_hostile_labels(hostile.source, rows)
    hostile.drop()


def test_a_select_is_read_as_a_table(filled: Filled) -> None:
    inner = f'SELECT mean("load") AS "load" FROM "{TABLE.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}" GROUP BY time(1h), "city" fill(none)'  # noqa: E501
    source = filled.source(table=None, query=inner)
    asked = Query(measures=("load",), by=("city",), start=START, end=END)

    found = source.read(asked)

    by_hour = read_table(filled.rows, contract.query(agg="mean", step=HOURS, by=("city",), measures=("load",)))
    assert found.findings.n_series == by_hour.findings.n_series
    assert source.newest(Query()) is not None
    assert source.survey(Query()).time == "time"
    source.check()


def test_what_is_wrong_is_said(filled: Filled) -> None:
    with pytest.raises(DataError, match=r"column 'nope' not found; columns are latency, load, requests, city, host"):
        filled.source().read(Query(measures=("nope",)))
    with pytest.raises(SourceError, match=r"database not found: nowhere"):
        filled.source(database="nowhere").read(contract.query())
    with pytest.raises(SourceError, match="error parsing query"):
        filled.source(table=None, query="SELEC").read(Query())
