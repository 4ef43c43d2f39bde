"""What the laws are tested with: every registered detector, panels that fit it, and equality bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
from numpy.testing import assert_array_equal

from redshank import registry
from redshank.detectors.base import Detector
from redshank.panel import Deviations, Floats, Panel

Kind = type[Detector]

KINDS: list[Kind] = [registry.detector_class(name) for name in registry.names(registry.DETECTORS)]
CAUSAL = [kind for kind in KINDS if kind.causal]
RETROSPECTIVE = [kind for kind in KINDS if not kind.causal]

N_SERIES, N_TIME, SPLIT = 3, 1200, 900
PERIOD = 72
STEP = timedelta(minutes=20)  # 72 steps are a day
MISSING = (5, 6, 7, 310, 930, 1001, 1002, 1003)
FIELDS = ("deviation", "expected", "lower", "upper", "share")


def name_of(kind: Kind) -> str:
    """The detector's name, for readable test ids."""
    return kind.kind


def series_of(kind: Kind, values: Floats) -> Panel:
    """A panel of ``values`` (n_series, n_time), with three different channels for multivariate detectors."""
    values = np.asarray(values, dtype=np.float64)
    if not kind.multivariate:
        return Panel.of(values, step=STEP)
    return Panel.of(np.stack([values, values * -0.5, np.roll(values, 5, axis=1)], axis=2), step=STEP)


def lively(kind: Kind) -> Panel:
    """Daily waves with noise, spikes, a level shift and missing points, on series of different scale."""
    random = np.random.default_rng(42)
    time = np.arange(N_TIME)
    waves = np.sin(2 * np.pi * time / PERIOD) + 0.1 * random.normal(size=(N_SERIES, N_TIME))
    waves[0, 950] += 6
    waves[1, 1050:] += 3
    waves[2, 700:720] = 0.2
    waves[:, MISSING] = np.nan
    return series_of(kind, waves * np.array([[1.0], [1e6], [1e-6]]) + np.array([[0.0], [5e6], [-1.0]]))


def history(kind: Kind) -> Panel:
    """The part of the lively panel to fit on."""
    return lively(kind).slice(0, SPLIT)


def stream(kind: Kind) -> Panel:
    """What comes after the history."""
    return lively(kind).slice(SPLIT, N_TIME)


def fitted(kind: Kind) -> Detector:
    """A detector with default parameters that learned the history."""
    detector = kind()
    detector.fit(history(kind))
    return detector


def split(panel: Panel, size: int) -> Iterator[Panel]:
    """Yield the panel in batches of ``size`` points."""
    for first in range(0, panel.n_time, size):
        yield panel.slice(first, min(first + size, panel.n_time))


def changed(panel: Panel, change: Callable[[Floats], None]) -> Panel:
    """The panel with ``change`` made to a copy of its values."""
    values = panel.values.copy()
    change(values)
    return replace(panel, values=values)


def parts(deviations: Deviations) -> dict[str, Floats]:
    """The arrays that are there, by name."""
    found = {name: getattr(deviations, name) for name in FIELDS}
    return {name: array for name, array in found.items() if array is not None}


def joined(batches: list[Deviations]) -> Deviations:
    """Answers of consecutive batches as one."""
    arrays = {name: np.concatenate([parts(batch)[name] for batch in batches], axis=1) for name in parts(batches[0])}
    return Deviations(**arrays)


def assert_same(one: Deviations, other: Deviations, series: slice = slice(None), points: slice = slice(None)) -> None:
    """Insist that two answers are equal bit for bit, for these series and points of both."""
    assert parts(one).keys() == parts(other).keys()
    for name, array in parts(one).items():
        assert_array_equal(array[series, points], parts(other)[name][series, points], err_msg=name)


def row(deviations: Deviations, index: int) -> Deviations:
    """The answer for one series."""
    return Deviations(**{name: array[index : index + 1] for name, array in parts(deviations).items()})
