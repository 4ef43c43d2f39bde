"""One detector with one setting on past stretches: what it finds, how often it errs, how steady it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from redshank.calibrate import Budget, Calibrator
from redshank.detectors.base import Detector
from redshank.engine.batch import LATCH_POINTS
from redshank.engine.tune_inject import Injected, Stretch
from redshank.evaluate import auc_pr
from redshank.panel import Floats, Panel

USUAL_FALSE = 5.0  # false events in 10,000 points that are let pass where there is no budget
FOUND, RANKED = 0.2, 0.8  # weights without labels
LABELS = 0.7  # weight of labels where there are some: they are few, and speak of what has happened before only
TOO_MANY, UNSTEADY = 0.05, 0.1  # taken off for each doubling of false events beyond that, for each e-fold of drift
MOST_TAKEN = 0.5
HIGH = 0.995  # quantile of the scores that should stay where it is


@dataclass(frozen=True)
class Candidate:
    """A detector by name with its parameters."""

    detector: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return ``gaussian(threshold=0.999)``."""
        inside = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.detector}({inside})" if inside else self.detector


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How a candidate did.

    ``found``: share of injected anomalies at which its score reached the edge; ``by_shape``, ``by_size`` the same in
    parts. ``ranked``: 0..1, how high the injected anomalies score among untouched stretches of their length.
    ``false_per_10k``: events in 10,000 untouched points. ``drift``: how much its high scores differ between stretches,
    in e-folds. ``labeled``: area under precision and recall against labels, NaN without. ``worth``: what decides.
    """

    candidate: Candidate
    found: float
    by_shape: Mapping[str, float]
    by_size: Mapping[str, float]
    ranked: float
    false_per_10k: float
    drift: float
    labeled: float
    worth: float
    cost_ns: float

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        number = {
            name: _plain(getattr(self, name))
            for name in ("worth", "found", "ranked", "false_per_10k", "drift", "labeled")
        }
        return {
            "detector": self.candidate.detector,
            "params": dict(self.candidate.params),
            **number,
            "by_shape": {name: _plain(value) for name, value in self.by_shape.items()},
            "by_size": {name: _plain(value) for name, value in self.by_size.items()},
        }


def _plain(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


@dataclass(frozen=True, eq=False)
class Task:
    """What candidates are tried on. ``truth``: (n_series, n_time), None = no labels. ``budget``: None = 1 in 2,000."""

    history: Panel
    stretches: Sequence[Stretch]
    truth: np.ndarray | None = None
    budget: Budget | None = None

    @property
    def allowed_per_10k(self) -> float:
        """False events in 10,000 points that are let pass."""
        return USUAL_FALSE if self.budget is None else 10_000 / self.budget.points


@dataclass(eq=False)
class _Seen:
    """What was counted on the way."""

    hits: list[tuple[Injected, bool, float]] = field(default_factory=list)
    false_events: int = 0
    points: int = 0
    high: list[float] = field(default_factory=list)
    labeled: list[float] = field(default_factory=list)


def tried(
    candidate: Candidate, fresh: Detector, task: Task, look: Callable[[int], None] = lambda points: None
) -> Trial:
    """Try a candidate: it learns the past up to each stretch, then scores it, untouched and with each set of anomalies.

    ``look`` is told how many points were scored, and may raise to end the work.
    """
    calibrator = Calibrator(fresh.calibration, task.history.n_series, task.budget)
    seen, done = _Seen(), 0
    for stretch in task.stretches:
        _scores(fresh, calibrator, task.history.slice(done, stretch.first), look)
        changed = [
            (_scores(fresh.take(slice(None)), calibrator.take(slice(None)), panel, look), placed)
            for panel, placed in stretch.copies.values()
        ]
        untouched = _scores(fresh, calibrator, task.history.slice(stretch.first, stretch.last), look)
        done = stretch.last
        _count(seen, untouched, changed)
        if task.truth is not None:
            seen.labeled += _against(task.truth[:, stretch.first : stretch.last], untouched)
    return _trial(candidate, fresh, task, seen)


def _scores(detector: Detector, calibrator: Calibrator, panel: Panel, look: Callable[[int], None]) -> Floats:
    if panel.n_time == 0:
        return np.empty((panel.n_series, 0))
    score, _ = calibrator.apply(detector.update(panel).deviation)
    look(panel.n_series * panel.n_time)
    return score


def _count(seen: _Seen, untouched: Floats, changed: Sequence[tuple[Floats, list[Injected]]]) -> None:
    known = np.where(np.isfinite(untouched), untouched, 0.0)
    for row in known:
        seen.false_events += events_in(row >= 1)
    seen.points += int(np.isfinite(untouched).sum())
    scored = untouched[np.isfinite(untouched)]
    if len(scored):
        seen.high.append(float(np.quantile(scored, HIGH)))
    for score, placed in changed:
        for one in placed:
            inside = score[one.row, one.first : one.last]
            if not np.isfinite(inside).any():
                continue
            top, usual = float(np.nanmax(inside)), float(known[one.row, one.first : one.last].max())
            is_found = top >= 1 and (usual < 1 or top > 1.1 * usual)
            seen.hits.append((one, is_found, _rank(top, known[one.row], one.last - one.first)))


def events_in(alarm: np.ndarray) -> int:
    """Return how many events alarms (n,) make, those within the latch of a live detector taken as one."""
    at = np.flatnonzero(alarm)
    return 0 if len(at) == 0 else 1 + int((np.diff(at) > LATCH_POINTS).sum())


def _rank(top: float, untouched: Floats, length: int) -> float:
    """How rare a stretch of this length with so high a score is: 0 = ordinary, 1 = higher than all."""
    windows = max(1, len(untouched) // length)
    tops = untouched[: windows * length].reshape(windows, length).max(axis=1) if windows > 1 else untouched[None].max(1)
    above = (float((tops >= top).sum()) + 1) / (len(tops) + 1)
    return float(-np.log(above) / np.log(len(tops) + 1))


def _against(truth: np.ndarray, score: Floats) -> list[float]:
    """Area under precision and recall of the rows that have both anomalies and none."""
    found = []
    for marks, row in zip(truth, score, strict=True):
        known = np.isfinite(row)
        if marks[known].any() and not marks[known].all():
            found.append(float(auc_pr(marks[known], row[known])))
    return found


def _trial(candidate: Candidate, detector: Detector, task: Task, seen: _Seen) -> Trial:
    found = _mean([float(hit) for _, hit, _ in seen.hits])
    ranked = _mean([rank for _, _, rank in seen.hits])
    false_per_10k = 10_000 * seen.false_events / seen.points if seen.points else float("nan")
    drift = float(np.std(np.log(np.maximum(seen.high, 1e-3)))) if len(seen.high) > 1 else 0.0
    labeled = _mean(seen.labeled)
    good = FOUND * found + RANKED * ranked
    good = LABELS * labeled + (1 - LABELS) * good if seen.labeled else good
    beyond = max(0.0, float(np.log2(max(false_per_10k, 1e-9) / task.allowed_per_10k))) if seen.points else 0.0
    worth = good - min(MOST_TAKEN, TOO_MANY * beyond) - UNSTEADY * drift
    return Trial(
        candidate=candidate,
        found=found,
        by_shape=_parts(seen, lambda one: one.shape),
        by_size=_parts(seen, lambda one: one.size),
        ranked=ranked,
        false_per_10k=false_per_10k,
        drift=drift,
        labeled=labeled,
        worth=worth if np.isfinite(worth) else -1.0,
        cost_ns=detector.cost(task.history.step).ns_per_point,
    )


def _parts(seen: _Seen, part: Callable[[Injected], str]) -> dict[str, float]:
    names = sorted({part(one) for one, _, _ in seen.hits})
    return {name: _mean([float(hit) for one, hit, _ in seen.hits if part(one) == name]) for name in names}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
