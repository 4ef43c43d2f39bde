"""What several test files share: where the public benchmark data lies, and the servers that it runs."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service_world import running
from store_data import Clock, blank_folder

if TYPE_CHECKING:
    from redshank.store.store import Store

BENCH_DATA = "REDSHANK_BENCH_DATA"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests of the public benchmark data where the data is not at hand."""
    if item.get_closest_marker("bench_data") and not os.environ.get(BENCH_DATA):
        pytest.skip(f"{BENCH_DATA} is not set to the folder of the public benchmark data (docs/benchmarks.md)")


@pytest.fixture(scope="session")
def bench_data() -> Path:
    """The folder of the public benchmark data."""
    return Path(os.environ[BENCH_DATA])


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL of a PostgreSQL server whose user may do anything; for tests marked external_service."""
    with running("postgresql") as url:
        yield url


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[str]:
    """URL of a MariaDB server whose user may do anything."""
    with running("mysql") as url:
        yield url


@pytest.fixture(scope="session")
def clickhouse_server() -> Iterator[str]:
    """URL of the engine of ClickHouse behind its HTTP protocol."""
    with running("clickhouse") as url:
        yield url


@pytest.fixture(scope="module")
def kafka_server() -> Iterator[str]:
    """Address of a Kafka broker."""
    with running("kafka") as address:
        yield address


@pytest.fixture(scope="module")
def alertmanager_server() -> Iterator[str]:
    """URL of an Alertmanager."""
    with running("alertmanager") as url:
        yield url


@pytest.fixture
def postgresql(postgresql_server: str) -> Iterator[str]:
    """URL of an empty PostgreSQL database of the test's own, gone after it."""
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{postgresql_server.rpartition('/')[0]}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.external_service)])
def address(request: pytest.FixtureRequest) -> str | None:
    """Address of the database of ``store``; None = SQLite in its folder."""
    found: str | None = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    return found


@pytest.fixture
def store(address: str | None, tmp_path: Path) -> Iterator[Store]:
    """An empty store whose clock stands at noon until ``store.clock.move``; on SQLite and on PostgreSQL."""
    from redshank.store.store import Store

    folder = tmp_path / "data" if address else blank_folder(tmp_path / "data")
    with Store.open(folder, address, clock=Clock()) as opened:
        yield opened
