"""hindsight and hindsight_light beyond the laws that all detectors keep."""

from __future__ import annotations

import csv
from itertools import groupby
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from naive_hindsight import Naive
from redshank.detectors import hindsight
from redshank.detectors.hindsight import Hindsight, HindsightLight, Retrospective
from redshank.detectors.hindsight_expected import filled_by_analogs
from redshank.detectors.hindsight_gaps import Compared
from redshank.detectors.hindsight_parts import Unit
from redshank.panel import Deviations, Panel

GOLDEN = Path(__file__).parent / "golden" / "hindsight_nab.csv"
both = pytest.mark.parametrize("kind", [Hindsight, HindsightLight], ids=lambda kind: kind.kind)


class ShortSighted(Hindsight):
    """Short enough a reach to end within a test."""

    reach: ClassVar[int] = 700


class ShortSightedLight(HindsightLight):
    """Short enough a reach to end within a test."""

    reach: ClassVar[int] = 700


def waves(n_time: int = 3000, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.sin(np.arange(n_time) / 9) + 0.2 * random.standard_normal(n_time)


def answer(kind: type[Retrospective], values: np.ndarray) -> Deviations:
    return kind().score(Panel.of(values))


def deviation(kind: type[Retrospective], values: np.ndarray) -> np.ndarray:
    return answer(kind, values).deviation[0]


def hostile() -> np.ndarray:
    """Waves with a step, spikes and a flat stretch."""
    values = waves(1500) + np.where(np.arange(1500) > 1100, 3, 0)
    values[[400, 800]] = 9, -7
    values[950:980] = 0.3
    return values


def holey() -> np.ndarray:
    """The same with holes at the ends and within, and long gaps."""
    values = hostile()
    values[:7] = values[250:253] = values[300] = values[600:640] = values[645] = values[1200:1300] = np.nan
    values[np.random.default_rng(4).random(1500) < 0.03] = np.nan
    return values


# ------------------------------------------------------------------------------------------------- the naive twin


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        pytest.param(ShortSighted, hostile(), id="hindsight"),
        pytest.param(ShortSightedLight, hostile(), id="light"),
        pytest.param(ShortSighted, holey(), id="hindsight with gaps"),
        pytest.param(ShortSightedLight, holey(), id="light with gaps"),
        pytest.param(Hindsight, waves(70), id="hindsight of a short series"),
        pytest.param(HindsightLight, np.sin(np.arange(900) / 40) + waves(900, 2), id="light of a long period"),
    ],
)
def test_it_equals_its_naive_twin(kind: type[Hindsight] | type[HindsightLight], values: np.ndarray) -> None:
    points = Compared.of(values)
    y = Unit.of(points.values[points.known]).standardised(points.values)
    if not points.is_whole:
        y = filled_by_analogs(y, points.known, points.gaps, 4096)
    twin = Naive(y, points)

    found = deviation(kind, values)

    expected = twin.full(kind.reach) if issubclass(kind, Hindsight) else twin.light(kind.reach)
    assert_array_equal(np.isnan(found), np.isnan(values))
    assert_allclose(found[points.places][points.known], expected[points.known], rtol=2e-4, atol=2e-4)


# ---------------------------------------------------------------------------------------------------- what it finds


@both
def test_a_spike_stands_out_at_its_place(kind: type[Retrospective]) -> None:
    values = waves()
    values[2000] += 8

    found = deviation(kind, values)

    assert found[2000] > kind.calibration.cut
    assert int(np.argmax(found)) == 2000


@both
def test_two_alike_anomalies_do_not_hide_each_other(kind: type[Retrospective]) -> None:
    values = waves()
    values[700:730] = values[2000:2030] = np.linspace(-2, 2, 30)

    found = deviation(kind, values)

    assert found[690:740].max() > kind.calibration.cut
    assert found[1990:2040].max() > kind.calibration.cut


