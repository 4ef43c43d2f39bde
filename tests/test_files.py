"""Reading files of every format, compression and encoding."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import zstandard

from redshank.panel import Key
from redshank.sources.base import Query, Reading
from redshank.sources.files import FileSource

N = 30
TIMES = [datetime(2024, 1, 1, tzinfo=UTC) + i * timedelta(minutes=5) for i in range(N)]
VALUES = [float(i) for i in range(N)]
CSV = "time,value\n" + "".join(f"{t:%Y-%m-%d %H:%M:%S},{v}\n" for t, v in zip(TIMES, VALUES, strict=True))
TABLE = pl.DataFrame({"time": TIMES, "value": VALUES})


def read(path: Path | str, **query: object) -> Reading:
    return FileSource([str(path)]).read(Query(**query))  # type: ignore[arg-type]


def assert_is_table(reading: Reading) -> None:
    assert [p.keys for p in reading.panels] == [(Key.of("value"),)]
    assert reading.panels[0].values[0, :, 0].tolist() == VALUES
    assert reading.panels[0].times[0] == np.datetime64("2024-01-01T00:00:00", "ns")
    assert reading.findings.step == timedelta(minutes=5)


def _zip(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inside.csv", data)
    return buffer.getvalue()


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "zst": zstandard.ZstdCompressor().compress, "zip": _zip}


@pytest.mark.parametrize("kind", PACKERS)
def test_a_compressed_file_reads_as_the_plain_one(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.csv.{kind}"
    path.write_bytes(PACKERS[kind](CSV.encode()))

    assert_is_table(read(path))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_separator_is_found(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(CSV.replace(",", separator))

    assert_is_table(read(path))


def test_columns_aligned_by_spaces_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_text("time      value\n" + "".join(f"{1704067200 + 300 * i}   {i}\n" for i in range(N)))

    assert_is_table(read(path))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252", "utf-32"])
def test_any_encoding_is_found(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    rows = "".join(f"{t:%Y-%m-%d %H:%M},{i},Malmö\n" for i, t in enumerate(TIMES))
    path.write_bytes(("time,size,city\n" + rows).encode(encoding))

    reading = read(path)

    assert reading.panels[0].keys == (Key.of("size", {"city": "Malmö"}),)


def test_a_decimal_comma_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Zeit;Wert\n" + "".join(f"{t:%d.%m.%Y %H:%M};{i},5\n" for i, t in enumerate(TIMES)))

    reading = read(path)

    assert reading.panels[0].values[0, :3, 0].tolist() == [0.5, 1.5, 2.5]
    assert reading.findings.step == timedelta(minutes=5)


def test_quotes_and_crlf_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = [",".join(f'"{field}"' for field in line.split(",")) for line in CSV.splitlines()]
    path.write_bytes("\r\n".join(lines).encode())

    assert_is_table(read(path))


def test_a_file_without_a_header_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV.split("\n", 1)[1])

    reading = read(path)

    assert reading.findings.rows == N
    assert reading.findings.time == "column_1"


def test_lines_before_the_header_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("exported by nobody\n\n" + CSV)

    assert_is_table(read(path))


def test_broken_quotes_spoil_only_their_own_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = CSV.splitlines()
    lines[10] = lines[10].split(",")[0] + ',"9.0'
    path.write_text("\n".join(lines) + "\n")

    reading = read(path)

    assert reading.findings.rows == N
    assert reading.panels[0].values[0, 20, 0] == 20.0


def test_json_of_every_shape_is_read(tmp_path: Path, json_text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(json_text)

    assert_is_table(read(path))


RECORDS = [{"time": t.isoformat(), "value": v} for t, v in zip(TIMES, VALUES, strict=True)]
SHAPES = {
    "array": json.dumps(RECORDS),
    "lines": "\n".join(json.dumps(record) for record in RECORDS),
    "object with one list": json.dumps({"took": 3, "hits": {"total": 30, "rows": RECORDS}}),
    "object of columns": json.dumps({"time": [r["time"] for r in RECORDS], "value": VALUES}),
    "columns by row number": json.dumps(
        {name: {str(i): r[name] for i, r in enumerate(RECORDS)} for name in ("time", "value")}
    ),
    "one line of array": json.dumps(RECORDS, indent=None),
}


@pytest.fixture(params=SHAPES)
def json_text(request: pytest.FixtureRequest) -> str:
    return SHAPES[str(request.param)]


def test_nested_records_get_dotted_names(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({"@timestamp": r["time"], "cpu": {"load": r["value"]}}) for r in RECORDS))

    reading = read(path)

    assert reading.panels[0].keys == (Key.of("cpu.load"),)


def test_a_dotted_path_names_the_records(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"other": RECORDS * 3, "wanted": {"here": RECORDS}}))

    assert_is_table(read(path, records="wanted.here"))


def test_an_elasticsearch_answer_is_read_by_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    buckets = [
        {"key_as_string": t.isoformat(), "key": int(t.timestamp() * 1000), "doc_count": i} for i, t in enumerate(TIMES)
    ]
    accounts = [{"key": name, "per_hour": {"buckets": buckets}} for name in ("+31", "+32")]
    path.write_text(json.dumps({"took": 1, "aggregations": {"account": {"buckets": accounts}}}))

    reading = read(path)

    assert reading.panels[0].keys == tuple(Key.of("per_hour.buckets.doc_count", {"key": k}) for k in ("+31", "+32"))


def _write_parquet(path: Path) -> None:
    TABLE.write_parquet(path)


def _write_arrow(path: Path) -> None:
    TABLE.write_ipc(path)


def _write_stream(path: Path) -> None:
    TABLE.write_ipc_stream(path)


def _write_excel(path: Path) -> None:
    TABLE.with_columns(pl.col("time").dt.replace_time_zone(None)).write_excel(path)


def _write_yaml(path: Path) -> None:
    path.write_text("rows:\n" + "".join(f"- time: {r['time']}\n  value: {r['value']}\n" for r in RECORDS))


WRITERS = {
    ".parquet": _write_parquet,
    ".arrow": _write_arrow,
    ".feather": _write_arrow,
    ".ipc": _write_stream,
    ".xlsx": _write_excel,
    ".yaml": _write_yaml,
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_tables_of_other_formats_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    WRITERS[suffix](path)

    assert_is_table(read(path))


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".xlsx"])
def test_the_content_and_not_the_name_tells_the_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "a.bin"
    WRITERS[suffix](tmp_path / f"b{suffix}")
    path.write_bytes((tmp_path / f"b{suffix}").read_bytes())

    assert_is_table(read(path))


def test_standard_input_is_read_by_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(gzip.compress(CSV.encode())))
    monkeypatch.setattr("sys.stdin", stdin)

    assert_is_table(read("-"))


def test_one_file_per_host_becomes_series_told_apart_by_file(tmp_path: Path) -> None:
    for host in ("web1", "web2"):
        (tmp_path / f"{host}.csv").write_text(CSV)

    reading = read(tmp_path)

    assert reading.panels[0].keys == (Key.of("value", {"file": "web1"}), Key.of("value", {"file": "web2"}))
    assert any("separate series" in note for note in reading.findings.notes)


def test_files_that_follow_each_other_in_time_are_joined(tmp_path: Path) -> None:
    lines = CSV.splitlines(keepends=True)
    (tmp_path / "day1.csv").write_text("".join(lines[:16]))
    (tmp_path / "day2.csv").write_text(lines[0] + "".join(lines[16:]))

    assert_is_table(read(str(tmp_path / "day*.csv")))


def test_a_folder_says_which_files_it_left_out(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(CSV)
    (tmp_path / "words.csv").write_text("a,b\nx,y\nz,w\n")

    reading = read(tmp_path)

    assert_is_table(reading)
    assert any("words.csv" in note for note in reading.findings.notes)


def test_a_preview_shows_the_rows_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV)

    assert FileSource([str(path)]).preview(1) == [{"time": "2024-01-01 00:00:00", "value": "0.0"}]


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV)

    assert read(path).findings.to_json() == read(path).findings.to_json()


def test_progress_says_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV)
    heard: list[str] = []

    FileSource([str(path)]).read(Query(), lambda share, what: heard.append(what))

    assert any("a.csv" in what for what in heard)


def test_a_file_is_read_in_its_own_line_of_findings(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV)

    line = read(path).findings.line()

    assert line.endswith("a.csv: 30 rows, time 'time' (ISO), 1 measure value, 1 series, step 5m")


def test_a_workbook_whose_dates_are_plain_numbers_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    days = [(t - datetime(1899, 12, 30, tzinfo=UTC)).total_seconds() / 86400 for t in TIMES]
    pl.DataFrame({"time": days, "value": VALUES}).write_excel(path)

    assert_is_table(read(path))


def test_links_that_run_in_circles_give_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.csv").write_text(CSV)
    (tmp_path / "a" / "up").symlink_to("..")

    assert read(tmp_path).findings.n_files == 1
    assert read(tmp_path / "**" / "*.csv").findings.n_files == 1


PAIRS = {
    "prometheus": {"data": {"result": [{"metric": {"host": h}, "values": []} for h in "ab"]}},
    "graphite": [{"host": h, "values": []} for h in "ab"],
}


@pytest.mark.parametrize("kind", PAIRS)
def test_pairs_of_time_and_value_are_read(tmp_path: Path, kind: str) -> None:
    pairs = [[1704067200 + 60 * i, str(i)] if kind == "prometheus" else [i, 1704067200 + 60 * i] for i in range(N)]
    (tmp_path / "a.json").write_text(json.dumps(PAIRS[kind]).replace("[]", json.dumps(pairs)))

    reading = read(tmp_path / "a.json")

    assert reading.findings.step == timedelta(minutes=1)
    assert reading.panels[0].values[:, :, 0].tolist() == [VALUES, VALUES]
