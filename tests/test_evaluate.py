"""``redshank evaluate``: detectors run on labelled data, scores written earlier, and wrong input."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from redshank.cli.main import run
from redshank.errors import DataError, SourceError
from redshank.evaluate.answers import answers_of
from redshank.evaluate.truth import TrueInterval, Truth, read_intervals, take_truth
from redshank.evaluate.windows import located, read_windows, windows_of
from redshank.panel import Key, Panel
from redshank.result import Result, Scored
from redshank.sample import generate
from redshank.sample.output import points_table, truth_table

FAST = ["--detector", "analog_light"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with generated series and their truth: one.csv and two.csv, labels in them and beside them."""
    monkeypatch.chdir(tmp_path)
    for name, series in (("one", 1), ("two", 2)):
        sample = generate(series=series, points=1500, anomalies=["spike", "changed_shape"], rate=20, seed=3)
        points_table(sample).write_csv(f"{name}.csv", datetime_format="%Y-%m-%dT%H:%M:%SZ")
        truth_table(sample).write_csv(f"{name}_truth.csv", datetime_format="%Y-%m-%dT%H:%M:%SZ")
    return tmp_path


def evaluated(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """What ``redshank evaluate --json`` prints."""
    capsys.readouterr()
    assert run(["evaluate", *arguments, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(name))
    return found


def test_a_column_and_a_file_of_intervals_are_the_same_truth(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (by_column,) = evaluated(capsys, "two.csv", *FAST)
    (by_intervals,) = evaluated(capsys, "two.csv", "--truth", "two_truth.csv", *FAST)

    assert by_column["series"] == 2
    assert by_column["per_series"] == by_intervals["per_series"]
    assert sum(row["events"] for row in by_column["per_series"]) == pl.read_csv("two_truth.csv").height


def test_several_detectors_are_compared_best_first(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluated(capsys, "one.csv", *FAST, "--detector", "analog")

    assert {each["detector"] for each in found} == {"analog", "analog_light"}
    assert found[0]["vus_pr"] >= found[1]["vus_pr"]
    assert all(each["seconds"] > 0 for each in found)


def test_the_table_says_what_was_found(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "one.csv", *FAST]) == 0

    printed = capsys.readouterr().out
    assert "VUS-PR" in printed
    assert "of 3 true events found" in printed


def test_the_rows_of_the_series_are_written(here: Path) -> None:
    assert run(["evaluate", "two.csv", *FAST, "--per-series", "rows.csv"]) == 0

    rows = pl.read_csv("rows.csv")
    assert rows["detector"].to_list() == ["analog_light"] * 2
    assert {"series", "vus_pr", "precision", "delay", "alarms"} <= set(rows.columns)


def test_written_scores_rank_as_when_they_were_made(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["detect", "two.csv", *FAST, "--quiet", "--scores", "scores.parquet"])

    (direct,) = evaluated(capsys, "two.csv", *FAST)
    (by_intervals,) = evaluated(capsys, "--scores", "scores.parquet", "--truth", "two_truth.csv")
    (by_column,) = evaluated(capsys, "--scores", "scores.parquet", "--data", "two.csv")

    assert by_intervals["vus_pr"] == pytest.approx(direct["vus_pr"], abs=1e-12)
    assert by_column["per_series"] == by_intervals["per_series"]


def test_points_before_the_training_ends_are_left_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = evaluated(capsys, "one.csv", *FAST, "--mode", "live", "--train-until", "2024-01-02")

    assert found["per_series"][0]["points"] == 1500 - 288


def test_a_bucket_with_an_anomalous_row_is_anomalous(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = evaluated(capsys, "one.csv", *FAST, "--agg", "mean", "--step", "10m")

    assert found["per_series"][0]["events"] == 3


def test_a_truth_among_the_channels_is_taken_out() -> None:
    panel = Panel.of(np.array([[[1.0, 0.0], [2.0, 1.0]]]), channels=["cpu", "label"])

    (rest,), truth = take_truth([panel], "label")

    assert rest.channels == ("cpu",)
    assert truth is not None
    assert truth.of(panel.keys[0], panel.times).tolist() == [False, True]


def test_a_time_that_the_truth_does_not_know_is_normal() -> None:
    known = np.array(["2024-01-01T00:00", "2024-01-01T02:00"], "datetime64[ns]")
    truth = Truth(columns={(): (known, np.array([True, True]))})

    asked = np.array(["2024-01-01T00:00", "2024-01-01T01:00", "2024-01-01T03:00"], "datetime64[ns]")

    assert truth.of(Key.of("cpu"), asked).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("where", "is_in"),
    [
        ({}, True),
        ({"host": "a"}, True),
        ({"host": "b"}, False),
        ({"measure": "cpu", "kind": "spike"}, True),
        ({"measure": "mem"}, False),
        ({"series": "cpu{host=a}"}, True),
    ],
    ids=str,
)
def test_an_interval_is_in_the_series_that_its_columns_name(where: dict[str, str], is_in: bool) -> None:
    start, end = np.datetime64("2024-01-01", "ns"), np.datetime64("2024-01-02", "ns")

    assert TrueInterval(start, end, where).is_in(Key.of("cpu", {"host": "a"})) == is_in


def test_an_interval_holds_its_start_and_not_its_end(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("start,end\n2024-01-01 01:00,2024-01-01 03:00\n")
    times = np.arange("2024-01-01T00", "2024-01-01T05", dtype="datetime64[h]").astype("datetime64[ns]")

    truth = read_intervals(path).of(Key.of("cpu"), times)

    assert truth.tolist() == [False, True, True, False, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("start,stop\n", "unknown column 'end'"),
        ("start,end\n2024-01-02,2024-01-01\n", "row 1: must end after it starts"),
        ("start,end\nsoon,2024-01-01\n", "row 1: start: must be a time such as"),
        ("start,end\n5,6\n", "row 1: start: must be a time such as"),
        ("", "cannot be read as csv"),
    ],
    ids=["no end", "backwards", "no time", "number", "empty"],
)
def test_intervals_that_are_none_are_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)

    with pytest.raises(DataError, match=message):
        read_intervals(path)


# folders of scores


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two series of 300 points, a detector with alarms, and one with scores only."""
    chance = np.random.default_rng(1)
    for name in ("data", "out/loud", "out/plain"):
        (tmp_path / name).mkdir(parents=True)
    times = pl.Series("timestamp", np.arange(300).astype("datetime64[m]").astype("datetime64[us]")).dt.strftime(
        "%Y-%m-%d %H:%M:%S"
    )
    for name in ("a", "b"):
        label = np.zeros(300, int)
        label[100:110] = 1
        score = chance.random(300) + label
        pl.DataFrame([times, pl.Series("value", score), pl.Series("label", label)]).write_csv(
            tmp_path / f"data/{name}.csv"
        )
        pl.DataFrame({"score": score, "alarm": (score > 1).astype(int)}).write_csv(tmp_path / f"out/loud/{name}.csv")
        np.save(tmp_path / f"out/plain/{name}.npy", score)
    (tmp_path / "data/meta.csv").write_text("name,train_n\na,50\nb,50\n")
    windows = {"x/a.csv": [["1970-01-01 01:35:00.000000", "1970-01-01 01:55:00.000000"]], "x/b.csv": []}
    (tmp_path / "windows.json").write_text(json.dumps(windows))
    return tmp_path


def test_each_folder_of_scores_is_a_detector(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluated(capsys, "--scores", str(folders / "out"), "--data", str(folders / "data"))

    assert {each["detector"] for each in found} == {"loud", "plain"}
    assert {each["vus_pr"] for each in found} == {found[0]["vus_pr"]}
    assert {each["detector"]: each["recall"] for each in found}["loud"] == 1


def test_one_folder_of_scores_is_one_detector(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--scores", str(folders / "out/plain"), "--data", str(folders / "data"))

    (above_one,) = evaluated(capsys, *arguments, "--alarm-above", "1")
    (by_training,) = evaluated(capsys, *arguments, "--alarm-above", "train")

    assert (above_one["series"], above_one["recall"]) == (2, 1)
    assert by_training["vus_pr"] == above_one["vus_pr"]


def test_nab_scores_are_added(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--scores", str(folders / "out/loud"), "--data", str(folders / "data"))

    (found,) = evaluated(capsys, *arguments, "--nab", str(folders / "windows.json"))

    assert 0 < found["nab_standard"] <= 100
    assert {"nab_reward_low_FP", "nab_reward_low_FN"} <= set(found)


def test_windows_are_found_by_the_name_with_and_without_the_folder(folders: Path) -> None:
    windows = read_windows(folders / "windows.json")

    assert windows_of("x__a", windows) == windows_of("a", windows)
    assert windows_of("c", windows) is None


def test_a_window_holds_both_its_ends() -> None:
    times = np.arange(10).astype("datetime64[m]").astype("datetime64[ns]")

    assert located("a", times, [(times[2], times[4])]) == ((2, 5),)


def test_a_window_without_points_is_refused() -> None:
    times = np.arange(10).astype("datetime64[m]").astype("datetime64[ns]")

    with pytest.raises(DataError, match="a has no point between"):
        located("a", times, [(times[0] - 9, times[0] - 5)])


def test_a_windows_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text("[1]")

    with pytest.raises(DataError, match="must be JSON of names and lists"):
        read_windows(tmp_path / "w.json")
    with pytest.raises(SourceError, match="no such file"):
        read_windows(tmp_path / "none.json")


# answers


def test_a_series_is_its_values_and_the_events_without_any() -> None:
    from redshank.engine.batch import blank_scores

    values = np.full(10, np.nan)
    values[3:6] = 1.0
    panel = Panel.of(values)
    result = Result([Scored(panel, blank_scores(panel))], [], "none", "", 10, 0.0)
    truth = np.zeros(10, bool)
    truth[7] = True

    ((series, answer),) = answers_of(result, lambda key, times: truth)
    ((later, _),) = answers_of(result, lambda key, times: truth, since=datetime(2000, 1, 1, 0, 5, tzinfo=UTC))

    assert (len(series.truth), len(answer.score)) == (4, 4)
    assert len(later.truth) == 2


# wrong input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either DATA to run detectors on, or --scores"),
        (["one.csv", "--scores", "one.csv"], "give either DATA"),
        (["one.csv", "--data", "one.csv"], "--data belongs to --scores"),
        (["one.csv", "--truth", "lable"], "'lable'"),
        (["one.csv", "--truth", "none.csv"], "none.csv: no such file"),
        (["one.csv", "--detector", "analogg"], "did you mean 'analog'"),
        (["one.csv", "--per-series", "rows.xls"], "must end in"),
        (["one.csv", "--nab", "none.json"], "none.json: no such file"),
        (["one.csv", "--alarm-above", "often"], "must be a number, sigma or train"),
        (["-"], "standard input can be read only once"),
        (["--scores", "none.csv"], "none.csv: no such file"),
        (["--scores", "one.csv"], "must have a column 'score'"),
        (["--scores", "."], "needs --data"),
        (["--scores", ".", "--data", "nowhere"], "must be a folder with one .csv file a series"),
    ],
    ids=lambda value: " ".join(value)[:40] or "nothing",
)
def test_a_wrong_option_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", *arguments]) == 2

    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1


def test_data_without_anomalies_measures_false_alarms_only(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points_table(generate(points=600, rate=0)).write_csv("quiet.csv", datetime_format="%Y-%m-%dT%H:%M:%SZ")

    (found,) = evaluated(capsys, "quiet.csv", *FAST)

    assert found["vus_pr"] is None
    assert found["false_per_10k"] is not None
    assert "only false alarms" in found["notes"][0]