@both
def test_an_odd_stretch_in_the_history_makes_its_like_less_odd(kind: type[Retrospective]) -> None:
    values = np.tile(waves(1000), 4)
    odd = np.linspace(-2, 2, 30)
    for start in (500, 1100, 1700, 3500):
        values[start : start + 30] = odd
    whole = Panel.of(values)
    detector = kind()
    detector.fit(whole.slice(0, 3000))

    with_history = detector.score(whole.slice(3000, 4000)).deviation[0]

    assert with_history[490:540].max() < deviation(kind, values[3000:])[490:540].max()
    assert_array_equal(with_history, deviation(kind, values)[3000:])


@both
def test_only_so_much_history_is_kept(kind: type[Retrospective]) -> None:
    detector = kind()
    detector.fit(Panel.of(waves(20_000)))

    assert detector.arrays["history"].shape == (1, 1, kind.kept)


@both
@pytest.mark.parametrize("factor", [1e-12, 1e12], ids=["tiny", "huge"])
def test_the_unit_of_the_series_does_not_matter(kind: type[Retrospective], factor: float) -> None:
    assert_allclose(deviation(kind, waves(800) * factor), deviation(kind, waves(800)), rtol=1e-3, atol=1e-2)


@both
def test_time_backwards_gives_the_same_backwards(kind: type[Retrospective]) -> None:
    values = hostile()[:1200]  # a length of whole blocks and averages

    forwards, backwards = deviation(kind, values), deviation(kind, values[::-1])[::-1]

    assert abs(int(np.argmax(forwards)) - int(np.argmax(backwards))) <= 1
    assert np.corrcoef(forwards, backwards)[0, 1] > 0.95


# ------------------------------------------------------------------------------------------------------------ gaps


@both
@pytest.mark.parametrize("gap", [1, 3, 4, 30, 500])
@pytest.mark.parametrize("series", ["noisy", "smooth", "wandering"])
def test_a_gap_is_no_event(kind: type[Retrospective], gap: int, series: str) -> None:
    wandering = np.cumsum(np.random.default_rng(6).standard_normal(3000))
    values = {"noisy": waves(), "smooth": np.sin(np.arange(3000) * 2 * np.pi / 24), "wandering": wandering}[series]
    at = slice(1480, 1520 + gap)
    gapped = values.copy()
    gapped[1500 : 1500 + gap] = np.nan

    found = deviation(kind, gapped)

    assert np.isnan(found[1500 : 1500 + gap]).all()
    assert np.nanmax(found[at]) < kind.calibration.cut


@both
def test_an_anomaly_beside_a_gap_is_found(kind: type[Retrospective]) -> None:
    values = waves()
    values[1500:1600] = np.nan
    values[1604] += 10

    assert deviation(kind, values)[1604] > kind.calibration.cut


@both
def test_missing_values_make_nothing_normal(kind: type[Retrospective]) -> None:
    values = waves()
    values[1000:1040] = np.linspace(values[999], values[1040], 40)  # a line, as holes are filled
    for start in range(100, 900, 100):
        values[start : start + 40] = np.nan

    assert np.nanmax(deviation(kind, values)[990:1050]) > kind.calibration.cut


@both
@pytest.mark.parametrize("every", [2, 10])
def test_a_spike_is_found_in_a_series_of_mostly_missing_points(kind: type[Retrospective], every: int) -> None:
    sparse = np.full(1500 * every, np.nan)
    sparse[::every] = waves(1500)
    sparse[1200 * every] += 10

    assert int(np.nanargmax(deviation(kind, sparse))) == 1200 * every


@both
def test_missing_points_around_a_series_change_nothing(kind: type[Retrospective]) -> None:
    values = waves(500)
    around = np.concatenate([np.full(300, np.nan), values, np.full(90, np.nan)])

    assert_array_equal(deviation(kind, around)[300:800], deviation(kind, values))


# --------------------------------------------------------------------------------------------- expected and range


@both
def test_a_range_holds_the_share_it_promises(kind: type[Retrospective]) -> None:
    values = waves(6000)
    found = answer(kind, values)

    inside = (values >= found.lower[0, :, 0]) & (values <= found.upper[0, :, 0])

    assert 0.98 <= inside.mean() <= 0.997
    assert (found.upper - found.lower)[0].max() < 2


