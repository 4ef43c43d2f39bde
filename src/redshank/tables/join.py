"""Tables of one shape together: one after the other, or as separate series told apart by their file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from redshank.errors import DataError, NoPointsError
from redshank.sources.base import Findings, Progress, Query
from redshank.tables.points import BAD, FILE, TIME, Parsed, report_bad

Codes = NDArray[np.int32]
SOURCE_FILE = "source_file"  # where a column has the other name
FILE_LABELS = frozenset({FILE, SOURCE_FILE})  # that no column holds


@dataclass
class Joined:
    """The points of all tables of a shape: ``points`` has TIME and ``m0`` ..; ``codes`` the series."""

    points: pl.DataFrame
    codes: Codes
    label_names: tuple[str, ...]
    label_values: list[tuple[str, ...]]
    measures: tuple[str, ...]
    is_local: bool

    def labels_of(self, code: int) -> dict[str, str]:
        """Return the labels of a series; an empty one is left out."""
        named = zip(self.label_names, self.label_values[code], strict=True)
        return {name: value for name, value in named if value != ""}


def join_tables(members: list[Parsed], query: Query, findings: Findings, tell: Progress) -> Joined:
    """Read the points of tables of one shape, without bad rows."""
    frames = []
    for i, table in enumerate(members):
        tell(i / len(members) if len(members) > 1 else None, f"reading {table.raw.where}")
        frames.append(_collected(table, query, findings))
    names = members[0].roles.labels
    n_labels = len(names)
    if len(frames) > 1 and are_separate(members, [frame.lazy() for frame in frames], n_labels):
        names = (*names, file_label(names, findings, len(frames)))
        column = f"l{n_labels}"
        frames = [f.with_columns(pl.lit(t.raw.label).alias(column)) for f, t in zip(frames, members, strict=True)]
    elif len(frames) > 1:
        findings.notes.append(f"{len(frames):,} files of one shape joined")
    points = frames[0] if len(frames) == 1 else pl.concat(frames)
    if points.is_empty():
        raise nothing_readable(findings)
    codes, values = series_codes(points, len(names))
    kept = [column for column in points.columns if not column.startswith("l")]
    measures = tuple(m.name for m in members[0].roles.measures)
    return Joined(points.select(kept), codes, names, values, measures, members[0].is_local)


def nothing_readable(findings: Findings) -> DataError:
    """Return the error for tables without a single point; NoPointsError when no row was bad."""
    message = f"{findings.name}: must hold rows with a time in the range asked for, got none"
    if not findings.bad_rows:
        return NoPointsError(message)
    first = findings.bad_rows[0]
    return DataError(f"{message}; row {first.line}: {first.reason}")


def file_label(names: tuple[str, ...], findings: Findings, n_files: int) -> str:
    """Return the name of the label that tells files apart, and say so in the findings."""
    name = FILE if FILE not in names else SOURCE_FILE
    findings.notes.append(f"{n_files:,} files hold separate series; label {name!r} tells them apart")
    return name


def _collected(table: Parsed, query: Query, findings: Findings) -> pl.DataFrame:
    frame = table.streamed()
    bad = int(frame[BAD].sum())
    if bad and table.learn_times():
        frame = table.streamed()
        bad = int(frame[BAD].sum())
    findings.rows += len(frame)
    if bad or table.raw.bad_count:
        report_bad(table, bad, findings)
    frame = frame.drop(BAD)
    return frame.drop_nulls(TIME) if frame[TIME].null_count() else frame


Spans = dict[tuple[str, ...], tuple[int, int]]


def spans(points: pl.LazyFrame, n_labels: int) -> Spans:
    """Return the first and last time of each series of one table."""
    labels = [f"l{i}" for i in range(n_labels)]
    ends = (pl.col(TIME).min().alias("first"), pl.col(TIME).max().alias("last"))
    spanned = points.group_by(labels).agg(*ends) if labels else points.select(*ends)
    rows = spanned.collect(engine="streaming").rows()
    return {tuple(key): (first, last) for *key, first, last in rows if first is not None}


def are_separate(members: list[Parsed], frames: list[pl.LazyFrame], n_labels: int) -> bool:
    """Whether tables share series (by their labels) whose times overlap, so that they must be series of their own.

    Those without a label that tells them apart never are.
    """
    return any(table.raw.label for table in members) and overlap([spans(frame, n_labels) for frame in frames])


def overlap(tables: list[Spans]) -> bool:
    """Whether tables share series whose times overlap."""
    together: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for table in tables:
        for key, span in table.items():
            together.setdefault(key, []).append(span)
    return any(
        after[0] <= before[1]
        for found in together.values()
        for before, after in zip(sorted(found), sorted(found)[1:], strict=False)
    )


def series_codes(points: pl.DataFrame, n_labels: int) -> tuple[Codes, list[tuple[str, ...]]]:
    """A number for each series, in the order of its labels, and the label values of each number."""
    if n_labels == 0:
        return np.zeros(len(points), np.int32), [()]
    combined: NDArray[np.int64] | None = None
    sizes = []
    for i in range(n_labels):
        column = points[f"l{i}"]
        values = column.unique().cast(pl.String).sort()
        codes = column.cast(pl.Enum(values)).to_physical().to_numpy()
        if n_labels == 1:
            return codes.astype(np.int32), [(str(value),) for value in values]
        combined = codes.astype(np.int64) if combined is None else combined * len(values) + codes
        sizes.append(values)
    assert combined is not None
    present, dense = np.unique(combined, return_inverse=True)
    labels = []
    for number in present.tolist():
        one = []
        for values in reversed(sizes):
            number, at = divmod(number, len(values))
            one.append(str(values[at]))
        labels.append(tuple(reversed(one)))
    return dense.astype(np.int32), labels
