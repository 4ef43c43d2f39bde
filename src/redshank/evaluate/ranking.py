"""How well scores rank anomalous points above normal ones, whatever the threshold.

Sources: J. Paparrizos et al., "Volume Under the Surface", PVLDB 15(11), 2022, in the variant of Q. Liu and
J. Paparrizos, "The Elephant in the Room", NeurIPS 2024 (TSB-AD); R. Wu and E. Keogh, "Current Time Series Anomaly
Detection Benchmarks are Flawed", TKDE 2021 (the hit rule of the UCR archive).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from redshank.errors import DataError
from redshank.evaluate.events import Integers, Mask, as_mask, runs
from redshank.panel import Floats
from redshank.periods import autocorrelation

N_THRESHOLDS = 250
UCR_MARGIN = 100
DEFAULT_WINDOW = 125
_LAGS = slice(3, 401)  # lags at which a period is looked for
_ACF_POINTS = 20_000


class Vus(NamedTuple):
    """Volume under the surface of range-based precision-recall (``pr``) and ROC (``roc``) curves."""

    pr: float
    roc: float


def vus(truth: Any, score: Any, window: int, *, n_thresholds: int = N_THRESHOLDS) -> Vus:
    """Return the mean area under range-based curves over the buffer widths w = 0..``window``; see ``surface.py``.

    NaN unless there are both anomalous and normal points. ``buffer_window`` gives the usual window.
    """
    anomalous, values = checked(truth, score)
    if window < 0 or n_thresholds < 2:
        raise DataError(f"vus: window must be >= 0 and n_thresholds >= 2, got {window} and {n_thresholds}")
    if anomalous.all() or not anomalous.any():
        return Vus(float("nan"), float("nan"))
    from redshank.evaluate.surface import mean_areas

    starts, ends = runs(anomalous)
    first, predicted = _thresholds(values, n_thresholds)
    return Vus(*mean_areas(starts, ends, first, predicted, int(window)))


def _thresholds(score: Floats, count: int) -> tuple[Integers, Floats]:
    """(first threshold (n,) that each score reaches, number of scores (count,) that reach each threshold).

    The thresholds are the ``count`` evenly spaced ranks of the sorted scores, highest first.
    """
    ascending = np.sort(score)
    ranks = np.linspace(0, len(score) - 1, count).astype(np.int64)
    thresholds = ascending[::-1][ranks]
    first = np.searchsorted(-thresholds, -score, side="left").astype(np.int64)
    return first, (len(score) - np.searchsorted(ascending, thresholds, side="left")).astype(np.float64)


def auc_pr(truth: Any, score: Any) -> float:
    """Return the average precision: recall steps times precision over distinct thresholds; NaN without anomalies."""
    anomalous, values = checked(truth, score)
    if not anomalous.any():
        return float("nan")
    order = np.argsort(-values, kind="stable")
    last_of_tie = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
    hits = np.cumsum(anomalous[order])[last_of_tie]
    recall = hits / anomalous.sum()
    return float(np.sum(np.diff(recall, prepend=0.0) * hits / (last_of_tie + 1)))


def auc_roc(truth: Any, score: Any) -> float:
    """Return the chance that an anomalous point scores above a normal one, ties half; NaN unless both occur."""
    anomalous, values = checked(truth, score)
    positives = int(anomalous.sum())
    negatives = len(anomalous) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    _, which, count = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2
    rank_sum = mean_rank[which][anomalous].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def ucr_hit(truth: Any, score: Any, *, train_points: int = 0, margin: int = UCR_MARGIN) -> float:
    """Return 1 if the highest score behind the training points is within ``margin`` points of an anomaly, else 0.

    The first of equal scores counts. Meant for series with one true event; NaN without one, or without points behind.
    """
    anomalous, values = checked(truth, score)
    starts, ends = runs(anomalous)
    if len(starts) == 0 or train_points >= len(values):
        return float("nan")
    peak = train_points + int(np.argmax(values[train_points:]))
    return float(np.any((starts - margin <= peak) & (peak < ends + margin)))


def buffer_window(values: Any) -> int:
    """Return the widest VUS buffer for a series (n,): its period, by the rule of TSB-AD.

    The lag of the highest local maximum of the autocorrelation of the first 20,000 points at lags 3..400; 125 where
    there is none, where it lies below 6 or above 303, and for series with missing values.
    """
    first = np.asarray(values, dtype=np.float64)[:_ACF_POINTS]
    if not np.isfinite(first).all() or len(first) == 0:
        return DEFAULT_WINDOW
    centred = first - first.mean()
    correlation = autocorrelation(centred)
    part = correlation[_LAGS]
    peaks = np.flatnonzero((part[1:-1] > part[:-2]) & (part[1:-1] > part[2:])) + 1
    if not correlation[0] > 0 or len(peaks) == 0:
        return DEFAULT_WINDOW
    best = int(peaks[np.argsort(part[peaks])[-1]])
    return best + 3 if 3 <= best <= 300 else DEFAULT_WINDOW


def checked(truth: Any, score: Any) -> tuple[Mask, Floats]:
    """Return (where truth > 0, score as float64), both (n,); DataError unless they fit and scores are finite."""
    anomalous = as_mask(truth)
    values = np.asarray(score, dtype=np.float64)
    if anomalous.shape != values.shape:
        raise DataError(f"evaluate: truth and score must be equally long, got {anomalous.shape} and {values.shape}")
    if not np.isfinite(values).all():
        raise DataError("evaluate: every score must be finite; fill NaN (not scored) with ranked() first")
    return anomalous, values


def ranked(score: Floats) -> Floats:
    """Return scores (n,) with what is not scored set to the lowest score of the series, and +inf above the highest."""
    finite = score[np.isfinite(score)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    return np.nan_to_num(score, nan=low, neginf=low, posinf=np.nextafter(high, np.inf))
