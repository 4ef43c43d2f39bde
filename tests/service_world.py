"""Real servers for tests marked external_service, by the scripts of ``tests/services``."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

SERVICES = Path(__file__).parent / "services"


@contextmanager
def running(name: str, script: str | None = None, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Give the address of a server, started if it does not run.

    Any number of test sessions share it; the last one to end stops it, unless it ran before they came. ``script``: of
    which it is a variant, such as another version on another port by ``environment``; None = named as the server.
    """
    program = SERVICES / f"{script or name}.sh"
    variables = {**os.environ, **(environment or {})}
    found = subprocess.run([program, "status"], capture_output=True, check=False, env=variables).returncode == 0
    with Path(tempfile.gettempdir(), f"redshank-tests-{name}-{os.getuid()}").open("a") as sessions:
        fcntl.flock(sessions, fcntl.LOCK_SH)
        started = subprocess.run([program, "start"], capture_output=True, text=True, check=False, env=variables)
        if started.returncode:
            pytest.fail(f"{name} could not be started: {started.stderr[-2000:]}")
        try:
            yield started.stdout.strip()
        finally:
            if not found and _is_last(sessions.fileno()):
                subprocess.run([program, "stop"], check=True, env=variables)


def _is_last(sessions: int) -> bool:
    try:
        fcntl.flock(sessions, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
