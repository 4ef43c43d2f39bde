"""What is installed is complete: the wheel holds every file of the package, and the licences."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import redshank

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "redshank"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    ours = {
        f"redshank/{path.relative_to(PACKAGE)}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert {"redshank/py.typed", "redshank/web/templates/report.html"} <= ours
    assert ours - set(wheel.namelist()) == set()


def test_the_wheel_holds_the_licences(wheel: zipfile.ZipFile) -> None:
    licences = [name.rpartition("/")[2] for name in wheel.namelist() if "/licenses/" in name]

    assert sorted(licences) == ["LICENSE", "uPlot.LICENSE"]


def test_the_version_comes_from_one_place(wheel: zipfile.ZipFile) -> None:
    name = next(name for name in wheel.namelist() if name.endswith("METADATA"))

    assert Parser().parsestr(wheel.read(name).decode())["Version"] == redshank.__version__


@pytest.mark.parametrize("path", sorted((ROOT / "lock").glob("*.txt")), ids=lambda path: path.name)
def test_the_lock_holds_versions_and_hashes_and_no_addresses(path: Path) -> None:
    lines = [line.strip() for line in path.read_text().splitlines() if not line.startswith("#")]

    assert "==" in lines[0]
    assert [line for line in lines if "://" in line or line.startswith(("--index", "--find", "--extra"))] == []
    assert [line for line in lines if not ("==" in line or line.startswith("--hash=sha256:"))] == []
