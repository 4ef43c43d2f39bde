"""gaussian and percentile beyond the laws that all detectors keep."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from naive_gaussian import naive_gaussian, naive_percentile
from redshank.detectors.gaussian import Gaussian
from redshank.detectors.percentile import Percentile
from redshank.panel import Deviations, Panel

Kind = type[Gaussian] | type[Percentile]
TWINS = {Gaussian: naive_gaussian, Percentile: naive_percentile}
both = pytest.mark.parametrize("kind", [Gaussian, Percentile], ids=lambda kind: kind.kind)


def noise(n_time: int = 3000, seed: int = 1) -> np.ndarray:
    return 20 + 3 * np.random.default_rng(seed).standard_normal(n_time)


def answer(kind: Kind, values: np.ndarray, **params: float) -> Deviations:
    return kind(**params).update(Panel.of(values))


def deviation(kind: Kind, values: np.ndarray, **params: float) -> np.ndarray:
    return answer(kind, values, **params).deviation[0]


def hostile() -> np.ndarray:
    """Noise with a shift, spikes, a gap, a flat stretch and whole numbers."""
    values = noise(1200)
    values[300:400] += 40
    values[500], values[501], values[700] = 1e7, -1e7, np.nan
    values[600:650] = np.nan
    values[800:900] = 20
    values[1000:] = np.round(values[1000:])
    return values


SERIES: dict[str, Callable[[], np.ndarray]] = {
    "hostile": hostile,
    "flat start": lambda: np.r_[np.full(120, 5.0), noise(300)],
    "flat with a change": lambda: np.where(np.arange(600) == 400, 8.0, 7.0),
    "a new level": lambda: np.where(np.arange(600) >= 400, 8.0, 7.0),
    "whole numbers": lambda: np.random.default_rng(3).poisson(0.2, 700).astype(float),
}


@both
@pytest.mark.parametrize("values", SERIES.values(), ids=SERIES.keys())
@pytest.mark.parametrize(
    "params",
    [{"threshold": 0.99, "keep": 0.999, "learn": 50}, {"threshold": 0.9, "keep": 1.0, "learn": 80}],
    ids=["forgetting", "full memory"],
)
def test_it_equals_its_naive_twin(kind: Kind, values: Callable[[], np.ndarray], params: dict[str, float]) -> None:
    found = answer(kind, values(), **params)

    twin = TWINS[kind](values(), params["threshold"], params["keep"], params["learn"])

    arrays = [found.deviation[0], *(array[0, :, 0] for array in (found.expected, found.lower, found.upper))]
    assert_allclose(arrays, twin, rtol=1e-6, atol=1e-9)


@both
@pytest.mark.parametrize("side", [-1, 1], ids=["below", "above"])
def test_both_sides_alarm(kind: Kind, side: int) -> None:
    values = noise()
    values[2000] += side * 40

    found = deviation(kind, values)

    assert np.flatnonzero(found > kind.calibration.cut).tolist() == [2000]


@both
def test_a_constant_series_deviates_by_nothing_until_it_changes(kind: Kind) -> None:
    values = np.full(1000, 7.0)
    values[900] = 9.0

    found = deviation(kind, values)

    assert (found[kind().warmup : 900] == 0).all()
    assert found[900] > kind.calibration.cut


@both
def test_a_new_level_of_a_constant_series_becomes_normal(kind: Kind) -> None:
    found = deviation(kind, np.where(np.arange(3000) < 1000, 7.0, 8.0))

    assert found[1000] > kind.calibration.cut
    assert (found[1400:] < kind.calibration.cut).all()


@both
def test_the_least_step_of_a_resting_sensor_is_no_alarm_again(kind: Kind) -> None:
    values = np.full(4000, 20.1)
    values[500::300] = 20.2

    found = deviation(kind, values)

    assert found[500] >= kind.calibration.cut
    assert (found[501:] < kind.calibration.cut).all()


@both
def test_the_first_count_after_a_few_zeros_is_no_alarm(kind: Kind) -> None:
    values = np.zeros(200)
    values[60::11] = 1.0

    found = deviation(kind, values)

    assert 0 < found[60] < kind.calibration.cut
    assert np.nanmax(found) < kind.calibration.cut


@both
def test_rounding_of_the_numbers_is_no_deviation(kind: Kind) -> None:
    values = np.full(2000, 0.3)
    values[1000::7] = 0.1 + 0.2

    assert np.nanmax(deviation(kind, values)) < kind.calibration.cut


@both
def test_an_outlier_does_not_hide_the_next_one(kind: Kind) -> None:
    values = noise()
    values[1000], values[1100] = 1e9, 60.0

    assert deviation(kind, values)[1100] > kind.calibration.cut


@both
@pytest.mark.parametrize("factor", [1e-300, 1e-12, 1e12, 1e300])
def test_the_unit_of_the_series_does_not_matter(kind: Kind, factor: float) -> None:
    assert_allclose(deviation(kind, noise(800) * factor), deviation(kind, noise(800)), rtol=1e-6, atol=1e-9)


@both
@pytest.mark.parametrize("threshold", [0.9, 0.99])
def test_a_range_holds_the_share_it_promises(kind: Kind, threshold: float) -> None:
    values = noise(20_000)
    found = answer(kind, values, threshold=threshold)

    inside = (values >= found.lower[0, :, 0]) & (values <= found.upper[0, :, 0])

    assert abs(inside[1000:].mean() - threshold) < 0.006


@both
def test_what_forgets_nothing_comes_to_rest(kind: Kind) -> None:
    forgetful, lasting = (answer(kind, noise(20_000), keep=keep).expected[0, -2000:, 0] for keep in (0.99, 1.0))

    assert lasting.std() < forgetful.std() / 5


@both
def test_a_skewed_series_raises_few_alarms(kind: Kind) -> None:
    found = deviation(kind, np.random.default_rng(4).exponential(size=20_000))

    assert (found > kind.calibration.cut).sum() <= 10


def test_each_side_has_its_own_edge_in_percentile() -> None:
    found = answer(Percentile, np.random.default_rng(4).exponential(size=5000))

    above, below = found.upper - found.expected, found.expected - found.lower
    assert above[0, -1, 0] > 3 * below[0, -1, 0]


@both
def test_a_series_takes_the_memory_it_says(kind: Kind) -> None:
    detector = kind()
    detector.fit(Panel.of(noise(400)))

    assert (
        sum(array.nbytes for array in detector.arrays.values()) == detector.cost(timedelta(minutes=1)).bytes_per_series
    )


@pytest.mark.bench_data
@both
def test_the_range_holds_the_normal_points_of_the_numenta_data(kind: Kind, bench_data: Path) -> None:
    inside = points = 0
    for path in sorted((bench_data / "nab").glob("real*.csv")):
        values, label = np.genfromtxt(path, delimiter=",", skip_header=1, usecols=(1, 2)).T
        found = answer(kind, values)
        normal = np.isfinite(found.lower[0, :, 0]) & (np.convolve(label, np.ones(101), "same") == 0)
        holds = (found.lower[0, :, 0] <= values) & (values <= found.upper[0, :, 0])
        inside, points = inside + int(holds[normal].sum()), points + int(normal.sum())

    assert 0.98 <= inside / points <= 0.997
