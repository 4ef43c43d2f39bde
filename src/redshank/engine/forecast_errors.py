"""How far off earlier forecasts of a series were: what a forecast is corrected by, and how wide its range is.

At many moments of the past ("origins") the detector, having learned what came before, says what it expects; the errors
of that are known by now. Corrections of what it expects (back to the last values, along a trend) are tried on the same
origins, and each series takes the one that was off least. The paths of its errors are what may come this time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from redshank.detectors.base import Detector
from redshank.panel import Floats, Panel

Integers = NDArray[np.int64]

MOST_ORIGINS = 64
FIRST_SHARE = 0.35  # of the history before the first origin
LEARNED_SHARE = 0.25  # of the history: horizons of errors that can be known from it
BLOCKS = 16  # of a window whose trend is wanted
BETTER = 0.97  # of the error of the plain forecast, that a correction must have to be taken
SEEN_POINTS = 48  # of the horizon, at which corrections are compared


@dataclass(frozen=True)
class Correction:
    """What is added to the detector's forecast: the level and slope that its residuals had in a window before now.

    ``window``: points. ``half``: points after which half of the correction of the level is left, or of the slope;
    0 = all of it stays. ``has_slope``: along a line, else the middle of the residuals only.
    """

    name: str
    window: int = 0
    half: float = 0.0
    has_slope: bool = False

    def at(self, level: Floats, slope: Floats, ahead: Floats) -> Floats:
        """Return what is added ``ahead`` points after the last one: (n_rows, len(ahead))."""
        if self.window == 0:
            return np.zeros((len(level), len(ahead)))
        if not self.has_slope:
            kept = 0.5 ** (ahead / self.half) if self.half else np.ones(len(ahead))
            return level[:, None] * kept
        run = ahead
        if self.half:
            keep = 0.5 ** (1 / self.half)
            run = keep * (1 - keep**ahead) / (1 - keep)
        return level[:, None] + slope[:, None] * run


def corrections(n_time: int, horizon: int) -> list[Correction]:
    """Return those that can be told from so many points, for a horizon of so many."""
    found = [Correction("as the detector expects")]
    for window, halves in ((1, (0, 10)), (12, (0, 48)), (96, (0, 384))):
        name = "the last value" if window == 1 else f"the last {window} values"
        found += [Correction(f"{'back' if half else 'on'} from {name}", window, half) for half in halves]
    longest = n_time // 4
    windows = sorted({min(longest, each) for each in (max(32, horizon), max(96, 3 * horizon), 400, 2000)})
    for window in windows:
        if window >= 2 * BLOCKS:
            found.append(Correction(f"trend of {window:,} points", window, 0, has_slope=True))
            found.append(Correction(f"fading trend of {window:,} points", window, window / 2, has_slope=True))
    return found


@dataclass(frozen=True, eq=False)
class Errors:
    """What is known of each row (a channel of a series), of n_rows.

    ``chosen``: (n_rows,) index of the correction. ``level``, ``slope``: (n_rows, n_corrections) at the end.
    ``paths``: (n_rows, n_origins, n_ahead) value less forecast, NaN = not known. ``ahead``: (n_ahead,) points.
    """

    corrections: list[Correction]
    chosen: Integers
    level: Floats
    slope: Floats
    paths: Floats
    ahead: Floats

    def added(self, ahead: Floats) -> Floats:
        """Return what the chosen corrections add to the detector's forecast: (n_rows, len(ahead))."""
        result = np.zeros((len(self.chosen), len(ahead)))
        for index, correction in enumerate(self.corrections):
            rows = self.chosen == index
            result[rows] = correction.at(self.level[rows, index], self.slope[rows, index], ahead)
        return result


def learn_errors(
    history: Panel, fresh: Detector, ahead: Floats, look: Callable[[int], None] = lambda points: None
) -> tuple[Errors, Detector]:
    """Go through the history with a fresh detector, forecasting on the way; return the errors and what it learned.

    ``ahead``: (n_ahead,) points after the last one that are forecast. ``look`` is told how many points were learned,
    and may raise to end the work.
    """
    values = np.swapaxes(history.values, 1, 2).reshape(-1, history.n_time)
    reach = int(min(ahead[-1], max(1, LEARNED_SHARE * history.n_time)))
    within = ahead[ahead <= reach] if ahead[0] <= reach else ahead[:1]
    tried = corrections(history.n_time, reach)
    origins = _origins(fresh, history.n_time)
    shape = (len(values), len(origins), len(within))
    base, fits, done = np.full(shape, np.nan), [], 0
    for k, origin in enumerate(origins):
        fresh.update(history.slice(done, origin))
        look(origin - done)
        done = origin
        fits.append(_fits(fresh, history, values, origin, tried))
        base[:, k] = _rows_of(fresh.forecast(_times_after(history, origin, within)))
    fresh.update(history.slice(done, history.n_time))
    look(history.n_time - done)
    actual = _actual(values, origins, within)
    level, slope = np.stack([fit[0] for fit in fits], 1), np.stack([fit[1] for fit in fits], 1)
    chosen = _chosen(tried, level, slope, actual - base, within)
    paths = _paths(tried, chosen, level, slope, actual - base, within)
    last = _fits(fresh, history, values, history.n_time, tried)
    return Errors(tried, chosen, last[0], last[1], paths, within), fresh


