"""Buckets that a system aggregated itself, as panels: laid out exactly as if its rows had been aggregated here.

A source that pushes aggregation down hands over one row for each combination of labels and bucket that holds rows:

    l0, l1, ..  the labels, in the order of ``labels``; null and "" are the same (and no label)
    bucket      where the bucket starts: nanoseconds of UTC, or a column of times; any time within it will do
    m0, m1, ..  the aggregates, in the order of ``measures``, null or NaN = none; m0 is the count where rows are counted
    rows        how many rows it is made of; may be left out

in any order and any number of frames. A bucket whose rows have no value is among them (its count is 0, its mean null);
one without rows is not. Infinite values and NaN must not have been aggregated.

Two rows of one series and bucket (finer buckets, labels "" and null) are put together where that can be done
(``MERGED``); for other aggregations the source must do that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta

import numpy as np
import polars as pl

from redshank.errors import NoPointsError
from redshank.panel import Panel
from redshank.sources.base import ROWS, Findings, Query, Reading
from redshank.tables.bucketed import DEFAULT, empty_cells, filled, is_all_there, say_default
from redshank.tables.buckets import ZERO_WHEN_EMPTY, Buckets
from redshank.tables.cells_heap import BUCKET, MERGED, CellsError, Heap
from redshank.tables.grid import Block, Tidied
from redshank.tables.join import Joined
from redshank.tables.read import panels_of

COUNTED = "rows"
__all__ = ["BUCKET", "COUNTED", "MERGED", "CellsError", "needs_last", "read_cells"]


def needs_last(query: Query) -> bool:
    """Whether a source must find out if the last bucket is full (``reaches_end`` of tables/buckets.py)."""
    return not is_all_there(query)


def read_cells(
    cells: pl.DataFrame | Iterable[pl.DataFrame],
    *,
    labels: Sequence[str],
    measures: Sequence[str],
    query: Query,
    where: str,
    last_is_full: bool = True,
) -> Reading:
    """Return the panels of buckets aggregated by ``query.agg`` over ``query.step``.

    ``measures``: as they are to be called; none (or ``ROWS``) = rows were counted. ``last_is_full``: whether the data
    reaches the end of its last bucket; not asked where ``needs_last`` says so.

    Raises:
        NoPointsError: there are no cells, or none with a value.
        DataError: there are too many steps, or one bucket only that is still filling.
        CellsError: a bucket came in parts that cannot be put together.
    """
    assert query.step is not None
    rule, agg = Buckets.of(query.step, query.tz), query.agg or DEFAULT
    names = () if tuple(measures) == ROWS else tuple(measures)
    findings = Findings(name=where, measures=names or ("count",), time=query.time)
    say_default(query, findings)
    heap = Heap(len(labels), max(1, len(names)))
    for frame in [cells] if isinstance(cells, pl.DataFrame) else cells:
        if COUNTED in frame.columns:
            findings.rows += int(frame[COUNTED].sum() or 0)
        heap.add(_plain(frame, len(labels), max(1, len(names)), agg, rule))
    if not heap.n_cells:
        raise NoPointsError(f"{where}: must hold rows with a time in the range asked for, got none")
    if not is_all_there(query) and not last_is_full:
        heap.leave_out_last(findings)
    panels = _panels(heap, labels, findings, query, rule, agg)
    if not panels:
        raise NoPointsError(f"{where}: holds no values in the range asked for")
    _describe(findings, panels, query, rule)
    return Reading(panels, findings)


def _plain(frame: pl.DataFrame, n_labels: int, n_measures: int, agg: str, rule: Buckets) -> pl.DataFrame:
    """The cells with the numbers of their buckets, labels as texts, and values without nulls."""
    time = pl.col(BUCKET).dt.epoch("ns") if frame[BUCKET].dtype.is_temporal() else pl.col(BUCKET).cast(pl.Int64)
    none = 0.0 if agg in ZERO_WHEN_EMPTY else float("nan")
    return frame.select(
        *(pl.col(f"l{i}").cast(pl.String).fill_null("") for i in range(n_labels)),
        rule.index(time).cast(pl.Int64).alias(BUCKET),
        *(pl.col(f"m{i}").cast(pl.Float64).fill_nan(None).fill_null(none) for i in range(n_measures)),
    )


def _panels(
    heap: Heap, labels: Sequence[str], findings: Findings, query: Query, rule: Buckets, agg: str
) -> list[Panel]:
    values, blocks = heap.laid_out(agg, findings.name)
    laid = [Block(one.series, rule.starts(one.times), one.values, rule.step) for one in blocks]
    tidied = Tidied(gaps=empty_cells(laid))
    if not is_all_there(query):
        laid, tidied = filled(agg, laid, tidied)
    nothing = pl.DataFrame(), np.zeros(0, np.int32)
    joined = Joined(*nothing, tuple(labels), values, findings.measures, is_local=False)
    return panels_of((joined, laid, tidied), query, findings, Counter())


def _describe(findings: Findings, panels: list[Panel], query: Query, rule: Buckets) -> None:
    findings.n_series = sum(panel.n_series for panel in panels)
    findings.labels = tuple(sorted({name for panel in panels for key in panel.keys for name, _ in key.labels}))
    findings.step = timedelta(microseconds=rule.step / 1000)
    findings.time_format = "aggregated by the source"
    findings.zone = query.tz or "UTC"
