"""The checks of the source contract pass a source that keeps it, and catch those that do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

import polars as pl
import pytest
from tests import source_contract as contract

from redshank.sources.base import Progress, Query, Reading, Source
from redshank.specs.options import Access, Options
from redshank.tables import read_table
from redshank.tables.native import native_table
from redshank.tables.newest import newest_time
from redshank.tables.raw import RawTable

FEW = contract.contract_rows(timedelta(hours=12))
Change = Callable[[Query, pl.DataFrame], tuple[Query, pl.DataFrame]]


class ListSource(Source):
    """Rows at hand; ``change``: what it does to a query and the rows before it reads."""

    kind: ClassVar[str] = "list"
    Options: ClassVar[type[Options]] = Options

    def __init__(self, change: Change = lambda query, rows: (query, rows)) -> None:
        """Read the contract's rows."""
        self.change = change

    @classmethod
    def build(cls, options: Any, access: Access) -> Self:
        """Return the source."""
        return cls()

    def read(self, query: Query, progress: Progress | None = None) -> Reading:
        """Read."""
        asked, rows = self.change(query, FEW)
        return read_table(rows, asked)

    def describe(self) -> str:
        """Return ``list``."""
        return "list"

    def preview(self, n: int = 10) -> list[dict[str, Any]]:
        """Return the first rows."""
        return FEW.head(n).to_dicts()

    def newest(self, query: Query) -> datetime | None:
        """Return the newest time."""
        return newest_time([RawTable(where="list", frame=native_table(FEW))], query)


def test_a_source_that_keeps_the_contract_passes_its_checks() -> None:
    contract.check_law(ListSource, FEW, aggregations=("mean", "count"), steps=(timedelta(days=1),))
    contract.check_raw(ListSource, FEW)
    contract.check_cursor(ListSource, ranges=4)
    contract.check_newest(ListSource, FEW)
    contract.check_preview_survey(ListSource)
    contract.check_none(ListSource)


@pytest.mark.parametrize(
    "change",
    [
        lambda query, rows: (replace(query, agg="max") if query.agg == "p99.9" else query, rows),
        lambda query, rows: (query, rows.filter(pl.col("time") != pl.col("time").max())),
        lambda query, rows: (query, rows.with_columns(pl.col("city").fill_null("none"))),
        lambda query, rows: (replace(query, tz=None), rows),
        lambda query, rows: (query, rows.unique()),
        lambda query, rows: (query, rows.with_columns(pl.col("load").fill_nan(0.0))),
    ],
    ids=["another aggregation", "a row lost", "a label made up", "zone forgotten", "doubles dropped", "NaN as zero"],
)
def test_a_source_that_breaks_the_law_is_caught(change: Change) -> None:
    with pytest.raises(AssertionError):
        contract.check_law(
            lambda: ListSource(change), FEW, aggregations=("count", "mean", "p99.9"), steps=(timedelta(days=1),)
        )
