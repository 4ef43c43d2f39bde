"""The commands backup, restore and doctor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from redshank.cli.main import run
from redshank.store.store import Store


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with one source, in the working folder, under its usual name."""
    monkeypatch.chdir(tmp_path)
    with Store.open(tmp_path / "redshank-data") as store:
        store.resources.create("sources", "shop", {"kind": "files", "path": "none.csv"})
    return tmp_path / "redshank-data"


def test_what_was_backed_up_is_restored(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backup", "b.tar.zst"]) == 0
    assert run(["restore", "b.tar.zst", "--data", "again"]) == 0

    assert "restored what was kept at" in capsys.readouterr().out
    with Store.open(Path("again")) as store:
        assert [one.name for one in store.resources.all()] == ["shop"]


def test_a_folder_that_is_not_empty_is_restored_into_only_when_asked(data: Path) -> None:
    run(["backup", "b.tar.zst"])

    assert run(["restore", "b.tar.zst"]) == 2
    assert run(["restore", "b.tar.zst", "--replace"]) == 0


def test_the_doctor_says_what_is_wrong(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0

    said = capsys.readouterr().out
    assert "ok      integrity:" in said
    assert "warning source: shop:" in said


def test_the_doctor_ends_with_1_when_something_is_wrong(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--data", "none", "--json"]) == 1

    assert {finding["level"] for finding in json.loads(capsys.readouterr().out)} == {"error"}


def test_the_doctor_reaches_nobody_when_told_so(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--offline", "--quick"]) == 0

    assert "source:" not in capsys.readouterr().out
