"""Clean series with seasons, trends and noise, made for all series at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from redshank.panel import VALUE, Floats, Key, Panel, to_time
from redshank.sample.anomalies import Bed, Interval, place
from redshank.sample.recipe import Recipe

CITIES = ("Oslo", "Lima", "Pune", "Accra", "Quito", "Turin", "Kyoto", "Perth")
CHANNELS = ("cpu", "memory", "disk", "network", "latency", "requests", "errors", "load")
HARMONICS = 3
COUNT_SPREAD = 2.0  # of the season of counts, in levels per spread, so that their noise, its root, does not hide it


@dataclass(frozen=True, eq=False)
class Sample:
    """Generated series with their truth.

    ``truth``: (n_series, n_time), True where anomalous. ``intervals``: the anomalies in order of series and time;
    those of one series never overlap.
    """

    panel: Panel
    truth: NDArray[np.bool_]
    intervals: list[Interval]


def make(recipe: Recipe) -> Sample:
    """Make the clean series, then put the anomalies in."""
    chance = np.random.default_rng(recipe.seed)
    rows = recipe.n_series * recipe.n_channels
    season = _seasons(chance, recipe)
    spread = chance.uniform(2.0, 20.0, (rows, 1))
    levels = chance.uniform(4.0, 8.0, (rows, 1))
    slopes = chance.uniform(-1.0, 1.0, (rows, 1))
    which = np.repeat(chance.integers(0, len(recipe.noises), recipe.n_series), recipe.n_channels)
    counts = np.array([name == "poisson" for name in recipe.noises])[which]
    spread = np.where(counts[:, None], np.maximum(spread, COUNT_SPREAD * levels), spread)
    season *= spread
    base = spread * levels + season + spread * recipe.trend * slopes * np.linspace(0.0, 1.0, recipe.n_points)
    noise = _noise(chance, recipe, which, base, spread)
    bed = Bed(
        values=_by_series(base + noise, recipe),
        season=_by_series(season, recipe),
        noise=_by_series(noise, recipe),
        spread=spread.reshape(recipe.n_series, recipe.n_channels),
        jump=np.diff(noise, axis=1).std(axis=1).reshape(recipe.n_series, recipe.n_channels),
        is_count=counts.reshape(recipe.n_series, recipe.n_channels),
    )
    panel = _panel(recipe, bed.values)
    truth, intervals = place(chance, bed, panel, kinds=recipe.kinds, rate=recipe.rate, period=recipe.period)
    _finish(bed)
    return Sample(panel, truth, intervals)


def _seasons(chance: np.random.Generator, recipe: Recipe) -> Floats:
    """Seasonal part of each row (rows, n_time), of standard deviation 1, or 0 where there is no season."""
    rows = recipe.n_series * recipe.n_channels
    season = np.zeros((rows, recipe.n_points))
    phase_of_points = np.arange(recipe.n_points)
    for rank, length in enumerate(recipe.shown_seasons):
        turns = phase_of_points * (recipe.step / length)
        for harmonic in range(1, HARMONICS + 1):
            weight = chance.uniform(0.2, 1.0, (rows, 1)) / (harmonic * (1 + rank))
            shift = chance.uniform(0.0, 1.0, (rows, 1))
            season += weight * np.sin(2 * np.pi * (harmonic * turns + shift))
    deviation = season.std(axis=1, keepdims=True)
    return season / np.where(deviation > 0, deviation, 1.0)


def _noise(
    chance: np.random.Generator, recipe: Recipe, which: NDArray[np.int64], base: Floats, spread: Floats
) -> Floats:
    """Noise of each row (rows, n_time): the kind ``which`` (rows,) says, a few percent to a quarter of the spread."""
    size = spread * chance.uniform(0.05, 0.25, spread.shape)
    noise = chance.standard_normal(base.shape)
    for index, kind in enumerate(recipe.noises):
        rows = np.flatnonzero(which == index)
        if len(rows) == 0:
            continue
        if kind == "ar":
            noise[rows] = _autoregressive(noise[rows], 0.8)
        elif kind == "heavy":
            noise[rows] = chance.standard_t(3.0, (len(rows), recipe.n_points)) / np.sqrt(3.0)
        elif kind == "walk":
            noise[rows] += np.cumsum(chance.standard_normal((len(rows), recipe.n_points)), axis=1) * 0.1
        elif kind == "poisson":
            mean = np.maximum(base[rows], 0.0)
            noise[rows] = (chance.poisson(mean) - base[rows]) / size[rows]
    return noise * size


def _autoregressive(white: Floats, memory: float) -> Floats:
    """AR(1) noise of standard deviation 1 from white noise (rows, n_time)."""
    from scipy.signal import lfilter

    result: Floats = lfilter([np.sqrt(1 - memory**2)], [1.0, -memory], white, axis=1)
    return result


def _by_series(rows: Floats, recipe: Recipe) -> Floats:
    """(n_series, n_time, n_channels) of (n_series * n_channels, n_time)."""
    folded = rows.reshape(recipe.n_series, recipe.n_channels, recipe.n_points)
    return np.ascontiguousarray(np.swapaxes(folded, 1, 2))


def _finish(bed: Bed) -> None:
    """Round: counts to whole numbers of zero at least, the others to what a sensor would give."""
    is_count = bed.is_count[:, None, :]
    np.copyto(bed.values, np.where(is_count, np.maximum(np.round(bed.values), 0.0), np.round(bed.values, 3)))


def _panel(recipe: Recipe, values: Floats) -> Panel:
    step = np.timedelta64(recipe.step // timedelta(microseconds=1), "us")
    times = to_time(recipe.start) + np.arange(recipe.n_points) * step
    channels = _channel_names(recipe.n_channels)
    return Panel(tuple(_keys(recipe)), times.astype("datetime64[ns]"), values, channels)


def _channel_names(count: int) -> tuple[str, ...]:
    if count == 1:
        return (VALUE,)
    return tuple(CHANNELS[i] if i < len(CHANNELS) else f"channel_{i}" for i in range(count))


def _keys(recipe: Recipe) -> list[Key]:
    """One name without labels, or hosts spread over cities."""
    if recipe.n_series == 1:
        return [Key.of(VALUE)]
    width = len(str(recipe.n_series))
    return [
        Key.of(VALUE, {"host": f"host-{i + 1:0{width}d}", "city": CITIES[i % len(CITIES)]})
        for i in range(recipe.n_series)
    ]
