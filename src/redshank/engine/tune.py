"""Find the detector and parameters that suit series best, by their own past, with labels or without.

Candidates learn the past up to a stretch and are judged on what follows, stretch after stretch: nothing is judged by
what came before it was scored. Without labels they are judged by anomalies of several shapes and sizes put into copies
of the stretches, by how often they alarm on the stretches as they were, and by how steady their scores are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import numpy as np

from redshank import registry
from redshank.calibrate import Budget
from redshank.detectors.auto import Amount, choose_for
from redshank.engine.batch import Plan
from redshank.engine.capacity import Limits, fits, need_of
from redshank.engine.job import Job
from redshank.engine.tune_inject import Stretch, with_anomalies
from redshank.engine.tune_trial import Candidate, Task, Trial, tried
from redshank.errors import ConfigError, DataError
from redshank.panel import Panel
from redshank.registry import build_detector, detector_class

SERIES = 20  # that are looked at, spread over all
POINTS = 8_000  # of each, the newest
LEAST_POINTS = 400
STRETCHES = ((0.4, 0.6), (0.6, 0.8), (0.8, 1.0))  # of the history; what comes before each is learned
CLEAR = 0.15  # of worth, by which another must be better than the one in use: less turned out to be chance
SETTINGS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "gaussian": tuple({"threshold": t, "keep": k} for t in (0.99, 0.999) for k in (0.998, 0.9998)),
    "percentile": tuple({"threshold": t, "keep": k} for t in (0.99, 0.999) for k in (0.99, 0.999)),
}


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is searched, and how.

    ``detectors``: names, empty = all that work live. ``current``: what is in use, which is kept unless another is
    clearly better. ``series``, ``points``: how much is looked at. ``limits``: what the chosen one must fit into with
    ``total_series``. ``is_late``: whether the time is over. ``seed``: another one puts the anomalies elsewhere.
    """

    detectors: tuple[str, ...] = ()
    current: Candidate | None = None
    budget: str | None = None
    tz: str = "UTC"
    series: int = SERIES
    points: int = POINTS
    total_series: int = 0
    limits: Limits | None = None
    seed: int = 0
    is_late: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Tuned:
    """The best candidate, why, and all that were tried, best first.

    ``series``, ``points``: how many were looked at. ``left_out``: candidates that were not tried, and why.
    """

    best: Trial
    why: str
    trials: list[Trial]
    series: int
    points: int
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        return {
            "detector": self.best.candidate.detector,
            "params": dict(self.best.candidate.params),
            "why": self.why,
            "series": self.series,
            "points": self.points,
            "tried": [trial.to_json() for trial in self.trials],
            "left_out": dict(self.left_out),
            "notes": list(self.notes),
        }


def tune(history: Panel, search: Search, truth: np.ndarray | None = None, job: Job | None = None) -> Tuned:
    """Return the candidate that did best on the past of these series.

    ``truth``: (n_series, n_time), where known anomalies are; points without a judgement count as normal.

    Raises:
        DataError: there are too few points.
        ConfigError: a detector is not known, or none can be tried.
        StoppedError: the job is to stop.
    """
    job = job or Job()
    panel, marks = _sampled(history, search, truth)
    task = _task(panel, search, marks)
    candidates, left_out = _candidates(panel, search)
    job.total(_points_of(task) * len(candidates))
    trials: list[Trial] = []
    for candidate in candidates:
        if trials and search.is_late():
            left_out[str(candidate)] = "the time was over"
            continue
        plan = Plan(detector=candidate.detector, params=candidate.params, tz=search.tz)
        trials.append(tried(candidate, plan.new_detector(), task, _look(job)))
        job.log(f"{candidate}: {_figures(trials[-1])}")
    trials.sort(key=lambda trial: (-trial.worth, trial.cost_ns, str(trial.candidate)))
    best, why = _best(trials, search)
    notes = []
    if panel.n_series < history.n_series:
        notes.append(f"{panel.n_series} of {history.n_series:,} series were looked at")
    return Tuned(best, why, trials, panel.n_series, panel.n_time, left_out, notes)


def _look(job: Job) -> Callable[[int], None]:
    def look(points: int) -> None:
        job.done(points)
        job.raise_if_stopped()

    return look


