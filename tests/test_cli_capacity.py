"""The command ``redshank capacity``."""

from __future__ import annotations

import json

import pytest

from redshank.cli.main import run


def test_it_tells_the_needs_of_each_live_detector(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["capacity", "--series", "10000", "--step", "1m"]) == 0

    out = capsys.readouterr().out
    assert "10,000 series, 166.7 points/s" in out
    assert "seasonal" in out
    assert "monitors may take" in out
    assert "hindsight" not in out


def test_it_tells_programs_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["capacity", "--series", "5", "--step", "1s", "--detector", "gaussian", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert [need["detector"] for need in told["needs"]] == ["gaussian"]
    assert told["needs"][0]["points_per_second"] == 5.0
    assert told["needs"][0]["fits"] is True


def test_what_does_not_fit_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["capacity", "--series", "1000000000", "--detector", "analog"]) == 2

    assert "would need 185 TB of memory" in capsys.readouterr().err


def test_a_wrong_step_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["capacity", "--step", "soon"]) == 2

    assert "step: must be a duration" in capsys.readouterr().err
