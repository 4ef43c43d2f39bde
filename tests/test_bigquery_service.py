"""The source of BigQuery on an emulator: the contract of sources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import polars as pl
import pytest

import source_contract as contract
from redshank.errors import ConfigError, SourceError
from redshank.sources.base import AGGREGATIONS
from redshank.sources.bigquery import BigquerySource
from redshank.sources.build import build_source
from redshank.tables import read_table
from service_world import running
from source_contract import END, HOURS, START

pytestmark = [pytest.mark.external_service, pytest.mark.filterwarnings("ignore::UserWarning")]
PROJECT, PAGE = "redshank", 2_000
PUSHED = ("count", "min", "max", "sum", "mean", "first", "last", "cardinality")
TYPES = {"time": "TIMESTAMP", "host": "STRING", "city": "STRING", "name": "STRING", "requests": "INTEGER"}


class Filled:
    """A table of its own that holds some rows."""

    def __init__(self, endpoint: str, rows: pl.DataFrame) -> None:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        self.endpoint, self.rows, self.name = endpoint, rows, f"t{uuid4().hex[:8]}"
        client = bigquery.Client(
            project=PROJECT, credentials=AnonymousCredentials(), client_options={"api_endpoint": endpoint}
        )
        client.create_dataset("points", exists_ok=True)
        schema = [bigquery.SchemaField(name, TYPES.get(name, "FLOAT")) for name in rows.columns]
        client.create_table(bigquery.Table(f"{PROJECT}.points.{self.name}", schema=schema))
        given = rows.with_columns(pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).to_dicts()
        for i in range(0, len(given), PAGE):
            assert not client.insert_rows_json(f"{PROJECT}.points.{self.name}", given[i : i + PAGE])

    def source(self, **options: Any) -> BigquerySource:
        what = {} if "query" in options else {"table": self.name}
        given = {"project": PROJECT, "dataset": "points", "endpoint": self.endpoint, **what, **options}
        source = build_source("bigquery", given)
        assert isinstance(source, BigquerySource)
        return source


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running("bigquery") as url:
        yield url


@pytest.fixture(scope="module")
def filled(server: str) -> Filled:
    return Filled(server, contract.contract_rows().with_columns(pl.col("load", "latency").fill_nan(None)))


def test_the_contract_of_sources_is_kept(filled: Filled) -> None:
    contract.check_all(filled.source, filled.rows, aggregations=(*AGGREGATIONS, "p5"))


@pytest.mark.parametrize("agg", PUSHED)
def test_bigquery_makes_the_buckets(filled: Filled, agg: str) -> None:
    asked = contract.query(agg=agg, step=HOURS, start=START, end=END, closed=True)

    found = filled.source().read(asked)

    assert not any("aggregated here" in note for note in found.findings.notes)
    contract.check_same(found, read_table(filled.rows, asked), 1e-9)


def test_a_query_is_read_with_the_range_where_it_says(filled: Filled) -> None:
    query = f"SELECT * FROM points.{filled.name} WHERE time >= :start AND time < @end"
    asked = contract.query(agg="sum", step=HOURS, start=START, end=END, closed=True)

    found = filled.source(query=query).read(asked)

    contract.check_same(found, read_table(filled.rows, asked), 1e-9)


def test_labels_come_through_as_they_are(server: str) -> None:
    rows = contract.hostile_rows()

    contract.check_hostile_labels(Filled(server, rows).source, rows)


def test_a_table_that_is_not_there_is_an_error(filled: Filled) -> None:
    with pytest.raises(SourceError, match="nothing_such"):
        filled.source(table="nothing_such").check()


def test_what_writes_is_refused(filled: Filled) -> None:
    with pytest.raises(ConfigError, match="must read"):
        filled.source(query=f"DELETE FROM points.{filled.name} WHERE true")
