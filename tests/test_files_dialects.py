"""Text tables of many dialects."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from redshank.sources.base import Query, Reading
from redshank.sources.files import FileSource

N = 40
TIMES = [f"2024-01-01 00:{i:02d}:00" for i in range(N)]
ROWS = [f"{time},{i}\n" for i, time in enumerate(TIMES)]
BODY = "".join(ROWS)


def read(tmp_path: Path, text: str, **query: object) -> Reading:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    return FileSource([str(path)]).read(Query(**query))  # type: ignore[arg-type]


def quoted_by(mark: str) -> str:
    return "".join(f"{mark}{time}{mark},{mark}{i}{mark}\n" for i, time in enumerate(TIMES))


DIALECTS = {
    "comment lines first": "# made by x\n# second, with comma\ntime,value\n" + BODY,
    "comment line inside": "time,value\n" + ROWS[0] + "# hello\n" + "".join(ROWS[1:]),
    "comment line last": "time,value\n" + BODY + "# end, total 60\n",
    "header in a comment": "#time,value\n" + BODY,
    "comment before a header in a comment": "# made by x\n#time,value\n" + BODY,
    "title of as many words": "Report\nmade, by me\ntime,value\n" + BODY,
    "facts before the header": "Station,Oslo\nNr,17\ntime,value\n" + BODY,
    "separator at the end of all lines": "time,value,\n" + BODY.replace("\n", ",\n"),
    "separator at the end of the rows": "time,value\n" + BODY.replace("\n", ",\n"),
    "row names without a name": "time,value\n" + "".join(f"{i + 1},{row}" for i, row in enumerate(ROWS)),
    "separator told in the first line": "sep=;\n" + ("time,value\n" + BODY).replace(",", ";"),
    "single quotes": "'time','value'\n" + quoted_by("'"),
    "lone carriage returns": ("time,value\n" + BODY).replace("\n", "\r"),
    "tilde": ("time,value\n" + BODY).replace(",", "~"),
    "caret": ("time,value\n" + BODY).replace(",", "^"),
    "control character": ("time,value\n" + BODY).replace(",", "\x01"),
    "two bars": ("time,value\n" + BODY).replace(",", "||"),
    "blank lines": ("time,value\n" + BODY).replace("\n", "\n\n"),
}


@pytest.mark.parametrize("text", DIALECTS.values(), ids=DIALECTS)
def test_a_text_table_is_read_however_it_is_written(tmp_path: Path, text: str) -> None:
    reading = read(tmp_path, text)

    assert (reading.findings.time, reading.findings.measures) == ("time", ("value",))
    assert reading.panels[0].values[0, :, 0].tolist() == list(range(N))
    assert reading.findings.bad_count == 0


@pytest.mark.parametrize("units", [",°C,%", "[UTC],[degC],[pct]", "s,degC,pct"])
def test_units_under_the_header_are_left_out_and_said(tmp_path: Path, units: str) -> None:
    rows = "".join(f"{time},{i},{i}\n" for i, time in enumerate(TIMES))

    reading = read(tmp_path, f"time,temp,hum\n{units}\n{rows}")

    assert reading.findings.measures == ("temp", "hum")
    assert reading.findings.bad_count == 0
    assert any(note.startswith("line 2 read as units") for note in reading.findings.notes)


def test_names_may_hold_line_breaks_quotes_and_emoji(tmp_path: Path) -> None:
    text = 'time,"va\nlue ""x""",🌡\n' + "".join(f"{time},{i},{i}\n" for i, time in enumerate(TIMES))

    assert read(tmp_path, text).findings.measures == ('va\nlue "x"', "🌡")


def test_spaces_may_stand_before_quotes(tmp_path: Path) -> None:
    text = "time, value, host\n" + "".join(f'{time}, {i}, "a, b"\n' for i, time in enumerate(TIMES))

    assert read(tmp_path, text).panels[0].keys[0].label_map == {"host": "a, b"}


def test_the_line_of_a_bad_row_counts_quoted_line_breaks_and_comments(tmp_path: Path) -> None:
    rows = [f'{time},"a\nb",{i}\n' for i, time in enumerate(TIMES)]
    text = "# by me\ntime,host,value\n" + "".join(rows[:10]) + "# pause\n" + "".join(rows[10:20]) + "bad,a,1\n"

    assert [row.line for row in read(tmp_path, text + "".join(rows[20:])).findings.bad_rows] == [44]


def test_a_table_of_two_thousand_columns_is_read(tmp_path: Path) -> None:
    head = "time," + ",".join(f"m{j}" for j in range(2000))
    rows = "".join(f"{time}," + ",".join(str(i + j) for j in range(2000)) + "\n" for i, time in enumerate(TIMES))

    reading = read(tmp_path, f"{head}\n{rows}")

    assert reading.findings.n_series == 2000


def test_jitter_in_a_file_is_taken_out(tmp_path: Path) -> None:
    rows = "".join(f"{time}{'.5' if i % 3 else ''},{i}\n" for i, time in enumerate(TIMES))

    reading = read(tmp_path, "time,value\n" + rows)

    assert reading.findings.step == timedelta(minutes=1)
    assert reading.panels[0].n_time == N
