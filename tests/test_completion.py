"""Completion: asked by real shells, installed once, and wrong shells refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from redshank.cli.completion import SCRIPTS, script
from redshank.cli.main import run

ASK = """
{script}
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_redshank_completion redshank
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def environment(home: Path) -> dict[str, str]:
    """The environment of a shell that finds this redshank, with a home of its own."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    return {**kept, "PATH": path, "HOME": str(home)}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "answers"),
    [
        ("redshank det", ["detect", "detectors"]),
        ("redshank detect a.csv --detector analog", ["analog", "analog_light"]),
        ("redshank detect a.csv --mode ''", ["retrospective", "live"]),
        ("redshank detect a.csv --detector gaussian --param thr", ["threshold="]),
        ("redshank detect a.csv --param thr", [""]),
        ("redshank detect a.csv --tz Europe/Osl", ["Europe/Oslo"]),
        ("redshank detect a.csv --fail", ["--fail-on-anomaly"]),
        ("redshank detectors perc", ["percentile"]),
        ("redshank sample --anomalies spike,sh", ["spike,shift"]),
        ("redshank --show-completion ''", ["bash", "zsh", "fish"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bash_completes(words: str, answers: list[str], tmp_path: Path) -> None:
    asked = ASK.format(script=script("bash"), words=words)

    done = subprocess.run(
        ["bash", "--norc", "-c", asked],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.splitlines() == answers


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_completes(tmp_path: Path) -> None:
    asked = f"{script('fish')}\ncomplete -C 'redshank detect a.csv --mode '"

    done = subprocess.run(
        ["fish", "--no-config", "-c", asked],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert {line.split("\t")[0] for line in done.stdout.splitlines()} == {"live", "retrospective"}


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_the_script_for_zsh_loads(tmp_path: Path) -> None:
    asked = f"{script('zsh')}\nprint $_comps[redshank]"

    done = subprocess.run(
        ["zsh", "-f", "-c", asked], env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.strip() == "_redshank_completion"


@pytest.mark.parametrize("shell", SCRIPTS)
def test_installing_twice_has_the_effect_of_once(shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    def files() -> dict[Path, str]:
        return {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}

    assert run(["--install-completion", shell]) == 0
    once = files()
    assert run(["--install-completion", shell]) == 0

    assert files() == once
    assert script(shell) in once.values()


def test_what_stands_in_the_startup_file_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".bashrc").write_text("alias l=ls")

    run(["--install-completion", "bash"])

    assert (tmp_path / ".bashrc").read_text().startswith("alias l=ls\nsource '")


def test_an_unknown_shell_is_refused_with_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--show-completion", "tcsh"]) == 2
    assert "choices are bash, fish, zsh" in capsys.readouterr().err
