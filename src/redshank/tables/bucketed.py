"""Tables of one shape as buckets: the aggregation runs in the stream that reads the files."""

from __future__ import annotations

import numpy as np
import polars as pl

from redshank.durations import format_duration
from redshank.errors import DataError
from redshank.panel import to_time
from redshank.sources.base import Findings, Progress, Query
from redshank.tables.buckets import Buckets, aggregate, fill_empty, last_is_full
from redshank.tables.grid import Block, Rows, Tidied, blocks, sort_rows
from redshank.tables.join import Joined, are_separate, file_label, nothing_readable, series_codes
from redshank.tables.points import BAD, TIME, Parsed, report_bad

INDEX, ROWS = "\x00bucket", "\x00rows"
MOST_CELLS = 200_000_000
DEFAULT = "mean"


def read_buckets(
    members: list[Parsed], query: Query, findings: Findings, tell: Progress
) -> tuple[Joined, list[Block], Tidied]:
    """Return the buckets of tables of one shape, laid out on grids."""
    assert query.step is not None
    rule = Buckets.of(query.step, query.tz)
    agg = query.agg or DEFAULT
    say_default(query, findings)
    for table in members:
        tell(None, f"reading {table.raw.where}")
        _check(table, findings)
    points, labels = _together(members, findings)
    inside = _in_range(points, query)
    tell(None, "aggregating")
    joined = _aggregated(inside, rule, agg, members, labels)
    if not len(joined.points):
        raise nothing_readable(findings)
    if is_all_there(query):
        return (joined, *_laid_out(joined, rule))
    if not _reaches_end(joined, points if query.end else inside, rule):
        _leave_out_last(joined, findings)
    return (joined, *filled(agg, *_laid_out(joined, rule)))


def say_default(query: Query, findings: Findings) -> None:
    """Say which aggregation is taken where none was asked for."""
    if query.agg is None and query.step is not None:
        findings.notes.append(
            f"buckets of {format_duration(query.step)} hold the {DEFAULT} of their rows (--agg sets it)"
        )


def is_all_there(query: Query) -> bool:
    """Whether the last bucket is full, and empty ones have no value, because the query says that all is there."""
    return query.closed and query.end is not None


def filled(agg: str, laid: list[Block], tidied: Tidied) -> tuple[list[Block], Tidied]:
    """Return blocks (their cells changed in place) whose empty buckets are 0 where none means zero."""
    for block in laid:
        for cells in block.values:
            fill_empty(agg, cells)
    tidied.gaps = empty_cells(laid)
    return laid, tidied


def _check(table: Parsed, findings: Findings) -> None:
    """Count rows, bad ones and infinite values; learn time formats that turn up late."""
    counted = _counted(table)
    if counted["bad"] and table.learn_times():
        counted = _counted(table)
    findings.rows += counted["rows"]
    findings.infinite += counted["infinite"]
    if counted["bad"] or table.raw.bad_count:
        report_bad(table, counted["bad"], findings)


def _counted(table: Parsed) -> dict[str, int]:
    names = [f"m{i}" for i, measure in enumerate(table.roles.measures) if not measure.is_text]
    infinite = pl.sum_horizontal(pl.col(name).is_infinite().sum() for name in names) if names else pl.lit(0)
    counts = (pl.len().alias("rows"), pl.col(BAD).sum().alias("bad"), infinite.alias("infinite"))
    row = table.streamed(lambda points: points.select(*counts)).to_dicts()[0]
    return {name: int(value or 0) for name, value in row.items()}


def _together(members: list[Parsed], findings: Findings) -> tuple[pl.LazyFrame, tuple[str, ...]]:
    """The readable points of all tables with a label for the file where they hold separate series."""
    names = members[0].roles.labels
    frames = [table.points().filter(pl.col(TIME).is_not_null()) for table in members]
    if len(frames) == 1:
        return frames[0], names
    if are_separate(members, frames, len(names)):
        names = (*names, file_label(names, findings, len(frames)))
        column = f"l{len(names) - 1}"
        frames = [f.with_columns(pl.lit(t.raw.label).alias(column)) for f, t in zip(frames, members, strict=True)]
    else:
        findings.notes.append(f"{len(frames):,} files of one shape joined")
    return pl.concat(frames), names


