"""The verb ``forecast`` of a monitor: its history from the source, a forecast, and the result of the run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from redshank.durations import parse_duration
from redshank.engine.backtest import time_text
from redshank.engine.forecast import USUAL, Ask, Forecast, forecast
from redshank.engine.forecast_question import Answer, Question
from redshank.engine.job import Job
from redshank.engine.reading import Reader
from redshank.engine.setting import Monitor
from redshank.engine.start import look
from redshank.errors import ConfigError, NoPointsError, did_you_mean
from redshank.panel import Panel, to_time
from redshank.registry import detector_class
from redshank.sources.base import Source
from redshank.store.records import Run

DEFAULT_STEPS = 288
MOST_SERIES = 100  # in the result of a run
MOST_HISTORY = 10_000  # points of history that a forecast learns from
PARAMS = ("horizon", "coverage", "detector", "params", "questions", "series")


def do_forecast(monitor: Monitor, source: Source, run: Run, now_ns: int, job: Job) -> Mapping[str, Any]:
    """Forecast the series of a monitor from its newest points on, or from the end of the run's range.

    The run's params: ``horizon`` ("1d"), ``coverage`` (0.9), ``questions`` (["disk_used > 90"]), ``series`` (a text
    that their names hold), ``detector`` and ``params`` (None = the monitor's own if it can forecast, else seasonal).

    Raises:
        ConfigError: a param is wrong.
        NoPointsError: there is nothing to forecast from.
    """
    unknown = [name for name in run.params if name not in PARAMS]
    if unknown:
        raise ConfigError(f"forecast: {did_you_mean('param', unknown[0], PARAMS)}", field=unknown[0])
    history, chosen = _history(monitor, source, run, now_ns)
    ask, notes = asked(monitor, run.params, history, chosen)
    for note in notes:
        job.log(note)
    made = forecast(history, ask, job)
    return {**forecast_json(made), "notes": [*notes, *made.notes]}


def _history(monitor: Monitor, source: Source, run: Run, now_ns: int) -> tuple[Panel, str]:
    """What is learned from: up to MOST_HISTORY complete points of each series; and the monitor's detector."""
    outset = look(monitor, source, now_ns)
    reader = Reader(monitor.spec, source, outset.facts)
    end_ns = outset.end_ns if run.end_ns is None else min(outset.end_ns, reader.grid.floor(run.end_ns))
    start_ns = max(outset.start_ns, reader.grid.after(end_ns, -MOST_HISTORY))
    if run.start_ns is not None:
        start_ns = max(start_ns, reader.grid.floor(run.start_ns))
    if start_ns >= end_ns:
        raise NoPointsError(f"{source.describe()}: has no points in the range")
    history = reader.read(start_ns, end_ns)
    there = np.flatnonzero(np.isfinite(history.values).any(axis=(0, 2)))
    wanted = run.params.get("series")
    if wanted is not None:
        rows = [i for i, key in enumerate(history.keys) if str(wanted) in str(key)]
        history = history.take(np.array(rows, np.intp))
    if not history.n_series or not len(there):
        raise NoPointsError(f"{source.describe()}: has no points to forecast from")
    return history.slice(int(there[0]), history.n_time), outset.choice.kind


def asked(monitor: Monitor, params: Mapping[str, Any], history: Panel, chosen: str) -> tuple[Ask, list[str]]:
    """Return what the params of a run ask for, and what was decided for them; ConfigError when one is wrong."""
    notes = []
    detector = params.get("detector")
    settings = dict(params.get("params") or {})
    if detector is None:
        detector = chosen if detector_class(chosen).forecasts else USUAL
        settings = dict(monitor.spec.params) if detector == monitor.spec.detector else {}
        if detector != chosen:
            notes.append(f"{chosen} says nothing of times to come, so {detector} forecasts")
    horizon = params.get("horizon")
    try:
        length = DEFAULT_STEPS * history.step if horizon is None else parse_duration(str(horizon), field="horizon")
        coverage = float(params.get("coverage", 0.9))
    except (TypeError, ValueError):
        raise ConfigError("coverage: must be a number between 0 and 1", field="coverage") from None
    questions = params.get("questions") or ()
    texts = (questions,) if isinstance(questions, str) else questions
    if not isinstance(texts, list | tuple):
        raise ConfigError('questions: must be texts such as "disk_used > 90"', field="questions")
    return (
        Ask(
            horizon=length,
            coverage=coverage,
            detector=str(detector),
            params=settings,
            questions=tuple(Question.parse(str(text)) for text in texts),
            tz=monitor.spec.tz,
        ),
        notes,
    )


def forecast_json(made: Forecast) -> dict[str, Any]:
    """Return a forecast as JSON values: times once, values by series; of very many series the first."""
    shown = range(min(len(made.keys), MOST_SERIES))
    n_channels = len(made.channels)
    return {
        "detector": made.detector,
        "coverage": made.coverage,
        "times": [time_text(int(time)) for time in made.times.view(np.int64)],
        "n_series": len(made.keys),
        "series": [_series_json(made, i, made.ways[i * n_channels : (i + 1) * n_channels]) for i in shown],
        "answers": [answer_json(each) for each in made.answers],
        "too_short": [str(key) for key in made.too_short[:MOST_SERIES]],
    }


def _series_json(made: Forecast, i: int, ways: Sequence[str]) -> dict[str, Any]:
    channels = {
        name: {
            "way": ways[c],
            **{part: _numbers(getattr(made, part)[i, :, c]) for part in ("expected", "lower", "upper")},
        }
        for c, name in enumerate(made.channels)
    }
    return {"series": str(made.keys[i]), "channels": channels}


def _numbers(values: np.ndarray) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]


def answer_json(each: Answer) -> dict[str, Any]:
    """Return an answer as JSON values; null = not within the horizon, or not known."""

    def moment(name: str) -> str | None:
        found = getattr(each, name)
        return None if found is None else time_text(int(to_time(found).view(np.int64)))

    return {
        "series": str(each.key),
        "channel": each.channel,
        "question": str(each.question),
        "holds_now": each.holds_now,
        **{name: moment(name) for name in ("expected", "earliest", "latest")},
        "probability": each.probability if math.isfinite(each.probability) else None,
    }
