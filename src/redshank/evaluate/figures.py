"""All figures of one series, and of many together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from redshank.errors import ConfigError
from redshank.evaluate.events import MERGE_GAP, EventCounts, Mask, event_counts
from redshank.evaluate.ranking import auc_pr, auc_roc, buffer_window, checked, ranked, ucr_hit, vus
from redshank.panel import Floats, Times

RANKING = ("vus_pr", "vus_roc", "auc_pr", "auc_roc", "ucr_hit")


@dataclass(frozen=True, eq=False)
class Labelled:
    """A series with its truth: ``times``, ``values`` (the first channel) and ``truth``, each (n,).

    ``train_points``: length of the stretch at the start that is known to be for training. ``file``: the name, without
    suffix, of the file it came from, where that is known.
    """

    name: str
    times: Times
    values: Floats
    truth: Mask
    train_points: int = 0
    file: str = ""


@dataclass(frozen=True, eq=False)
class Answer:
    """What a detector said of a series: ``score`` (n,), NaN = not scored; ``alarm`` (n,), None = it decides nothing."""

    score: Floats
    alarm: Mask | None = None


@dataclass(frozen=True)
class Figures:
    """The figures of one series; NaN where undefined."""

    name: str
    points: int
    window: int
    vus_pr: float
    vus_roc: float
    auc_pr: float
    auc_roc: float
    ucr_hit: float
    counts: EventCounts

    def row(self) -> dict[str, Any]:
        """Return everything as one flat row."""
        counted = {"events": self.counts.events, "found": self.counts.found, "alarms": self.counts.alarms}
        return {
            "series": self.name,
            "points": self.points,
            "window": self.window,
            **{name: getattr(self, name) for name in RANKING},
            **event_figures(self.counts),
            **counted,
            "true_alarms": self.counts.true_alarms,
        }


def figures_of(
    series: Labelled, answer: Answer, *, merge_gap: int = MERGE_GAP, alarm_above: float | str = "sigma"
) -> Figures:
    """Return the figures of one series; ``alarm_above`` is used when the detector decides nothing (``alarms_of``)."""
    given = np.asarray(answer.score, dtype=np.float64)
    truth, score = checked(series.truth, ranked(given))
    alarm = alarms_of(given, alarm_above, series.train_points) if answer.alarm is None else answer.alarm
    window = buffer_window(series.values)
    volume = vus(truth, score, window)
    counts = event_counts(truth, alarm, merge_gap)
    return Figures(
        name=series.name,
        points=len(truth),
        window=window,
        vus_pr=volume.pr,
        vus_roc=volume.roc,
        auc_pr=auc_pr(truth, score) if not truth.all() else float("nan"),
        auc_roc=auc_roc(truth, score),
        ucr_hit=ucr_hit(truth, score, train_points=series.train_points) if counts.events == 1 else float("nan"),
        counts=counts,
    )


def alarms_of(score: Floats, above: float | str, train_points: int = 0) -> Mask:
    """Return where scores (n,) alarm, for a detector that only scores: above a number, "sigma" or "train".

    sigma: mean + 3 standard deviations of the whole series; it looks ahead, so it is for comparisons only.
    train: median + 1.5 x (99.9 % quantile - median) of the training stretch, which is 100 points at least.
    """
    if not isinstance(above, str):
        return score > above
    score = ranked(score)
    if above == "sigma":
        return score > float(score.mean() + 3 * score.std())
    if above == "train":
        stretch = score[: max(train_points, 100)]
        median = float(np.median(stretch))
        return score > median + 1.5 * (float(np.quantile(stretch, 0.999)) - median) + 1e-12
    raise ConfigError(f"alarm-above: must be a number, sigma or train, got {above!r}", field="alarm_above")


def overall(rows: Sequence[Figures]) -> dict[str, float]:
    """Return the figures of many series together.

    Those of the ranking are means over the series that have both anomalous and normal points; those of the events are
    of the summed counts.
    """
    total = reduce(add, (row.counts for row in rows), EventCounts())
    means = {name: _mean([getattr(row, name) for row in rows]) for name in RANKING}
    return {"series": len(rows), **means, **event_figures(total)}


def event_figures(counts: EventCounts) -> dict[str, float]:
    """Return the figures of the events by name."""
    return {
        "precision": counts.precision,
        "recall": counts.recall,
        "f1": counts.f1,
        "false_per_10k": counts.false_per_10k,
        "delay": counts.mean_delay,
        "on_normal": counts.normal_alarmed_share,
    }


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return sum(known) / len(known) if known else float("nan")
