"""Files that monitors read: growing, rotated, being written, of days by name."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from redshank.errors import ConfigError, NoPointsError, SourceError
from redshank.panel import Key
from redshank.sources import tails
from redshank.sources.base import Query, Reading
from redshank.sources.build import build_source
from redshank.sources.day_names import DayName
from redshank.sources.files import FileSource
from redshank.specs.options import Access

START = datetime(2026, 3, 27, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ASKED = Query(measures=("cpu",), by=("host",), time="time", step=5 * MINUTE, agg="sum", closed=True)
LONG_AGO = 1_700_000_000


@pytest.fixture(autouse=True)
def small_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of some kB count as large."""
    monkeypatch.setattr(tails, "HEAD_BYTES", 600)
    monkeypatch.setattr(tails, "CHECKED_BYTES", 64)


def line(i: int, form: str = "csv") -> str:
    """A row of one of two hosts each minute, some of them late, one in ten with a quoted name."""
    late = 3 if i % 17 == 0 else 0
    time = f"{START + (i - late) * MINUTE:%Y-%m-%dT%H:%M:%SZ}"
    host = 'say ""a""' if i % 10 == 0 else "b" if i % 2 else "a"
    if form == "jsonl":
        return f'{{"time": "{time}", "host": "{host[:3].strip()}", "cpu": {i % 7}}}\n'
    return f'{time},"{host}",{i % 7}\n'


