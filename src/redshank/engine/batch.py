"""Detect on panels: shards of series go through detector, calibrator and policy, and become scores and events.

The engine says what the work is and does one shard of it; an executor says where the shards run (executors/).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np

from redshank.calibrate import Budget, Calibrator
from redshank.decide import Event, Memory, Policy, decide
from redshank.detectors.base import Detector
from redshank.errors import ConfigError
from redshank.panel import Deviations, Panel, Scores
from redshank.periods import acf_period
from redshank.reasons import Telling, explained
from redshank.registry import build_detector, detector_class
from redshank.result import NotScored, Scored

SHARD_POINTS = 100_000  # points of a shard when there are many series: enough to keep a core busy, small in memory
CHUNK_POINTS = 50_000  # points between two reports of progress, and between two looks at whether to stop
LATCH_POINTS = 100  # quiet points that end an event of a live detector


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one run does to every series: the detector by name, how alarms are cut, and from when on to score.

    ``train_until``: points before it are learned and not scored, None = nothing is set aside. ``name`` enters the ids
    of the events.
    """

    detector: str
    params: Mapping[str, Any] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    budget: Budget | None = None
    train_until: datetime | None = None
    tz: str = "UTC"
    name: str = ""

    def new_detector(self) -> Detector:
        """Return an unfitted detector; ConfigError when name or parameters are wrong.

        One that has a parameter ``tz`` gets the zone of the plan, unless ``params`` names another.
        """
        known = {spec.name for spec in detector_class(self.detector).parameters()}
        return build_detector(self.detector, {"tz": self.tz, **self.params} if "tz" in known else self.params)


@dataclass(frozen=True)
class Shard:
    """Rows ``first`` <= row < ``last`` of the panel with that index."""

    panel: int
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class Answer:
    """What became of a shard: the scores of its rows over the whole panel, its events in order of series and time."""

    scores: Scores
    events: list[Event]
    not_scored: list[NotScored]


