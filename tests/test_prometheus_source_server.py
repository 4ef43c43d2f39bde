"""The source of Prometheus on a real one: the contract of sources."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import polars as pl
import pytest

import source_contract as contract
from prometheus_world import Filled
from redshank.errors import SourceError
from redshank.sources.base import AGGREGATIONS
from redshank.tables import read_table
from service_world import running
from source_contract import END, HOURS, LABELS, MEASURES, START

pytestmark = pytest.mark.external_service
PUSHED = ("count", "min", "max", "sum", "mean", "median", "variance", "std", "last", "p5", "p99.9")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running("prometheus") as url:
        yield url


@pytest.fixture(scope="module")
def filled(server: str) -> Filled:
    """With points that are NaN, for which buckets are made here."""
    return Filled(server, contract.contract_rows(), LABELS, MEASURES)


@pytest.fixture(scope="module")
def finite(server: str) -> Filled:
    """Without such points: the server makes the buckets."""
    rows = contract.contract_rows().with_columns(pl.col("load", "latency").fill_nan(None))
    return Filled(server, rows, LABELS, MEASURES)


def test_the_contract_of_sources_is_kept(filled: Filled) -> None:
    contract.check_all(filled.source, filled.rows, aggregations=(*AGGREGATIONS, "p5"))


def test_buckets_made_by_the_server_equal_those_made_here(finite: Filled) -> None:
    contract.check_law(lambda: finite.source(page_points=20_000), finite.rows)


@pytest.mark.parametrize("agg", PUSHED)
def test_the_server_makes_the_buckets(finite: Filled, agg: str) -> None:
    asked = contract.query(agg=agg, step=HOURS, start=START, end=END, closed=True)

    found = finite.source().read(asked)

    assert not any("aggregated here" in note for note in found.findings.notes)
    contract.check_same(found, read_table(finite.rows, asked), 1e-9)


@pytest.mark.parametrize("agg", ["count", "sum", "min", "max", "mean", "median", "std"])
def test_series_are_put_together_by_the_labels_asked_for(finite: Filled, agg: str) -> None:
    asked = contract.query(agg=agg, step=timedelta(hours=5), by=("city",), end=END, closed=True)

    found = finite.source().read(asked)

    contract.check_same(found, read_table(finite.rows, asked), 1e-9)


def test_labels_come_through_as_they_are(server: str) -> None:
    rows = contract.hostile_rows()
    hostile = Filled(server, rows, ("name",), ("value",))

    contract.check_hostile_labels(hostile.source, rows)


def test_an_expression_is_evaluated_at_even_times(finite: Filled) -> None:
    expression = f'max by (host) (max_over_time(requests{{run="{finite.run}"}}[1h]))'
    source = finite.source(query=expression)
    asked = contract.query(measures=("most",), by=("host",), step=HOURS, start=START, end=END)

    (panel,) = source.read(asked).panels

    assert panel.n_series == len({host or None for host, _ in contract.SERIES})
    assert (panel.times[1] - panel.times[0]).astype("timedelta64[s]").astype(int) == 3600
    assert {str(key) for key in panel.keys} >= {"most{host=web-1}"}


def test_what_the_server_refuses_is_said(finite: Filled) -> None:
    with pytest.raises(SourceError, match=r"refused the request \(400\): .*parse error"):
        finite.source(query="sum(").read(contract.query(measures=(), start=START, end=END))
