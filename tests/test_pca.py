"""pca beyond the laws that all detectors keep."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import redshank
from naive_pca import naive_pca
from redshank.detectors.pca import Pca
from redshank.errors import ConfigError
from redshank.panel import Deviations, Panel


def machine(n_time: int = 900, n_channels: int = 5, seed: int = 1) -> np.ndarray:
    """Channels that two hidden causes drive, in units of their own."""
    random = np.random.default_rng(seed)
    causes = np.cumsum(random.standard_normal((n_time, 2)), axis=0) * 0.05 + random.standard_normal((n_time, 2))
    values = causes @ random.uniform(-1, 1, (2, n_channels)) + 0.1 * random.standard_normal((n_time, n_channels))
    return values * np.arange(1, n_channels + 1) + 3


def holed() -> np.ndarray:
    """The machine with missing channels, a missing point and a fault."""
    values = machine()
    random = np.random.default_rng(2)
    values[random.random(values.shape) < 0.05] = np.nan
    values[300], values[600:640, 2] = np.nan, 30
    return values


def score(values: np.ndarray, **params: float) -> Deviations:
    return Pca(**params).score(Panel.of(values[None]))


@pytest.mark.parametrize("values", [machine(), holed()], ids=["whole", "with missing channels"])
@pytest.mark.parametrize("params", [{}, {"smooth": 1, "variance": 0.6}, {"smooth": 4}], ids=str)
def test_it_equals_its_naive_twin(values: np.ndarray, params: dict[str, float]) -> None:
    found = score(values, **params)

    deviation, *others = naive_pca(values, **params)

    assert_allclose(found.deviation[0], deviation, rtol=1e-6, atol=1e-7)
    for array, twin in zip((found.expected, found.lower, found.upper, found.share), others, strict=True):
        assert array is not None
        assert_allclose(array[0], twin, rtol=1e-6, atol=1e-7)


def test_a_broken_correlation_inside_the_usual_range_is_found() -> None:
    values = machine(2000)
    values[1500:1560, 1] = values[500:560, 1]  # values it often had, at another time

    found = score(values)

    assert 1490 <= int(np.argmax(found.deviation[0])) <= 1570


def test_the_channel_that_broke_carries_the_share() -> None:
    values = machine()
    values[600:640, 2] = 30

    found = score(values)

    assert found.share is not None
    assert (found.share[0, 605:635].argmax(axis=1) == 2).all()
    assert (found.upper[0, 605:635, 2] < 30).all()


def test_all_channels_far_out_together_are_found() -> None:
    values = machine()
    values[600:620] = 3 + 12 * (values[600:620] - 3)  # the correlations hold

    assert 590 <= int(np.argmax(score(values).deviation[0])) <= 630


def test_a_missing_channel_is_expected_by_the_others() -> None:
    values, whole = machine(), machine()
    values[100:110, 0] = np.nan

    found = score(values)

    assert np.abs(found.expected[0, 100:110, 0] - whole[100:110, 0]).max() < np.std(whole[:, 0])
    assert np.isfinite(found.deviation[0, 100:110]).all()
    assert found.share is not None
    assert (found.share[0, 100:110, 0] == 0).all()


def test_faults_in_a_fifth_of_the_points_do_not_become_normal() -> None:
    values = machine(1000)
    values[700:900, 3] += 60

    found = score(values).deviation[0]

    assert found[710:890].min() > 2 * np.median(found[:690])


def test_a_history_says_what_is_normal() -> None:
    values = machine(2000)
    values[1000:, 3] += 60  # most of what is scored

    fitted = Pca().fit(Panel.of(values[None, :1000])).score(Panel.of(values[None, 1000:]))

    assert (fitted.deviation[0] > 1).all()


def test_a_constant_channel_neither_breaks_nor_carries_anything() -> None:
    values = machine()
    values[:, 4] = 7.0
    values[600:640, 2] = 30

    found = score(values)

    assert found.share is not None
    assert (found.share[0, :, 4] == 0).all()
    assert 590 <= int(np.argmax(found.deviation[0])) <= 650


def test_more_channels_than_points_are_scored() -> None:
    found = score(machine(40, 60))

    assert np.isfinite(found.deviation).all()


@pytest.mark.parametrize("copies", [2, 5])
def test_channels_that_are_copies_raise_no_alarm(copies: int) -> None:
    values = np.repeat(machine()[:, :1], copies, axis=1)

    assert (score(values).deviation[0] <= Pca.calibration.cut).mean() > 0.98


def test_one_channel_is_refused_with_the_remedy() -> None:
    with pytest.raises(
        ConfigError, match=r"pca: needs series of at least two channels \(--multivariate\), got one: value"
    ):
        score(machine()[:, :1])


def test_the_unit_of_a_channel_does_not_matter() -> None:
    values = machine()

    assert_allclose(score(values * 2.0**-900).deviation, score(values * 2.0**900).deviation)
    assert_allclose(score(values * [1, 1e-9, 1e9, -1, 1]).deviation, score(values).deviation, rtol=1e-5)


def test_a_range_holds_the_share_it_promises() -> None:
    values = machine(3000)
    found = score(values)

    inside = (values >= found.lower[0]) & (values <= found.upper[0])

    assert 0.98 <= inside.mean() <= 0.997


def test_threads_and_shards_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = Panel.of(np.stack([machine(seed=seed) for seed in range(4)]))
    whole = redshank.detect(panel, detector="pca")

    monkeypatch.setattr("redshank.engine.batch.SHARD_POINTS", 900)
    cut = redshank.detect(panel, detector="pca")

    assert_array_equal(whole.parts[0].scores.score, cut.parts[0].scores.score)


def test_points_before_train_until_are_the_history() -> None:
    values = machine(2000)
    values[1000:, 3] += 60
    panel = Panel.of(values[None])

    result = redshank.detect(panel, detector="pca", train_until=panel.start + timedelta(minutes=1000))

    scores = result.parts[0].scores.score[0]
    assert np.isnan(scores[:1000]).all()
    assert np.isfinite(scores[1000:]).all()
    assert result.events
    assert next(iter(result.events[0].share)) == "channel_3"
