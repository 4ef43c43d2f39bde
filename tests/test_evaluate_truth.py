"""Which points count, where the truth is found, and files of scores, truth and windows that do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redshank.cli.evaluation import Evaluation, _tall_table
from redshank.cli.main import run
from redshank.errors import DataError
from redshank.evaluate import figures_of
from redshank.evaluate.answers import counted
from redshank.evaluate.figures import Answer, Labelled, overall
from redshank.evaluate.truth import likely_column, likely_measure, take_truth
from redshank.evaluate.windows import read_windows
from redshank.panel import Key, Panel

FAST = ["--detector", "gaussian"]


def naive_counted(there: list[bool], truth: list[bool]) -> list[int]:
    """The points that count once more, slow and obvious."""
    known = [i for i in range(len(there)) if there[i] or truth[i]]
    kept: list[int] = []
    run: list[int] = []
    for i in [*known, -1]:
        if i >= 0 and truth[i]:
            run.append(i)
            continue
        present = [k for k in run if there[k]]
        kept += present or run
        run = []
        kept += [i] if i >= 0 else []
    return kept


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40))
def test_the_points_that_count_are_those_of_the_naive_twin(points: list[tuple[bool, bool]]) -> None:
    there, truth = [a for a, _ in points], [b for _, b in points]

    found = counted(np.array(there, bool), np.array(truth, bool))

    assert found.tolist() == naive_counted(there, truth)


def test_points_that_only_fill_a_shared_grid_do_not_cut_an_event_to_pieces() -> None:
    there = np.arange(50) % 5 == 0  # a series at five-minute steps on a grid of minutes
    by_column = there & (np.arange(50) >= 20)
    by_interval = np.arange(50) >= 20

    assert counted(there, by_column).tolist() == list(range(0, 50, 5))
    assert counted(there, by_interval).tolist() == list(range(0, 50, 5))


def test_an_event_without_any_value_counts_in_full() -> None:
    there = np.array([True, True, False, False, True])
    truth = np.array([False, False, True, True, False])

    assert counted(there, truth).tolist() == [0, 1, 2, 3, 4]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with even.csv at minutes and sparse.csv at five minutes with one jitter, an event of an hour in each."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    chance = np.random.default_rng(5)
    for name, step, shift in (("even", 1, 0), ("sparse", 5, 1)):
        minutes = np.arange(0, 3000, step)
        minutes[-40:] += shift  # off the grid of five minutes, so that the grid becomes that of minutes
        times = np.datetime64("2024-01-01T00:00", "s") + minutes * np.timedelta64(60, "s")
        label = ((minutes >= 1500) & (minutes < 1560)).astype(int)
        table = pl.DataFrame(
            {
                "time": times.astype("datetime64[ms]"),
                "value": chance.normal(size=len(times)) + 9 * label,
                "label": label,
            }
        )
        table.write_csv(tmp_path / f"data/{name}.csv")
    return tmp_path


def evaluated(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """What ``redshank evaluate --json`` prints."""
    capsys.readouterr()
    assert run(["evaluate", *arguments, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_each_file_of_a_folder_has_its_own_points_and_events(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = evaluated(capsys, "data", *FAST)

    assert sorted(row["points"] for row in found["per_series"]) == [600, 3000]
    assert [row["events"] for row in found["per_series"]] == [1, 1]


# the column of the truth


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (["time", "value", "label"], "label"),
        (["time", "value", "Is Anomaly"], "Is Anomaly"),
        (["time", "value", "anomaly", "label"], "label"),
        (["time", "value", "CLASS"], "CLASS"),
        (["time", "value"], None),
    ],
    ids=str,
)
def test_the_column_of_the_truth_is_known_by_its_name(columns: list[str], found: str | None) -> None:
    assert likely_column(columns) == found


def test_a_measure_that_is_not_0_or_1_is_no_truth() -> None:
    panel = Panel.of([[0.0, 1.0, np.nan], [0.0, 0.5, 1.0]], keys=[Key.of("outlier"), Key.of("label")])

    assert likely_measure([panel]) == "outlier"


@pytest.mark.parametrize("name", ["is_anomaly", "anomaly", "Class", "fault"])
@pytest.mark.parametrize("more", [[], ["--measure", "value"], ["--agg", "mean", "--step", "5m"]], ids=" ".join)
def test_the_truth_is_found_without_being_named(
    name: str, more: list[str], files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pl.read_csv("data/even.csv").rename({"label": name}).write_csv("other.csv")

    (found,) = evaluated(capsys, "other.csv", *more, *FAST)

    assert found["per_series"][0]["events"] == 1
    assert f"the truth is the column '{name}'" in found["notes"]


def test_data_without_a_truth_is_refused(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pl.read_csv("data/even.csv").drop("label").write_csv("other.csv")

    assert run(["evaluate", "other.csv", *FAST]) == 2
    assert "name it with --truth" in capsys.readouterr().err


def test_a_column_may_have_a_dot_in_its_name(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pl.read_csv("data/even.csv").rename({"label": "is.odd"}).write_csv("other.csv")

    (found,) = evaluated(capsys, "other.csv", "--truth", "is.odd", *FAST)

    assert found["per_series"][0]["events"] == 1


def test_a_truth_without_any_value_marks_nothing() -> None:
    panel = Panel.of([[1.0, 2.0], [np.nan, np.nan]], keys=[Key.of("cpu"), Key.of("label")])

    (rest,), truth = take_truth([panel], "label")

    assert truth is not None
    assert not truth.of(rest.keys[0], rest.times).any()


def test_data_that_is_anomalous_throughout_says_so(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pl.read_csv("data/even.csv").with_columns(label=1).write_csv("other.csv")

    (found,) = evaluated(capsys, "other.csv", *FAST)

    assert found["vus_pr"] is None
    assert "every point is anomalous" in found["notes"][-1]


# files that do not fit


def test_scores_of_a_part_of_the_data_are_said_to_be_that(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["detect", "data/even.csv", "--measure", "value", *FAST, "--scores", "s.csv", "--quiet"]) == 0
    pl.read_csv("s.csv").head(2000).write_csv("part.csv")

    (found,) = evaluated(capsys, "--scores", "part.csv", "--data", "data/even.csv")

    assert "part.csv: holds 2,000 of the 3,000 points of the data" in found["notes"]


def test_series_without_scores_are_named(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "scores").mkdir()
    np.save("scores/even.npy", np.random.default_rng(1).random(3000))

    (found,) = evaluated(capsys, "--scores", "scores", "--data", "data")

    assert found["notes"] == ["scores: no scores of 1 of 2 series, which count for nothing: sparse"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("even.npy", b"no array", "must be an array of numbers"),
        ("even.csv", b"score\n" + b"high\n" * 3000, "column 'score' must hold numbers, got 'high'"),
        ("even.csv", b"score,alarm\n" + b"1,perhaps\n" * 3000, "column 'alarm' must hold 0 or 1, got 'perhaps'"),
        ("even.csv", b"score\n" + b"1\n" * 7, "must have 3000 scores"),
    ],
    ids=["no array", "words for scores", "words for alarms", "too few"],
)
def test_a_file_of_scores_that_is_none_is_one_line_and_exit_code_2(
    name: str, content: bytes, message: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "scores").mkdir()
    (files / "scores" / name).write_bytes(content)

    assert run(["evaluate", "--scores", "scores", "--data", "data"]) == 2

    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("flag", ["true", "1.0", "1"])
def test_a_truth_in_a_folder_may_be_numbers_or_flags(
    flag: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "scores").mkdir()
    (files / "flags").mkdir()
    no = {"true": "false", "1.0": "", "1": "0"}[flag]
    rows = [f"2024-01-01 {i:02d}:00:00,{i},{flag if i in (5, 6) else no}" for i in range(24)]
    Path("flags/a.csv").write_text("\n".join(["time,value,is_anomaly", *rows]))
    np.save("scores/a.npy", np.arange(24.0))

    (found,) = evaluated(capsys, "--scores", "scores", "--data", "flags")

    assert found["per_series"][0]["events"] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2]", "got a list"),
        ('{"a.csv": ["2024-01-01 00:00:00"]}', "a.csv: must have windows such as"),
        ('{"a.csv": "2024-01-01 00:00:00"}', "a.csv: must have windows such as"),
        ('{"a.csv": [["soon", "later"]]}', "a.csv: must have windows such as"),
        ('{"a.csv": [[1, 2]]}', "a.csv: must have windows such as"),
        ("{", "must be JSON of names"),
    ],
    ids=["list", "labels", "text", "words", "numbers", "broken"],
)
def test_windows_that_are_none_are_refused(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text(content)

    with pytest.raises(DataError, match=message):
        read_windows(tmp_path / "w.json")


def test_windows_with_a_zone_are_read_as_utc(tmp_path: Path) -> None:
    content = {"x/a.csv": [["2024-01-01T02:00:00+02:00", "2024-01-01T01:00:00Z"], ["2024-01-02", "2024-01-03 00:00"]]}
    (tmp_path / "w.json").write_text(json.dumps(content))

    spans = read_windows(tmp_path / "w.json")["x__a"]

    assert [str(time.astype("datetime64[h]")) for time in spans[0]] == ["2024-01-01T00", "2024-01-01T01"]


def test_a_narrow_terminal_gets_one_row_a_figure() -> None:
    times = np.arange(10).astype("datetime64[m]").astype("datetime64[ns]")
    truth = np.arange(10) == 5
    rows = [figures_of(Labelled("a", times, np.arange(10.0), truth), Answer(np.arange(10.0)))]

    table = _tall_table([Evaluation("one", overall(rows), rows, []), Evaluation("two", overall(rows), rows, [])])

    assert [str(column.header) for column in table.columns] == ["", "one", "two"]
    assert table.row_count == len(overall(rows))


def test_in_a_file_of_scores_a_point_alarms_from_one_on(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    times = [f"2024-01-01T{hour:02d}:00:00Z" for hour in range(20)]
    score = [1.0 if hour == 7 else 0.99 for hour in range(20)]
    pl.DataFrame({"time": times, "score": score, "label": [int(h == 7) for h in range(20)]}).write_csv("s.csv")

    (found,) = evaluated(capsys, "--scores", "s.csv")

    assert (found["precision"], found["recall"]) == (1, 1)
