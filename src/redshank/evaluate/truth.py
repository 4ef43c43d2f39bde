"""Where the truth comes from: a column of the data, or a file of intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from redshank.errors import DataError, SourceError, did_you_mean
from redshank.evaluate.events import Mask
from redshank.panel import Floats, Key, Panel, Times, to_time

if TYPE_CHECKING:
    import polars as pl

START, END = "start", "end"
NAMES = (  # of columns that hold the truth, the most telling first
    "label",
    "labels",
    "is_anomaly",
    "anomaly",
    "anomalies",
    "is_outlier",
    "outlier",
    "ground_truth",
    "truth",
    "y_true",
    "class",
    "attack",
    "fault",
)
SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TrueInterval:
    """An anomaly, start <= t < end, in the series whose name, measure and labels are those that ``where`` gives."""

    start: np.datetime64
    end: np.datetime64
    where: Mapping[str, str]

    def is_in(self, key: Key) -> bool:
        """Whether this is an anomaly of that series; columns that are no label of it (a comment) say nothing."""
        known = {"series": str(key), "measure": key.measure, **key.label_map}
        return all(known[name] == text for name, text in self.where.items() if name in known)


@dataclass(frozen=True, eq=False)
class Truth:
    """The truth of any series, from a column or from intervals."""

    columns: Mapping[Labels, tuple[Times, Mask]] | None = None
    intervals: Sequence[TrueInterval] = ()

    def of(self, key: Key, times: Times) -> Mask:
        """Return where the points of a series (n,) are anomalous; a time that the truth does not know is normal."""
        if self.columns is None:
            mask = np.zeros(len(times), bool)
            for interval in self.intervals:
                if interval.is_in(key):
                    first, last = np.searchsorted(times, [interval.start, interval.end])
                    mask[first:last] = True
            return mask
        if key.labels not in self.columns:
            raise DataError(f"truth: has nothing for the series {key}")
        known, anomalous = self.columns[key.labels]
        if len(known) == 0:
            return np.zeros(len(times), bool)
        place = np.minimum(np.searchsorted(known, times), len(known) - 1)
        marked: Mask = anomalous[place] & (known[place] == times)
        return marked


def likely_column(names: Iterable[str]) -> str | None:
    """Return the one of these columns that holds the truth by its name; None when there is no such."""
    by_name = {name.lower().strip().replace(" ", "_"): name for name in names}
    return next((by_name[name] for name in NAMES if name in by_name), None)


def likely_measure(panels: Sequence[Panel]) -> str | None:
    """Return the measure or channel that holds the truth by its name, and nothing but 0 and 1; None if there is no."""
    columns: dict[str, bool] = {}
    for panel in panels:
        for row, key in enumerate(panel.keys):
            for channel, name in enumerate(panel.channels if panel.n_channels > 1 else (key.measure,)):
                values = panel.values[row, :, channel]
                is_flag = bool((np.isnan(values) | (values == 0) | (values == 1)).all())
                columns[name] = columns.get(name, True) and is_flag
    return likely_column(name for name, is_flag in columns.items() if is_flag)


def is_file(truth: str) -> bool:
    """Whether the truth is named by a file of intervals, and not by a column."""
    return Path(truth).suffix.lower() in SUFFIXES or Path(truth).is_file()


def take_truth(panels: Sequence[Panel], column: str) -> tuple[list[Panel], Truth | None]:
    """Return the panels without the measure (or channel) ``column``, and that as truth; None when there is no such."""
    found: dict[Labels, tuple[Times, Mask]] = {}
    rest = []
    for panel in panels:
        if column in panel.channels and panel.n_channels > 1:
            channel = panel.channels.index(column)
            for row, key in enumerate(panel.keys):
                found[key.labels] = _known(panel.times, panel.values[row, :, channel])
            others = [i for i in range(panel.n_channels) if i != channel]
            names = tuple(panel.channels[i] for i in others)
            rest.append(replace(panel, values=np.ascontiguousarray(panel.values[:, :, others]), channels=names))
            continue
        is_truth = np.array([key.measure == column for key in panel.keys], bool)
        for at in np.flatnonzero(is_truth):
            found[panel.keys[at].labels] = _known(panel.times, panel.values[at, :, 0])
        rest.append(panel.take(np.flatnonzero(~is_truth)) if is_truth.any() else panel)
    return [panel for panel in rest if panel.n_series], Truth(columns=found) if found else None


def _known(times: Times, values: Floats) -> tuple[Times, Mask]:
    """The times that the truth (n,) knows of, and whether they are anomalous."""
    there = ~np.isnan(values)
    return times[there], values[there] > 0


def read_intervals(path: Path, zone: tzinfo = UTC) -> Truth:
    """Read intervals: columns start and end (start <= t < end), and any of series, measure and labels to narrow them.

    A time without an offset is in ``zone``.
    """
    table = read_plain(path)
    for name in (START, END):
        if name not in table.columns:
            raise DataError(f"{path}: {did_you_mean('column', name, table.columns)}; intervals need start and end")
    rows = []
    for number, row in enumerate(table.iter_rows(named=True), start=1):
        start, end = (_moment(row.pop(name), zone, f"{path}: row {number}: {name}") for name in (START, END))
        if not start < end:
            raise DataError(f"{path}: row {number}: must end after it starts (start <= t < end), got {start} to {end}")
        where = {name: str(value) for name, value in row.items() if value is not None}
        rows.append(TrueInterval(start, end, where))
    return Truth(intervals=rows)


def read_plain(path: Path) -> pl.DataFrame:
    """Read a table as it stands, by its suffix: .csv, .tsv, .json, .jsonl or .parquet."""
    import polars as pl

    readers: dict[str, Any] = {
        ".csv": lambda: pl.read_csv(path, infer_schema_length=10_000),
        ".tsv": lambda: pl.read_csv(path, separator="\t", infer_schema_length=10_000),
        ".json": lambda: pl.read_json(path),
        ".jsonl": lambda: pl.read_ndjson(path),
        ".parquet": lambda: pl.read_parquet(path),
    }
    if path.suffix.lower() not in readers:
        raise DataError(f"{path}: must end in {', '.join(readers)}, got {path.suffix or 'no ending'!r}")
    try:
        table: pl.DataFrame = readers[path.suffix.lower()]()
    except FileNotFoundError as error:
        raise SourceError(f"{path}: no such file") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: cannot be read as {path.suffix[1:]}: {first_line(error)}") from error
    return table


def first_line(error: Exception) -> str:
    """Return what an error says, without the advice to programmers below it."""
    return str(error).partition("\n")[0]


def _moment(value: Any, zone: tzinfo, where: str) -> np.datetime64:
    """Return a time given as text or as a datetime, in UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise DataError(f"{where}: must be a time such as 2024-05-01T12:00, got {value!r}") from None
    if not isinstance(value, datetime):
        raise DataError(f"{where}: must be a time such as 2024-05-01T12:00, got {value!r}")
    return to_time(value if value.tzinfo else value.replace(tzinfo=zone))
