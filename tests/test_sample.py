"""The generator: what it promises of its series, its anomalies, its files, and its errors."""

from __future__ import annotations

import gzip
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redshank.cli.main import run
from redshank.errors import ConfigError
from redshank.panel import to_time
from redshank.sample import DEFAULT_KINDS, KINDS, NOISES, Sample, generate
from redshank.sample.anomalies import GAP_POINTS, LEAD_SHARE
from redshank.sample.output import points_table, truth_table

anything = st.fixed_dictionaries(
    {
        "series": st.integers(1, 4),
        "points": st.integers(2, 700),
        "step": st.sampled_from(["1s", "5m", "1h", "1d"]),
        "seed": st.integers(0, 99),
        "noises": st.lists(st.sampled_from(NOISES), min_size=1, unique=True),
        "anomalies": st.lists(st.sampled_from(sorted(KINDS)), unique=True),
        "seasons": st.sampled_from([(), ("2d", "1w"), ("4d",)]),
        "rate": st.sampled_from([0.0, 10.0, 300.0]),
        "channels": st.integers(1, 3),
    }
)


def spans(sample: Sample) -> list[tuple[int, int, int]]:
    """(row, first, last) of each anomaly."""
    row = {key: i for i, key in enumerate(sample.panel.keys)}
    times = sample.panel.times
    return [
        (row[a.key], *(int(i) for i in np.searchsorted(times, [to_time(a.start), to_time(a.end)])))
        for a in sample.intervals
    ]


@settings(max_examples=60, deadline=None)
@given(arguments=anything)
def test_the_truth_is_where_the_intervals_are(arguments: dict[str, Any]) -> None:
    sample = generate(**arguments)

    marked = np.zeros_like(sample.truth)
    for row, first, last in spans(sample):
        marked[row, first:last] = True
    assert np.array_equal(sample.truth, marked)
    assert sample.truth.shape == (sample.panel.n_series, sample.panel.n_time)


@settings(max_examples=60, deadline=None)
@given(arguments=anything)
def test_anomalies_never_overlap_and_leave_the_start_clean(arguments: dict[str, Any]) -> None:
    sample = generate(**arguments)

    placed = spans(sample)
    assert all(first >= int(LEAD_SHARE * sample.panel.n_time) for _, first, _ in placed)
    assert all(first < last for _, first, last in placed)
    neighbours = [(a, b) for a, b in itertools.pairwise(placed) if a[0] == b[0]]
    assert all(a[2] + GAP_POINTS <= b[1] for a, b in neighbours)


@settings(max_examples=30, deadline=None)
@given(arguments=anything)
def test_the_same_arguments_give_the_same_numbers(arguments: dict[str, Any]) -> None:
    one, other = generate(**arguments), generate(**arguments)

    assert one.panel.values.tobytes() == other.panel.values.tobytes()
    assert one.intervals == other.intervals


@settings(max_examples=60, deadline=None)
@given(arguments=anything)
def test_values_are_finite_but_for_missing_stretches(arguments: dict[str, Any]) -> None:
    sample = generate(**arguments)

    lost = np.isnan(sample.panel.values).any(axis=2)
    assert not np.isinf(sample.panel.values).any()
    assert not (lost & ~sample.truth).any()


def test_another_seed_gives_other_numbers() -> None:
    assert not np.array_equal(generate(seed=1).panel.values, generate(seed=2).panel.values)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_anomaly_changes_its_own_points_only(kind: str) -> None:
    quiet = generate(points=2000, anomalies=[], seed=3, noises=["white"])
    loud = generate(points=2000, anomalies=[kind], seed=3, noises=["white"], rate=5)

    changed = quiet.panel.values[0, :, 0] != loud.panel.values[0, :, 0]
    (_, first, last), *_ = spans(loud)
    assert len(loud.intervals) == 1
    assert changed[first:last].any()
    assert not changed[:first].any()
    assert changed[last:].all() == (kind == "shift")
    assert changed[last:].any() == (kind == "shift")


def with_one(kind: str) -> tuple[np.ndarray, slice, np.ndarray]:
    """The values with one anomaly of a kind, where it is, and the values without."""
    sample = generate(points=2000, anomalies=[kind], seed=3, noises=["white"], rate=5)
    quiet = generate(points=2000, anomalies=[], seed=3, noises=["white"])
    (_, first, last), *_ = spans(sample)
    return sample.panel.values[0, :, 0], slice(first, last), quiet.panel.values[0, :, 0]


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"missing"}))
def test_an_anomaly_stands_out_of_the_noise(kind: str) -> None:
    values, inside, quiet = with_one(kind)

    assert np.abs(values - quiet)[inside].max() > 3 * np.diff(quiet).std()