def _origins(fresh: Detector, n_time: int) -> Integers:
    first = min(n_time - 1, max(fresh.warmup, int(FIRST_SHARE * n_time), 2))
    count = min(MOST_ORIGINS, n_time - first)
    return np.unique(np.linspace(first, n_time - 1, count).astype(np.int64))


def _times_after(history: Panel, origin: int, ahead: Floats) -> Integers:
    """Times so many steps after the point before ``origin``; those of the history itself where it has them."""
    times = history.times.view(np.int64)
    at = origin - 1 + ahead.astype(np.int64)
    beyond = np.maximum(0, at - (history.n_time - 1)) * history.step_ns
    result: Integers = times[np.minimum(at, history.n_time - 1)] + beyond
    return result


def _actual(values: Floats, origins: Integers, ahead: Floats) -> Floats:
    """What came: (n_rows, n_origins, n_ahead), NaN behind the end."""
    at = origins[:, None] - 1 + ahead.astype(np.int64)[None, :]
    found = values[:, np.minimum(at, values.shape[1] - 1)]
    return np.where(at < values.shape[1], found, np.nan)


def _rows_of(expected: Floats) -> Floats:
    """(n_series, n_time, n_channels) as rows (n_series * n_channels, n_time)."""
    return np.swapaxes(expected, 1, 2).reshape(-1, expected.shape[1])


def _fits(
    detector: Detector, history: Panel, values: Floats, origin: int, tried: list[Correction]
) -> tuple[Floats, Floats]:
    """Level and slope (n_rows, n_corrections) of the residuals before ``origin``, by what is known there."""
    longest = min(origin, max(each.window for each in tried))
    first = origin - longest
    times = np.ascontiguousarray(history.times[first:origin].view(np.int64))
    residuals = values[:, first:origin] - _rows_of(detector.forecast(times))
    level, slope = np.zeros((len(values), len(tried))), np.zeros((len(values), len(tried)))
    known: dict[int, tuple[Floats, Floats]] = {}
    for index, each in enumerate(tried):
        if each.has_slope:
            if each.window not in known:
                known[each.window] = line(residuals[:, -each.window :])
            level[:, index], slope[:, index] = known[each.window]
        elif each.window:
            level[:, index] = _or_zero(middle(residuals[:, -each.window :]))
    return level, slope


def line(residuals: Floats) -> tuple[Floats, Floats]:
    """Return the robust line through residuals (n_rows, n): its height at the last point, its slope per point.

    The slope is the median of the slopes between the medians of blocks (H. Theil, P. K. Sen), the height the median
    of what is left. 0 where there are too few values.
    """
    n = residuals.shape[1]
    edges = np.linspace(0, n, BLOCKS + 1).astype(int)
    heights = np.stack([middle(residuals[:, a:b]) for a, b in pairwise(edges)], axis=1)
    places = (edges[:-1] + edges[1:] - 1) / 2 - (n - 1)
    i, j = np.triu_indices(BLOCKS, 1)
    slope = _or_zero(middle((heights[:, j] - heights[:, i]) / (places[j] - places[i])))
    late = heights[:, -BLOCKS // 2 :] - slope[:, None] * places[-BLOCKS // 2 :]
    return _or_zero(middle(late)), slope


def middle(values: Floats) -> Floats:
    """Return the median over the last axis, NaN left out; NaN where there is no value."""
    ordered = np.sort(values, axis=-1)  # NaN last
    count = np.isfinite(ordered).sum(axis=-1)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    high = np.minimum(high, values.shape[-1] - 1)
    low_value = np.take_along_axis(ordered, low[..., None], -1)[..., 0]
    high_value = np.take_along_axis(ordered, high[..., None], -1)[..., 0]
    return np.where(count > 0, low_value / 2 + high_value / 2, np.nan)


def _or_zero(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, 0.0)


def _chosen(tried: list[Correction], level: Floats, slope: Floats, errors: Floats, ahead: Floats) -> Integers:
    """The correction of each row that was off least, the plain forecast unless one was clearly better."""
    at = np.unique(np.linspace(0, len(ahead) - 1, min(SEEN_POINTS, len(ahead))).astype(int))
    seen, points = errors[:, :, at], ahead[at]
    off = np.zeros((len(errors), len(tried)))
    for index, each in enumerate(tried):
        left = np.abs(seen - _added(each, level[:, :, index], slope[:, :, index], points))
        off[:, index] = _mean(left.reshape(len(left), -1))
    off[:, 0] *= BETTER
    result: Integers = np.argmin(np.where(np.isfinite(off), off, np.inf), axis=1)
    return result


def _added(each: Correction, level: Floats, slope: Floats, ahead: Floats) -> Floats:
    n_rows, n_origins = level.shape
    return each.at(level.ravel(), slope.ravel(), ahead).reshape(n_rows, n_origins, len(ahead))


def _mean(values: Floats) -> Floats:
    there = np.isfinite(values)
    count = there.sum(axis=1)
    total = np.where(there, values, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _paths(
    tried: list[Correction], chosen: Integers, level: Floats, slope: Floats, errors: Floats, ahead: Floats
) -> Floats:
    paths = errors.copy()
    for index, each in enumerate(tried):
        rows = chosen == index
        paths[rows] -= _added(each, level[rows, :, index], slope[rows, :, index], ahead)
    return paths
