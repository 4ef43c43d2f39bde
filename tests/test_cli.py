"""The command line as a user meets it: output, files, exit codes, wrong input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from redshank.cli.main import run


@pytest.fixture
def csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file of two hosts, 600 minutes, with a spike in the second."""
    monkeypatch.chdir(tmp_path)
    chance = np.random.default_rng(5)
    values = np.sin(np.arange(600) * 2 * np.pi / 48)[None, :] + chance.normal(0, 0.05, (2, 600))
    values[1, 450] += 8
    start = np.datetime64("2024-03-01T00:00:00", "s")
    times = start + np.arange(600) * np.timedelta64(60, "s")
    rows = [
        f"{t}Z,{host},{v:.4f}" for host, row in zip("ab", values, strict=True) for t, v in zip(times, row, strict=True)
    ]
    Path("cpu.csv").write_text("time,host,cpu\n" + "\n".join(rows) + "\n")
    return "cpu.csv"


def test_detect_prints_the_event_and_what_was_done(csv: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["detect", csv])

    printed = capsys.readouterr().out
    assert code == 0
    assert "cpu{host=b}" in printed
    assert "1 event in 1,200 rows, 2 series; hindsight" in printed


def test_json_is_one_document_without_nan(csv: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["detect", csv, "--json"]) == 0

    answer = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(name))
    assert answer["series"] == 2
    assert answer["events"][0]["labels"] == {"host": "b"}
    assert answer["events"][0]["peak"] == "2024-03-01T07:30:00Z"


@pytest.mark.parametrize(("extra", "code"), [([], 3), (["--direction", "down"], 0)], ids=["anomaly", "none"])
def test_fail_on_anomaly_exits_with_3(csv: str, extra: list[str], code: int) -> None:
    assert run(["detect", csv, "--fail-on-anomaly", "--quiet", *extra]) == code


def test_quiet_prints_nothing(csv: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(["detect", csv, "-q"])

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "parquet"])
def test_events_and_scores_are_written_in_the_format_of_the_suffix(csv: str, suffix: str) -> None:
    assert run(["detect", csv, "-q", "--out", f"events.{suffix}", "--scores", f"scores.{suffix}"]) == 0

    read = {"csv": pl.read_csv, "json": pl.read_json, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet}[suffix]
    events, scores = read(f"events.{suffix}"), read(f"scores.{suffix}")
    assert events["series"].to_list() == ["cpu{host=b}"]
    assert scores.height == 1200
    assert {"time", "host", "value", "score", "expected", "lower", "upper", "anomaly"} <= set(scores.columns)
    assert "NaN" not in Path(f"scores.{suffix}").read_bytes().decode("latin-1")


def test_report_and_picture_are_written(csv: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["detect", csv, "--html", "report.html", "--png", "report.png"]) == 0

    assert Path("report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert Path("report.png").read_bytes().startswith(b"\x89PNG")
    assert "wrote report.html" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothere.csv"], "nothere.csv"),
        (["cpu.csv", "--measure", "cpuu"], "did you mean 'cpu'"),
        (["cpu.csv", "--by", "hots"], "did you mean 'host'"),
        (["cpu.csv", "--time", "tiem"], "did you mean 'time'"),
        (["cpu.csv", "--detector", "hindsite"], "did you mean 'hindsight'"),
        (["cpu.csv", "--detector", "gaussian", "--param", "threshold=7"], "between"),
        (["cpu.csv", "--param", "threshold"], "must be NAME=VALUE"),
        (["cpu.csv", "--direction", "left"], "both, up or down"),
        (["cpu.csv", "--step", "soon"], "must be a duration"),
        (["cpu.csv", "--budget", "none"], "budget"),
        (["cpu.csv", "--out", "events.xyz"], "must end in .csv, .json, .jsonl, .parquet"),
        (["cpu.csv", "--html", "nofolder/report.html"], "does not exist"),
        (["cpu.csv", "--png", "picture.gif"], "must end in .png"),
        (["cpu.csv", "--from", "whenever"], "must be a time"),
        (["cpu.csv", "--tz", "Mars/Base"], "unknown time zone"),
        (["cpu.csv", "--detectr", "x"], "--detectr"),
    ],
    ids=lambda value: " ".join(value[1:]) or value[0] if isinstance(value, list) else "",
)
def test_a_user_error_is_one_line_and_exit_2(
    csv: str, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["detect", *arguments])

    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert says in captured.err
    assert len(captured.err.strip().splitlines()) == 1


def test_the_place_of_an_output_is_checked_before_the_work(csv: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redshank.app.read", lambda *args: pytest.fail("read the data first"))

    assert run(["detect", csv, "--out", "nofolder/events.csv"]) == 2


def test_an_internal_error_is_one_line_and_exit_1(
    csv: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("lost")

    monkeypatch.setattr("redshank.app.read", broken)

    assert run(["detect", csv]) == 1
    assert capsys.readouterr().err == (
        "redshank: internal error: RuntimeError: lost (redshank --debug ... shows the traceback)\n"
    )


def test_debug_shows_the_traceback(csv: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(["--debug", "detect", "nothere.csv"])

    assert "Traceback" in capsys.readouterr().err


def test_standard_input_is_read(csv: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "redshank.cli.main", "detect", "-", "--json", "--detector", "gaussian"],
        input=Path(csv).read_bytes(),
        capture_output=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["series"] == 2


def test_a_reader_that_goes_away_is_no_error(csv: str) -> None:
    command = f"{sys.executable} -m redshank.cli.main detect {csv} --json --detector gaussian | head -c 1"

    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=120, check=False)

    assert done.stderr == b""


_MARKING = """
import pathlib, sys
import redshank.app
from redshank.cli.main import run

def marked(*args, score_shard=redshank.app.score_shard, **kwargs):
    pathlib.Path("begun").touch()
    return score_shard(*args, **kwargs)

redshank.app.score_shard = marked
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--detector", "hindsight"], id="retrospective"),
        pytest.param(["--detector", "analog", "--mode", "live"], id="live"),
    ],
)
def test_ctrl_c_keeps_what_is_done_and_exits_with_130(csv: str, options: list[str], tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    np.savetxt("long.csv", chance.normal(size=1_000_000), header="value", comments="", fmt="%.3f")
    process = subprocess.Popen(
        [sys.executable, "-c", _MARKING, "detect", "long.csv", *options, "--out", "e.csv"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    _wait_for(tmp_path / "begun", process)

    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    assert b"INTERRUPTED" in out
    assert (tmp_path / "e.csv").exists()


def _wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until another process has made a file."""
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.02)


def test_detectors_are_listed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["detectors"]) == 0
    assert "hindsight" in capsys.readouterr().out
    assert run(["detectors", "gaussian"]) == 0
    assert "threshold" in capsys.readouterr().out
    assert run(["detectors", "gausian"]) == 2
    assert "did you mean 'gaussian'" in capsys.readouterr().err


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("redshank ")


def test_a_late_command_is_loaded_when_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    code = "from redshank.cli.main import run; run(['--help']); assert 'redshank.cli.validate' not in sys.modules"

    subprocess.run([sys.executable, "-c", f"import sys; {code}"], check=True, capture_output=True)
    assert run(["validate", "--help"]) == 0
    assert "--partial" in capsys.readouterr().out


def test_an_unknown_command_is_told_the_near_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validte"]) == 2
    assert "Did you mean 'validate'" in capsys.readouterr().err