def _points_of(task: Task) -> int:
    """Points that one candidate scores."""
    copied = sum((each.last - each.first) * len(each.copies) for each in task.stretches)
    return task.history.n_series * (task.stretches[-1].last + copied)


def _sampled(history: Panel, search: Search, truth: np.ndarray | None) -> tuple[Panel, np.ndarray | None]:
    """The newest points of series spread evenly over those with enough of them, the same ones each time."""
    first = max(0, history.n_time - search.points)
    there = np.isfinite(history.values[:, first:]).any(axis=2).sum(axis=1)
    able = np.flatnonzero(there >= LEAST_POINTS)
    if truth is not None and len(able) > search.series:
        able = able[np.argsort(~np.asarray(truth[able].any(axis=1), bool), kind="stable")]
    if len(able) == 0:
        most = int(there.max()) if len(there) else 0
        raise DataError(f"tune: needs {LEAST_POINTS} points of a series, got {most}")
    if truth is None:
        able = able[np.unique(np.linspace(0, len(able) - 1, min(search.series, len(able))).round().astype(int))]
    rows = np.sort(able[: search.series])
    panel = history.take(rows).slice(first, history.n_time)
    return panel, None if truth is None else truth[rows, first:]


def _task(panel: Panel, search: Search, truth: np.ndarray | None) -> Task:
    stretches: list[Stretch] = []
    for begin, end in STRETCHES:
        first, last = int(begin * panel.n_time), int(end * panel.n_time)
        stretches.append(with_anomalies(panel, first, last, search.seed))
    budget = None if search.budget is None else Budget.parse(search.budget, panel.step)
    return Task(panel, stretches, truth, budget)


def _candidates(panel: Panel, search: Search) -> tuple[list[Candidate], dict[str, str]]:
    """What is tried, cheapest first, and what is not with the reason."""
    names = search.detectors or tuple(registry.names(registry.DETECTORS))
    found: list[Candidate] = [] if search.current is None else [search.current]
    left_out: dict[str, str] = {}
    for name in names:
        kind = detector_class(name)
        detector = build_detector(name)
        if not kind.causal:
            left_out[name] = "looks both ways in time, so it cannot work live"
        elif kind.multivariate and panel.n_channels == 1:
            left_out[name] = "needs several channels"
        elif not _fits(detector.kind, panel, search):
            left_out[name] = "would not fit into the memory or cores there are"
        else:
            found += [Candidate(name), *(Candidate(name, params) for params in SETTINGS.get(name, ()))]
    unique = list({str(each): each for each in found}.values())
    if not unique:
        raise ConfigError(f"detectors: none of {', '.join(names)} can be tried", field="detectors")
    return sorted(unique, key=lambda each: build_detector(each.detector).cost(panel.step).ns_per_point), left_out


def _fits(name: str, panel: Panel, search: Search) -> bool:
    if search.limits is None:
        return True
    series = max(panel.n_series, search.total_series)
    step = panel.step or timedelta(seconds=1)
    return fits(need_of(build_detector(name), series=series, step=step, channels=panel.n_channels), search.limits)


def _best(trials: Sequence[Trial], search: Search) -> tuple[Trial, str]:
    """The trial with the highest worth, or the one in use when that is hardly worse; and why."""
    best = trials[0]
    used = next((trial for trial in trials if trial.candidate == search.current), None)
    if used is not None and used is not best and best.worth - used.worth < CLEAR:
        return used, f"{used.candidate} is in use, and {best.candidate} is hardly better: {_figures(used)}"
    others = [trial for trial in trials if trial is not best]
    if not others:
        return best, f"the only one tried: {_figures(best)}"
    return best, f"{_figures(best)}; the next, {others[0].candidate}: {_figures(others[0])}"


def _figures(trial: Trial) -> str:
    labeled = "" if np.isnan(trial.labeled) else f"{trial.labeled:.2f} against labels, "
    found = f"{trial.found:.0%} of injected anomalies found, {trial.ranked:.2f} of their rank"
    return f"{labeled}{found}, {trial.false_per_10k:.1f} events in 10,000 untouched points"


def auto_candidate(history: Panel) -> Candidate:
    """Return what ``auto`` takes for live work on such series."""
    amount = replace(Amount.of([history]), points=1_000_000)
    choice = choose_for(amount, "live")
    return Candidate(choice.kind, choice.params)
