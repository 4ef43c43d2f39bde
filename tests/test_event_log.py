"""The log of events: a line for each change, once, whatever crashes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redshank.decide import Event
from redshank.errors import SinkError
from redshank.panel import Key
from redshank.sinks import event_log
from redshank.sinks.base import Notification
from redshank.sinks.build import build_sink
from redshank.sinks.event_log import EventLog

START = datetime(2026, 3, 1, tzinfo=UTC)


def event(name: str = "a", *, minutes: int = 1) -> Event:
    """An open event that has lasted so long."""
    return Event(
        id=name,
        key=Key.of("cpu", {"host": name}),
        start=START,
        end=START + timedelta(minutes=minutes),
        opened=START,
        peak=START,
        score=2.0,
        severity=75,
        direction="up",
        actual=9.0,
        expected=float("nan"),
        lower=0.0,
        upper=2.0,
        rarity=1000.0,
        points=minutes,
        is_open=True,
    )


def told(one: Event) -> Notification:
    """The event as one of monitor cpu."""
    return Notification(monitor="cpu", kind="anomaly", event=one)


def lines(path: Path) -> list[dict[str, object]]:
    """The lines of a log."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_change_of_an_event_is_a_line_with_its_monitor(tmp_path: Path) -> None:
    log = build_sink("event_log", {"path": str(tmp_path / "events.jsonl")})

    log.notify([told(event()), told(event(minutes=2))])

    assert [(line["monitor"], line["kind"], line["points"]) for line in lines(tmp_path / "events.jsonl")] == [
        ("cpu", "anomaly", 1),
        ("cpu", "anomaly", 2),
    ]
    assert lines(tmp_path / "events.jsonl")[0]["expected"] is None


def test_writing_twice_has_the_effect_of_once(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    changes = [told(event("a")), told(event("b"))]

    for log in (EventLog(path=path), EventLog(path=path)):
        log.notify(changes)
        log.notify(changes)

    assert [line["id"] for line in lines(path)] == ["a", "b"]


@given(cut=st.integers(min_value=1, max_value=3000))
def test_a_line_cut_short_by_a_crash_is_written_again(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    changes = [told(event(name)) for name in "abc"]
    EventLog(path=path).notify(changes)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - cut)])

    EventLog(path=path).notify(changes)

    assert sorted(str(line["id"]) for line in lines(path)) == ["a", "b", "c"]


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path=path)
    log.notify([told(event())])
    path.rename(tmp_path / "events.jsonl.1")

    log.notify([told(event(minutes=2))])

    assert [line["points"] for line in lines(path)] == [2]


def test_lines_of_others_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('not json\n{"no": "id"}\n[1]\n')

    EventLog(path=path).notify([told(event())])

    assert path.read_text().startswith('not json\n{"no": "id"}\n[1]\n{"monitor"')


def test_only_the_end_of_a_long_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "REMEMBERED_BYTES", 1500)
    path = tmp_path / "events.jsonl"
    EventLog(path=path).notify([told(event(f"e{i}")) for i in range(20)])

    EventLog(path=path).notify([told(event("e19")), told(replace(event("new"), reason="é"))])

    assert [line["id"] for line in lines(path)] == [*(f"e{i}" for i in range(20)), "new"]


def test_a_change_that_could_not_be_written_is_written_later(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "events.jsonl"
    log = EventLog(path=path)

    with pytest.raises(SinkError, match="cannot be written"):
        log.notify([told(event())])
    path.parent.mkdir()
    log.notify([told(event())])

    assert len(lines(path)) == 1
