"""What stands in deploy/ goes with the program: its settings, its files, its lock."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from redshank.settings import Settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.iterdir() if path.is_file())


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_variable_is_a_setting(path: Path) -> None:
    named = set(re.findall(r"\bREDSHANK_([A-Z_]+)", path.read_text()))

    assert {name.lower() for name in named} - set(Settings.model_fields) == set()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    assert f"REDSHANK_{name.upper()}`" in (ROOT / "docs" / "operations" / "server.md").read_text(encoding="utf-8")


def test_what_the_image_copies_is_there_and_not_left_out() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    names = [name for each in copied for name in each.split()]
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)

    assert [name for name in names if not (ROOT / name).exists()] == []
    assert [name for name in names if name not in kept] == []


def test_the_image_has_the_locked_versions_of_everybody() -> None:
    def locked(name: str) -> set[str]:
        return set(re.findall(r"^(\S+==\S+)", (ROOT / "lock" / name).read_text(), re.MULTILINE))

    more = locked("server.txt") - locked("run.txt")

    assert locked("run.txt") <= locked("server.txt")
    assert more <= locked("test.txt")
    assert {name.partition("==")[0] for name in more} == {"psycopg", "psycopg-binary"}


def test_the_server_is_published_on_localhost_only() -> None:
    assert [port for port in compose()["services"]["redshank"]["ports"] if not port.startswith("127.0.0.1:")] == []


def test_what_must_survive_lies_in_a_volume() -> None:
    volumes = [each.partition(":")[2] for each in compose()["services"]["redshank"]["volumes"]]
    data = re.findall(r"REDSHANK_DATA=(\S+)", (DEPLOY / "Dockerfile").read_text())

    assert data
    assert all(any(path.startswith(volume) for volume in volumes) for path in data)


@pytest.mark.external_service
def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "redshank.service"
    unit.write_text((DEPLOY / "redshank.service").read_text().replace("/opt/redshank/bin/redshank", "/bin/true"))

    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)

    assert [line for line in done.stderr.splitlines() if "redshank.service" in line] == []
    assert done.returncode == 0
