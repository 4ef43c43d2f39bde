"""The windows file of the Numenta Anomaly Benchmark (``combined_windows.json``)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from redshank.errors import DataError, SourceError
from redshank.evaluate.figures import Answer, Labelled
from redshank.evaluate.nab import NabSeries, Window, nab_scores, onsets
from redshank.panel import Times, to_time

Spans = list[tuple[np.datetime64, np.datetime64]]


def read_windows(path: Path) -> dict[str, Spans]:
    """Return time windows, both ends inclusive, by series name; ``folder/file.csv`` becomes ``folder__file``."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SourceError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: must be JSON of names and lists of [start, end]: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: must be JSON of names and lists of [start, end], got a {type(content).__name__}")
    return {
        name.removesuffix(".csv").replace("/", "__"): [_span(span, f"{path}: {name}") for span in _listed(spans)]
        for name, spans in content.items()
    }


def windows_of(name: str, windows: Mapping[str, Spans]) -> Spans | None:
    """Return the windows of a series: under its own name, or that of its file without the folder; None when unknown."""
    if name in windows:
        return windows[name]
    short = {known.rpartition("__")[2]: spans for known, spans in windows.items()}
    return short.get(name)


def located(name: str, times: Times, spans: Spans) -> tuple[Window, ...]:
    """Return the points first <= i < last of each window; DataError when one holds none."""
    found = []
    for first, last in spans:
        inside = np.flatnonzero((times >= first) & (times <= last))
        if len(inside) == 0:
            span = f"{np.datetime_as_string(first, 's')} and {np.datetime_as_string(last, 's')}"
            raise DataError(f"nab: {name} has no point between {span}; the windows do not fit the data")
        found.append(Window(int(inside[0]), int(inside[-1]) + 1))
    return tuple(sorted(found))


def nab_figures(
    series: Sequence[Labelled], answers: Sequence[Answer], windows: Mapping[str, Spans], onset: int = 0
) -> dict[str, float]:
    """Return the NAB score of each profile; series that the windows file does not name are left out."""
    corpus = []
    for one, answer in zip(series, answers, strict=True):
        spans = windows_of(one.file or one.name, windows)
        if spans is not None:
            corpus.append(NabSeries(onsets(answer.score, onset), located(one.file or one.name, one.times, spans)))
    if not corpus:
        names = ", ".join(sorted(windows)[:3])
        raise DataError(f"nab: no series has the name of one in the windows file ({names}, ...)")
    return {f"nab_{name}": result.score for name, result in nab_scores(corpus).items()}


def _listed(spans: Any) -> list[Any]:
    return spans if isinstance(spans, list) else [spans]


def _span(span: Any, where: str) -> tuple[np.datetime64, np.datetime64]:
    """One window of the file, in UTC."""
    try:
        first, last = (datetime.fromisoformat(text) for text in (span if isinstance(span, list) else [span]))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{where}: must have windows such as [start, end] (combined_windows.json), got {json.dumps(span)[:60]}"
        ) from error
    return to_time(first), to_time(last)
