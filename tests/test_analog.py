"""analog and analog_light beyond the laws that all detectors keep."""

from __future__ import annotations

import csv
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from naive_analog import naive_analog
from redshank.detectors.analog import Analog, AnalogLight
from redshank.errors import ConfigError
from redshank.evaluate import buffer_window, vus
from redshank.panel import Panel

GOLDEN = Path(__file__).parent / "golden" / "analog_nab.csv"
both = pytest.mark.parametrize("kind", [Analog, AnalogLight], ids=lambda kind: kind.kind)


class ShortAnalog(Analog):
    """Short enough a reach for the past to come round in a test."""

    reach: ClassVar[int] = 2048
    trend_reach: ClassVar[int] = 1900


def waves(n_time: int = 3000, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.sin(np.arange(n_time) / 9) + 0.2 * random.standard_normal(n_time)


def deviation(kind: type[AnalogLight], values: np.ndarray, **params: int) -> np.ndarray:
    return kind(**params).update(Panel.of(values)).deviation[0]


def hostile() -> np.ndarray:
    """Waves with a shift, spikes, short holes, long gaps, sparse stretches and a huge value."""
    values = waves(2600) + np.where(np.arange(2600) > 2000, 3, 0)
    values[1500], values[1700] = 9, 1e305
    values[[250, 400, 401, 900, 2300]] = np.nan
    values[700:760] = values[1200:1300] = np.nan
    values[2400:2500:2] = np.nan
    values[220:300] = np.nan
    return values


@pytest.mark.parametrize("kind", [ShortAnalog, AnalogLight], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("values", [hostile(), np.r_[np.full(230, 5.0), waves(700)]], ids=["hostile", "flat start"])
def test_it_equals_its_naive_twin(kind: type[AnalogLight], values: np.ndarray) -> None:
    answer = kind().update(Panel.of(values))
    found = [answer.deviation[0], *(array[0, :, 0] for array in (answer.expected, answer.lower, answer.upper))]

    twin = naive_analog(values, kind.windows, kind.trend_windows, kind.reach, kind.trend_reach, 300)

    assert_allclose(found, twin, rtol=1e-6, atol=1e-6)


@both
def test_any_batches_give_the_same(kind: type[AnalogLight]) -> None:
    panel = Panel.of(np.stack([hostile(), hostile()[::-1]]))
    one, many = kind(), kind()

    parts = [many.update(panel.slice(i, min(i + size, 2600))) for i, size in ((0, 1), (1, 350), (351, 2300))]

    assert_array_equal(np.concatenate([p.deviation for p in parts], 1), one.update(panel).deviation[:, :2600])


@both
def test_a_spike_stands_out_at_once_and_passes(kind: type[AnalogLight]) -> None:
    values = waves()
    values[2000] += 8

    found = deviation(kind, values)

    assert found[2000] > kind.calibration.cut
    assert np.nanmax(np.delete(found, np.s_[2000:2130])) < kind.calibration.cut


@both
def test_a_spike_that_comes_again_is_not_learned_away(kind: type[AnalogLight]) -> None:
    values = waves(5000)
    values[[1000, 2100, 3200, 4300]] += 8

    assert (deviation(kind, values)[[1000, 2100, 3200, 4300]] > kind.calibration.cut).all()


@both
@pytest.mark.parametrize("gap", [1, 5, 30, 64, 65, 500, 9000])
def test_no_alarm_follows_a_gap(kind: type[AnalogLight], gap: int) -> None:
    values = waves(11_500, seed=5)
    values[2000 : 2000 + gap] = np.nan

    found = deviation(kind, values)

    assert np.isnan(found[2000 : 2000 + gap]).all()
    assert np.nanmax(found) < kind.calibration.cut


@both
@pytest.mark.parametrize("gap", [1, 40, 300])
def test_a_wandering_series_raises_no_alarm_behind_a_gap(kind: type[AnalogLight], gap: int) -> None:
    values = np.cumsum(np.random.default_rng(6).standard_normal(3000))
    values[2000 : 2000 + gap] = np.nan

    assert np.nanmax(deviation(kind, values)[2000:2600]) < kind.calibration.cut


@both
@pytest.mark.parametrize("every", [2, 10, 100])
def test_a_spike_is_found_in_a_series_of_mostly_missing_points(kind: type[AnalogLight], every: int) -> None:
    sparse = np.full(1500 * every, np.nan)
    sparse[::every] = waves(1500)
    sparse[1200 * every] += 10

    found = deviation(kind, sparse)[::every]

    assert found[1200] > kind.calibration.cut
    assert np.nanmax(found[:1200]) < kind.calibration.cut


@both
def test_a_constant_series_scores_next_to_nothing_until_it_changes(kind: type[AnalogLight]) -> None:
    values = np.full(1000, 7.0)
    values[900] = 9.0

    found = deviation(kind, values)

    assert np.nanmax(found[:900]) < 1
    assert found[900] > kind.calibration.cut


@both
@pytest.mark.parametrize("factor", [1e-12, 1e12], ids=["tiny", "huge"])
def test_the_unit_of_the_series_does_not_matter(kind: type[AnalogLight], factor: float) -> None:
    assert_allclose(deviation(kind, waves(800) * factor), deviation(kind, waves(800)), rtol=1e-3, atol=1e-2)


@both
def test_values_at_the_edge_of_float64_give_finite_scores(kind: type[AnalogLight]) -> None:
    found = deviation(kind, np.random.default_rng(2).choice([-1.7e308, 0, 1e308, 5e-324], 1000))

    assert np.isfinite(found[kind().warmup :]).all()


@both
def test_scores_begin_after_the_warmup(kind: type[AnalogLight]) -> None:
    found = deviation(kind, waves(700), learn=450)

    assert np.isnan(found[:450]).all()
    assert np.isfinite(found[450:]).all()


def test_a_range_holds_the_share_it_promises() -> None:
    values = waves(6000)
    answer = Analog().update(Panel.of(values))

    inside = (values >= answer.lower[0, :, 0]) & (values <= answer.upper[0, :, 0])

    assert 0.98 <= inside[300:].mean() <= 0.997
    assert (answer.lower <= answer.expected)[0, 300:].all()


@pytest.mark.parametrize(("kind", "most"), [(Analog, 180 * 1024), (AnalogLight, 50 * 1024)])
def test_a_series_takes_no_more_memory_than_promised(kind: type[AnalogLight], most: int) -> None:
    detector = kind()
    detector.fit(Panel.of(waves(400)))

    held = sum(array.nbytes for array in detector.arrays.values())

    assert held == detector.cost(timedelta(minutes=1)).bytes_per_series <= most


def test_a_warmup_too_short_for_the_scales_is_refused() -> None:
    with pytest.raises(ConfigError, match="analog: learn must be between 200 and"):
        Analog(learn=10)


@pytest.mark.bench_data
@both
def test_it_gives_the_golden_numbers(kind: type[AnalogLight], bench_data: Path) -> None:
    with GOLDEN.open(newline="") as file:
        golden = list(csv.DictReader(file))
    worst = 0.0
    for name, rows in groupby(golden, key=lambda row: row["series"]):
        values = np.genfromtxt(bench_data / "nab" / f"{name}.csv", delimiter=",", skip_header=1, usecols=1)
        found = np.nan_to_num(deviation(kind, values, learn=200))
        worst = max(worst, *(abs(found[int(row["index"])] - float(row[kind.kind])) for row in rows))

    assert worst < 0.2  # of 70 (40): the first steps of the autoregression are not written down to the last bit


@pytest.mark.bench_data
@pytest.mark.parametrize(("kind", "golden"), [(Analog, 0.392), (AnalogLight, 0.342)])
def test_it_ranks_the_numenta_data_as_measured(kind: type[AnalogLight], golden: float, bench_data: Path) -> None:
    found = []
    for path in sorted((bench_data / "nab").glob("*__*.csv")):
        values, label = np.genfromtxt(path, delimiter=",", skip_header=1, usecols=(1, 2), unpack=True)
        ranking = np.nan_to_num(deviation(kind, values, learn=200))
        found.append(vus(label > 0, ranking, buffer_window(values)).pr)

    assert np.isfinite(found).sum() == 52  # the others have no anomaly
    assert np.nanmean(found) == pytest.approx(golden, abs=0.005)
