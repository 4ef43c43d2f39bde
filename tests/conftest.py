"""What several test files share: where the public benchmark data lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BENCH_DATA = "REDSHANK_BENCH_DATA"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests of the public benchmark data where the data is not at hand."""
    if item.get_closest_marker("bench_data") and not os.environ.get(BENCH_DATA):
        pytest.skip(f"{BENCH_DATA} is not set to the folder of the public benchmark data (docs/benchmarks.md)")


@pytest.fixture(scope="session")
def bench_data() -> Path:
    """The folder of the public benchmark data."""
    return Path(os.environ[BENCH_DATA])
