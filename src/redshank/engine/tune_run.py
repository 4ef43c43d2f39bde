"""The verb ``tune`` of a monitor: its history from the source, the search, and the result of the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from redshank.durations import parse_duration
from redshank.engine.capacity import Limits
from redshank.engine.job import Job
from redshank.engine.reading import Reader
from redshank.engine.setting import Monitor
from redshank.engine.start import look
from redshank.engine.tune import LEAST_POINTS, POINTS, SERIES, Search, tune
from redshank.engine.tune_trial import Candidate
from redshank.errors import ConfigError, NoPointsError, did_you_mean
from redshank.panel import Panel
from redshank.sources.base import Source
from redshank.store.events import EventFilter
from redshank.store.records import Run, StoredEvent
from redshank.store.store import Store

USUAL_TIME = "10m"
PARAMS = ("detectors", "time_limit", "series", "points", "seed", "use_labels")
MOST_LABELS = 1000


class Tuner:
    """Does the verb ``tune``.

    ``store``: has the events that people judged. ``limits``: what the detector found must fit into, None = anything.
    ``clock``: seconds that rise, for the time limit.
    """

    def __init__(self, store: Store, limits: Limits | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep where things are asked for."""
        self._store, self._limits, self._clock = store, limits, clock

    def __call__(self, monitor: Monitor, source: Source, run: Run, now_ns: int, job: Job) -> Mapping[str, Any]:
        """Return the best detector for the series of a monitor, and all that were tried; nothing is changed.

        The run's params: ``detectors`` (names, none = all), ``time_limit`` ("10m"), ``series``, ``points``, ``seed``,
        ``use_labels`` (true).

        Raises:
            ConfigError: a param is wrong.
            NoPointsError, DataError: there is too little history.
        """
        given = _checked(run.params)
        outset = look(monitor, source, now_ns)
        reader = Reader(monitor.spec, source, outset.facts)
        end_ns = outset.end_ns if run.end_ns is None else min(outset.end_ns, reader.grid.floor(run.end_ns))
        start_ns = max(outset.start_ns, reader.grid.after(end_ns, -given["points"]))
        if start_ns >= end_ns:
            raise NoPointsError(f"{source.describe()}: has no points in the range")
        history = reader.read(start_ns, end_ns)
        ends = self._clock() + given["seconds"]
        current = Candidate(outset.choice.kind, outset.choice.params)
        search = Search(
            detectors=given["detectors"],
            current=current,
            budget=monitor.spec.policy.budget,
            tz=monitor.spec.tz,
            series=given["series"],
            points=given["points"],
            total_series=history.n_series,
            limits=self._limits,
            seed=given["seed"],
            is_late=lambda: self._clock() > ends,
        )
        truth = truth_of(history, self._judged(monitor)) if given["use_labels"] else None
        found = tune(history, search, truth, job)
        is_better = found.best.candidate != current
        job.log(f"best: {found.best.candidate}: {found.why}")
        return {
            **found.to_json(),
            "current": {"detector": current.detector, "params": dict(current.params)},
            "is_better": is_better,
            "labels": truth is not None,
        }

    def _judged(self, monitor: Monitor) -> Sequence[StoredEvent]:
        wanted = EventFilter(monitor_ids=[monitor.id], label="any")
        found: Sequence[StoredEvent] = self._store.events.list(wanted, limit=MOST_LABELS).items
        return found


def _checked(params: Mapping[str, Any]) -> dict[str, Any]:
    unknown = [name for name in params if name not in PARAMS]
    if unknown:
        raise ConfigError(f"tune: {did_you_mean('param', unknown[0], PARAMS)}", field=unknown[0])
    names = params.get("detectors") or ()
    names = (names,) if isinstance(names, str) else names
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ConfigError("detectors: must be names of detectors", field="detectors")
    numbers = {
        "series": _whole(params, "series", SERIES, 1, 1000),
        "points": _whole(params, "points", POINTS, LEAST_POINTS, 200_000),
        "seed": _whole(params, "seed", 0, 0, 1 << 31),
    }
    limit = parse_duration(str(params.get("time_limit", USUAL_TIME)), field="time_limit")
    return {
        **numbers,
        "detectors": tuple(names),
        "seconds": limit.total_seconds(),
        "use_labels": params.get("use_labels", True) is True,
    }


def _whole(params: Mapping[str, Any], name: str, usual: int, low: int, high: int) -> int:
    value = params.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"{name}: must be a whole number from {low:,} to {high:,}, got {value!r}", field=name)
    return value


def truth_of(history: Panel, judged: Sequence[StoredEvent]) -> np.ndarray | None:
    """Return where people said that anomalies are (n_series, n_time); None when no series of the history has any."""
    truth = np.zeros((history.n_series, history.n_time), bool)
    rows = {key: i for i, key in enumerate(history.keys)}
    times = history.times.view(np.int64)
    for event in judged:
        if event.label == "true" and event.key in rows:
            first, last = np.searchsorted(times, [event.start_ns, event.end_ns])
            truth[rows[event.key], first:last] = True
    return truth if truth.any() else None
