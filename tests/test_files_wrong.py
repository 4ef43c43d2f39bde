"""Wrong input: a clear error, and nothing lost."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from redshank.errors import ConfigError, DataError, RedshankError, SourceError
from redshank.sources.base import Query, Reading
from redshank.sources.files import FileSource

HEADER = "time,value\n"
ROWS = [f"2024-01-01 00:{i:02d}:00,{i}.5\n" for i in range(40)]


def read(path: Path | str, **query: object) -> Reading:
    return FileSource([str(path)]).read(Query(**query))  # type: ignore[arg-type]


def write(tmp_path: Path, text: str | bytes, name: str = "a.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_missing_file_is_named_with_the_near_one(tmp_path: Path) -> None:
    write(tmp_path, HEADER, "cpu.csv")

    with pytest.raises(SourceError, match=r"cpuu\.csv' does not exist; did you mean '.*cpu\.csv'"):
        read(tmp_path / "cpuu.csv")


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is empty"):
        read(write(tmp_path, ""))


def test_a_file_of_blank_lines_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is empty"):
        read(write(tmp_path, "\n\n  \n"))


def test_a_header_alone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must hold rows, got only a header"):
        read(write(tmp_path, HEADER))


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.parquet", "a.xlsx", "a.yaml", "a.gz"])
def test_binary_garbage_is_an_error(tmp_path: Path, name: str) -> None:
    garbage = np.random.default_rng(0).bytes(5000)

    with pytest.raises(RedshankError):
        read(write(tmp_path, garbage, name))


def test_one_row_is_read(tmp_path: Path) -> None:
    reading = read(write(tmp_path, HEADER + ROWS[0]))

    assert reading.panels[0].values.tolist() == [[[0.5]]]


def test_one_column_is_read_as_values_one_second_apart(tmp_path: Path) -> None:
    reading = read(write(tmp_path, "value\n1\n2\n4\n"))

    assert reading.panels[0].values[0, :, 0].tolist() == [1.0, 2.0, 4.0]
    assert reading.findings.time is None
    assert "no time column" in reading.findings.line()


def test_one_column_keeps_its_empty_lines_as_missing_values(tmp_path: Path) -> None:
    reading = read(write(tmp_path, "value\n1\n\n4\n"))

    assert np.isnan(reading.panels[0].values[0, 1, 0])


def test_a_measure_without_any_value_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must have a column of numbers"):
        read(write(tmp_path, HEADER + "".join(row.split(",")[0] + ",NaN\n" for row in ROWS)))


def test_a_constant_measure_is_read(tmp_path: Path) -> None:
    reading = read(write(tmp_path, HEADER + "".join(row.split(",")[0] + ",7\n" for row in ROWS)))

    assert np.unique(reading.panels[0].values).tolist() == [7.0]


def test_infinite_values_are_counted_and_missing(tmp_path: Path) -> None:
    rows = [*ROWS[:5], "2024-01-01 00:05:00,inf\n", "2024-01-01 00:06:00,-Infinity\n", *ROWS[7:]]

    reading = read(write(tmp_path, HEADER + "".join(rows)))

    assert reading.findings.infinite == 2
    assert np.isnan(reading.panels[0].values[0, 5:7, 0]).all()


def test_the_largest_floats_are_kept(tmp_path: Path) -> None:
    rows = [*ROWS[:5], "2024-01-01 00:05:00,1e308\n", *ROWS[6:]]

    assert read(write(tmp_path, HEADER + "".join(rows))).panels[0].values[0, 5, 0] == 1e308


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1,234.5", 1234.5),
        ("1 234.5", 1234.5),
        ("1'234.5", 1234.5),
        ("1,234,567", 1234567.0),
        ("45%", 45.0),
        ("$100.5", 100.5),
        ("€ 3", 3.0),
        ("-$1.50", -1.5),
        ("(1,234.50)", -1234.5),
        ("R$ 2.5", 2.5),
        ("7.5 EUR", 7.5),
        ("12 kr", 12.0),
        ("\u22123.5", -3.5),
        ("1\u2019234.5", 1234.5),
        ("12,34,567.5", 1234567.5),
        ("2.5 ms", 2.5),
        ("512MB", 512.0),
        ("1,5e3", 1500.0),
    ],
)
def test_numbers_as_text_are_read(tmp_path: Path, written: str, number: float) -> None:
    text = HEADER + "".join(f'{row.split(",")[0]},"{written}"\n' for row in ROWS)

    assert read(write(tmp_path, text)).panels[0].values[0, 0, 0] == number


def test_the_last_of_duplicated_times_is_kept_and_counted(tmp_path: Path) -> None:
    reading = read(write(tmp_path, HEADER + "".join(ROWS) + "2024-01-01 00:39:00,99\n"))

    assert reading.findings.duplicates == 1
    assert reading.panels[0].values[0, -1, 0] == 99.0


def test_unsorted_rows_are_sorted_and_counted(tmp_path: Path) -> None:
    reading = read(write(tmp_path, HEADER + "".join(ROWS[20:] + ROWS[:20])))

    assert reading.findings.unsorted == 1
    assert reading.panels[0].values[0, :, 0].tolist() == [i + 0.5 for i in range(40)]


def test_mixed_zones_are_read_each_by_its_own(tmp_path: Path) -> None:
    rows = "2024-01-01T00:00:00Z,1\n2024-01-01T02:00:00+01:00,2\n2024-01-01T02:00:00Z,3\n2024-01-01T03:00:00,4\n"

    reading = read(write(tmp_path, HEADER + rows))

    assert reading.findings.step == timedelta(hours=1)
    assert any("carry a zone" in note for note in reading.findings.notes)


def test_a_time_column_that_is_none_is_an_error(tmp_path: Path) -> None:
    text = "time,host,value\n" + "".join(row.replace(",", ",web,") for row in ROWS)

    with pytest.raises(DataError, match="column 'host' must hold times, got 'web'"):
        read(write(tmp_path, text), time="host")


def test_numbers_that_go_up_and_down_are_no_time(tmp_path: Path) -> None:
    text = "a,value\n" + "".join(f"{i % 7}.5,{i}\n" for i in range(50))

    with pytest.raises(DataError, match="column 'a' must hold times"):
        read(write(tmp_path, text), time="a")


@pytest.mark.parametrize("option", ["time", "measures", "by"])
def test_an_unknown_column_is_named_with_the_near_one(tmp_path: Path, option: str) -> None:
    asked = "valeu" if option == "time" else ("valeu",)

    with pytest.raises(DataError, match=r"csv .*a\.csv: column 'valeu' not found; did you mean 'value'"):
        read(write(tmp_path, HEADER + "".join(ROWS)), **{option: asked})


def test_an_unknown_column_without_a_near_one_lists_the_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column 'qqq' not found; columns are time, value"):
        read(write(tmp_path, HEADER + "".join(ROWS)), time="qqq")


def test_a_measure_of_words_is_an_error(tmp_path: Path) -> None:
    text = "time,host,value\n" + "".join(row.replace(",", ",web,") for row in ROWS)

    with pytest.raises(DataError, match="column 'host' must hold numbers, got 'web'"):
        read(write(tmp_path, text), measures=("host",))


def test_a_folder_without_readable_files_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "x", "a.exe")

    with pytest.raises(SourceError, match=r"must hold files such as \.csv, \.json or \.parquet, got a\.exe"):
        read(tmp_path)


def test_a_glob_that_matches_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no file matches"):
        read(tmp_path / "*.csv")


def test_a_csv_cut_in_the_middle_of_a_line_keeps_the_rest(tmp_path: Path) -> None:
    reading = read(write(tmp_path, HEADER + "".join(ROWS) + "2024-01-01 00:4"))

    assert reading.panels[0].n_time == 40
    assert reading.findings.bad_count == 1
    assert reading.findings.bad_rows[0].line == 42


def test_a_gzip_cut_in_the_middle_keeps_what_was_before(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=5000)
    text = HEADER + "".join(f"{1704067200 + i},{v}\n" for i, v in enumerate(noise))
    packed = gzip.compress(text.encode())

    reading = read(write(tmp_path, packed[: len(packed) // 2], "a.csv.gz"))

    assert 1000 < reading.findings.rows < 4000
    assert any("cut short" in note for note in reading.findings.notes)


def test_a_cut_parquet_file_says_that_it_is_cut(tmp_path: Path) -> None:
    pl.DataFrame({"time": range(1000), "value": range(1000)}).write_parquet(tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()

    with pytest.raises(SourceError, match="is cut in the middle"):
        read(write(tmp_path, whole[: len(whole) // 2], "a.parquet"))


def test_a_cut_json_array_keeps_the_whole_records(tmp_path: Path) -> None:
    text = json.dumps([{"time": 1704067200 + i, "value": i} for i in range(100)])

    reading = read(write(tmp_path, text[: len(text) // 2], "a.json"))

    assert reading.findings.rows > 40
    assert reading.findings.bad_count == 1


def test_bad_rows_are_counted_and_the_first_five_shown_with_their_lines(tmp_path: Path) -> None:
    rows = [row if i % 5 else "nonsense\n" for i, row in enumerate(ROWS)]

    findings = read(write(tmp_path, HEADER + "".join(rows))).findings

    assert findings.bad_count == 8
    assert [row.line for row in findings.bad_rows] == [2, 7, 12, 17, 22]
    assert findings.bad_rows[0].text.startswith("nonsense")


def test_a_row_with_too_many_fields_is_bad(tmp_path: Path) -> None:
    rows = [*ROWS[:3], "2024-01-01 00:03:00,3.5,7\n", *ROWS[4:]]

    findings = read(write(tmp_path, HEADER + "".join(rows))).findings

    assert [row.line for row in findings.bad_rows] == [5]
    assert "more fields" in findings.bad_rows[0].reason


def test_a_word_among_numbers_is_a_bad_row(tmp_path: Path) -> None:
    rows = [*ROWS[:3], "2024-01-01 00:03:00,broken\n", *ROWS[4:]]

    reading = read(write(tmp_path, HEADER + "".join(rows)))

    assert reading.findings.bad_count == 1
    assert np.isnan(reading.panels[0].values[0, 3, 0])


def test_values_of_several_units_are_no_measure(tmp_path: Path) -> None:
    rows = [row.replace(".5", " MB" if i % 2 else " GB") for i, row in enumerate(ROWS)]

    with pytest.raises(DataError, match="must have a column of numbers"):
        read(write(tmp_path, HEADER + "".join(rows)))


@pytest.mark.parametrize("name", ["host{}", "{}th", "v{}"])
def test_words_with_numbers_are_no_measure(tmp_path: Path, name: str) -> None:
    text = "time,value,what\n" + "".join(row.strip() + "," + name.format(i % 3) + "\n" for i, row in enumerate(ROWS))

    assert read(write(tmp_path, text)).findings.measures == ("value",)


@pytest.mark.parametrize("mark", ["", "NA", "null", "NaN", "-", "N/A", "n.a.", "n/d", "..", "*", "\u2014"])
def test_a_mark_of_a_missing_value_is_no_bad_row(tmp_path: Path, mark: str) -> None:
    rows = [*ROWS[:3], f"2024-01-01 00:03:00,{mark}\n", *ROWS[4:]]

    reading = read(write(tmp_path, HEADER + "".join(rows)))

    assert reading.findings.bad_count == 0
    assert np.isnan(reading.panels[0].values[0, 3, 0])


def test_strict_makes_a_bad_row_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + "".join(ROWS) + "nonsense,1\n")

    with pytest.raises(DataError, match=r"1 rows cannot be read; line 42: .*got 'nonsense,1'"):
        read(path, strict=True)


def test_broken_json_lines_are_counted(tmp_path: Path) -> None:
    lines = [json.dumps({"time": 1704067200 + i, "value": i}) for i in range(50)]
    lines[7] = '{"time": 17'

    findings = read(write(tmp_path, "\n".join(lines), "a.jsonl")).findings

    assert findings.bad_count == 1
    assert findings.bad_rows[0].line == 8


@pytest.mark.parametrize(
    ("option", "value"),
    [("agg", "averge"), ("agg", "p101"), ("tz", "Europe/Olso"), ("decimal", "x"), ("step", timedelta(0))],
)
def test_a_wrong_option_names_the_choices(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{option}: "):
        Query(**{option: value})  # type: ignore[arg-type]


def test_an_unknown_sheet_is_named_with_the_others(tmp_path: Path) -> None:
    pl.DataFrame({"time": range(5), "value": range(5)}).write_excel(tmp_path / "a.xlsx", "Data")

    with pytest.raises(ConfigError, match="unknown sheet 'Date'; did you mean 'Data'"):
        read(tmp_path / "a.xlsx", sheet="Date")


def test_an_unknown_path_to_the_records_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({"rows": [{"time": 1704067200, "value": 1}]}), "a.json")

    with pytest.raises(DataError, match="did you mean 'rows'"):
        read(path, records="row")
