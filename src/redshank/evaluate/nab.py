"""The score of the Numenta Anomaly Benchmark, from its published definition.

A. Lavin and S. Ahmad, "Evaluating Real-time Anomaly Detection Algorithms - the Numenta Anomaly Benchmark", ICMLA 2015.

A point is a detection when its score reaches the threshold and it lies behind the probation, min(15 % of the series,
750 points). With s(y) = 2 / (1 + exp(5 y)) - 1, the earliest detection in a window earns s(y) / s(-1), y = -1 at its
first point and towards 0 at its end; further ones there count nothing, a window without one costs a miss. A detection
outside costs s of its distance to the end of the last window before it, in widths - 1, or 1 where there is none. One
threshold for the whole corpus is picked for each profile, the best; 0 is to detect nothing, 100 each window at its
first point and nothing else. So scores must mean the same in every series, and only their order matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from redshank.errors import DataError
from redshank.evaluate.events import Integers
from redshank.panel import Floats

PROBATION_SHARE = 0.15
PROBATION_MOST = 750


class Profile(NamedTuple):
    """Worth of a detected window, cost of a false point, cost of a missed window."""

    detected: float
    false_point: float
    missed: float


PROFILES = {
    "standard": Profile(1.0, 0.11, 1.0),
    "reward_low_FP": Profile(1.0, 0.22, 1.0),
    "reward_low_FN": Profile(1.0, 0.11, 2.0),
}


class Window(NamedTuple):
    """Where an anomaly may be detected: points start <= i < end."""

    start: int
    end: int


@dataclass(frozen=True, eq=False)
class NabSeries:
    """``score`` (n,) of one series, NaN = never a detection, and its windows, apart from each other."""

    score: Floats
    windows: tuple[Window, ...]


class NabResult(NamedTuple):
    """``score``: 100 = perfect, 0 = silent. ``threshold``: the best one, infinite if to be silent is best."""

    score: float
    threshold: float


class _Steps(NamedTuple):
    """By how much the total changes (gain) once the threshold has come down to a score; each (m,)."""

    score: Floats
    gain: Floats


def nab_scores(corpus: Iterable[NabSeries]) -> dict[str, NabResult]:
    """Return the NAB score of a corpus for each of ``PROFILES``; DataError when it has no window at all."""
    series = list(corpus)
    return {name: nab_score(series, profile) for name, profile in PROFILES.items()}


def nab_score(corpus: Sequence[NabSeries], profile: Profile) -> NabResult:
    """Return the NAB score of a corpus at its best threshold: the maximum of the summed steps as it comes down."""
    n_windows = sum(len(series.windows) for series in corpus)
    if n_windows == 0:
        raise DataError("nab: at least one series must have an anomaly window, got none")
    parts = [_steps(series, profile) for series in corpus]
    score = np.concatenate([part.score for part in parts])
    order = np.argsort(-score, kind="stable")
    score, total = score[order], np.cumsum(np.concatenate([part.gain for part in parts])[order])
    last_of_tie = np.append(score[1:] != score[:-1], True)[: len(score)]
    score, total = score[last_of_tie], total[last_of_tie]
    if len(total) == 0 or total.max() <= 0:
        return NabResult(0.0, float("inf"))
    best = int(total.argmax())
    return NabResult(float(100 * total[best] / (n_windows * (profile.detected + profile.missed))), float(score[best]))


def probation(n: int) -> int:
    """Return how many points at the start of a series of n detect nothing."""
    return min(int(PROBATION_SHARE * n), PROBATION_MOST)


def onsets(score: Any, lag: int) -> Floats:
    """Return scores (n,) that exceed all of the ``lag`` before them, NaN for the others; 0 keeps all.

    NAB charges every point above the threshold outside the windows; this makes one detection of a plateau, causally.
    """
    values = np.asarray(score, dtype=np.float64)
    if lag <= 0 or len(values) == 0:
        return values
    filled = np.concatenate([np.full(lag, -np.inf), np.where(np.isnan(values), -np.inf, values)[:-1]])
    before = np.lib.stride_tricks.sliding_window_view(filled, lag).max(axis=1)
    return np.where(values > before, values, np.nan)


def sigmoid(y: Any) -> Floats:
    """Return s(y) of the definition: near 1 at -1, 0 at 0, near -1 from 1 on."""
    capped = np.minimum(np.asarray(y, dtype=np.float64), 100.0)
    result: Floats = 2.0 / (1.0 + np.exp(5.0 * capped)) - 1.0
    return result


def _steps(series: NabSeries, profile: Profile) -> _Steps:
    usable = ~np.isnan(series.score)
    usable[: probation(len(usable))] = False
    outside = usable.copy()
    parts = []
    for window in series.windows:
        inside = np.flatnonzero(usable[window.start : window.end]) + window.start
        outside[window.start : window.end] = False
        parts.append(_inside_window(series.score, inside, window, profile))
    points = np.flatnonzero(outside)
    cost = profile.false_point * _false_value(points, series.windows)
    parts.append(_Steps(series.score[points], cost))
    return _Steps(np.concatenate([part.score for part in parts]), np.concatenate([part.gain for part in parts]))


def _inside_window(score: Floats, inside: Integers, window: Window, profile: Profile) -> _Steps:
    """Steps of one window from its usable points (k,).

    Only running maxima can be the earliest detection at some threshold. The highest takes the place of the miss, each
    earlier one that of the detection at the next.
    """
    if len(inside) == 0:
        return _Steps(np.zeros(0), np.zeros(0))
    before = np.concatenate([[-np.inf], np.maximum.accumulate(score[inside])[:-1]])
    record = inside[score[inside] > before]
    worth = profile.detected * sigmoid(-(window.end - record) / (window.end - window.start)) / sigmoid(-1.0)
    return _Steps(score[record], worth - np.append(worth[1:], -profile.missed))


def _false_value(points: Integers, windows: Sequence[Window]) -> Floats:
    """Value in [-1, 0) of detections at ``points`` (k,) outside the windows."""
    value = np.full(len(points), -1.0)
    if not windows:
        return value
    ordered = sorted(windows)
    last = np.array([window.end - 1 for window in ordered])
    span = np.array([max(window.end - window.start - 1, 1) for window in ordered])
    previous = np.searchsorted(last, points, side="left") - 1
    behind = previous >= 0
    k = previous[behind]
    value[behind] = sigmoid((points[behind] - last[k]) / span[k])
    return value
