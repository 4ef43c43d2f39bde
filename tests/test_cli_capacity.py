"""The command ``redshank capacity``."""

from __future__ import annotations

import json
from pathlib import Path

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


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    lines = ["time,host,load"]
    lines += [f"2024-01-01T{i // 60:02}:{i % 60:02}:00Z,{host},{i % 7}" for i in range(600) for host in "abc"]
    (tmp_path / "cpu.csv").write_text("\n".join(lines))
    (tmp_path / "redshank.yaml").write_text(
        "monitors:\n"
        "  - {name: cpu, path: cpu.csv, detector: seasonal}\n"
        "  - {name: gone, path: gone.csv}\n"
        "  - {name: resting, path: gone.csv, enabled: false}\n"
        "templates:\n"
        "  - name: hosts\n"
        "    monitor:\n"
        "      {name: 'cpu {{host}}', path: cpu.csv, filter: {host: '{{host}}'}, step: 5m, measures: max(load)}\n"
        "    variables: [{host: a}, {host: b}]\n"
    )
    return tmp_path


def test_the_monitors_of_a_file_are_estimated_by_their_data(
    configured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["capacity", str(configured / "redshank.yaml"), "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    found = {each["monitor"]: each for each in told["monitors"]}
    assert set(found) == {"cpu", "gone", "cpu a", "cpu b"}
    assert (found["cpu"]["need"]["series"], found["cpu"]["need"]["step_seconds"]) == (3, 60)
    assert (found["cpu a"]["need"]["series"], found["cpu a"]["need"]["step_seconds"]) == (1, 300)
    assert found["gone"]["need"] is None
    assert "does not exist" in found["gone"]["notes"][0]
    assert told["total"]["fits"] is True


def test_the_monitors_of_a_file_are_shown_as_a_table(configured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["capacity", str(configured)]) == 0

    out = capsys.readouterr().out
    assert "seasonal" in out
    assert "not known" in out
    assert "gone: files:" in out


def test_a_file_that_is_wrong_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "redshank.yaml").write_text("monitors: [{nam: cpu}]\n")

    assert run(["capacity", str(tmp_path / "redshank.yaml")]) == 2

    assert "unknown field 'nam'" in capsys.readouterr().err
