"""The port to listen on; when it is taken, by whom."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from pathlib import Path

from redshank.errors import ConfigError, UnavailableError

PROC = Path("/proc")
LISTENING = "0A"
BACKLOG = 1024


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises:
        ConfigError: the host is none of this machine.
        UnavailableError: the port is taken, or may not be used; the message says by whom, and what to do.
    """
    family, _, _, _, address = _address(host, port)
    # Named as TCP, since asyncio sends at once (TCP_NODELAY) only then; else each answer waits for 40 ms.
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind(address)
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        raise _refusal(error, host, port) from error
    return opened


def _address(host: str, port: int) -> tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"host: {host!r} is no address of this machine: {error}", field="host") from error
    return found[0]  # type: ignore[return-value]


def _refusal(error: OSError, host: str, port: int) -> Exception:
    if error.errno == errno.EADDRINUSE:
        return UnavailableError(
            f"port {port}: in use by {holder_of(port)}; stop that, or choose another with --port", field="port"
        )
    if error.errno == errno.EACCES:
        return UnavailableError(
            f"port {port}: this user may not listen below 1024; choose another with --port", field="port"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return ConfigError(f"host: {host!r} is no address of this machine", field="host")
    return UnavailableError(f"port {port}: cannot listen on {host}: {error.strerror}", field="port")


def holder_of(port: int, proc: Path = PROC) -> str:
    """Return who listens on a port: ``process 123 (python3)``; "another process" when that may not be seen."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port, proc)}
    for folder in proc.glob("[0-9]*") if sockets else ():
        if sockets & set(_open_files(folder)):
            return f"process {folder.name} ({_name(folder)})"
    return "another process"


def _listening(port: int, proc: Path) -> Iterator[str]:
    """Yield the inodes of sockets that listen on a port."""
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _open_files(folder: Path) -> Iterator[str]:
    try:
        for file in (folder / "fd").iterdir():
            yield str(file.readlink())
    except OSError:  # of another user, or gone meanwhile
        return


def _name(folder: Path) -> str:
    try:
        return (folder / "comm").read_text().strip()
    except OSError:
        return "unknown"
