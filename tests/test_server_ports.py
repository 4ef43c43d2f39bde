"""A port that cannot be used says why, and by whom it is taken."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from redshank.errors import ConfigError, UnavailableError
from redshank.server.ports import holder_of, listen


def test_a_free_port_is_taken_when_none_is_asked_for() -> None:
    with listen("127.0.0.1", 0) as opened:
        assert opened.getsockname()[1] > 0


def test_a_taken_port_names_the_process() -> None:
    with listen("127.0.0.1", 0) as opened:
        port = opened.getsockname()[1]

        with pytest.raises(UnavailableError, match=rf"port {port}: in use by process {os.getpid()} \(.*--port"):
            listen("127.0.0.1", port)


def test_a_port_that_another_users_process_has_is_said_to_be_anothers(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1"
    (tmp_path / "net" / "tcp").write_text(f"  sl  local_address\n{line}\n")

    assert holder_of(8080, tmp_path) == "another process"


def test_a_port_that_nobody_has_is_nobodys() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    assert holder_of(port) == "another process"


def test_a_host_that_is_not_of_this_machine_is_named() -> None:
    with pytest.raises(ConfigError, match="no address of this machine"):
        listen("192.0.2.1", 0)


def test_a_host_that_nobody_knows_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_given: object, **_more: object) -> None:
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(ConfigError, match="no address of this machine"):
        listen("no.such.host.invalid", 0)


def test_an_answer_is_sent_at_once() -> None:
    with listen("127.0.0.1", 0) as opened:
        assert opened.proto == socket.IPPROTO_TCP  # what asyncio sets TCP_NODELAY by
