"""Detectors behave as scikit-learn's outlier detectors do, without depending on it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from laws import KINDS, Kind, name_of
from redshank.errors import ConfigError, DataError
from redshank.registry import detector_class

CHANCE = np.random.default_rng(8)
TIME = np.arange(2000)
WAVE = np.sin(TIME * 2 * np.pi / 50)


def values_of(kind: Kind) -> np.ndarray:
    """(n_time,), or (n_time, 3) for those that look at channels together."""
    values = WAVE + CHANCE.normal(0, 0.05, 2000)
    return np.column_stack([values, -values, np.roll(values, 3)]) if kind.multivariate else values


@pytest.fixture(params=KINDS, ids=name_of)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each registered detector."""
    found: Kind = request.param
    return found


def test_a_clone_has_the_same_parameters_and_has_learned_nothing(kind: Kind) -> None:
    detector = kind().fit(values_of(kind))

    other = clone(detector)

    assert type(other) is kind
    assert other.get_params() == detector.get_params()
    assert other.arrays == {}


def test_fit_returns_the_detector_and_the_answers_agree(kind: Kind) -> None:
    values = values_of(kind)
    detector = kind().fit(values[:1500])

    samples, distance = detector.score_samples(values[1500:]), detector.decision_function(values[1500:])

    assert samples.shape == (500,)
    assert (samples <= 0).all()
    assert_array_equal(distance, samples + kind.calibration.cut)
    assert_array_equal(detector.predict(values[1500:]), np.where(distance < 0, -1, 1))


def test_scoring_learns_nothing(kind: Kind) -> None:
    values = values_of(kind)
    detector = kind().fit(values[:1500])

    assert_array_equal(detector.score_samples(values[1500:]), detector.score_samples(values[1500:]))


def test_a_detector_is_the_last_step_of_a_pipeline(kind: Kind) -> None:
    values = values_of(kind)
    steps = Pipeline([("doubled", FunctionTransformer(lambda array: array * 2.0)), ("detector", kind())])

    predicted = steps.fit(values[:1500]).predict(values[1500:])

    assert_array_equal(predicted, kind().fit(2.0 * values[:1500]).predict(2.0 * values[1500:]))


def test_a_pipeline_sets_parameters(kind: Kind) -> None:
    steps = Pipeline([("detector", kind())])
    params = {f"detector__{name}": value for name, value in kind().get_params().items()}

    assert steps.set_params(**params)["detector"].get_params() == kind().get_params()


def test_values_scored_are_taken_to_follow_the_fitted_ones() -> None:
    kind = detector_class("seasonal")
    values = WAVE + CHANCE.normal(0, 0.05, 2000)

    scored = kind().fit(values[:1777]).score_samples(values[1777:])

    whole = kind().score_samples(values)[1777:]
    assert_array_equal(scored, whole)


def test_set_params_checks_and_forgets() -> None:
    detector = detector_class("analog")().fit(WAVE)

    with pytest.raises(ConfigError, match="between"):
        detector.set_params(learn=-1)
    with pytest.raises(ConfigError, match="did you mean 'learn'"):
        detector.set_params(lern=400)
    assert detector.arrays

    assert detector.set_params(learn=400) is detector
    assert detector.get_params() == {"learn": 400}
    assert detector.arrays == {}


def test_an_array_of_another_shape_is_refused() -> None:
    with pytest.raises(DataError, match="must be \\(n_time,\\) or \\(n_time, n_channels\\)"):
        detector_class("analog")().fit(np.zeros((2, 3, 4)))
