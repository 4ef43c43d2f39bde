"""Generate labelled series: seasons, trends and noise of known kinds, with anomalies of known kinds and places.

The same arguments give the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from redshank.durations import parse_duration
from redshank.sample.anomalies import KINDS, Interval
from redshank.sample.recipe import DEFAULT_KINDS, DEFAULT_START, NOISES, Recipe
from redshank.sample.series import Sample, make

__all__ = ["DEFAULT_KINDS", "KINDS", "NOISES", "Interval", "Sample", "generate"]


def generate(
    *,
    series: int = 1,
    points: int = 4032,
    step: timedelta | str = "5m",
    start: datetime | None = None,
    seed: int = 0,
    seasons: Sequence[timedelta | str] = ("1d", "1w"),
    noises: Sequence[str] = NOISES,
    trend: float = 0.5,
    anomalies: Sequence[str] = DEFAULT_KINDS,
    rate: float = 10.0,
    channels: int = 1,
) -> Sample:
    """Return labelled series.

    Args:
        series: how many; more than one carry the labels host and city.
        points: how many each.
        step: time between points.
        start: time of the first point; None = 2024-01-01 UTC.
        seed: another seed gives other numbers, the same seed the same.
        seasons: lengths of the seasonal cycles; each series gets its own shape of each. Those longer than half the
            series are left out; an empty list makes series without.
        noises: kinds of noise, one drawn for each series: white, ar (autoregressive), heavy (Student's t with 3
            degrees), poisson (whole counts), walk (random walk).
        trend: largest change over the whole length, in spreads of the seasonal cycle; each series draws its own.
        anomalies: kinds to draw from, of ``KINDS``; an empty list makes none.
        rate: anomalies per 10,000 points of a series; one at least where ``series`` is 1 and the rate is not 0.
        channels: variables of each series; an anomaly is in some of them.

    Raises:
        ConfigError: an argument is out of its range; the message names it.
    """
    recipe = Recipe(
        n_series=series,
        n_points=points,
        step=_duration(step, "step"),
        start=start or DEFAULT_START,
        seed=seed,
        seasons=tuple(_duration(season, "season") for season in seasons),
        noises=tuple(noises),
        trend=trend,
        kinds=tuple(anomalies),
        rate=rate,
        n_channels=channels,
    )
    return make(recipe)


def _duration(length: timedelta | str, field: str) -> timedelta:
    return parse_duration(length, field=field) if isinstance(length, str) else length
