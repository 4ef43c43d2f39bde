"""The source of SQL databases, on a stand-in for Snowflake."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from service_world import SERVICES, running

pytestmark = pytest.mark.external_service
TOP = Path(__file__).parents[1]


def test_snowflake_keeps_the_contract() -> None:
    with running("snowflake") as address:
        found = subprocess.run([SERVICES / "snowflake.sh", "python"], capture_output=True, text=True, check=True)
        paths = os.pathsep.join(map(str, (TOP / "src", TOP, TOP / "tests")))
        done = subprocess.run(
            [found.stdout.strip(), TOP / "tests" / "snowflake_contract.py", address],
            capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": paths},
        )  # fmt: skip

    assert done.returncode == 0, done.stderr[-3000:]
