"""Scores that were written earlier: a file of ``redshank detect --scores``, or a folder with a file per series."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from redshank.errors import DataError, SourceError
from redshank.evaluate.events import Mask
from redshank.evaluate.figures import Answer, Labelled
from redshank.evaluate.truth import first_line, likely_column, read_plain
from redshank.panel import VALUE, Floats, Key, Times

if TYPE_CHECKING:
    import polars as pl

META = "meta.csv"
Pairs = list[tuple[Labelled, Answer]]
TruthOf = Callable[[Key, Times], Mask]
_MEASURED = re.compile(r"(value|expected|lower|upper)(\..+)?|score|anomaly|alarm")


# a folder of series beside a folder of scores


def read_folders(series: dict[str, Labelled], scores: Path) -> dict[str, Pairs]:
    """Return series and answers by detector: ``scores`` holds one file per series, or a folder per detector.

    Series without a score file are left out; DataError when that is all of them.
    """
    folders = sorted(path for path in scores.iterdir() if path.is_dir()) or [scores]
    return {folder.resolve().name: _answers(folder, series) for folder in folders}


def read_data_folder(folder: Path, label: str | None) -> dict[str, Labelled]:
    """Return all series of a folder by name (the file name without its suffix).

    One CSV per series, its first column the time, ``label`` its truth, None = found by its name; ``meta.csv`` may hold
    name and train_n.
    """
    paths = [path for path in sorted(folder.glob("*.csv")) if path.name != META]
    if not paths:
        raise SourceError(f"{folder}: must be a folder with one .csv file a series, found none")
    meta = folder / META
    train = dict(read_plain(meta).select("name", "train_n").rows()) if meta.exists() else {}
    return {path.stem: _labelled(path, label, train.get(path.stem)) for path in paths}


def _labelled(path: Path, label: str | None, train_points: int | None) -> Labelled:
    table = read_plain(path)
    label = label or likely_column(table.columns) or "label"
    if label not in table.columns or len(table.columns) < 3:
        raise DataError(f"{path}: must have a time, values and {label!r}, got {', '.join(table.columns)}")
    time, value = [name for name in table.columns if name != label][:2]
    in_name = re.search(r"_tr_(\d+)_", path.stem)
    if train_points is None:
        train_points = int(in_name[1]) if in_name else 0
    values = table[value].cast(_float64(), strict=False).fill_null(float("nan")).to_numpy()
    truth = _truth(table, label, path)
    return Labelled(path.stem, _times(table[time], path), values, truth, train_points)


def _answers(folder: Path, series: dict[str, Labelled]) -> Pairs:
    pairs = []
    for name, one in series.items():
        answer = _answer(folder, name)
        if answer is None:
            continue
        if answer.score.shape != one.truth.shape:
            raise DataError(f"{folder / name}: must have {len(one.truth)} scores, got {answer.score.shape}")
        pairs.append((one, answer))
    if not pairs:
        raise DataError(f"{folder}: no file has the name of a series ({', '.join(list(series)[:3])}, ...)")
    return pairs


def _answer(folder: Path, name: str) -> Answer | None:
    csv, npy = folder / f"{name}.csv", folder / f"{name}.npy"
    if npy.exists():
        return Answer(_array(npy))
    if not csv.exists():
        return None
    table = read_plain(csv)
    return Answer(_scores(table, csv), _alarms(table, csv))


def _array(path: Path) -> Floats:
    try:
        return np.asarray(np.load(path, allow_pickle=False), np.float64)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: must be an array of numbers as numpy saves it: {first_line(error)}") from error


# one file of scores


def read_scores_file(path: Path, truth_of: TruthOf | str | None) -> Pairs:
    """Return series and answers from a file of ``redshank detect --scores``.

    ``truth_of``: a column, None = found by its name, or a function.
    """
    table = read_plain(path)
    if truth_of is None:
        truth_of = likely_column(name for name in table.columns if not _MEASURED.fullmatch(name)) or "label"
    column = truth_of if isinstance(truth_of, str) else None
    if "time" not in table.columns:
        raise DataError(f"{path}: must have the columns time and score, got {', '.join(table.columns)}")
    if column is not None and column not in table.columns:
        raise DataError(f"{path}: must have the truth column {column!r}; else give --data, or a file of intervals")
    names = [name for name in table.columns if name not in ("time", column) and not _MEASURED.fullmatch(name)]
    return [_scored_series(path, key, part, truth_of) for key, part in _by_series(table, names)]


def _by_series(table: pl.DataFrame, names: list[str]) -> Iterator[tuple[Key, pl.DataFrame]]:
    if not names:
        yield Key.of(VALUE), table
        return
    for values, part in table.partition_by(names, as_dict=True, maintain_order=True).items():
        labels = {name: str(value) for name, value in zip(names, values, strict=True) if value is not None}
        yield Key.of(labels.pop("measure", VALUE), labels), part


def _scored_series(path: Path, key: Key, part: pl.DataFrame, truth_of: TruthOf | str) -> tuple[Labelled, Answer]:
    times = _times(part["time"], path)
    score = _scores(part, path)
    alarm = _alarms(part, path)
    value = next((name for name in part.columns if name == VALUE or name.startswith("value.")), None)
    values = score if value is None else part[value].cast(_float64()).fill_null(float("nan")).to_numpy()
    truth = _truth(part, truth_of, path) if isinstance(truth_of, str) else truth_of(key, times)
    return Labelled(str(key), times, values, truth), Answer(score, score >= 1 if alarm is None else alarm)


# columns


def _scores(table: pl.DataFrame, path: Path) -> Floats:
    if "score" not in table.columns:
        raise DataError(f"{path}: must have a column 'score', got {', '.join(table.columns)}")
    numbers = table["score"].cast(_float64(), strict=False)
    if len(numbers) and numbers.null_count() == len(numbers) > table["score"].null_count():
        raise DataError(f"{path}: column 'score' must hold numbers, got {table['score'].drop_nulls()[0]!r}")
    scores: Floats = numbers.fill_null(float("nan")).to_numpy()
    return scores


def _truth(table: pl.DataFrame, column: str, path: Path) -> Mask:
    """Where a column of numbers, or of true and false, is above 0; what is empty is normal."""
    truth = table[column].cast(_float64(), strict=False)
    if truth.null_count() > table[column].null_count():
        raise DataError(f"{path}: column {column!r} must hold 0 or 1, got {table[column].drop_nulls()[0]!r}")
    mask: Mask = (truth.fill_null(0.0) > 0).to_numpy()
    return mask


def _alarms(table: pl.DataFrame, path: Path) -> Mask | None:
    """The detector's own decision, where the table has one; what is empty is no alarm."""
    for name in ("alarm", "anomaly"):
        if name in table.columns:
            return _truth(table, name, path)
    return None


def _times(column: pl.Series, path: Path) -> Times:
    """UTC times of a column of texts or datetimes."""
    import polars as pl

    try:
        if column.dtype == pl.String:
            plain = column.str.strip_suffix("Z").str.replace(" ", "T", literal=True)
            column = plain.str.to_datetime(time_unit="ns", strict=True)
        if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone:
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        times: Times = column.cast(pl.Datetime("ns")).to_numpy()
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{path}: column {column.name!r} must hold times, got {column[0]!r} ({first_line(error)})"
        ) from error
    return times


def _float64() -> Any:
    import polars as pl

    return pl.Float64
