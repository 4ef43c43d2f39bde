"""Files that are begun anew each day: each event and point in them once, whatever is done again or cut short."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from redshank.errors import ConfigError, SinkError
from redshank.panel import Key, Panel, Scores
from redshank.result import Scored
from redshank.sinks import row_files
from redshank.sinks.build import build_sink
from redshank.sinks.daily_files import DailyFiles
from redshank.specs.options import Access
from sink_contract import Place, block, check_events, check_scores, event, scored, told

NUMBERS = ("score", "actual", "expected", "lower", "upper", "rarity")


def sink_in(folder: Path, **options: Any) -> DailyFiles:
    """A sink of daily files in a folder."""
    sink = build_sink("daily_files", options, Access(base=folder, roots=(folder,)))
    assert isinstance(sink, DailyFiles)
    return sink


def rows_in(folder: Path, pattern: str) -> list[dict[str, Any]]:
    """All rows of the files of a pattern."""
    return [row for path in sorted(folder.glob(pattern)) for row in _rows(path)]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix == ".parquet":
        yield from pl.read_parquet(path).to_dicts()
    elif path.suffix == ".jsonl":
        yield from (json.loads(line) for line in path.read_text().splitlines())
    else:
        with path.open(newline="") as file:
            yield from ({name: value or None for name, value in row.items()} for row in csv.DictReader(file))


def event_of(row: dict[str, Any]) -> dict[str, Any]:
    """A row of an event in the words of the contract."""
    return {
        **{name: row[name] for name in ("id", "monitor", "kind", "series", "measure", "direction", "reason")},
        **{name: _number(row[name]) for name in NUMBERS},
        **{name: _time(row[name]) for name in ("start", "end", "opened", "peak")},
        **{name: int(row[name]) for name in ("severity", "points")},
        "is_open": row["is_open"] in (True, "true"),
        "labels": json.loads(row["labels"]),
    }


def point_of(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a point in the words of the contract."""
    return {
        **{name: row[name] for name in ("monitor", "series", "measure")},
        **{name: _number(row[name]) for name in NUMBERS[:5]},
        "time": _time(row["time"]),
        "labels": json.loads(row["labels"]),
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _time(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def place_in(folder: Path, suffix: str) -> Place:
    """A sink of events and scores in files of a format."""
    options = {"events": f"events_%Y-%m-%d{suffix}", "scores": f"scores_%Y%m%d{suffix}"}
    return Place(
        make=lambda: sink_in(folder, **options),
        events=lambda: [event_of(row) for row in rows_in(folder, f"events_*{suffix}")],
        scores=lambda: [point_of(row) for row in rows_in(folder, f"scores_*{suffix}")],
    )


def emptying(folder: Path) -> Callable[[], None]:
    """What takes all files of a folder away."""

    def empty() -> None:
        for path in folder.iterdir():
            path.unlink()

    return empty


@pytest.mark.parametrize("suffix", row_files.FORMATS)
def test_daily_files_keep_the_contract(tmp_path: Path, suffix: str) -> None:
    check_events(place_in(tmp_path, suffix), emptying(tmp_path))
    check_scores(place_in(tmp_path, suffix), emptying(tmp_path))


def test_each_day_has_its_file_by_the_clock_of_its_zone(tmp_path: Path) -> None:
    sink = sink_in(tmp_path, events="%Y/%m/events_%d.csv", scores="{monitor}-%j.jsonl", tz="Asia/Kolkata")

    for hour in (18, 19):
        start = datetime(2026, 3, 31, hour, tzinfo=UTC)
        sink.notify([told(event(f"e{hour}", start=start, end=start + timedelta(minutes=1)))])
    sink.record(block(scored(("a",), first=18 * 60, points=60), monitor="a/b"))

    assert [row["id"] for row in rows_in(tmp_path, "2026/03/events_31.csv")] == ["e18"]
    assert [row["id"] for row in rows_in(tmp_path, "2026/04/events_01.csv")] == ["e19"]
    assert len(rows_in(tmp_path, "a%2Fb-060.jsonl")) == 24
    assert len(rows_in(tmp_path, "a%2Fb-061.jsonl")) == 24


def test_new_rows_are_added_and_the_file_is_not_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    merges: list[Path] = []
    merge = row_files.RowFile._merge
    monkeypatch.setattr(row_files.RowFile, "_merge", lambda self, rows: (merges.append(self.path), merge(self, rows)))
    sink = sink_in(tmp_path, events="e.csv", scores="s.jsonl")

    for i in range(5):
        sink.notify([told(event(f"e{i}"), i + 1)])
        sink.record(block(scored(first=i * 4)))
    assert len(merges) == 2
    sink.notify([told(event("e0", points=2), 9)])
    sink.record(block(scored(first=16)))
    assert len(merges) == 4

    assert [row["points"] for row in rows_in(tmp_path, "e.csv")] == ["2", "1", "1", "1", "1"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_row_that_a_crash_cut_short_is_written_again(tmp_path: Path, suffix: str) -> None:
    options = {"events": f"e{suffix}"}
    given = [told(event(f"e{i}", reason='two\nlines "quoted"'), i + 1) for i in range(3)]
    sink_in(tmp_path, **options).notify(given)
    path = tmp_path / f"e{suffix}"
    whole = path.read_bytes()
    rows = rows_in(tmp_path, f"e{suffix}")

    for cut in range(1, len(whole) // 3, 7):
        path.write_bytes(whole[:-cut])
        sink_in(tmp_path, **options).notify(given)
        assert rows_in(tmp_path, f"e{suffix}") == rows


def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    for name, content in {
        "a.csv": "x,y\n1,2\n",
        "b.jsonl": "no json\n",
        "c.parquet": "no parquet",
        "d.jsonl": "[1]\n",
    }.items():
        (tmp_path / name).write_text(content)
        sink = sink_in(tmp_path, scores=name)

        with pytest.raises(SinkError, match=r"something else than this sink writes .* move it away"):
            sink.record(block(scored()))

        assert (tmp_path / name).read_text() == content


def test_results_have_the_columns_of_tsad_and_what_is_unknown_is_empty(tmp_path: Path) -> None:
    sink = sink_in(tmp_path, scores="results_%Y%m%d.csv", layout="results")
    first = scored(("a",), points=5)
    panel = Panel((Key.of("mem", {"host": "a", "predict": "x"}),), first.panel.times[1:3], first.panel.values[:, 1:3])
    wide = {name: getattr(first.scores, name)[:, 1:3] for name in ("score", "rarity", "expected", "lower", "upper")}
    odd = Scored(panel, Scores(panel.keys, panel.times, **{**wide, "score": wide["score"] * 1e4}))

    sink.record(block(first))
    sink.record(block(odd))

    names = "time,cpu,host,label.predict,mem,predict,ad_label_1,anomaly_score_1,ad_label_2,anomaly_score_2"
    head, *lines = (tmp_path / "results_20260301.csv").read_text().splitlines()
    assert head == f"{names},ad_label_3,anomaly_score_3,predicted_label"
    assert lines == [
        "2026-03-01 00:00:00,0.0,a,,,-1.0,,,,,,,",
        "2026-03-01 00:01:00,1.0,a,,,0.0,0,0.001,,,,,0",
        "2026-03-01 00:02:00,2.0,a,,,1.0,0,0.002,,,,,0",
        "2026-03-01 00:04:00,4.0,a,,,3.0,0,0.004,,,,,0",
        "2026-03-01 00:01:00,,a,x,1.0,0.0,1,10.0,,,,,1",
        "2026-03-01 00:02:00,,a,x,2.0,1.0,1,20.0,,,,,1",
    ]


def test_results_that_come_again_after_a_restart_are_there_once(tmp_path: Path) -> None:
    options = {"scores": "results_%Y%m%d.csv", "layout": "results"}
    other = Key.of("mem", {"host": "a"})
    for _ in range(2):
        sink = sink_in(tmp_path, **options)
        for part in (scored(("a", "b"), points=4), scored(("a", "b"), first=2, points=8)):
            moved = Scored(Panel((other, other), part.panel.times, part.panel.values), part.scores)
            sink.record(block(part))
            sink.record(block(Scored(moved.panel, part.scores), monitor="other"))

    rows = rows_in(tmp_path, "results_20260301.csv")
    assert len([row for row in rows if row["cpu"]]) == 16
    assert len({(row["time"], row["host"], row["cpu"] is None) for row in rows}) == len(rows) == 24


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({}, "events or scores must name files", id="nothing"),
        pytest.param({"events": "e.txt"}, "must end in .csv, .jsonl, .parquet", id="unknown format"),
        pytest.param({"events": "e-%M.csv"}, "must hold %Y, %m, %d, %H or %j only, got %M", id="code of minutes"),
        pytest.param({"events": "../e.csv"}, "must lie in", id="outside of the folders allowed"),
        pytest.param({"events": "e.csv", "tz": "Mars"}, "must be a time zone", id="unknown zone"),
        pytest.param({"scores": "e.jsonl", "layout": "results"}, "needs scores that end in .csv", id="no CSV"),
    ],
)
def test_what_is_wrong_with_a_declaration_is_said(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        sink_in(tmp_path, **options)


def test_a_monitor_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    sink = sink_in(tmp_path, events="{monitor}/e.csv")

    sink.notify([told(event("e1"), monitor="../../elsewhere"), told(event("e2"), monitor="%Y{monitor}")])

    assert sorted(path.parent.name for path in tmp_path.rglob("e.csv")) == ["%25Y%7Bmonitor%7D", "..%2F..%2Felsewhere"]


def test_a_place_that_cannot_be_written_is_found_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SinkError, match="cannot be made"):
        sink_in(tmp_path, events="file/%Y/e.csv").check()
    with pytest.raises(SinkError, match="does not exist"):
        sink_in(tmp_path, events="gone/e.csv").check()
    with pytest.raises(SinkError, match="cannot be made"):
        sink_in(tmp_path, events="file/e.csv").notify([told(event("e1"))])