def test_dropouts_are_zero_or_missing() -> None:
    zero, where_zero, _ = with_one("zero")
    missing, where_missing, _ = with_one("missing")

    assert not zero[where_zero].any()
    assert np.isnan(missing[where_missing]).all()


def test_a_flat_stretch_has_one_value_and_a_shift_stays() -> None:
    flat, where_flat, _ = with_one("flat")
    shifted, where_shift, quiet = with_one("shift")

    assert len(set(flat[where_flat])) == 1
    assert np.ptp((shifted - quiet)[where_shift.start :]) < 0.01


@pytest.mark.parametrize("noise", NOISES)
def test_every_noise_is_noise(noise: str) -> None:
    values = generate(points=3000, seasons=[], noises=[noise], anomalies=[], trend=0).panel.values[0, :, 0]

    assert len(set(values)) > 5
    assert (values == np.round(values)).all() == (noise == "poisson")


def test_heavy_tails_are_heavier_than_white_noise() -> None:
    def peak(noise: str) -> float:
        values = generate(points=20_000, seasons=[], noises=[noise], anomalies=[], trend=0).panel.values[0, :, 0]
        return float(np.abs(values - values.mean()).max() / values.std())

    assert peak("heavy") > 2 * peak("white")


def test_autoregressive_noise_remembers_the_point_before() -> None:
    values = generate(points=5000, seasons=[], noises=["ar"], anomalies=[], trend=0).panel.values[0, :, 0]

    assert np.corrcoef(values[1:], values[:-1])[0, 1] == pytest.approx(0.8, abs=0.05)


def test_the_season_comes_back_every_day() -> None:
    values = generate(points=2016, seasons=["1d"], noises=["white"], anomalies=[], trend=0).panel.values[0, :, 0]

    assert np.corrcoef(values[288:], values[:-288])[0, 1] > 0.8


def test_counts_are_whole_and_never_below_zero_even_in_anomalies() -> None:
    values = generate(series=20, noises=["poisson"], rate=50).panel.values

    assert (values == np.round(values)).all()
    assert values.min() >= 0


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"missing"}))
def test_every_kind_shows_in_every_noise(kind: str, noise: str) -> None:
    """Most of its points move by a good part of the usual step of the noise, summed over its length by far more."""
    for seed in range(6):
        sample = generate(anomalies=[kind], noises=[noise], seed=seed, rate=2.5)
        clean = generate(anomalies=[], noises=[noise], seed=seed).panel.values[0, :, 0]
        ((_, first, last),) = spans(sample)
        change = np.abs(sample.panel.values[0, first:last, 0] - clean[first:last]) / np.diff(clean).std()

        assert change.max() > 1.2
        assert np.sqrt((change**2).sum()) > 4


def test_a_spike_of_counts_is_not_cut_off_at_zero() -> None:
    for seed in range(20):
        sample = generate(anomalies=["spike"], noises=["poisson"], seed=seed, rate=2.5, seasons=[])
        clean = generate(anomalies=[], noises=["poisson"], seed=seed, seasons=[]).panel.values[0, :, 0]
        ((_, first, last),) = spans(sample)

        assert (np.abs(sample.panel.values[0, first:last, 0] - clean[first:last]) > 4 * np.diff(clean).std()).all()


def test_many_series_carry_the_labels_host_and_city() -> None:
    keys = generate(series=12, points=50).panel.keys

    assert len(set(keys)) == 12
    assert [key.label_map["host"] for key in keys[:2]] == ["host-01", "host-02"]
    assert {name for key in keys for name in key.label_map} == {"host", "city"}


def test_a_multivariate_anomaly_is_in_some_channels() -> None:
    quiet, loud = generate(channels=4, anomalies=[], seed=5), generate(channels=4, anomalies=["spike"], seed=5)

    moved = (quiet.panel.values != loud.panel.values).any(axis=(0, 1))
    touched = {name for interval in loud.intervals for name in interval.channels}
    assert {name for name, is_moved in zip(loud.panel.channels, moved, strict=True) if is_moved} == touched
    assert len(touched) > 0


def test_the_rate_is_kept_over_many_series() -> None:
    sample = generate(series=300, points=2000, rate=10, anomalies=["spike"])

    assert len(sample.intervals) == pytest.approx(300 * 2, rel=0.1)


