"""``redshank serve`` as a process: started, refused, stopped, taken over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from redshank.server.ports import listen
from served import COMMAND, Served

pytestmark = pytest.mark.external_service


def refusal(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """The exit code and last line of a server that does not start."""
    done = subprocess.run(
        [*COMMAND, "serve", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "REDSHANK_PORT": "0", **environment},
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr.strip().splitlines()[-1]


def rows(names: int = 600, start: int = 0) -> str:
    """Lines of a file: a value each second, with a spike in the end."""
    lines = [
        f"2026-01-01T00:{i // 60:02}:{i % 60:02}Z,{i % 7 + (90 if i % 500 == 499 else 0)}" for i in range(start, names)
    ]
    return "\n".join(lines) + "\n"


def scored(served: Served, points: int = 0) -> dict[str, Any] | None:
    """How the monitor m stands, once it has scored more than so many points."""
    found: dict[str, Any] = served.call("GET", "/monitors/m/status")
    return found if (found.get("points") or 0) > points else None


def test_a_taken_port_is_refused_naming_who_has_it(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as opened:
        port = opened.getsockname()[1]

        code, said = refusal(tmp_path, "--port", str(port))

    assert code == 1
    assert f"port {port}: in use by process {os.getpid()}" in said


def test_a_second_server_on_a_folder_is_refused_naming_the_first(tmp_path: Path) -> None:
    with closing(Served(tmp_path)) as first:
        first.start()
        assert first._process is not None

        code, said = refusal(tmp_path)

        assert code == 1
        assert f"in use by process {first._process.pid}" in said


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    code, said = refusal(tmp_path, "--data", "file/data")

    assert code == 1
    assert "must be a folder that can be written" in said


def test_no_tokens_on_an_open_host_is_refused(tmp_path: Path) -> None:
    code, said = refusal(tmp_path, "--no-auth", "--host", "0.0.0.0")

    assert code == 2
    assert "localhost only" in said


def test_a_wrong_setting_is_refused_by_its_name(tmp_path: Path) -> None:
    code, said = refusal(tmp_path, REDSHANK_TICK_SECONDS="soon")

    assert code == 2
    assert "REDSHANK_TICK_SECONDS" in said


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_stop_ends_well_and_goes_on_later(tmp_path: Path, sign: signal.Signals) -> None:
    (tmp_path / "p.csv").write_text("time,v\n" + rows())
    config = {"monitors": [{"name": "m", "path": "p.csv", "step": "1s", "detector": "gaussian", "clock": "data"}]}
    (tmp_path / "redshank.yaml").write_text(json.dumps(config))
    with closing(Served(tmp_path, "serve --config redshank.yaml")) as served:
        served.start()
        before = served.wait_for(lambda: scored(served), "scored", seconds=240)
        assert served._process is not None

        served._process.send_signal(sign)
        code = served._process.wait(30)
        served._process = None

        assert code == 0
        assert '"stopped"' in served.said()
        with (tmp_path / "p.csv").open("a") as file:
            file.write(rows(660, 600))
        served.start()
        served.wait_for(lambda: scored(served, before["points"]), "going on", seconds=240)


def test_the_first_start_prints_a_token_once_and_logs_hold_none(tmp_path: Path) -> None:
    with closing(Served(tmp_path)) as served:
        served.start()
        token = served.token
        served.stop()

        served.start()
        served.stop()

        assert token
        assert served.said().count(token) == 1


def test_of_two_servers_on_postgresql_one_takes_over_when_the_other_is_killed(tmp_path: Path, postgresql: str) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    settings = {"database": postgresql, "no_auth": "true"}
    with closing(Served(tmp_path / "a", **settings)) as first, closing(Served(tmp_path / "b", **settings)) as second:
        first.start()
        first.wait_for(lambda: '"leads"' in first.said(), "leading")
        second.start()
        assert '"leads"' not in second.said()

        first.kill()

        second.wait_for(lambda: '"leads"' in second.said(), "leading", seconds=30)
