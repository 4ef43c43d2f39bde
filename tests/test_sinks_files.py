"""The file sink: whole files or none, and nothing that is not JSON."""

from __future__ import annotations

import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from redshank.decide import Event
from redshank.errors import SinkError
from redshank.panel import Key
from redshank.sinks.files import FileSink, events_frame, write_whole

MOMENT = datetime(2024, 3, 1, tzinfo=UTC)


def event(**changes: object) -> Event:
    given: dict[str, object] = {
        "id": "ab",
        "key": Key.of("cpu", {"host": 'a "quoted", name', "score": "odd"}),
        **dict.fromkeys(("start", "end", "opened", "peak"), MOMENT),
        "score": 2.0,
        "severity": 75,
        "direction": "up",
        "actual": 5.0,
        **dict.fromkeys(("expected", "lower", "upper", "rarity"), math.nan),
        "points": 3,
        "reason": "high",
    }
    return Event(**{**given, **changes})  # type: ignore[arg-type]


def test_writing_twice_has_the_effect_of_once(tmp_path: Path) -> None:
    sink = FileSink(events=tmp_path / "events.csv")

    sink.write_events([event()])
    once = (tmp_path / "events.csv").read_bytes()
    sink.write_events([event()])

    assert (tmp_path / "events.csv").read_bytes() == once
    assert [path.name for path in tmp_path.iterdir()] == ["events.csv"]


def test_unknown_numbers_are_null_in_json(tmp_path: Path) -> None:
    FileSink(events=tmp_path / "events.json").write_events([event()])

    row = json.loads((tmp_path / "events.json").read_text())[0]
    assert row["expected"] is None
    assert row["start"] == "2024-03-01T00:00:00Z"
    assert row["labels"]["host"] == 'a "quoted", name'


def test_a_label_named_like_a_column_does_not_hide_it() -> None:
    frame = events_frame([event()])

    assert frame["score"].to_list() == [2.0]
    assert frame["label_score"].to_list() == ["odd"]


def test_no_events_are_a_file_with_a_header(tmp_path: Path) -> None:
    FileSink(events=tmp_path / "events.csv").write_events([])

    assert pl.read_csv(tmp_path / "events.csv").columns[:2] == ["severity", "series"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "events.csv"
    target.write_text("old")

    def fails(partial: Path) -> None:
        partial.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(SinkError, match="No space left"):
        write_whole(target, fails)

    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["events.csv"]


@pytest.mark.parametrize(
    ("path", "says"),
    [("events.exe", "must end in"), ("missing/events.csv", "does not exist"), ("folder.csv", "must be a file")],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, path: str, says: str) -> None:
    (tmp_path / "folder.csv").mkdir()

    with pytest.raises(SinkError, match=says):
        FileSink(events=tmp_path / path).check()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(SinkError, match="no permission"):
        FileSink(events=tmp_path / "events.csv").check()