def test_one_short_series_still_gets_an_anomaly() -> None:
    assert len(generate(points=300, rate=10, anomalies=["spike"]).intervals) == 1


def test_kinds_that_need_a_season_are_not_drawn_without_one() -> None:
    assert generate(seasons=[], anomalies=["missing_cycle", "changed_shape"], rate=50).intervals == []


def test_missing_values_are_asked_for() -> None:
    assert set(DEFAULT_KINDS) == set(KINDS) - {"missing"}


def test_start_and_step_set_the_times() -> None:
    panel = generate(points=10, step="1h", start=datetime(2025, 3, 1, tzinfo=UTC)).panel

    assert panel.start == datetime(2025, 3, 1, tzinfo=UTC)
    assert panel.step == timedelta(hours=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"series": 0}, "series must be between 1"),
        ({"points": 1}, "points must be between 2"),
        ({"seed": -1}, "seed must be between 0"),
        ({"points": 10**8, "series": 3}, "values in all must be between"),
        ({"rate": 1001}, "rate must be between 0 and 1,000"),
        ({"rate": float("nan")}, "rate must be between 0 and 1,000, got nan"),
        ({"trend": 101}, "trend must be between"),
        ({"channels": 0}, "channels must be between 1"),
        ({"step": "never"}, "step: must be a duration"),
        ({"step": timedelta(0)}, "step must be above zero"),
        ({"seasons": ["1m"]}, "a season must last two steps"),
        ({"anomalies": ["spikes"]}, "unknown anomaly 'spikes'; did you mean 'spike'"),
        ({"noises": ["wite"]}, "unknown noise 'wite'; did you mean 'white'"),
        ({"noises": []}, "noise must be one or more of"),
        ({"points": 10**6, "step": "1d"}, "every point must be before 2262"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_argument_out_of_range_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        generate(**arguments)


# tables and files


def test_the_table_has_one_row_a_point_and_the_label() -> None:
    sample = generate(series=3, points=400, rate=100)

    table = points_table(sample)

    assert table.columns == ["time", "city", "host", "value", "label"]
    assert table.height == 1200
    assert table["label"].sum() == sample.truth.sum()


def test_the_truth_table_has_one_row_an_anomaly() -> None:
    sample = generate(series=3, points=400, rate=100)

    table = truth_table(sample)

    assert table.height == len(sample.intervals)
    assert set(table["series"]) <= {str(key) for key in sample.panel.keys}
    assert truth_table(generate(points=30, rate=0)).height == 0


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "parquet", "csv.gz"])
def test_every_format_holds_the_same_rows(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"sample.{suffix}"

    assert run(["sample", "--points", "300", "--out", str(out)]) == 0

    readers = {"json": pl.read_json, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet}
    table = readers.get(suffix, pl.read_csv)(out)
    assert table.height == 300
    assert table["value"].to_list() == generate(points=300).panel.values[0, :, 0].tolist()


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "b.csv.gz"):
        run(["sample", "--points", "300", "--seed", "9", "--out", str(tmp_path / name)])

    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()).startswith(b"time,value,label\n2024-01-01T00:00:00Z,")


def test_without_a_file_csv_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sample", "--points", "5", "--multivariate"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "time,cpu,memory,disk,network,label"
    assert len(lines) == 6


def test_the_truth_is_written_beside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, truth = tmp_path / "s.csv", tmp_path / "t.csv"

    code = run(["sample", "--anomalies", "spike,zero", "--season", "none", "--out", str(out), "--truth", str(truth)])

    assert code == 0
    assert set(pl.read_csv(truth)["kind"]) <= {"spike", "zero"}
    assert "4,032 rows, 1 series, 4 anomalies" in capsys.readouterr().out


def test_no_anomalies_can_be_asked_for(tmp_path: Path) -> None:
    run(["sample", "--anomalies", "none", "--out", str(tmp_path / "s.csv")])

    assert pl.read_csv(tmp_path / "s.csv")["label"].sum() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "missing/s.csv"], "folder missing does not exist"),
        (["--out", "s.xls"], "must end in .csv"),
        (["--out", "s.json.gz"], "must end in .csv"),
        (["--out", "s.csv", "--truth", "./s.csv"], "must be another file than --out"),
        (["--points", "0"], "points must be between 2"),
        (["--anomalies", "spikee"], "did you mean 'spike'"),
        (["--start", "soon"], "start: must be a time"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run(["sample", *arguments]) == 2

    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
