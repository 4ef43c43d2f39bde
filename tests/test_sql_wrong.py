"""What goes wrong between a source and its database says what to do, ends in time, and tells no secret."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from redshank.errors import ConfigError, DataError, SourceError
from redshank.sources.base import Query
from redshank.sources.build import build_source
from redshank.specs.options import Access

DAY = timedelta(days=1)


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.external_service  # not one, but the driver waits for two seconds at least
def test_a_server_that_says_nothing_ends_at_the_time_for_connecting(silent: int) -> None:
    source = build_source(
        "postgresql", {"url": f"postgresql://me:tulip@127.0.0.1:{silent}/shop", "table": "a", "connect_timeout": "1s"}
    )

    with pytest.raises(SourceError, match=r"nothing answers there in time; .* raise connect_timeout") as caught:
        source.check()

    assert "tulip" not in str(caught.value)


def test_a_host_that_is_down_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    source = build_source("postgresql", {"url": f"postgresql://me:tulip@127.0.0.1:{port}/shop", "table": "a"})

    with pytest.raises(SourceError, match=r"check host and port, and that the database runs") as caught:
        source.check()

    assert "tulip" not in str(caught.value) + source.describe()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "10.1.2.3", "169.254.169.254", ""])
def test_private_addresses_are_refused_where_the_server_says_so(host: str) -> None:
    with pytest.raises(ConfigError, match="private address"):
        build_source("postgresql", {"url": f"postgresql://me@{host}/shop", "table": "a"}, access=Access(private=False))


@pytest.mark.external_service
@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ({"password": "tulip"}, "check user and password"),
        ({"user": "nobody-here", "password": "tulip"}, "check user and password"),
        ({"url": "{server}x"}, "check the name of the database"),
        ({"url": "postgresql://redshank:tulip@nowhere.invalid/shop"}, "check the name of the host"),
        ({"url": "{server}?sslmode=verify-full"}, "check the options of encryption"),
    ],
    ids=["password", "user", "database", "host", "encryption"],
)
def test_what_is_wrong_with_the_address_is_said(postgresql: str, wrong: dict[str, Any], remedy: str) -> None:
    options = {
        "url": postgresql,
        "table": "a",
        **{name: text.format(server=postgresql) for name, text in wrong.items()},
    }

    with pytest.raises(SourceError, match=remedy) as caught:
        build_source("postgresql", options).check()

    assert "tulip" not in str(caught.value)


class Proxy:
    """Passes bytes on to a server until it is told to fall silent."""

    def __init__(self, port: int) -> None:
        self.is_silent = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._target = port
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            for ends in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=ends, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                if not self.is_silent.is_set():
                    target.sendall(data)
        except OSError:
            pass
        source.close()
        target.close()

    def close(self) -> None:
        self._server.close()


@pytest.mark.external_service
@pytest.mark.parametrize("aggregated", [True, False])
def test_a_server_that_falls_silent_is_left_in_the_end(
    postgresql: str, monkeypatch: pytest.MonkeyPatch, aggregated: bool
) -> None:
    import psycopg

    from redshank.sources import sql_connect

    monkeypatch.setattr(sql_connect, "SILENT_SECONDS", 0.5)
    with psycopg.connect(postgresql) as connection:
        connection.execute("CREATE TABLE a AS SELECT now() AS time, i AS value FROM generate_series(1, 9) i")
    server, _, database = postgresql.rpartition("/")
    proxy = Proxy(int(server.rpartition(":")[2]))
    url = f"{server.rpartition(':')[0]}:{proxy.port}/{database}"
    source = build_source("postgresql", {"url": url, "table": "a", "timeout": "1s"})
    query = Query(measures=("value",), by=(), time="time", **({"agg": "max", "step": DAY} if aggregated else {}))
    source.newest(query)  # the columns are known from here on
    silence_when_connected(source, proxy, monkeypatch)

    with pytest.raises(SourceError, match="took longer than timeout allows"):
        source.read(query)

    proxy.close()


def silence_when_connected(source: Any, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    wording = source.database.wording

    def silenced(connection: Any) -> Any:
        found = wording(connection)
        proxy.is_silent.set()
        return found

    monkeypatch.setattr(source.database, "wording", silenced)


@pytest.mark.external_service
def test_columns_that_changed_are_looked_at_again_once(postgresql: str) -> None:
    import psycopg

    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE a AS SELECT now() + i * interval '1 min' AS time, i AS value FROM generate_series(1, 9) i"
        )
        source = build_source("postgresql", {"url": postgresql, "table": "a"})
        assert source.read(Query()).findings.measures == ("value",)
        connection.execute("ALTER TABLE a RENAME COLUMN value TO amount")

        reading = source.read(Query())

        assert reading.findings.measures == ("amount",)
        assert "the columns have changed since the last reading; looked at them again" in reading.findings.notes
        connection.execute("ALTER TABLE a ADD COLUMN later int DEFAULT 7")
        assert source.read(Query(measures=("later",))).findings.measures == ("later",)
        connection.execute("ALTER TABLE a DROP COLUMN later, DROP COLUMN amount")
        with pytest.raises(DataError, match="must have a column of numbers"):
            source.read(Query())
