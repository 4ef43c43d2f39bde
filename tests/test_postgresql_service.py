"""The PostgreSQL server of the tests."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.external_service


@pytest.mark.parametrize("time", ["first", "second"])
def test_each_test_gets_an_empty_database_of_its_own(time: str, postgresql: str) -> None:
    import psycopg

    with psycopg.connect(postgresql) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        connection.execute("CREATE TABLE points (value int)")

    assert tables == (0,), time
