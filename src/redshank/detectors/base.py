"""The detector contract, with everything that is the same for all detectors written once.

A detector learns what is normal for each series of a panel and says how far points are from it. Its parameters are
dataclass fields made by ``parameter``, checked once and never changed. What it learned is a dict of arrays whose
leading axis is the series, so that ``take``, ``append``, ``save`` and ``load`` are plain indexing.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from datetime import timedelta
from importlib import import_module
from typing import Any, ClassVar, Self

import numpy as np

from redshank.calibrate import Calibration
from redshank.detectors.state import State
from redshank.errors import ConfigError, DataError, StateError, did_you_mean
from redshank.panel import Deviations, Floats, Key, Panel, Rows

Arrays = dict[str, np.ndarray]


def parameter(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Iterable[str] | None = None,
) -> Any:
    """Declare a detector parameter: a dataclass field with its explanation and its inclusive range or choices."""
    return field(default=default, metadata={"help": help, "low": low, "high": high, "choices": choices})


def _unheard(share: float) -> None:
    """Progress that nobody asked for."""


@dataclass(frozen=True)
class Cost:
    """What one series costs: ``bytes_per_series`` of state, ``ns_per_point`` on one core."""

    bytes_per_series: int
    ns_per_point: float


@dataclass(kw_only=True, eq=False)
class Detector(ABC):
    """Base of all detectors.

    ``causal`` detectors work live: ``update`` scores each point with what came before it, then learns it. The others
    look both ways and offer ``score`` only. ``history_points`` counts the points each series was fitted on.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    causal: ClassVar[bool]
    multivariate: ClassVar[bool] = False  # channels are looked at together, not one by one
    predicts: ClassVar[bool] = True  # gives expected, lower and upper
    forecasts: ClassVar[bool] = False  # says what to expect of times to come
    compares_shapes: ClassVar[bool] = False  # looks for stretches that have no like, not for values out of range
    calibration: ClassVar[Calibration]
    summary: ClassVar[str]  # one line for lists

    keys: tuple[Key, ...] = field(default=(), init=False, repr=False)
    channels: tuple[str, ...] = field(default=(), init=False, repr=False)
    arrays: Arrays = field(default_factory=dict, init=False, repr=False)
    array_points: int = field(default=0, init=False, repr=False)  # fitted on as an array, which carries no times
    # share done of one call; by a factory, as a function in the class would be taken for a method
    on_progress: Callable[[float], None] = field(default_factory=lambda: _unheard, init=False, repr=False)

    def __post_init__(self) -> None:
        for spec in self.parameters():
            _check(self.kind, spec, getattr(self, spec.name))

    # ------------------------------------------------------------------ what a detector says of itself

    @classmethod
    def parameters(cls) -> list[dataclasses.Field[Any]]:
        """The fields a user may set, in order; ``metadata`` holds help, low, high and choices."""
        return [spec for spec in fields(cls) if spec.init]

    @property
    @abstractmethod
    def warmup(self) -> int:
        """Points of a series that pass (or must be there, if not causal) before the first score."""

    @abstractmethod
    def cost(self, step: timedelta) -> Cost:
        """Estimate what one univariate series at this step costs."""

    # ------------------------------------------------------------------ verbs

    def fit(self, history: Any, y: None = None) -> Self:
        """Forget everything, then learn the history: a Panel (which may have no points).

        As in scikit-learn, an array (n_time,) or (n_time, n_channels) will do, the detector itself is returned, and
        ``y`` means nothing.
        """
        panel = history if isinstance(history, Panel) else _one_series(history)
        self._begin(panel)
        self.array_points = 0 if isinstance(history, Panel) else panel.n_time
        if panel.n_time:
            self._learn(panel)
        return self

    def score(self, panel: Panel) -> Deviations:
        """Say how far each point is from normal; learns nothing and changes nothing.

        A causal detector gives what ``update`` would give, unless its class says that it scores against the fitted
        state alone. One that is not causal compares the points with each other and with the fitted history.
        """
        other = self.take(slice(None))
        return other.update(panel)

    def update(self, panel: Panel) -> Deviations:
        """Score each point of the panel, then learn it, in order of time. The only verb that scores and changes.

        The panel must hold the fitted series in the same order, later than anything learned; an unfitted detector
        starts from nothing. Raises ConfigError if the detector is not causal.
        """
        if not self.causal:
            raise ConfigError(
                f"{self.kind}: looks both ways in time, so it cannot run live; use 'analog' or 'seasonal'"
            )
        self._admit(panel)
        return self._advance(panel)

    def forecast(self, times: np.ndarray) -> Floats:
        """Return what is expected at these times (n_series, n_time, n_channels) by what is known now; NaN = nothing.

        ``times``: (n_time,) int64 nanoseconds since 1970 UTC, earlier or later than what was learned. Changes nothing.
        Raises ConfigError, with the choices, when the detector says nothing of times to come.
        """
        from redshank.registry import DETECTORS, detector_class, names

        able = ", ".join(name for name in names(DETECTORS) if detector_class(name).forecasts)
        raise ConfigError(f"{self.kind}: says nothing of times to come; those that do are {able}", field="detector")

    def _learn(self, history: Panel) -> None:
        """Learn the history from the state of ``_begin``."""
        self._advance(history)

    def _advance(self, panel: Panel) -> Deviations:
        """Score, then learn, each point: the body of ``update`` for causal detectors."""
        raise ConfigError(f"{self.kind}: cannot run live")  # unreachable for causal detectors, which define it

    @abstractmethod
    def _new_arrays(self, n_series: int, n_channels: int) -> Arrays:
        """The state of series of which nothing is known; every array has n_series as leading axis."""

    # ------------------------------------------------------------------ scikit-learn duck typing

    def score_samples(self, values: Any) -> Floats:
        """Return minus the deviation of each point of ``values`` (n_time,) or (n_time, n_channels), 0 if not scored.

        As in scikit-learn, lower means more abnormal. The values are taken to follow those of ``fit``.
        """
        deviation = self.score(_one_series(values, self.array_points)).deviation[0]
        return np.where(np.isnan(deviation), 0.0, -deviation)

    def decision_function(self, values: Any) -> Floats:
        """Return the distance to the alarm edge (n_time,): negative is anomalous."""
        return self.score_samples(values) + self.calibration.cut

    def predict(self, values: Any) -> np.ndarray:
        """Return -1 for anomalous and 1 for normal points (n_time,), by the detector's own default cut."""
        return np.where(self.decision_function(values) < 0, -1, 1)

    def fit_predict(self, values: Any, y: None = None) -> np.ndarray:
        """Start from nothing and return ``predict`` of the values (``y`` means nothing)."""
        self.arrays, self.keys, self.array_points = {}, (), 0
        return self.predict(values)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name (``deep`` is scikit-learn's and means nothing here)."""
        return {spec.name: getattr(self, spec.name) for spec in self.parameters()}

    def set_params(self, **params: Any) -> Self:
        """Change parameters, checked as when made, forget everything learned, and return the detector."""
        unknown = sorted(params.keys() - self.get_params().keys())
        if unknown:
            raise ConfigError(
                did_you_mean(f"parameter of {self.kind}", unknown[0], self.get_params()), field=unknown[0]
            )
        other = type(self)(**{**self.get_params(), **params})
        self.__dict__.update(other.__dict__)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """Whether it has learned anything."""
        return bool(self.arrays)

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn, which asks for it and so is there, wants to know of a step of a pipeline."""
        sklearn: Any = import_module("sklearn.utils")
        return sklearn.Tags(
            estimator_type="outlier_detector",
            target_tags=sklearn.TargetTags(required=False),
            input_tags=sklearn.InputTags(one_d_array=True, allow_nan=True),
        )

    # ------------------------------------------------------------------ state

    def save(self) -> State:
        """Return everything learned, as a copy."""
        return State(
            kind=self.kind,
            version=self.version,
            params=self.get_params(),
            keys=self.keys,
            channels=self.channels,
            arrays={name: array.copy() for name, array in self.arrays.items()},
        )

    @classmethod
    def load(cls, state: State) -> Self:
        """Return a detector that goes on where the saved one stopped; StateError if it is not for this class."""
        if state.kind != cls.kind:
            raise StateError(f"state: must be of detector {cls.kind!r}, got {state.kind!r}")
        if state.version != cls.version:
            raise StateError(f"{cls.kind}: reads state version {cls.version}, got {state.version}; train again")
        detector = cls(**state.params)
        detector.keys, detector.channels = state.keys, state.channels
        detector.arrays = {name: array.copy() for name, array in state.arrays.items()}
        return detector

    def take(self, rows: Rows) -> Self:
        """Return a detector with copies of the state of these series only."""
        other = copy.copy(self)
        index = np.arange(len(self.keys))[rows]
        other.keys = tuple(self.keys[i] for i in index)
        other.arrays = {name: array[index].copy() for name, array in self.arrays.items()}
        return other

    def append(self, other: Detector) -> None:
        """Add the series of another detector of the same class, parameters and channels behind the own ones."""
        if type(other) is not type(self) or other.get_params() != self.get_params():
            raise ConfigError(f"{self.kind}: can only be joined with a {self.kind} of the same parameters")
        if not self.keys:
            self.channels = other.channels
        if self.channels != other.channels:
            raise ConfigError(f"{self.kind}: can only be joined with a detector of the same channels")
        mine = self.arrays or {name: array[:0] for name, array in other.arrays.items()}
        theirs = other.arrays or {name: array[:0] for name, array in mine.items()}
        self.arrays = {name: np.concatenate(_same_width(mine[name], theirs[name])) for name in mine}
        self.keys += other.keys

    def _begin(self, panel: Panel) -> None:
        self.keys, self.channels = panel.keys, panel.channels
        self.arrays = self._new_arrays(panel.n_series, panel.n_channels)

    def _admit(self, panel: Panel) -> None:
        """Begin with this panel's series if nothing was learned yet, else insist on the same series."""
        if not self.keys and not self.arrays:
            self._begin(panel)
        if panel.keys != self.keys:
            raise ConfigError(f"{self.kind}: the panel must hold the {len(self.keys)} fitted series in the same order")
        if panel.channels != self.channels:
            raise ConfigError(
                f"{self.kind}: the panel must have the channels {', '.join(self.channels)}, "
                f"got {', '.join(panel.channels)}"
            )


def _one_series(values: Any, after: int = 0) -> Panel:
    """One series of an array (n_time,) or (n_time, n_channels), so many minutes into the year 2000."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim not in (1, 2):
        raise DataError(f"values: must be (n_time,) or (n_time, n_channels), got {array.shape}")
    times = np.datetime64("2000-01-01T00:00", "ns") + np.arange(after, after + len(array)) * np.timedelta64(1, "m")
    return Panel.of(array[None, :, None] if array.ndim == 1 else array[None], times)


def _same_width(mine: np.ndarray, theirs: np.ndarray) -> list[np.ndarray]:
    """Pad the shorter of two arrays whose last axis may differ in length (kept history) with NaN in front."""
    if mine.shape[1:] == theirs.shape[1:]:
        return [mine, theirs]
    width = max(mine.shape[-1], theirs.shape[-1])
    padded = []
    for array in (mine, theirs):
        pad = [(0, 0)] * (array.ndim - 1) + [(width - array.shape[-1], 0)]
        padded.append(np.pad(array, pad, constant_values=np.nan))
    return padded


def _check(kind: str, spec: dataclasses.Field[Any], value: Any) -> None:
    low, high, choices = (spec.metadata.get(name) for name in ("low", "high", "choices"))
    where = f"{kind}: {spec.name}"
    if choices is not None:
        if value not in choices:
            raise ConfigError(f"{where} must be one of {', '.join(choices)}, got {value!r}", field=spec.name)
        return
    if low is None and high is None:
        return
    wanted = f"must be {_range_text(low, high)}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"{where} {wanted}, got {value!r}", field=spec.name)
    if isinstance(spec.default, int) and not isinstance(value, int):
        raise ConfigError(f"{where} must be a whole number, got {value!r}", field=spec.name)
    if (low is not None and value < low) or (high is not None and value > high):
        raise ConfigError(f"{where} {wanted}, got {value!r}", field=spec.name)


def _range_text(low: float | None, high: float | None) -> str:
    if low is None:
        return f"<= {high:g}"
    return f">= {low:g}" if high is None else f"between {low:g} and {high:g}"