def _in_range(points: pl.LazyFrame, query: Query) -> pl.LazyFrame:
    if query.start is not None:
        points = points.filter(pl.col(TIME) >= int(to_time(query.start).view(np.int64)))
    if query.end is not None:
        points = points.filter(pl.col(TIME) < int(to_time(query.end).view(np.int64)))
    return points


def _aggregated(
    points: pl.LazyFrame, rule: Buckets, agg: str, members: list[Parsed], labels: tuple[str, ...]
) -> Joined:
    measures = tuple(m.name for m in members[0].roles.measures)
    keys = [f"l{i}" for i in range(len(labels))]
    numbers = [f"m{i}" for i, measure in enumerate(members[0].roles.measures) if not measure.is_text]
    finite = [pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name in numbers]
    values = [aggregate(agg, f"m{i}", TIME).alias(f"m{i}") for i in range(len(measures))]
    if not measures:
        values = [pl.len().cast(pl.Float64).alias("m0")]
    indexed = points.with_columns(rule.index(pl.col(TIME)).alias(INDEX), *finite)
    try:
        buckets = indexed.group_by([*keys, INDEX]).agg(*values).sort([*keys, INDEX]).collect(engine="streaming")
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{members[0].raw.where}: cannot be read: {str(error).splitlines()[0]}") from error
    codes, label_values = series_codes(buckets, len(labels))
    return Joined(buckets.drop(keys), codes, labels, label_values, measures or ("count",), is_local=False)


def _reaches_end(joined: Joined, points: pl.LazyFrame, rule: Buckets) -> bool:
    last = int(joined.points[INDEX].to_numpy().max())
    last_time = points.select(pl.col(TIME).max()).collect(engine="streaming").item()
    end = int(rule.starts(np.array([last + 1], np.int64))[0])
    return last_is_full(points, TIME, int(last_time), end, rule.step)


def _leave_out_last(joined: Joined, findings: Findings) -> None:
    """Drop the last bucket, which is still filling; DataError when there is no other."""
    index = joined.points[INDEX].to_numpy()
    keep = index < int(index.max())
    say_left_out(findings, is_all=not keep.any())
    joined.points, joined.codes = joined.points.filter(pl.Series(keep)), joined.codes[keep]


def say_left_out(findings: Findings, *, is_all: bool) -> None:
    """Say that the last bucket was left out; DataError when there is no other."""
    if is_all:
        raise DataError(f"{findings.name}: all rows fall into one bucket that is still filling; set a shorter step")
    findings.notes.append("left out the last bucket: the data ends before it does")


def check_span(span: int) -> None:
    """Raise DataError when there are more steps from the first to the last than can be laid out."""
    if span > MOST_CELLS:
        raise DataError(f"step: from the first to the last time there are {span:,} steps; set a longer one")


def _laid_out(joined: Joined, rule: Buckets) -> tuple[list[Block], Tidied]:
    """Return the buckets, ``INDEX`` and ``m0`` .. of ``joined``, on grids of whole steps."""
    index = joined.points[INDEX].to_numpy().astype(np.int64)
    span = int(index.max() - index.min()) + 1
    check_span(span)
    names = [name for name in joined.points.columns if name.startswith("m")]
    values = [joined.points[name].fill_null(float("nan")).to_numpy() for name in names]
    rows, tidied = Rows(joined.codes, index, values), Tidied()
    sort_rows(rows, tidied)
    laid = []
    for block in blocks(rows, tidied, step=1):
        cells = [np.array(values) for values in block.values]
        laid.append(Block(block.series, rule.starts(block.times), cells, rule.step))
    tidied.gaps = empty_cells(laid)
    return laid, tidied


def empty_cells(laid: list[Block]) -> int:
    """Return how many buckets have no value."""
    return sum(int(np.isnan(block.values[0]).sum()) for block in laid)
