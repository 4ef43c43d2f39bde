"""The source of search servers on real ones: the contract of sources, whole on two and shorter on the others."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import polars as pl
import pytest

import source_contract as contract
from elastic_world import CONTRACT, SERVERS, Behind
from service_world import running

pytestmark = pytest.mark.external_service
WHOLE, SHORTER = (
    ("opensearch3", "elasticsearch6"),
    ("opensearch2", "elasticsearch7", "elasticsearch8", "elasticsearch9"),
)
PUSHED = ("count", "min", "max", "sum", "mean", "variance", "std", "first", "last", "cardinality")


def rows() -> pl.DataFrame:
    """The rows of the contract, their times to the millisecond."""
    return contract.contract_rows().with_columns(pl.col("time").dt.truncate("1ms"))


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Behind]:
    """Each server after the other, filled with the rows of the contract."""
    script, environment = SERVERS[request.param]
    with running(request.param, script, environment) as url:
        behind = Behind(url, request.param)
        behind.create("contract", CONTRACT)
        behind.load_rows("contract", rows())
        yield behind
        behind.client.close()


def test_the_contract_of_sources_is_kept(server: Behind) -> None:
    make = partial(server.source, "contract", page_rows=500)

    contract.check_all(make, rows())
