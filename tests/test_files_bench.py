"""Real files of other people are read by themselves."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from redshank.sources.base import Query, Reading
from redshank.sources.files import FileSource

pytestmark = pytest.mark.bench_data


@pytest.fixture
def data() -> Path:
    folder = os.environ.get("REDSHANK_BENCH_DATA")
    if not folder:
        pytest.skip("REDSHANK_BENCH_DATA does not name the folder of the benchmark data")
    return Path(folder)


def read(*paths: Path) -> Reading:
    return FileSource([str(path) for path in paths]).read(Query())


def test_car_signals_are_twelve_series_one_second_apart(data: Path) -> None:
    reading = read(data / "misc" / "cardata_sample.csv")

    assert reading.findings.step == timedelta(seconds=1)
    assert (reading.findings.n_series, reading.panels[0].n_time) == (12, 1357)


def test_room_occupancy_is_month_first(data: Path) -> None:
    findings = read(data / "misc" / "room_occupancy.csv.gz").findings

    assert findings.time == "DT"
    assert findings.time_format.startswith("month first")


@pytest.mark.parametrize("name", ["normal", "fraud"])
def test_an_elasticsearch_answer_has_a_hundred_accounts(data: Path, name: str) -> None:
    reading = read(data / "voip" / f"{name}.json.gz")

    assert len({key.labels for panel in reading.panels for key in panel.keys}) == 100
    assert reading.findings.step == timedelta(hours=6)


def test_a_folder_of_runs_is_told_apart_by_file(data: Path) -> None:
    reading = read(data / "skab")

    assert reading.findings.labels == ("file",)
    assert reading.findings.n_series == 34 * 8


def test_every_nab_series_is_read_with_its_time(data: Path) -> None:
    readings = [read(path) for path in sorted((data / "nab").glob("real*.csv"))]

    assert {reading.findings.time for reading in readings} == {"timestamp"}
    assert sum(reading.findings.bad_count for reading in readings) == 0
