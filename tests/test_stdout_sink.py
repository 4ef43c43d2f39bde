"""Lines on standard output, for containers."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from redshank.errors import SinkError
from redshank.sinks.build import build_sink
from sink_contract import HOSTILE, block, event, hostile_notifications, scored, told


def test_each_change_is_a_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    sink = build_sink("stdout", {})
    sink.check()

    sink.notify([told(event("e1", expected=float("nan"))), *hostile_notifications()])
    sink.record(block(scored()))
    sink.close()

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["monitor"] for line in lines] == ["shop", *HOSTILE]
    assert (lines[0]["id"], lines[0]["state"], lines[0]["expected"], lines[0]["tags"]) == (
        "e1",
        "opened",
        None,
        ["web", "prod"],
    )


def test_a_text_for_people_is_one_line_whatever_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    sink = build_sink("stdout", {"format": "text", "scores": True, "stream": "stderr"})

    sink.notify(hostile_notifications())
    sink.record(block(scored(points=2), monitor="a\nb"))

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(HOSTILE) + 4
    assert lines[0] == "2026-03-01T00:00:00Z  opened anomaly  severity 75  plain: plain{host=plain, plain=v}  plain"
    assert lines[-1] == "2026-03-01T00:01:00Z  a\\x0ab  cpu{host=b}  101.0  100.0  0.101"
    assert sink.wants_scores


def test_scored_points_are_lines_too_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    build_sink("stdout", {"scores": True}).record(block(scored(("a",), points=2)))

    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["score"], second["score"], second["time"]) == (None, 0.001, "2026-03-01T00:01:00Z")


def test_a_closed_pipe_is_an_error_that_may_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def write(self, text: str) -> None:
            raise BrokenPipeError("Broken pipe")

    monkeypatch.setattr(sys, "stdout", Closed())

    with pytest.raises(SinkError, match="stdout: cannot be written: Broken pipe"):
        build_sink("stdout", {}).notify([replace(told(event("e1")), state="closed")])
