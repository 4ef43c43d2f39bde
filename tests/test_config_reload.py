"""A server that follows its configuration files says so where it is looked after."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from redshank.server.process import Server
from redshank.settings import Settings
from redshank.store.store import Store

GOOD = "schedules:\n  - {name: nightly, daily: true, at: 03:00}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration file."""
    path = tmp_path / "redshank.yaml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def server(tmp_path: Path, file: Path) -> Iterator[Server]:
    """A server that follows it, with nothing in the background."""
    with Store.open(tmp_path / "data") as store:
        yield Server(store, Settings(data=tmp_path / "data"), [file])


def looked_at(server: Server, file: Path, text: str, second: int) -> None:
    """Write the file and let the server look until it has seen it."""
    assert server.config is not None
    file.write_text(text)
    os.utime(file, (second, second))
    server.config.check()
    server.config.check()


def test_files_are_applied_at_the_start_under_their_own_name(server: Server) -> None:
    server.read_config()

    made = server.store.resources.get("schedules", "nightly")
    assert made.origin == "file:redshank.yaml"
    assert server.service.ready()[1]["configuration"] == "ok"
    assert "redshank_config_good 1.0" in server.service.metrics.text()[0]


def test_a_wrong_file_is_told_by_log_readiness_and_metrics_and_changes_nothing(server: Server, file: Path) -> None:
    server.read_config()

    with capture_logs() as logs:
        looked_at(server, file, GOOD + "monitors: [{name: a, stp: 1}]\n", 1)

    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert "unknown field 'stp'" in logs[0]["status"]
    is_ready, checks = server.service.ready()
    assert is_ready
    assert checks["configuration"] == "wrong, the last good one stays in force"  # anybody may ask
    assert "redshank_config_good 0.0" in server.service.metrics.text()[0]
    assert [each.name for each in server.store.resources.all()] == ["nightly"]


def test_applying_that_fails_in_the_middle_leaves_everything_as_it_was(server: Server, file: Path) -> None:
    server.read_config()
    server.store.resources.create("monitors", "by hand", {"name": "by hand", "path": "/x", "train": "nightly"})

    looked_at(server, file, "schedules:\n  - {name: other, every: 5m}\n", 1)

    assert server.config is not None
    assert "would be deleted" in server.config.status.line()
    assert [each.name for each in server.store.resources.all("schedules")] == ["nightly"]


def test_a_good_file_after_a_wrong_one_is_applied(server: Server, file: Path) -> None:
    server.read_config()
    looked_at(server, file, "schedules: 3", 1)

    looked_at(server, file, GOOD.replace("nightly", "at night"), 2)

    assert [each.name for each in server.store.resources.all()] == ["at night"]
    assert server.service.ready()[1]["configuration"] == "ok"
