"""``redshank bench`` and the converter of the public data."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from redshank.cli.main import run

BENCH = Path(__file__).parents[1] / "bench"


@pytest.fixture
def public_data(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script bench/public_data.py as a module."""
    monkeypatch.syspath_prepend(str(BENCH))
    spec = importlib.util.spec_from_file_location("public_data", BENCH / "public_data.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "public_data", module)
    spec.loader.exec_module(module)
    return module


def test_bench_measures_speed_and_quality(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--detector", "analog_light", "--json"]) == 0

    answer = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(name))
    (row,) = answer["detectors"]
    assert "cores" in answer["machine"]
    assert row["microseconds_per_point"] > 0
    assert 0 < row["vus_pr"] <= 1


def test_bench_prints_a_row_a_detector(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--detector", "analog_light"]) == 0

    assert "analog_light" in capsys.readouterr().out


def test_bench_names_the_near_detector(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--detector", "analogg"]) == 2

    assert "did you mean 'analog'" in capsys.readouterr().err


@pytest.fixture
def nab_checkout(tmp_path: Path) -> Path:
    """A tiny tree laid out as the repository numenta/NAB."""
    checkout = tmp_path / "NAB"
    (checkout / "data/realTweets").mkdir(parents=True)
    (checkout / "labels").mkdir()
    rows = [f"2015-01-01 00:{minute:02d}:00,{minute}" for minute in range(20)]
    (checkout / "data/realTweets/KO.csv").write_text("timestamp,value\n" + "\n".join(rows) + "\n")
    span = ["2015-01-01 00:05:00.000000", "2015-01-01 00:07:00.000000"]
    (checkout / "labels/combined_windows.json").write_text(json.dumps({"realTweets/KO.csv": [span]}))
    return checkout


def test_nab_is_turned_into_one_labelled_file_a_series(
    public_data: ModuleType, nab_checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert public_data.convert_nab(nab_checkout, tmp_path / "data/nab") == 1

    monkeypatch.setenv(public_data.VARIABLE, str(tmp_path / "data"))
    (series,) = public_data.read("nab")
    assert series.labelled.name == "realTweets__KO"
    assert np.flatnonzero(series.labelled.truth).tolist() == [5, 6, 7]
    assert series.labelled.train_points == 3
    assert series.panel.n_time == 20


def test_skab_is_turned_into_series_of_several_channels(
    public_data: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for group in ("other", "valve1", "valve2"):
        (tmp_path / "SKAB/data" / group).mkdir(parents=True)
    rows = [f"2020-03-01 16:00:{s:02d};0.{s:02d};{s};{int(s > 5)}.0;0.0" for s in range(10)]
    text = "datetime;Current;Volume Flow RateRMS;anomaly;changepoint\n" + "\n".join(rows)
    (tmp_path / "SKAB/data/valve1/0.csv").write_text(text)

    assert public_data.convert_skab(tmp_path / "SKAB", tmp_path / "data/skab") == 1

    monkeypatch.setenv(public_data.VARIABLE, str(tmp_path / "data"))
    (series,) = public_data.read("skab")
    assert series.panel.channels == ("Current", "Volume_Flow_RateRMS")
    assert series.labelled.truth.sum() == 4


def test_a_clock_that_was_set_back_keeps_every_row(public_data: ModuleType) -> None:
    times = np.array([0, 1, 2, 2, 3], "datetime64[h]").astype("datetime64[ns]")

    assert (np.diff(public_data._rising(times)).astype(int) > 0).all()


def test_without_the_data_the_reason_is_said(public_data: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(public_data.VARIABLE, raising=False)

    with pytest.raises(SystemExit, match="REDSHANK_BENCH_DATA is not set"):
        public_data.folder("nab")
