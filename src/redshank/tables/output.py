"""Panels and scores as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from redshank.errors import DataError
from redshank.panel import VALUE, Floats, Key, Panel, Scores

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Form = Literal["long", "wide"]


def to_polars(panel: Panel, form: Form = "long") -> pl.DataFrame:
    """Return the points as a table.

    Long: columns time, measure (only if there are several), the labels, and one column for each channel; series after
    series. Wide: time, and one column for each series and channel, named as ``str(key)``.
    """
    if form == "wide":
        columns: dict[str, Any] = {"time": pl.Series(panel.times).dt.replace_time_zone("UTC")}
        for i, key in enumerate(panel.keys):
            for j, channel in enumerate(panel.channels):
                name = str(key) if panel.n_channels == 1 else f"{key}.{channel}"
                columns[name] = pl.Series(panel.values[i, :, j], dtype=pl.Float64)
        return pl.DataFrame(columns)
    if form != "long":
        raise DataError(f"form must be 'long' or 'wide', got {form!r}")
    columns = _identity(panel.keys, panel.times)
    columns |= {name: panel.values[:, :, j].ravel() for j, name in enumerate(panel.channels)}
    return pl.DataFrame(columns)


def to_pandas(panel: Panel, form: Form = "long") -> pd.DataFrame:
    """Return what ``to_polars`` returns, as pandas with an index of its own for wide tables: the time."""
    import pandas as pd

    table = to_polars(panel, form)
    frame = pd.DataFrame({name: table[name].to_numpy() for name in table.columns if name != "time"})
    times = pd.DatetimeIndex(table["time"].dt.replace_time_zone(None).to_numpy(), name="time").tz_localize("UTC")
    if form == "wide":
        return frame.set_index(times)
    frame.insert(0, "time", times)
    return frame


def to_arrow(panel: Panel, form: Form = "long") -> pa.Table:
    """Return what ``to_polars`` returns, as an Arrow table."""
    return to_polars(panel, form).to_arrow()


def scores_table(panel: Panel, scores: Scores) -> pl.DataFrame:
    """Return one row for each series and time.

    Columns: time, measure (only if there are several), the labels, value, score, expected, lower, upper, anomaly
    (score >= 1; null when not scored). With several channels, value, expected, lower and upper are one column for each
    channel, named ``value.CHANNEL`` and so on. Missing numbers are null.
    """
    columns = _identity(panel.keys, panel.times)
    columns |= _per_channel("value", panel.values, panel.channels)
    columns["score"] = scores.score.ravel()
    for name in ("expected", "lower", "upper"):
        columns |= _per_channel(name, getattr(scores, name), panel.channels)
    score = pl.col("score")
    return (
        pl.DataFrame(columns)
        .with_columns(pl.col(pl.Float64).fill_nan(None))
        .with_columns(pl.when(score.is_not_null()).then(score >= 1).alias("anomaly"))
    )


def _per_channel(name: str, values: Floats, channels: Sequence[str]) -> dict[str, Any]:
    if len(channels) == 1:
        return {name: values[:, :, 0].ravel()}
    return {f"{name}.{channel}": values[:, :, j].ravel() for j, channel in enumerate(channels)}


def _identity(keys: Sequence[Key], times: np.ndarray) -> dict[str, Any]:
    """The columns that say which point it is: time, measure if several, labels."""
    rows, points = len(keys), len(times)
    columns: dict[str, Any] = {"time": pl.Series(np.tile(times, rows)).dt.replace_time_zone("UTC")}
    repeat = np.repeat(np.arange(rows), points)
    measures = [key.measure for key in keys]
    if len(set(measures)) > 1:
        columns["measure"] = pl.Series(measures, dtype=pl.String).gather(repeat)
    maps = [key.label_map for key in keys]
    taken = {"time", "measure", VALUE, "score", "expected", "lower", "upper", "anomaly"}
    for label in sorted({label for labels in maps for label in labels}):
        name = f"label.{label}" if label in taken else label
        columns[name] = pl.Series([labels.get(label) for labels in maps], dtype=pl.String).gather(repeat)
    return columns
