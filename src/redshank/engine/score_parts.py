"""From rows of the score history to panels with scores, as sinks and pictures take them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from redshank.panel import Floats, Key, Panel, Scores
from redshank.result import Scored
from redshank.store.history_blocks import SERIES, TIME

SPARSE = 4  # cells for each row, above which series are taken apart
FEW_CELLS = 10_000


def score_parts(frame: pl.DataFrame, keys: Mapping[int, Key]) -> Iterator[Scored]:
    """Yield panels that together hold the rows, by series and time; rows of a series without a key are left out.

    Series whose points lie at the same times come together; no panel is more than four times as large as its rows.
    """
    frame = frame.filter(pl.col(SERIES).is_in(list(keys))).sort(SERIES, TIME)
    series, row = np.unique(frame[SERIES].to_numpy(), return_inverse=True)
    times, column = np.unique(frame[TIME].to_numpy(), return_inverse=True)
    if not len(series):
        return
    if len(series) > 1 and len(series) * len(times) > max(FEW_CELLS, SPARSE * len(frame)):
        half = int(series[len(series) // 2])
        yield from score_parts(frame.filter(pl.col(SERIES) < half), keys)
        yield from score_parts(frame.filter(pl.col(SERIES) >= half), keys)
        return
    yield _laid_out(frame, tuple(keys[int(number)] for number in series), times, row, column)


def _laid_out(
    frame: pl.DataFrame, keys: tuple[Key, ...], times: np.ndarray, row: np.ndarray, column: np.ndarray
) -> Scored:
    channels = tuple(name.removeprefix("value.") for name in frame.columns if name.startswith("value."))
    moments = times.astype("datetime64[ns]")

    def laid(*names: str) -> Floats:
        array = np.full((len(keys), len(times), len(names)), np.nan)
        for i, name in enumerate(names):
            if name in frame.columns:
                array[row, column, i] = frame[name].to_numpy()
        return array

    expected, lower, upper = (
        laid(*(f"{name}.{channel}" for channel in channels)) for name in ("expected", "lower", "upper")
    )
    values = laid(*(f"value.{channel}" for channel in channels))
    score, rarity = laid("score")[:, :, 0], laid("rarity")[:, :, 0]
    scores = Scores(keys, moments, score, rarity, expected, lower, upper, channels=channels)
    return Scored(Panel(keys, moments, values, channels), scores)
