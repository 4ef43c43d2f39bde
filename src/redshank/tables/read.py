"""Tables to panels: find the roles of columns, read the points, join files, lay them out on grids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from redshank.durations import format_duration
from redshank.errors import ConfigError, DataError, NoPointsError
from redshank.panel import VALUE, Floats, Key, Panel, Times, to_time
from redshank.sources.base import Findings, Progress, Query, Reading, count
from redshank.tables.bucketed import read_buckets
from redshank.tables.grid import Block, Rows, Tidied, blocks, sort_rows
from redshank.tables.join import Joined, join_tables
from redshank.tables.native import native_table
from redshank.tables.points import TIME, Parsed
from redshank.tables.raw import RawTable
from redshank.tables.zones import to_utc


def read_table(frame: Any, query: Query, progress: Progress | None = None) -> Reading:
    """Return the panels of a table.

    ``frame``: pandas, Polars (also lazy), Arrow, numpy, a dict of columns, or anything Narwhals takes.
    """
    return read_tables([RawTable(where="table", frame=native_table(frame))], query, progress)


def read_tables(raws: Sequence[RawTable], query: Query, progress: Progress | None = None) -> Reading:
    """Return the panels of several tables: those of one shape are joined.

    When several tables are given, one that holds no series is left out and said so; when none does, the first error
    is raised.
    """
    if query.agg is not None and query.step is None:
        raise ConfigError(f"agg: {query.agg} needs the length of the buckets, such as --step 5m", field="step")
    tell = progress or (lambda share, what: None)
    findings = Findings(name=raws[0].where if len(raws) == 1 else f"{len(raws):,} files", n_files=len(raws))
    in_stream = query.step is not None
    tables, left_out, first_error = [], [], None
    for i, raw in enumerate(raws):
        tell(i / len(raws) / 10, f"looking at {raw.where}")
        try:
            tables.append(Parsed.of(raw, query, in_stream=in_stream))
        except (DataError, pl.exceptions.PolarsError) as error:
            problem = (
                error
                if isinstance(error, DataError)
                else DataError(f"{raw.where}: cannot be read: {_first_line(error)}")
            )
            if len(raws) == 1 or query.strict:
                raise problem from error
            first_error = first_error or problem
            left_out.append(str(problem))
    timed = [table for table in tables if table.roles.clock.columns]
    if timed and len(timed) < len(tables):
        left_out += [f"{t.raw.where}: has no time column" for t in tables if not t.roles.clock.columns]
        tables = timed
    if not tables:
        raise first_error or NoPointsError("there is nothing to read")
    if left_out:
        findings.notes.append(f"left out {count(len(left_out), 'file')}: " + "; ".join(left_out[:3]))
    return _reading(tables, query, findings, tell)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _reading(tables: list[Parsed], query: Query, findings: Findings, tell: Progress) -> Reading:
    shapes: dict[tuple[Any, ...], list[Parsed]] = {}
    for table in tables:
        shapes.setdefault(table.shape, []).append(table)
    panels: list[Panel] = []
    steps: Counter[int] = Counter()
    for shape, members in shapes.items():
        panels += _shape_panels(members, query, findings, tell, steps)
        findings.measures = tuple(dict.fromkeys((*findings.measures, *(shape[0] or ("count",)))))
    _describe(tables, query, findings, panels, steps)
    if not panels:
        raise NoPointsError(f"{findings.name}: holds no values in the range asked for")
    return Reading(panels, findings)


def _describe(tables: list[Parsed], query: Query, findings: Findings, panels: list[Panel], steps: Counter[int]) -> None:
    clock = tables[0].roles.clock
    findings.time, findings.time_format = clock.name, clock.kind
    findings.zone = (query.tz or "UTC") if clock.is_local else "UTC"
    findings.n_series = sum(panel.n_series for panel in panels)
    findings.labels = tuple(sorted({name for panel in panels for key in panel.keys for name, _ in key.labels}))
    step = steps.most_common(1)[0][0] if steps else 0
    findings.step = timedelta(microseconds=step / 1000) if step else None
    notes = [note for table in tables for note in (*table.raw.notes, *table.roles.notes)]
    if clock.is_mixed:
        notes.append(f"some times carry a zone and some do not; those without are read as {query.tz or 'UTC'}")
    findings.notes = [*dict.fromkeys(notes), *findings.notes]


def _shape_panels(
    members: list[Parsed], query: Query, findings: Findings, tell: Progress, steps: Counter[int]
) -> list[Panel]:
    if query.step is not None:
        read = read_buckets(members, query, findings, tell)
    else:
        read = _read_points(members, query, findings, tell)
    return panels_of(read, query, findings, steps)


def panels_of(
    read: tuple[Joined, list[Block], Tidied], query: Query, findings: Findings, steps: Counter[int]
) -> list[Panel]:
    """Return the panels of blocks, without series that have no value; ``steps`` counts series by step."""
    joined, laid, tidied = read
    findings.duplicates += tidied.duplicates
    findings.unsorted += tidied.unsorted
    findings.gaps += tidied.gaps
    panels = [_panel(block, joined, query) for block in laid]
    kept = [panel for panel in (_without_empty(panel) for panel in panels) if panel.n_series]
    empty = sum(panel.n_series for panel in panels) - sum(panel.n_series for panel in kept)
    if empty:
        findings.notes.append(f"left out {count(empty, 'series', 'series')} without any value")
    for block in laid:
        steps[block.step] += len(block.series)
    return kept


def _read_points(
    members: list[Parsed], query: Query, findings: Findings, tell: Progress
) -> tuple[Joined, list[Block], Tidied]:
    joined = join_tables(members, query, findings, tell)
    tell(None, "building the panels")
    rows, tidied = _rows(joined, query, findings), Tidied()
    joined.points = joined.points.clear()
    sort_rows(rows, tidied)
    laid = blocks(rows, tidied)
    findings.notes += _advice(rows, tidied, laid)
    return joined, laid, tidied


def _rows(joined: Joined, query: Query, findings: Findings) -> Rows:
    """The points as arrays: times in UTC, infinite values gone, cut to the range asked for."""
    points = joined.points
    series = joined.codes
    times = points[TIME].to_numpy()
    if joined.is_local and query.tz:
        local = to_utc(times, series, query.tz)
        times = local.times
        findings.notes += local.notes(query.tz)
    values = []
    for i in range(len(joined.measures)):
        column = points[f"m{i}"].fill_null(float("nan")).to_numpy()
        infinite = np.isinf(column)
        if infinite.any():
            findings.infinite += int(infinite.sum())
            column = np.where(infinite, np.nan, column)
        values.append(column)
    rows = Rows(series, times, values)
    keep = _in_range(times, query)
    if keep is not None:
        rows = Rows(series[keep], times[keep], [column[keep] for column in values])
    return rows


def _in_range(times: np.ndarray, query: Query) -> np.ndarray | None:
    if query.start is None and query.end is None:
        return None
    keep = np.ones(len(times), bool)
    if query.start is not None:
        keep &= times >= to_time(query.start).view(np.int64)
    if query.end is not None:
        keep &= times < to_time(query.end).view(np.int64)
    return keep


def _advice(rows: Rows, tidied: Tidied, laid: Sequence[Block]) -> list[str]:
    notes = []
    if tidied.snapped:
        notes.append(f"{count(tidied.snapped, 'time')} off the grid by less than a quarter step, moved onto it")
    irregular = any(_is_uneven(block) for block in laid)
    many = tidied.duplicates > 0.02 * len(rows.times)
    if tidied.duplicates:
        notes.append("of rows with the same series and time the last was kept")
    if irregular or many:
        why = "many rows share series and time" if many else "times are irregular"
        step = format_duration(_suggested_step(laid))
        notes.append(f"{why}: if these are raw events, count or average them with --step {step} --agg count (or mean)")
    return notes


def _is_uneven(block: Block) -> bool:
    """Whether times are irregular, not only a little off their usual distance."""
    if block.step or len(block.times) < 3:
        return False
    differences = np.diff(block.times)
    usual = float(np.median(differences))
    return bool((np.abs(differences - usual) <= 0.25 * usual).mean() < 0.8)


def _suggested_step(laid: Sequence[Block]) -> timedelta:
    """A round step of about 10 rows each."""
    longest = max(laid, key=lambda block: len(block.times))
    usual = float(np.median(np.diff(longest.times))) / 1e9 if len(longest.times) > 1 else 6.0
    rounds = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 21600, 86400)
    return timedelta(seconds=next((step for step in rounds if step >= 10 * usual), 604800))


def _panel(block: Block, joined: Joined, query: Query) -> Panel:
    labels = [joined.labels_of(int(code)) for code in block.series]
    times: Times = block.times.view("datetime64[ns]")
    names = joined.measures
    if query.multivariate and len(names) > 1:
        name = "+".join(names) if len(names) <= 3 else f"{len(names)} measures"
        keys = [Key.of(name, one) for one in labels]
        return Panel(tuple(keys), times, np.stack(block.values, axis=2), names)
    keys = [Key.of(name, one) for one in labels for name in names]
    if len(names) == 1:
        return Panel(tuple(keys), times, block.values[0][:, :, None])
    values: Floats = np.stack(block.values, axis=1).reshape(len(keys), len(times), 1)
    return Panel(tuple(keys), times, values, (VALUE,))


def _without_empty(panel: Panel) -> Panel:
    there = np.array([bool(np.isfinite(panel.values[i]).any()) for i in range(panel.n_series)])
    return panel if there.all() else panel.take(np.flatnonzero(there))