def moment(*parts: int) -> datetime:
    """A time without zone."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[misc]


def settled(path: Path) -> None:
    """Let a file count as not being written."""
    os.utime(path, (LONG_AGO, LONG_AGO))


def values(readings: list[Reading]) -> dict[tuple[Key, Any], float]:
    """All values by series and time."""
    return {
        (key, time): value
        for reading in readings
        for panel in reading.panels
        for key, row in zip(panel.keys, panel.values[:, :, 0], strict=True)
        for time, value in zip(panel.times.tolist(), row.tolist(), strict=True)
        if not np.isnan(value)
    }


def read(source: Any, start: datetime, end: datetime) -> list[Reading]:
    from dataclasses import replace

    try:
        return [source.read(replace(ASKED, start=start, end=end))]
    except NoPointsError:
        return []


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_small_ranges_of_a_growing_file_are_the_whole(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"cpu.{form}"
    path.write_text("time,host,cpu\n" if form == "csv" else "")
    source = build_source("files", {"path": str(path)})
    cursor, readings = START, []

    for i in range(600):
        with path.open("a") as file:
            file.write(line(i, form))
        if i % 20 == 19:
            newest = source.newest(Query(time="time"))
            assert newest == START + (i - (i % 17 == 0)) * MINUTE
            end = cursor + (newest - 10 * MINUTE - cursor) // (5 * MINUTE) * (5 * MINUTE)
            readings += read(source, cursor, end) if end > cursor else []
            cursor = max(cursor, end)
    whole = build_source("files", {"path": str(path)})

    assert values(readings) == values(read(whole, START, cursor))
    assert source.counts.bytes < 0.6 * source.counts.reads * path.stat().st_size


@pytest.fixture
def grown(tmp_path: Path) -> tuple[Path, FileSource]:
    """A file of 400 rows, known to a source."""
    path = tmp_path / "cpu.csv"
    path.write_text("time,host,cpu\n" + "".join(map(line, range(400))))
    source = FileSource.build(FileSource.Options(path=str(path)), Access())
    source.newest(Query(time="time"))
    return path, source


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_text("time,host,cpu\n" + "".join(map(line, range(300, 410)))),
        lambda path: (
            path.rename(f"{path}.1"),
            path.write_text("time,host,cpu\n" + "".join(map(line, range(300, 800)))),
        ),
        lambda path: path.write_text("time,cpu,host\n" + "".join(f"{START + i * MINUTE},1,a\n" for i in range(900))),
        lambda path: path.write_bytes(path.read_bytes().replace(b",5\n", b",6\n") + line(400).encode()),
    ],
    ids=["truncated", "rotated", "other columns", "written over"],
)
def test_a_file_that_is_another_one_is_read_whole(
    grown: tuple[Path, FileSource], change: Callable[[Path], Any]
) -> None:
    path, source = grown
    before = source.signature()

    change(path)

    assert source.signature() != before
    source.newest(Query(time="time"))
    now = read(source, START + 350 * MINUTE, START + 420 * MINUTE)
    assert values(now) == values(read(FileSource([str(path)]), START + 350 * MINUTE, START + 420 * MINUTE))


def test_a_rotated_file_that_was_packed_is_read_with_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "cpu.csv.1.gz").write_bytes(
        gzip.compress(("time,host,cpu\n" + "".join(map(line, range(300)))).encode())
    )
    (tmp_path / "cpu.csv").write_text("time,host,cpu\n" + "".join(map(line, range(300, 500))))
    (tmp_path / "all.csv").write_text("time,host,cpu\n" + "".join(map(line, range(500))))
    source = build_source("files", {"path": str(tmp_path / "cpu.csv*")})

    assert source.newest(Query(time="time")) == START + 499 * MINUTE
    found = values(read(source, START + 250 * MINUTE, START + 350 * MINUTE))
    assert found == values(read(FileSource([str(tmp_path / "all.csv")]), START + 250 * MINUTE, START + 350 * MINUTE))


def test_a_line_that_is_being_written_is_waited_for(grown: tuple[Path, FileSource]) -> None:
    path, source = grown
    with path.open("a") as file:
        file.write(line(400)[:-2])
    written = source.newest(Query(time="time"))
    open_signature = source.signature()

    settled(path)

    assert written == START + 399 * MINUTE
    assert source.signature() != open_signature
    assert source.newest(Query(time="time")) == START + 400 * MINUTE


def test_no_place_lies_in_a_quoted_field(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_text("time,host,cpu\n" + "".join(f'{i},"a\nb",{i}\n' for i in range(200)))
    known, end = tails.Tails(), path.read_bytes().rfind(b'"a\n') + 3

    known.add(str(path), (), end, 0)
    assert known.last(str(path), ()) is None
    known.add(str(path), (), path.stat().st_size, 0)
    assert known.place(str(path), (), 1) == path.stat().st_size


# ---------------------------------------------------------------------------------------------- files of days


@pytest.fixture
def days(tmp_path: Path) -> Path:
    """A folder with a file a day for eight days, rows each ten minutes, some of them a file off."""
    for day in range(8):
        begin = START + day * DAY
        rows = [(begin + i * 10 * MINUTE - (20 * MINUTE if i == 1 else 0 * MINUTE), i % 5) for i in range(144)]
        text = "".join(f"{time:%Y-%m-%dT%H:%M:%SZ},a,{cpu}\n" for time, cpu in rows)
        (tmp_path / f"cpu-{begin:%Y-%m-%d}.csv").write_text("time,host,cpu\n" + text)
    (tmp_path / "cpu-2026-99-99.csv").write_text("no,time\n1,2\n")
    return tmp_path


def test_small_ranges_of_daily_files_are_the_whole_and_open_few_files(days: Path) -> None:
    source = build_source("files", {"path": str(days / "cpu-%Y-%m-%d.csv")})
    parts = [read(source, START + i * 6 * HOUR, START + (i + 1) * 6 * HOUR) for i in range(32)]
    whole = pl.concat([pl.read_csv(days / f"cpu-{START + i * DAY:%Y-%m-%d}.csv") for i in range(8)])
    whole.write_csv(days / "whole.csv")

    assert values([one for part in parts for one in part]) == values(
        read(FileSource([str(days / "whole.csv")]), START, START + 8 * DAY)
    )
    size = (days / f"cpu-{START:%Y-%m-%d}.csv").stat().st_size
    assert source.counts.bytes <= 32 * 3 * size
    assert source.newest(Query()) == START + 7 * DAY + 1430 * MINUTE


def test_a_range_without_a_file_has_no_points(days: Path) -> None:
    source = build_source("files", {"path": str(days / "cpu-%Y-%m-%d.csv")})

    with pytest.raises(NoPointsError, match="no file of the range"):
        source.read(Query(start=START + 30 * DAY))
    with pytest.raises(SourceError, match="no file matches"):
        build_source("files", {"path": str(days / "mem-%Y-%m-%d.csv")}).newest(Query())


def test_a_new_day_changes_the_signature(days: Path) -> None:
    source = build_source("files", {"path": str(days / "cpu-%Y-%m-%d.csv")})
    before = source.signature()
    assert source.signature() == before

    (days / f"cpu-{START + 8 * DAY:%Y-%m-%d}.csv").write_text("time,host,cpu\n")

    assert source.signature() != before


@pytest.mark.parametrize(
    ("pattern", "path", "begin"),
    [
        ("logs/%Y/%m/%d/cpu.csv", "logs/2026/03/29/cpu.csv", moment(2026, 3, 29)),
        ("%Y%j.csv", "2026088.csv", moment(2026, 3, 29)),
        ("%Y/%m/x-%Y%m.csv", "2026/03/x-202603.csv", moment(2026, 3, 1)),
        ("%Y/%m/x-%Y%m.csv", "2026/03/x-202604.csv", None),
        ("a[0-9]/%Y-%m-%d-%H*.csv?", "a7/2026-03-29-02-z.csvx", moment(2026, 3, 29, 2)),
        ("**/%Y.csv", "a/b/2026.csv", moment(2026, 1, 1)),
        ("%Y-%m-%d.csv", "2026-02-30.csv", None),
    ],
)
def test_the_time_of_a_file_is_told_by_its_name(pattern: str, path: str, begin: datetime | None) -> None:
    assert DayName(pattern).begin_of(path) == begin


def test_days_begin_at_midnight_of_the_zone() -> None:
    name = DayName("%Y-%m-%d.csv")
    query = Query(
        tz="Europe/Oslo", start=datetime(2026, 3, 28, 23, tzinfo=UTC), end=datetime(2026, 3, 29, 22, tzinfo=UTC)
    )

    assert [day for day in range(26, 32) if name.is_within(f"2026-03-{day}.csv", query)] == [28, 29, 30]
    assert list(name.names(query.start, query.end, query.tz)) == ["2026-03-28.csv", "2026-03-29.csv", "2026-03-30.csv"]  # type: ignore[arg-type]


def test_paths_named_by_days_are_confined_too(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "2026-03-27.csv").write_text("time,cpu\n2026-03-27,1\n")
    (tmp_path / "in" / "2026-03-27.csv").symlink_to(tmp_path / "2026-03-27.csv")
    access = Access(roots=(tmp_path / "in",))

    with pytest.raises(ConfigError, match="must lie in"):
        build_source("files", {"path": str(tmp_path / "%Y-%m-%d.csv")}, access=access)
    with pytest.raises(ConfigError, match="must lie in"):
        build_source("files", {"path": str(tmp_path / "in" / "%Y-%m-%d.csv")}, access=access).newest(Query())
