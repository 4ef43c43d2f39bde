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

import polars as pl

from redshank.errors import DataError, NoPointsError
from redshank.panel import Panel
from redshank.sources.base import ROWS, Findings, Query, Reading
from redshank.tables.bucketed import DEFAULT, INDEX, filled, is_all_there, laid_out, leave_out_last
from redshank.tables.buckets import ZERO_WHEN_EMPTY, Buckets
from redshank.tables.join import Joined, series_codes
from redshank.tables.read import panels_of

BUCKET, COUNTED = "bucket", "rows"
MERGED = ("count", "sum", "min", "max")


class CellsError(DataError):
    """A bucket of one series came in parts that its aggregate cannot be made of."""


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
    joined = _joined(cells, labels, names, agg, rule, findings)
    if is_all_there(query):
        laid = laid_out(joined, rule)
    else:
        if not last_is_full:
            leave_out_last(joined, findings)
        laid = filled(agg, *laid_out(joined, rule))
    panels = panels_of((joined, *laid), query, findings, Counter())
    if not panels:
        raise NoPointsError(f"{where}: holds no values in the range asked for")
    _describe(findings, panels, query, rule)
    return Reading(panels, findings)


def _joined(
    cells: pl.DataFrame | Iterable[pl.DataFrame],
    labels: Sequence[str],
    measures: Sequence[str],
    agg: str,
    rule: Buckets,
    findings: Findings,
) -> Joined:
    frames = []
    for frame in [cells] if isinstance(cells, pl.DataFrame) else cells:
        if COUNTED in frame.columns:
            findings.rows += int(frame[COUNTED].sum() or 0)
        frames.append(_coded(frame, len(labels), max(1, len(measures)), agg, rule))
    points = pl.concat(frames) if frames else pl.DataFrame()
    if points.is_empty():
        raise NoPointsError(f"{findings.name}: must hold rows with a time in the range asked for, got none")
    points = _merged(points, len(labels), agg, findings.name)
    codes, values = series_codes(points, len(labels))
    points = points.drop([f"l{i}" for i in range(len(labels))])
    return Joined(points, codes, tuple(labels), values, tuple(measures) or ("count",), is_local=False)


def _coded(frame: pl.DataFrame, n_labels: int, n_measures: int, agg: str, rule: Buckets) -> pl.DataFrame:
    """The cells with the numbers of their buckets, and labels that take little room."""
    time = pl.col(BUCKET).dt.epoch("ns") if frame[BUCKET].dtype.is_temporal() else pl.col(BUCKET).cast(pl.Int64)
    values = [pl.col(f"m{i}").cast(pl.Float64).fill_nan(None) for i in range(n_measures)]
    return frame.select(
        *(pl.col(f"l{i}").cast(pl.String).fill_null("").cast(pl.Categorical) for i in range(n_labels)),
        rule.index(time).alias(INDEX),
        *(value.fill_null(0.0) if agg in ZERO_WHEN_EMPTY else value for value in values),
    )


def _merged(points: pl.DataFrame, n_labels: int, agg: str, where: str) -> pl.DataFrame:
    """The cells, those of the same series and bucket put together."""
    keys = [*(f"l{i}" for i in range(n_labels)), INDEX]
    if points.select(keys).n_unique() == len(points):
        return points
    if agg not in MERGED:
        raise CellsError(f"{where}: gave a bucket of the same series twice, which {agg} cannot be made of", field="by")
    values = pl.all().exclude(keys)
    whole = {"min": values.min(), "max": values.max()}.get(agg, values.sum())
    return points.group_by(keys).agg(whole)


def _describe(findings: Findings, panels: list[Panel], query: Query, rule: Buckets) -> None:
    findings.n_series = sum(panel.n_series for panel in panels)
    findings.labels = tuple(sorted({name for panel in panels for key in panel.keys for name, _ in key.labels}))
    findings.step = timedelta(microseconds=rule.step / 1000)
    findings.time_format = "aggregated by the source"
    findings.zone = query.tz or "UTC"
