"""``redshank inspect``: what is said of a file, at any width and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import docs_data
from redshank.cli.main import run
from redshank.detectors import auto


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    docs_data.write_all(tmp_path)
    monkeypatch.setattr(auto, "RETROSPECTIVE", ("gaussian",))
    monkeypatch.setattr(auto, "LIVE", ("gaussian",))


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command prints."""
    assert run(["inspect", *arguments]) == 0
    return capsys.readouterr().out


def write_many(n_series: int) -> None:
    """A file of many series, one of them constant and one with a gap of two hours."""
    rows = [
        f"2024-01-01T{i // 60:02d}:{i % 60:02d}:00Z,h{host:04d},{0 if host == 7 else host + i % 5}"
        for host in range(n_series)
        for i in range(300)
        if host != 3 or not 100 <= i < 220
    ]
    Path("many.csv").write_text("time,host,cpu\n" + "\n".join(rows) + "\n")


def test_file_range_series_and_both_detectors_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "cpu.csv")

    for part in ("2,016 rows", "step 10m", "from 2024-05-06 00:00 to 2024-05-20 00:00 UTC", "2,016", "1d"):
        assert part in text
    assert "retrospective: gaussian (best on recorded data); takes under a second and 300 MB on this machine" in text
    assert "live: gaussian (best on live data)" in text


def test_options_of_reading_are_those_of_detect(capsys: pytest.CaptureFixture[str]) -> None:
    columns = ["--time", "created_at", "--measure", "amount", "--by", "shop"]

    text = said(capsys, "orders.csv", *columns, "--agg", "sum", "--step", "1h", "--to", "2024-05-20")

    assert "by shop, 2 series, step 1h" in text
    assert "from 2024-05-06 00:00 to 2024-05-" in text
    assert "2024-05-2" not in text.replace("2024-05-20 00:00", "")


def test_of_many_series_the_worst_are_shown_and_the_rest_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    write_many(40)

    text = said(capsys, "many.csv", "--series", "2")

    assert text.index("cpu{host=h0007}") < text.index("cpu{host=h0003}")
    assert "cpu{host=h0001}" not in text
    for part in ("2 of 40 series shown", "gaps: 120 points in 1 series, longest 2h in cpu{host=h0003}"):
        assert part in text
    assert "constant: 1 series" in text


def test_json_holds_every_series(capsys: pytest.CaptureFixture[str]) -> None:
    write_many(15)

    answer = json.loads(said(capsys, "many.csv", "--json"))

    assert len(answer["profiles"]) == 15
    assert answer["detectors"][0]["detector"] == "gaussian"
    assert answer["profiles"][3]["missing"] == 120
    assert answer["profiles"][3]["longest_gap_seconds"] == 7200


def test_a_change_of_level_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    np.savetxt("level.csv", np.r_[np.arange(500) % 3, 20 + np.arange(500) % 3], header="value", comments="")

    assert "from 1 to 21" in said(capsys, "level.csv")


@pytest.mark.parametrize("width", [60, 80, 130])
def test_nothing_is_lost_in_a_narrow_window(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redshank.cli.console.PIPE_WIDTH", width)

    text = said(capsys, "hosts.csv")

    assert max(map(len, text.splitlines())) <= width
    for part in ("cpu{host=a}", "mem{host=c}", "1,000"):
        assert part in text


def test_series_too_short_for_the_detector_are_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "LIVE", ("analog",))
    monkeypatch.setattr(auto, "SHORT", "analog")
    np.savetxt("short.csv", np.arange(12.0), header="value", comments="")

    assert "1 series too short, needs 300 points" in said(capsys, "short.csv")


def test_a_wrong_option_is_one_line_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "cpu.csv", "--measure", "cpuu"]) == 2
    assert "did you mean 'cpu'" in capsys.readouterr().err
