"""Say what is to be expected: the values of series to a horizon, their range, and when a limit is crossed.

The range is made of the errors that forecasts of the same kind had in the past of the same series, so that it holds the
share of values it says, whatever the detector and the trend. Pure functions over panels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np

from redshank.detectors.base import Detector
from redshank.engine.forecast_errors import Errors, learn_errors
from redshank.engine.forecast_question import Answer, Question, answer
from redshank.engine.job import Job
from redshank.errors import ConfigError, DataError
from redshank.panel import Floats, Key, Panel, Times
from redshank.registry import build_detector, detector_class

MOST_POINTS = 512  # of a forecast; longer horizons are forecast at so many evenly spaced steps
MOST_STEPS = 100_000
LEAST_POINTS = 30  # values of a series before it is forecast
LEAST_ERRORS = 20  # origins whose errors make a range
NEAR = 0.15  # errors so near in the horizon count together
MOST_NEAR = 9  # horizons that count together: those between hardly differ
CELLS = 4_000_000  # errors in work at once
USUAL = "seasonal"


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What is to be forecast.

    ``horizon``: how far. ``coverage``: share of values that the range holds. ``detector``: which one forecasts, with
    ``params``; one that cannot is refused. ``questions``: such as ``disk_used > 90``. ``tz``: of days and hours.
    """

    horizon: timedelta
    coverage: float = 0.9
    detector: str = USUAL
    params: dict[str, Any] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    tz: str = "UTC"

    def __post_init__(self) -> None:
        if not 0 < self.coverage < 1:
            raise ConfigError(f"coverage: must be between 0 and 1, got {self.coverage}", field="coverage")
        if self.horizon <= timedelta(0):
            raise ConfigError(f"horizon: must be above zero, got {self.horizon}", field="horizon")
        if not detector_class(self.detector).forecasts:
            build_detector(self.detector).forecast(np.zeros(1, np.int64))

    def new_detector(self) -> Detector:
        """Return an unfitted detector."""
        known = {spec.name for spec in detector_class(self.detector).parameters()}
        return build_detector(self.detector, {"tz": self.tz, **self.params} if "tz" in known else self.params)


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is expected of the series of one panel.

    ``times``: (n_time,). ``expected``, ``lower``, ``upper``: (n_series, n_time, n_channels), in the unit of the series,
    NaN = not known. ``ways``: how each series was forecast. ``known_until``: points of the horizon up to which the
    range is made of errors that were seen, the rest is carried on. ``too_short``: series with too few values.
    """

    keys: tuple[Key, ...]
    channels: tuple[str, ...]
    times: Times
    expected: Floats
    lower: Floats
    upper: Floats
    coverage: float
    detector: str
    ways: list[str]
    known_until: int
    too_short: list[Key]
    answers: list[Answer]
    notes: list[str]


def forecast(history: Panel, ask: Ask, job: Job | None = None) -> Forecast:
    """Return what is expected after the last time of ``history``, on its grid.

    Every series learns from all of its history again; the live state of a monitor, which learned the same points, would
    say the same. Raises DataError when there are too few points, ConfigError when the horizon is too long.
    """
    job = job or Job()
    steps = _steps(history, ask)
    ahead = np.unique(np.round(np.linspace(1, steps, min(steps, MOST_POINTS)))).astype(np.float64)
    times = (history.times[-1].view(np.int64) + ahead.astype(np.int64) * history.step_ns).view("datetime64[ns]")
    rows = max(1, CELLS // (64 * len(ahead) * history.n_channels))
    job.total(history.n_series * history.n_time)
    parts = []
    for first in range(0, history.n_series, rows):
        part = history.take(slice(first, min(first + rows, history.n_series)))
        parts.append(_part(part, ask, ahead, times, job))
    return _joined(history, ask, ahead, times, parts)


def _steps(history: Panel, ask: Ask) -> int:
    if history.n_time < LEAST_POINTS or history.step_ns == 0:
        raise DataError(f"forecast: needs {LEAST_POINTS} points of history, got {history.n_time}")
    steps = int(ask.horizon / history.step + 1e-9)
    if steps < 1:
        raise ConfigError(f"horizon: must be at least one step ({history.step}), got {ask.horizon}", field="horizon")
    if steps > MOST_STEPS:
        raise ConfigError(f"horizon: must be at most {MOST_STEPS:,} steps, got {steps:,}", field="horizon")
    return steps


@dataclass(frozen=True, eq=False)
class _Part:
    """Rows (channels of series) of a forecast: (n_rows, n_time)."""

    expected: Floats
    lower: Floats
    upper: Floats
    ways: list[str]
    known_until: int
    answers: list[Answer]


def _part(history: Panel, ask: Ask, ahead: Floats, times: Times, job: Job) -> _Part:
    def look(points: int) -> None:
        job.done(points * history.n_series)
        job.raise_if_stopped()

    errors, learned = learn_errors(history, ask.new_detector(), ahead, look)
    base = np.swapaxes(learned.forecast(times.view(np.int64)), 1, 2).reshape(-1, len(times))
    expected = base + errors.added(ahead)
    values = np.swapaxes(history.values, 1, 2).reshape(-1, history.n_time)
    enough = np.isfinite(values).sum(axis=1) >= LEAST_POINTS
    expected[~enough] = np.nan
    paths = carried(errors, ahead)
    low, high = _edges(paths, ahead, ask.coverage)
    floor = np.where(_never_negative(values), 0.0, -np.inf)[:, None]
    expected = np.maximum(expected, floor)
    lower, upper = np.maximum(expected + low, floor), np.maximum(expected + high, floor)
    answers = answer(
        history, ask.questions, times, expected, lower, upper, np.maximum(expected[:, None] + paths, floor[:, None])
    )
    ways = [errors.corrections[index].name for index in errors.chosen]
    return _Part(expected, lower, upper, ways, int(errors.ahead[-1]), answers)


def _never_negative(values: Floats) -> np.ndarray:
    """Whether a row has values and none below zero: what was never negative is not expected to be."""
    there = np.isfinite(values)
    result: np.ndarray = np.logical_and(there.any(axis=1), (np.where(there, values, 0.0) >= 0).all(axis=1))
    return result


def carried(errors: Errors, ahead: Floats) -> Floats:
    """Return the paths of errors over the whole horizon (n_rows, n_origins, n_ahead); NaN only where none is known.

    Beyond what could be seen they go on: along a trend in proportion to the time, else with its root. Where a path
    ends (the present came), it goes on from there in the same way.
    """
    known = errors.paths
    last = np.where(np.isfinite(known), np.arange(known.shape[2]), -1).max(axis=2)
    at = np.maximum(last, 0)
    final = np.take_along_axis(known, at[:, :, None], axis=2)
    power = np.array([1.0 if each.has_slope else 0.5 for each in errors.corrections])[errors.chosen]
    growth = (ahead[None, None, :] / errors.ahead[at][:, :, None]) ** power[:, None, None]
    result = final * growth
    inside = np.pad(known, [(0, 0), (0, 0), (0, len(ahead) - known.shape[2])], constant_values=np.nan)
    result = np.where(np.isfinite(inside), inside, np.where(growth >= 1, result, np.nan))
    too_short = at < 0.5 * (known.shape[2] - 1)
    return np.where(
        (last < 0)[:, :, None] | too_short[:, :, None], np.where(np.isfinite(inside), inside, np.nan), result
    )


def _edges(paths: Floats, ahead: Floats, coverage: float) -> tuple[Floats, Floats]:
    """What to add for the lower and the upper edge (n_rows, n_ahead); NaN where too few errors are known.

    The edges leave out half of what is not covered on each side of the errors of this and the near horizons.
    """
    low, high = np.full(paths[:, 0].shape, np.nan), np.full(paths[:, 0].shape, np.nan)
    for i, point in enumerate(ahead):
        near = np.flatnonzero(np.abs(ahead - point) <= NEAR * point)
        near = near[np.linspace(0, len(near) - 1, min(MOST_NEAR, len(near))).astype(int)]
        pooled = paths[:, :, near].reshape(len(paths), -1)
        origins = np.isfinite(paths[:, :, i]).sum(axis=1)
        share = np.minimum(1.0, coverage * (origins + 1) / np.maximum(origins, 1))
        enough = origins >= LEAST_ERRORS
        low[:, i] = np.where(enough, _quantile(pooled, 0.5 - share / 2), np.nan)
        high[:, i] = np.where(enough, _quantile(pooled, 0.5 + share / 2), np.nan)
    return np.minimum(low, 0.0), np.maximum(high, 0.0)


def _quantile(values: Floats, share: Floats) -> Floats:
    """The quantile ``share`` (n_rows,) of each row, NaN left out."""
    ordered = np.sort(values, axis=1)
    count = np.isfinite(ordered).sum(axis=1)
    place = np.clip(share, 0.0, 1.0) * np.maximum(count - 1, 0)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    rows = np.arange(len(values))
    part = place - low
    result: Floats = ordered[rows, low] * (1 - part) + ordered[rows, high] * part
    return result


def _joined(history: Panel, ask: Ask, ahead: Floats, times: Times, parts: Sequence[_Part]) -> Forecast:
    shape = (history.n_series, history.n_channels, len(ahead))

    def whole(name: str) -> Floats:
        return np.swapaxes(np.concatenate([getattr(part, name) for part in parts]).reshape(shape), 1, 2)

    expected = whole("expected")
    too_short = [key for key, rows in zip(history.keys, expected, strict=True) if np.isnan(rows).all()]
    known_until = parts[0].known_until if parts else 0
    notes = []
    if known_until < ahead[-1]:
        reach = known_until * history.step
        notes.append(f"the range beyond {reach} is carried on from there: the history is too short to know more")
    if len(parts) and np.isnan(whole("lower")).all():
        notes.append("there is no range: too few points to know how far forecasts were off")
    return Forecast(
        keys=history.keys,
        channels=history.channels,
        times=times,
        expected=expected,
        lower=whole("lower"),
        upper=whole("upper"),
        coverage=ask.coverage,
        detector=ask.detector,
        ways=[way for part in parts for way in part.ways],
        known_until=known_until,
        too_short=too_short,
        answers=[each for part in parts for each in part.answers],
        notes=notes,
    )
