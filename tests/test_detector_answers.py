"""What every registered detector answers, hostile panels and its description included; beside the laws."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from laws import (
    FIELDS,
    KINDS,
    N_TIME,
    Kind,
    lively,
    name_of,
    parts,
    series_of,
)
from redshank.detectors.base import Detector
from redshank.errors import ConfigError
from redshank.panel import Panel

# In the other order than test_laws.py has: where two processes begin at once, each compiles other kernels.
every = pytest.mark.parametrize("kind", KINDS[::-1], ids=name_of)


# ------------------------------------------------------------------------------------------- what all answers hold


@every
def test_answers_have_the_shape_of_the_panel(kind: Kind) -> None:
    panel = lively(kind)

    answer = kind().score(panel)

    assert answer.deviation.shape == panel.values.shape[:2]
    assert {getattr(answer, name).shape for name in FIELDS[1:4]} == {panel.values.shape}


@every
def test_deviations_are_not_below_zero(kind: Kind) -> None:
    deviation = kind().score(lively(kind)).deviation

    assert (deviation[np.isfinite(deviation)] >= 0).all()


@every
def test_the_expected_value_lies_in_its_range(kind: Kind) -> None:
    answer = kind().score(lively(kind))
    there = np.isfinite(answer.expected) & np.isfinite(answer.lower) & np.isfinite(answer.upper)

    assert (answer.lower[there] <= answer.expected[there]).all()
    assert (answer.expected[there] <= answer.upper[there]).all()
    assert there.any() == kind.predicts


@every
def test_shares_of_channels_sum_to_one(kind: Kind) -> None:
    random = np.random.default_rng(7)
    panel = Panel.of(random.normal(size=(2, 800, 3)))

    answer = kind().score(panel)

    assert answer.share is not None
    scored = np.isfinite(answer.deviation) & (answer.deviation > 0)
    assert scored.any()
    np.testing.assert_allclose(answer.share[scored].sum(axis=1), 1.0, atol=1e-9)


@every
def test_a_blatant_fault_deviates_most(kind: Kind) -> None:
    random = np.random.default_rng(3)
    values = np.sin(2 * np.pi * np.arange(N_TIME) / 72)[None, :] + 0.05 * random.normal(size=(1, N_TIME))
    values[0, 1000:1010] += 8

    deviation = kind().score(series_of(kind, values)).deviation[0]

    assert 990 <= int(np.nanargmax(deviation)) <= 1080


@every
def test_a_series_shorter_than_the_warmup_is_not_scored(kind: Kind) -> None:
    panel = series_of(kind, np.random.default_rng(1).normal(size=(1, kind().warmup - 1)))

    assert np.isnan(kind().score(panel).deviation).all()


@every
def test_a_series_just_longer_than_the_warmup_is_scored(kind: Kind) -> None:
    panel = series_of(kind, np.random.default_rng(1).normal(size=(1, kind().warmup + 1)))

    assert np.isfinite(kind().score(panel).deviation).any()


# -------------------------------------------------------------------------------------------------- hostile panels

HOSTILE = {
    "no series": np.empty((0, 50)),
    "no points": np.empty((2, 0)),
    "one point": np.ones((2, 1)),
    "two points": np.array([[1.0, 2.0]]),
    "three points": np.array([[1.0, -2.0, np.nan]]),
    "constant": np.full((1, 600), 7.0),
    "zero": np.zeros((1, 600)),
    "constant but one": np.where(np.arange(600) == 500, 8.0, 7.0)[None, :],
    "all missing": np.full((2, 600), np.nan),
    "one value": np.where(np.arange(600) == 300, 1.0, np.nan)[None, :],
    "every other missing": np.where(np.arange(600) % 2, np.nan, np.arange(600) % 24)[None, :],
    "long gap": np.where((np.arange(900) > 300) & (np.arange(900) < 700), np.nan, np.arange(900) % 24)[None, :],
    "huge constant": np.full((1, 600), 1e308),
    "huge both ways": np.where(np.arange(600) % 2, 1e308, -1e308)[None, :],
    "huge once": np.where(np.arange(600) == 500, -1.7e308, np.arange(600) % 24)[None, :],
    "huge noise": 1.7e308 * np.random.default_rng(5).uniform(-1, 1, (1, 600)),
    "tiny": np.random.default_rng(5).uniform(-1e-308, 1e-308, (1, 600)),
    "least": np.where(np.arange(600) % 24, 5e-324, 0.0)[None, :],
    "far from zero": 1e15 + np.random.default_rng(5).normal(size=(1, 600)),
    "two values": (np.arange(600) % 24 == 0).astype(float)[None, :],
    "ramp": np.arange(600, dtype=float)[None, :],
    "steep": np.exp(np.arange(600) / 2.0)[None, :],
}


@every
@pytest.mark.parametrize("values", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_values_give_neither_warning_nor_infinity(kind: Kind, values: Any) -> None:
    panel = series_of(kind, values)
    detector = kind()

    answers = [detector.score(panel), _fitted_on(detector, panel).score(panel)]

    assert not any(np.isinf(array).any() for answer in answers for array in parts(answer).values())
    assert answers[0].deviation.shape == panel.values.shape[:2]


def _fitted_on(detector: Detector, panel: Panel) -> Detector:
    detector.fit(panel)
    return detector


@every
def test_a_constant_series_raises_no_alarm(kind: Kind) -> None:
    deviation = kind().score(series_of(kind, np.full((1, 600), 7.0))).deviation

    assert not (deviation > kind.calibration.cut).any()


@every
def test_irregular_times_are_scored(kind: Kind) -> None:
    random = np.random.default_rng(9)
    panel = lively(kind)
    times = np.datetime64("2024-01-01", "ns") + np.cumsum(random.integers(1, 10**11, N_TIME)).astype("timedelta64[ns]")

    deviation = kind().score(Panel(panel.keys, times, panel.values, panel.channels)).deviation

    assert np.isfinite(deviation[:, -50:]).all()


# ------------------------------------------------------------------------------------- parameters and descriptions

RANGES = [
    pytest.param(kind, spec.name, spec.metadata, id=f"{kind.kind}-{spec.name}")
    for kind in KINDS
    for spec in kind.parameters()
]
LIMITS = [
    pytest.param(
        kind, spec.name, spec.metadata[side] + sign, f"{spec.metadata[side]:g}", id=f"{kind.kind}-{spec.name}-{side}"
    )
    for kind in KINDS
    for spec in kind.parameters()
    for side, sign in (("low", -1), ("high", 1))
    if spec.metadata[side] is not None
]


@pytest.mark.parametrize(("kind", "name", "value", "limit"), LIMITS)
def test_a_parameter_out_of_range_names_the_range(kind: Kind, name: str, value: float, limit: str) -> None:
    with pytest.raises(ConfigError, match=f"{kind.kind}: {name} must be .*{limit}.*, got") as caught:
        kind(**{name: value})

    assert caught.value.field == name


@pytest.mark.parametrize(("kind", "name", "about"), RANGES)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), "many"], ids=str)
def test_a_parameter_that_is_no_such_thing_is_refused(kind: Kind, name: str, about: Any, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{kind.kind}: {name} must be "):
        kind(**{name: value})


@pytest.mark.parametrize(("kind", "name", "about"), RANGES)
def test_a_parameter_is_explained(kind: Kind, name: str, about: Any) -> None:
    assert about["help"]
    assert about["choices"] or about["low"] is not None or about["high"] is not None


@every
def test_a_detector_says_what_it_is_and_costs(kind: Kind) -> None:
    cost = kind().cost(timedelta(minutes=1))

    assert kind.summary
    assert "\n" not in kind.summary
    assert cost.bytes_per_series > 0
    assert cost.ns_per_point > 0
    assert kind.__doc__


@every
def test_a_detector_goes_by_its_registered_name(kind: Kind) -> None:
    from redshank import registry

    assert registry.detector_class(kind.kind) is kind


@every
def test_a_state_is_as_large_as_its_cost_says(kind: Kind) -> None:
    one_series = lively(kind).take([0])
    detector = kind()
    detector.fit(one_series)

    held = sum(array.nbytes for array in detector.arrays.values()) / one_series.n_channels

    assert held <= kind().cost(one_series.step).bytes_per_series


# --------------------------------------------------------------------------------------- scikit-learn duck typing


@every
def test_a_detector_answers_like_scikit_learn(kind: Kind) -> None:
    values = lively(kind).values[0]

    predicted = kind().fit_predict(values)

    assert predicted.shape == (N_TIME,)
    assert set(predicted) <= {-1, 1}
    assert kind().get_params().keys() == {spec.name for spec in kind.parameters()}
