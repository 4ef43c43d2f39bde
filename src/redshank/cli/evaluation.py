"""What ``redshank evaluate`` does: get series and answers, measure them, show the figures."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from redshank.errors import DataError, SourceError
from redshank.evaluate import MERGE_GAP, Figures, figures_of, overall

if TYPE_CHECKING:
    from redshank.app import Work
    from redshank.evaluate.stored import Pairs
    from redshank.evaluate.truth import Truth
    from redshank.panel import Panel
    from redshank.sources.base import Query

COLUMNS = {  # figure: title
    "series": "series",
    "vus_pr": "VUS-PR",
    "vus_roc": "VUS-ROC",
    "auc_pr": "AUC-PR",
    "auc_roc": "AUC-ROC",
    "ucr_hit": "UCR hit",
    "precision": "event P",
    "recall": "event R",
    "f1": "event F1",
    "false_per_10k": "false/10k",
    "delay": "delay",
    "on_normal": "on normal",
    "nab_standard": "NAB",
    "nab_reward_low_FP": "low FP",
    "nab_reward_low_FN": "low FN",
    "seconds": "seconds",
}
PLACES = {"series": 0, "delay": 1, "false_per_10k": 2, "seconds": 1} | dict.fromkeys(list(COLUMNS)[12:15], 1)
ANY_WIDTH = 10_000  # columns; what a table is measured for


@dataclass(frozen=True, eq=False)
class Answered:
    """What one detector said of every series; ``seconds`` None = it was written earlier."""

    detector: str
    pairs: Pairs
    seconds: float | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Evaluation:
    """The figures of one detector: over all, and of each series."""

    detector: str
    overall: dict[str, float]
    rows: list[Figures]
    notes: list[str]


@dataclass(frozen=True, kw_only=True)
class Counting:
    """How figures are counted; see ``figures_of``. ``nab``: the windows file, None = no NAB scores."""

    merge_gap: int = MERGE_GAP
    alarm_above: float | str = "sigma"
    nab: Path | None = None
    nab_onset: int = 0

    def check(self, per_series: Path | None) -> None:
        """Raise, before the work, for what would fail after it."""
        from redshank.evaluate.figures import alarms_of
        from redshank.sinks.files import FORMATS, check_suffix, check_writable

        alarms_of(np.zeros(1), self.alarm_above)
        if self.nab is not None and not self.nab.is_file():
            raise SourceError(f"{self.nab}: no such file")
        if per_series is not None:
            check_suffix(per_series, FORMATS)
            check_writable(per_series)


# detectors run on data


def of_detectors(paths: Sequence[str], truth: str | None, query: Query, works: Sequence[Work]) -> list[Answered]:
    """Read the data and its truth once, and run every detector on it."""
    from redshank.app import run
    from redshank.cli.console import progress_bar
    from redshank.evaluate.answers import answers_of
    from redshank.sources.base import Reading

    with progress_bar(quiet=False) as on_progress:
        panels, findings, known, notes = _read(paths, truth, query, on_progress)
        answered = []
        for work in works:
            result = run(Reading(panels, findings), work, on_progress)
            if not result.complete:
                raise KeyboardInterrupt
            is_live = work.mode == "live"
            pairs = list(answers_of(result, known.of, is_live=is_live, since=work.train_until, file=paths[0]))
            notes = [*notes, *(str(series) for series in result.not_scored)]
            answered.append(Answered(result.detector, pairs, result.seconds, notes))
    return answered


def _read(
    paths: Sequence[str], truth: str | None, query: Query, on_progress: Any
) -> tuple[list[Panel], Any, Truth, list[str]]:
    """The panels without the truth, what was found out about them, the truth, and what to say of it."""
    from redshank.app import read
    from redshank.evaluate.truth import likely_measure, take_truth

    known = _intervals(truth, query.tz)
    if known is not None:
        reading = read(list(paths), query, on_progress)
        return reading.panels, reading.findings, known, []
    if "-" in paths:
        raise DataError("truth: standard input can be read only once; write it to a file, or give a file of intervals")
    reading = read(list(paths), query, on_progress)
    column = truth or likely_measure(reading.panels)
    if column is None:
        column, known = _likely_column(paths, query, on_progress)
    notes = [] if column in (truth, "label") else [f"the truth is the column {column!r}"]
    panels, taken = take_truth(reading.panels, column)
    return panels, reading.findings, taken or known or _truth_column(paths, column, query, on_progress), notes


def _likely_column(paths: Sequence[str], query: Query, on_progress: Any) -> tuple[str, Truth]:
    """A column that holds the truth by its name and was not read as a measure, and what it says."""
    from redshank.evaluate.truth import NAMES

    for name in (spelled for known in NAMES for spelled in (known, known.capitalize(), known.upper())):
        try:
            return name, _truth_column(paths, name, query, on_progress)
        except DataError as error:
            if error.field != "column":
                raise
    raise DataError(
        "truth: no column is named label, is_anomaly or the like; name it with --truth, or give a file of intervals",
        field="truth",
    )


def _truth_column(paths: Sequence[str], truth: str, query: Query, on_progress: Any) -> Truth:
    """Read the truth alone: a bucket with an anomalous row is anomalous."""
    from redshank.app import read
    from redshank.evaluate.truth import take_truth

    alone = replace(query, measures=(truth,), multivariate=False, agg="max" if query.agg else None)
    _, known = take_truth(read(list(paths), alone, on_progress).panels, truth)
    if known is None:
        raise DataError(f"truth: column {truth!r} holds no values")
    return known


def _intervals(truth: str | None, tz: str | None) -> Truth | None:
    """The truth when it is a file of intervals; None when it is a column."""
    from redshank.app import read_zone
    from redshank.evaluate.truth import is_file, read_intervals

    return read_intervals(Path(truth), read_zone(tz)) if truth is not None and is_file(truth) else None


# scores written earlier


def of_stored(scores: Path, data: Path | None, truth: str | None, query: Query) -> list[Answered]:
    """Read scores and the truth they are measured against."""
    from redshank.evaluate.stored import read_data_folder, read_folders, read_scores_file

    if scores.is_dir():
        if data is None:
            raise DataError(f"{scores}: a folder of scores needs --data, the folder of the series")
        series = read_data_folder(data, truth)
        found = read_folders(series, scores).items()
        return [Answered(name, pairs, notes=_unscored(name, list(series), pairs)) for name, pairs in found]
    notes: list[str] = []
    known = _intervals(truth, query.tz)
    if known is None and data is not None:
        _, _, known, notes = _read([str(data)], truth, query, lambda what, share: None)
    pairs = read_scores_file(scores, truth if known is None else known.of)
    if known is not None and known.columns is not None:
        notes = [*notes, *_incomplete(scores, pairs, known)]
    return [Answered(scores.stem, pairs, notes=notes)]


def _unscored(detector: str, names: Sequence[str], pairs: Pairs) -> list[str]:
    """A note when some series have no scores."""
    lost = sorted(set(names) - {series.name for series, _ in pairs})
    if not lost:
        return []
    shown = ", ".join(lost[:3]) + (", ..." if len(lost) > 3 else "")
    return [f"{detector}: no scores of {len(lost)} of {len(names)} series, which count for nothing: {shown}"]


def _incomplete(scores: Path, pairs: Pairs, known: Truth) -> list[str]:
    """A note when there are fewer scores than points in the data."""
    points = sum(len(times) for times, _ in (known.columns or {}).values())
    scored = sum(len(series.truth) for series, _ in pairs)
    return [f"{scores}: holds {scored:,} of the {points:,} points of the data"] if scored < points else []


# figures


def measured(answered: Sequence[Answered], counting: Counting) -> list[Evaluation]:
    """Return the figures of each detector, the best VUS-PR first."""
    from redshank.evaluate.windows import nab_figures, read_windows

    windows = None if counting.nab is None else read_windows(counting.nab)
    found = []
    for one in answered:
        rows = [
            figures_of(series, answer, merge_gap=counting.merge_gap, alarm_above=counting.alarm_above)
            for series, answer in one.pairs
        ]
        figures = overall(rows)
        if windows is not None:
            series, answers = zip(*one.pairs, strict=True)
            figures |= nab_figures(series, answers, windows, counting.nab_onset)
        if one.seconds is not None:
            figures["seconds"] = one.seconds
        found.append(Evaluation(one.detector, figures, rows, [*one.notes, *_remarks(rows)]))
    return sorted(found, key=lambda each: -each.overall["vus_pr"] if each.overall["vus_pr"] >= 0 else 1.0)


def _remarks(rows: Sequence[Figures]) -> list[str]:
    if sum(row.counts.events for row in rows) == 0:
        return ["there is no anomaly in the truth, so only false alarms can be measured"]
    if sum(row.counts.normal_points for row in rows) == 0:
        return ["every point is anomalous in the truth, so nothing can be told from it"]
    return []


def show(found: Sequence[Evaluation], per_series: Path | None, *, as_json: bool) -> None:
    """Print a table or JSON; write the rows of the series."""
    if per_series is not None:
        _write_rows(found, per_series)
    if as_json:
        typer.echo(json.dumps([_json(each) for each in found], indent=2, ensure_ascii=False, allow_nan=False))
        return
    from redshank.cli.console import console

    out = console()
    table = _table(found)
    wanted = out.measure(table, options=out.options.update(max_width=ANY_WIDTH)).maximum
    out.print(table if wanted <= out.width else _tall_table(found))
    for note in dict.fromkeys(note for each in found for note in each.notes):
        out.print(f"note: {note}", style="yellow", markup=False)
    best = found[0]
    events = sum(row.counts.events for row in best.rows)
    out.print(
        f"{best.detector}: {sum(row.counts.found for row in best.rows)} of {events} true events found, "
        f"{sum(row.counts.alarms for row in best.rows)} alarms in {sum(row.points for row in best.rows):,} points",
        style="bold",
        markup=False,
    )
    if per_series is not None:
        out.print(f"wrote {per_series}", markup=False)


def _table(found: Sequence[Evaluation]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("detector", no_wrap=True)
    shown = [name for name in COLUMNS if any(name in each.overall for each in found)]
    for name in shown:
        table.add_column(COLUMNS[name], justify="right", no_wrap=True)
    for each in found:
        table.add_row(each.detector, *(_text(each.overall.get(name, math.nan), name) for name in shown))
    return table


def _tall_table(found: Sequence[Evaluation]) -> Any:
    """One row a figure, for terminals too narrow for all figures in a row."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for each in found:
        table.add_column(each.detector, justify="right", overflow="fold")
    for name in COLUMNS:
        if any(name in each.overall for each in found):
            table.add_row(COLUMNS[name], *(_text(each.overall.get(name, math.nan), name) for each in found))
    return table


def _text(value: float, name: str) -> str:
    return "-" if math.isnan(value) else f"{value:.{PLACES.get(name, 3)}f}"


def _json(one: Evaluation) -> dict[str, Any]:
    return {
        "detector": one.detector,
        **{name: _number(value) for name, value in one.overall.items()},
        "notes": one.notes,
        "per_series": [{name: _number(value) for name, value in row.row().items()} for row in one.rows],
    }


def _number(value: Any) -> Any:
    """A figure as JSON has it: null where undefined."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_rows(found: Sequence[Evaluation], path: Path) -> None:
    import polars as pl

    from redshank.sinks.files import write_frame

    rows = [{"detector": each.detector, **row.row()} for each in found for row in each.rows]
    write_frame(pl.DataFrame(rows, infer_schema_length=None), path)
