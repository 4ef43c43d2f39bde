"""What a series is like before anything is detected in it: gaps, range, periods, changes of level. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from redshank.panel import Floats, Key, Panel, to_datetime
from redshank.periods import find_periods

MOST_SHIFTS = 20  # of one series; more than that is no level but wandering
_PROFILE_POINTS = 20_000  # a longer series is thinned to so many medians before its level is looked at
_LEAST_WINDOW = 32  # points on either side whose medians are compared
_STRIDES = 8  # comparisons a window
_LEAST_WINDOWS = 6  # windows in a series before its changes of level can be told from its wandering
_SURE = 6.0  # spreads of the usual difference between neighbouring windows
_NEAR_TOP = 0.9  # a change lies amid the comparisons that show so much of it
_LEAST_SHIFT = 0.5  # share of the interquartile range


@dataclass(frozen=True)
class Shift:
    """A lasting change of level: about when, and the medians before and after, in the unit of the series."""

    time: datetime
    before: float
    after: float


@dataclass(frozen=True)
class SeriesProfile:
    """What one series (or one channel of it) is like.

    ``points``: values that are there. ``missing``: points without a value between the first and the last one.
    ``longest_gap``: of the stretches without values, zero without any. ``periods``: strongest first. Numbers in the
    unit of the series.
    """

    key: Key
    channel: str
    start: datetime
    end: datetime
    points: int
    missing: int
    longest_gap: timedelta
    least: float
    median: float
    greatest: float
    periods: tuple[timedelta, ...]
    shifts: tuple[Shift, ...]

    @property
    def is_constant(self) -> bool:
        """Whether all values are the same."""
        return self.least == self.greatest

    @property
    def name(self) -> str:
        """The series, and its channel if there are several."""
        return f"{self.key} {self.channel}".strip()


def profile_panels(panels: Sequence[Panel], on_progress: Callable[[float], None]) -> list[SeriesProfile]:
    """Return the profile of every channel of every series that has a value; told the share done, 0..1."""
    total = sum(panel.n_series * panel.n_channels for panel in panels)
    profiles: list[SeriesProfile] = []
    for panel, row, channel in _rows(panels):
        if np.isfinite(panel.values[row, :, channel]).any():
            profiles.append(profile_series(panel, row, channel))
        on_progress(len(profiles) / total)
    return profiles


def _rows(panels: Sequence[Panel]) -> Iterator[tuple[Panel, int, int]]:
    for panel in panels:
        for row in range(panel.n_series):
            for channel in range(panel.n_channels):
                yield panel, row, channel


def profile_series(panel: Panel, row: int, channel: int = 0) -> SeriesProfile:
    """Return the profile of one channel of a series that has at least one value."""
    there = np.flatnonzero(np.isfinite(panel.values[row, :, channel]))
    first, last = int(there[0]), int(there[-1])
    inner = panel.slice(first, last + 1)
    values = inner.values[row, :, channel]
    full = _without_gaps(values)
    periods = find_periods(values, panel.step, inner.times)
    return SeriesProfile(
        key=panel.keys[row],
        channel=panel.channels[channel] if panel.n_channels > 1 else "",
        start=inner.start,
        end=to_datetime(inner.times[-1]) + max(panel.step, timedelta(microseconds=1)),
        points=len(there),
        missing=len(values) - len(there),
        longest_gap=panel.step * (int(np.diff(there).max()) - 1) if len(there) > 1 else timedelta(0),
        least=float(values[there - first].min()),
        median=float(np.median(values[there - first])),
        greatest=float(values[there - first].max()),
        periods=tuple(period.duration for period in periods),
        shifts=tuple(
            Shift(to_datetime(inner.times[at]), before, after)
            for at, before, after in level_shifts(full, [period.points for period in periods if period.points])
        ),
    )


def _without_gaps(values: Floats) -> Floats:
    """The values with missing ones interpolated, for levels only."""
    there = np.isfinite(values)
    if there.all():
        return values
    places = np.arange(len(values))
    return np.interp(places, places[there], values[there])


def level_shifts(values: Floats, periods: Sequence[int] = ()) -> list[tuple[int, float, float]]:
    """Return lasting changes of level of finite ``values`` as (index, median before, median after), in order of time.

    The medians of neighbouring windows of whole periods are compared; a change is a difference of six times their
    usual spread and half the interquartile range at least. Seasons, a steady trend, spikes and a random walk have none.
    The index is good to a quarter of a window.
    """
    thinned, every = _thinned(values)
    window = _window(len(thinned), [period / every for period in periods])
    low, high = np.quantile(values, [0.25, 0.75]) if len(values) else (0.0, 0.0)
    if window == 0:
        return []
    stride = max(1, window // _STRIDES)
    medians = np.median(np.lib.stride_tricks.sliding_window_view(thinned, window)[::stride], axis=1)
    apart = -(-window // stride)
    difference = medians[apart:] - medians[:-apart]
    size = np.abs(difference - np.median(difference))
    least = max(_SURE * 1.4826 * float(np.median(size)), _LEAST_SHIFT * float(high - low), np.finfo(float).tiny)
    found = []
    for first, last in _stretches(size >= least):
        high_ones = np.flatnonzero(size[first:last] >= _NEAR_TOP * size[first:last].max())
        at = first + int(high_ones[0] + high_ones[-1]) // 2
        found.append(((at + apart) * stride * every, float(medians[at]), float(medians[at + apart])))
    return found[:MOST_SHIFTS]


def _thinned(values: Floats) -> tuple[Floats, int]:
    """Medians of blocks, at most _PROFILE_POINTS of them, and the points of a block."""
    every = max(1, -(-len(values) // _PROFILE_POINTS))
    whole = len(values) // every * every
    return np.median(values[:whole].reshape(-1, every), axis=1) if every > 1 else values, every


def _window(n_points: int, periods: Sequence[float]) -> int:
    """Points of a window: whole periods of the longest one that fits often enough; 0 when none does."""
    for period in [*sorted(periods, reverse=True), 1.0]:
        window = round(period * max(1, -(-_LEAST_WINDOW // period)))
        if n_points >= _LEAST_WINDOWS * window:
            return window
    return 0


def _stretches(flags: np.ndarray) -> list[tuple[int, int]]:
    """Runs of True as (first, one past the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def common_periods(profiles: Sequence[SeriesProfile]) -> list[tuple[timedelta, int]]:
    """Return the periods of all series with how many series have each, commonest first."""
    return Counter(period for profile in profiles for period in profile.periods).most_common()


def troubled_first(profiles: Sequence[SeriesProfile]) -> list[SeriesProfile]:
    """Return the series with most to look at first: constant, many gaps, changes of level, short; else as they came."""
    return sorted(
        profiles,
        key=lambda each: (
            not each.is_constant,
            -round(each.missing / (each.points + each.missing), 2),
            -len(each.shifts),
            each.points,
        ),
    )
