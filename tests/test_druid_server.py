"""The source of Druid on a real one: the contract of sources, and native queries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

import source_contract as contract
from druid_world import Filled, doubles
from redshank.errors import NoPointsError, SourceError
from redshank.sources.base import AGGREGATIONS, ROWS
from redshank.tables import read_table
from service_world import running
from source_contract import END, HOURS, LABELS, START

pytestmark = pytest.mark.external_service
PUSHED = ("count", "min", "max", "sum", "mean", "first", "last")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running("druid") as url:
        yield url


@pytest.fixture(scope="module")
def filled(server: str) -> Filled:
    requests = {"type": "longSum", "name": "requests", "fieldName": "requests"}
    return Filled(server, contract.contract_rows(), LABELS, [*doubles("load", "latency"), requests])


def test_the_contract_of_sources_is_kept(filled: Filled) -> None:
    contract.check_all(filled.renamed, filled.rows, aggregations=(*AGGREGATIONS, "p5"))


@pytest.mark.parametrize("agg", PUSHED)
def test_druid_makes_the_buckets_of_a_datasource(filled: Filled, agg: str) -> None:
    asked = contract.query(agg=agg, step=HOURS, start=START, end=END, closed=True)

    found = filled.source().read(asked)

    assert not any("aggregated here" in note for note in found.findings.notes)
    contract.check_same(found, read_table(filled.rows, asked), 1e-9)


def test_druid_counts_different_values_exactly(filled: Filled) -> None:
    asked = contract.query(agg="cardinality", measures=("requests",), by=("city",), step=HOURS, end=END, closed=True)

    found = filled.source().read(asked)

    assert not any("aggregated here" in note for note in found.findings.notes)
    contract.check_same(found, read_table(filled.rows, asked))


def test_labels_come_through_as_they_are(server: str) -> None:
    rows = contract.hostile_rows()
    hostile = Filled(server, rows, ("name",), doubles("value"))

    contract.check_hostile_labels(hostile.renamed, rows)


def test_a_native_query_gives_what_the_rows_give(filled: Filled) -> None:
    query = {
        "queryType": "groupBy",
        "dataSource": filled.name,
        "granularity": {"type": "period", "period": "pt1h"},
        "dimensions": ["city"],
        "aggregations": [{"type": "count", "name": "n"}, {"type": "longSum", "name": "sum", "fieldName": "requests"}],
        "postAggregations": [
            {
                "type": "arithmetic",
                "name": "ratio",
                "fn": "/",
                "fields": [{"type": "fieldAccess", "fieldName": name} for name in ("sum", "n")],
            }
        ],
    }
    asked = contract.query(agg="count", measures=ROWS, by=("city",), step=HOURS, start=START, end=END, closed=True)
    range_only = {"start": START, "end": END, "measures": ("n",), "by": None, "time": None}

    found = filled.source(query=json.dumps(query)).read(contract.query(**range_only, closed=True))

    expected = {str(key): panel for panel in read_table(filled.rows, asked).panels for key in panel.keys}
    assert sum(panel.n_series for panel in found.panels) == len(expected)
    assert sum(float(panel.values[panel.values > 0].sum()) for panel in found.panels) == len(filled.rows)


@pytest.mark.parametrize("kind", ["timeseries", "topN", "scan"])
def test_native_queries_of_every_kind_are_read(filled: Filled, kind: str) -> None:
    query = {
        "queryType": kind,
        "dataSource": filled.name,
        **({"columns": ["host", "requests"]} if kind == "scan" else {"granularity": "hour"}),
        **({"dimension": "city", "metric": "sum", "threshold": 10} if kind == "topN" else {}),
        **({} if kind == "scan" else {"aggregations": [{"type": "longSum", "name": "sum", "fieldName": "requests"}]}),
    }
    total = int(filled.rows["requests"].sum())
    source = filled.source(query=query)

    found = source.read(contract.query(measures=(), by=None, time=None, agg="sum", step=timedelta(hours=2)))

    assert sum(float(panel.values[panel.values > 0].sum()) for panel in found.panels) == pytest.approx(total, rel=1e-9)
    assert source.preview(3)
    source.check()


def test_a_datasource_that_is_not_there_is_an_error(server: str, filled: Filled) -> None:
    query = {
        "queryType": "timeseries",
        "dataSource": f"{filled.name}x",
        "granularity": "hour",
        "aggregations": [{"type": "count", "name": "n"}],
    }

    for source in (filled.source(query=query), Filled.source(filled, table=f"{filled.name}x")):
        with pytest.raises(SourceError, match=filled.name):
            source.read(contract.query())


def test_a_range_without_rows_is_an_error_of_its_own(filled: Filled) -> None:
    with pytest.raises(NoPointsError):
        filled.source().read(contract.query(start=END + timedelta(days=9), agg="sum", step=HOURS))


def test_what_druid_refuses_is_told(filled: Filled) -> None:
    with pytest.raises(SourceError, match="nonsense"):
        filled.source(query=f'SELECT nonsense(1) FROM "{filled.name}"').preview()


def test_a_query_is_read_with_the_range_where_it_says(filled: Filled) -> None:
    query = (
        f'SELECT __time AS "time", host, city, requests FROM "{filled.name}" WHERE __time >= :start AND __time < :end'
    )
    asked = contract.query(measures=("requests",), agg="sum", step=HOURS)

    for changed in ({"start": START, "end": END, "closed": True}, {}):
        found = filled.source(query=query).read(replace(asked, **changed))
        contract.check_same(found, read_table(filled.rows, replace(asked, **changed)), 1e-9)


def test_rows_of_a_rolled_up_datasource_are_counted_by_their_column(filled: Filled) -> None:
    asked = contract.query(measures=ROWS, by=(), agg="count", step=HOURS, start=START, end=END, closed=True)

    (panel,) = filled.source(count_column="requests").read(asked).panels

    assert panel.values.sum() == filled.rows["requests"].sum()


def test_a_survey_names_datasources_and_columns(filled: Filled) -> None:
    survey = filled.source().survey(contract.query(time=None, measures=()))

    assert filled.name in [place.name for place in survey.places]
    assert {column.name: column.type for column in survey.columns}["__time"] == "TIMESTAMP"
    assert survey.time == "__time"