@both
def test_what_is_expected_in_an_event_is_what_should_have_been(kind: type[Retrospective]) -> None:
    clean = np.sin(np.arange(3000) / 9)
    values = clean + 0.05 * np.random.default_rng(1).standard_normal(3000)
    values[2000:2040] = 4

    expected = answer(kind, values).expected[0, 2000:2040, 0]

    assert np.abs(expected - clean[2000:2040]).max() < 0.3


@both
def test_what_is_expected_in_a_gap_is_what_should_have_been(kind: type[Retrospective]) -> None:
    clean = np.sin(np.arange(3000) / 9)
    values = clean + 0.05 * np.random.default_rng(1).standard_normal(3000)
    values[2000:2040] = np.nan

    assert np.abs(answer(kind, values).expected[0, 2000:2040, 0] - clean[2000:2040]).max() < 0.3


# ---------------------------------------------------------------------------------------------------- threads, cost


@both
def test_any_number_of_threads_gives_the_same(kind: type[Retrospective], monkeypatch: pytest.MonkeyPatch) -> None:
    values = holey()
    monkeypatch.setattr(hindsight, "THREADED_POINTS", 100)
    results = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(hindsight, "cores", lambda threads=threads: threads)
        results.append(answer(kind, values))

    for other in results[1:]:
        for name in ("deviation", "expected", "lower", "upper"):
            assert_array_equal(getattr(results[0], name), getattr(other, name))


def test_an_error_in_a_thread_is_raised() -> None:
    def failing() -> int:
        raise ValueError("told")

    with pytest.raises(ValueError, match="told"):
        list(hindsight.compute([failing, lambda: 1], 2, lambda share: None))


@both
def test_progress_rises_to_the_end(kind: type[Retrospective]) -> None:
    detector, heard = kind(), []
    detector.on_progress = heard.append

    detector.score(Panel.of(np.stack([waves(300), waves(300, 2)])))

    assert heard == sorted(heard)
    assert heard[-1] == 1


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(st.one_of(st.just(np.nan), st.floats(-1e308, 1e308), st.integers(0, 3)), min_size=0, max_size=200)
)
@both
def test_any_values_give_finite_scores(kind: type[Retrospective], values: list[float]) -> None:
    array = np.array(values, dtype=np.float64)

    found = answer(kind, array)

    scored = np.isfinite(array) & (np.isfinite(array).sum() >= 64)
    assert_array_equal(np.isfinite(found.deviation[0]), scored)
    assert (found.deviation[0][scored] <= 38).all()
    assert (found.lower <= found.upper)[np.isfinite(found.lower)].all()


@pytest.mark.bench_data
@both
def test_it_gives_the_golden_numbers(kind: type[Retrospective], bench_data: Path) -> None:
    with GOLDEN.open(newline="") as file:
        golden = list(csv.DictReader(file))
    worst = 0.0
    for name, rows in groupby(golden, key=lambda row: row["series"]):
        values = np.genfromtxt(bench_data / "nab" / f"{name}.csv", delimiter=",", skip_header=1, usecols=1)
        found = deviation(kind, values)
        worst = max(worst, *(abs(found[int(row["index"])] - float(row[kind.kind])) for row in rows))

    assert worst < 5e-4  # of 38


@pytest.mark.parametrize("kind", [Hindsight, HindsightLight], ids=lambda kind: kind.kind)
@pytest.mark.parametrize("period", [20, 48, 144])
def test_a_wave_without_noise_has_no_odd_ends(kind: type[Retrospective], period: int) -> None:
    wave = np.sin(np.arange(3000) * 2 * np.pi / period + 1)

    assert kind().score(Panel.of(wave)).deviation.max() < kind.calibration.cut


@pytest.mark.parametrize("kind", [Hindsight, HindsightLight], ids=lambda kind: kind.kind)
@pytest.mark.parametrize("behind", [0, 3, 5])
def test_a_spike_in_the_last_points_is_found(kind: type[Retrospective], behind: int) -> None:
    values = np.sin(np.arange(2000) / 8) + 0.1 * np.random.default_rng(1).normal(size=2000)
    values[-1 - behind] += 3

    found = kind().score(Panel.of(values)).deviation[0]

    assert found[-12:].max() >= kind.calibration.cut