def shards(panels: Sequence[Panel]) -> list[Shard]:
    """Cut panels into shards of whole series, of about SHARD_POINTS values each."""
    cut = []
    for index, panel in enumerate(panels):
        rows = max(1, SHARD_POINTS // max(1, panel.n_time * panel.n_channels))
        cut += [Shard(index, i, min(i + rows, panel.n_series)) for i in range(0, panel.n_series, rows)]
    return cut


def score_shard(
    panel: Panel,
    plan: Plan,
    on_progress: Callable[[float], None] = lambda share: None,
    *,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Answer:
    """Score the series of ``panel`` and decide on events.

    ``on_progress`` is told the share done, 0..1. Once ``is_stopped``, a live detector leaves the rest without scores,
    and one that sees the series whole raises StoppedError.
    """
    detector = plan.new_detector()
    calibrator = Calibrator(detector.calibration, panel.n_series, plan.budget)
    split = 0 if plan.train_until is None else panel.between(None, plan.train_until).n_time
    if split:
        _train(detector, calibrator, panel.slice(0, split), plan)
    rest = panel.slice(split, panel.n_time)
    deviations = _deviations(detector, rest, on_progress, is_stopped)
    score, rarity = calibrator.apply(deviations.deviation)
    scores = Scores(
        panel.keys,
        rest.times,
        score,
        rarity,
        deviations.expected,
        deviations.lower,
        deviations.upper,
        deviations.share,
        panel.channels,
    )
    events, _ = decide(
        replace(plan.policy, close_below=close_below(plan.policy, calibrator)),
        scores,
        rest,
        Memory.blank(panel.n_series, panel.n_channels),
        quiet_points=quiet_points(detector, panel, plan.budget),
        step_ns=panel.step_ns,
        name=plan.name,
    )
    telling = Telling(
        tz=plan.tz,
        compares_shapes=detector.compares_shapes,
        looks_back=detector.causal,
        rarest=calibrator.rarest,
    )
    return Answer(_unsplit(scores, panel, split), explained(events, panel, telling), _short(detector, panel, rest))


def close_below(policy: Policy, calibrator: Calibrator) -> float:
    """Return the score below which points count as quiet, as policy and budget have it."""
    return min(policy.open_above, max(policy.close_below, calibrator.least_close))


def _train(detector: Detector, calibrator: Calibrator, history: Panel, plan: Plan) -> None:
    detector.fit(history)
    if detector.causal:
        calibrator.apply(plan.new_detector().update(history).deviation)


def _deviations(
    detector: Detector, panel: Panel, on_progress: Callable[[float], None], is_stopped: Callable[[], bool]
) -> Deviations:
    """Score a panel: live detectors go through it in order of time, the others see it whole."""
    if not detector.causal:
        detector.on_progress = _until_stopped(on_progress, is_stopped)
        return detector.score(panel)
    step = max(1000, CHUNK_POINTS // max(1, panel.n_series * panel.n_channels))
    if panel.n_time <= step:
        return detector.update(panel)
    parts = []
    for first in range(0, panel.n_time, step):
        parts.append(detector.update(panel.slice(first, min(first + step, panel.n_time))))
        on_progress(min(1.0, (first + step) / panel.n_time))
        if is_stopped():
            break
    return _joined(parts, panel.n_time)


class StoppedError(Exception):
    """The work on a shard was given up because the run was stopped; never seen outside of a run."""


def _until_stopped(on_progress: Callable[[float], None], is_stopped: Callable[[], bool]) -> Callable[[float], None]:
    """Progress that ends the work at its next report: a detector that sees a series whole has no partial answer."""

    def heard(share: float) -> None:
        on_progress(share)
        if is_stopped():
            raise StoppedError

    return heard


def _joined(parts: list[Deviations], n_time: int) -> Deviations:
    """Answers of consecutive chunks as one, NaN for the points after the last."""

    def joined(name: str) -> np.ndarray:
        array = np.concatenate([getattr(part, name) for part in parts], axis=1)
        width = [(0, 0), (0, n_time - array.shape[1]), (0, 0)][: array.ndim]
        return np.pad(array, width, constant_values=np.nan) if array.shape[1] < n_time else array

    share = None if parts[0].share is None else joined("share")
    return Deviations(joined("deviation"), joined("expected"), joined("lower"), joined("upper"), share)


def quiet_points(detector: Detector, panel: Panel, budget: Budget | None = None) -> np.ndarray:
    """How many quiet points end an event of each series (n_series,): one period, or the latch of a live detector.

    Under a coarse budget at most a quarter of the points that it grants an event, or its events would all be one.
    """
    if detector.causal:
        quiet = np.full(panel.n_series, LATCH_POINTS, np.int64)
    else:
        quiet = np.array([acf_period(_filled(panel.values[i, :, 0])) for i in range(panel.n_series)], np.int64)
    return quiet if budget is None else np.minimum(quiet, max(1, int(budget.points / 4)))


def _filled(values: np.ndarray) -> np.ndarray:
    """The values with missing ones set to their mean, for the autocorrelation only."""
    there = np.isfinite(values)
    return values if there.all() else np.where(there, values, values[there].mean() if there.any() else 0.0)


def _unsplit(scores: Scores, panel: Panel, split: int) -> Scores:
    """The scores over the whole panel, NaN for the points that were only learned."""
    if split == 0:
        return scores

    def padded(array: np.ndarray) -> np.ndarray:
        width = [(0, 0), (split, 0)] + [(0, 0)] * (array.ndim - 2)
        return np.pad(array, width, constant_values=np.nan)

    return replace(
        scores,
        times=panel.times,
        score=padded(scores.score),
        rarity=padded(scores.rarity),
        expected=padded(scores.expected),
        lower=padded(scores.lower),
        upper=padded(scores.upper),
        share=None if scores.share is None else padded(scores.share),
    )


def _short(detector: Detector, panel: Panel, rest: Panel) -> list[NotScored]:
    """The series with too few values for the detector."""
    seen = panel if detector.causal else rest
    points = np.isfinite(seen.values).any(axis=2).sum(axis=1)
    return [NotScored(panel.keys[i], int(points[i]), detector.warmup) for i in np.flatnonzero(points < detector.warmup)]


def blank_scores(panel: Panel) -> Scores:
    """Scores of a panel of which nothing was scored yet."""
    per_point, per_value = (panel.n_series, panel.n_time), panel.values.shape
    nan = np.nan
    return Scores(
        panel.keys,
        panel.times,
        np.full(per_point, nan),
        np.full(per_point, nan),
        np.full(per_value, nan),
        np.full(per_value, nan),
        np.full(per_value, nan),
        np.full(per_value, nan) if panel.n_channels > 1 else None,
        panel.channels,
    )


def fill(part: Scored, shard: Shard, answer: Answer) -> None:
    """Put the scores of a shard into their place in the scores of its panel (changes ``part.scores`` in place)."""
    rows = slice(shard.first, shard.last)
    for name in ("score", "rarity", "expected", "lower", "upper", "share"):
        target = getattr(part.scores, name)
        if target is not None:
            target[rows] = getattr(answer.scores, name)


def check_mode(detector: Detector, mode: str) -> None:
    """Raise ConfigError when a detector cannot work in this mode."""
    if mode == "live" and not detector.causal:
        raise ConfigError(
            f"mode: {detector.kind!r} looks both ways in time and cannot run live; use 'analog', 'analog_light' or "
            "'seasonal'",
            field="detector",
        )
