"""Sockets that end in time: every read and write is bound by the deadline of the call that it is part of.

The host is resolved here, each address checked, and the very address that was checked is connected to.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore2

Check = Callable[[str, str], None]  # (host as written, address it stands for); raises when it must not be reached


class Calls(threading.local):
    """The deadline (monotonic seconds) of the call that each thread is in; None = it is in none."""

    deadline: float | None = None


class Network(httpcore2.NetworkBackend):
    """Opens connections; ``cut`` ends all of them, so that whoever waits for one gets an error soon."""

    def __init__(self, check: Check, monotonic: Callable[[], float] = time.monotonic) -> None:
        """``check`` is asked before each connection."""
        self._check, self._monotonic = check, monotonic
        self._calls = Calls()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    @contextmanager
    def until(self, deadline: float) -> Iterator[None]:
        """Bind all that this thread reads and writes to a deadline."""
        before, self._calls.deadline = self._calls.deadline, deadline
        try:
            yield
        finally:
            self._calls.deadline = before

    def left(self, timeout: float | None) -> float | None:
        """Return the seconds that may be waited now; TimeoutError when there are none."""
        if self._calls.deadline is None:
            return timeout
        left = self._calls.deadline - self._monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("deadline")
        return left if timeout is None else min(timeout, left)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address of a host that answers."""
        addresses = self._resolved(host, port)
        error: OSError | None = None
        for family, kind, protocol, _, address in addresses:
            self._check(host, str(address[0]))
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(self.left(timeout))
                connection.connect(address)
            except OSError as failed:
                connection.close()
                error = failed
                continue
            except BaseException:
                connection.close()
                raise
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return _Stream(self, connection)
        if isinstance(error, TimeoutError):
            raise httpcore2.ConnectTimeout(str(error)) from error
        raise httpcore2.ConnectError(_reason(error)) from error

    def _resolved(self, host: str, port: int) -> list[Any]:
        try:
            return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"there is no host {host!r}") from error

    def opened(self, connection: socket.socket) -> None:
        """Remember a connection for ``cut``."""
        with self._lock:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """Forget a connection."""
        with self._lock:
            self._open.discard(connection)

    def cut(self) -> None:
        """End all connections; reads of other threads end at once."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it was closed meanwhile


class _Stream(httpcore2.NetworkStream):
    """A connection whose reads and writes end at the deadline of the call."""

    def __init__(self, network: Network, connection: socket.socket) -> None:
        self._network, self._socket = network, connection
        network.opened(connection)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            self._socket.settimeout(self._network.left(timeout))
            return self._socket.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore2.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.ReadError(_reason(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        view = memoryview(buffer)
        try:
            while view:
                self._socket.settimeout(self._network.left(timeout))
                view = view[self._socket.send(view) :]
        except TimeoutError as error:
            raise httpcore2.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.WriteError(_reason(error)) from error

    def close(self) -> None:
        self._network.closed(self._socket)
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        try:
            self._socket.settimeout(self._network.left(timeout))
            secured = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except TimeoutError as error:
            self.close()
            raise httpcore2.ConnectTimeout(str(error)) from error
        except OSError as error:
            self.close()
            raise httpcore2.ConnectError(_reason(error)) from error
        self._network.closed(self._socket)
        return _Stream(self._network, secured)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return _is_readable(self._socket)
        if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket):
            return self._socket
        return self._socket if info == "socket" else None


def _is_readable(connection: socket.socket) -> bool:
    """Whether something came, or the other side hung up, on a connection that is idle."""
    import select

    if connection.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _reason(error: OSError | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"tls: {error.reason or error}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
