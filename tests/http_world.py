"""A server that does what a test tells it to, byte by byte: for answers that no decent server gives."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

Act = Callable[[socket.socket], object]


@dataclass
class World:
    """``acts``: what is done with one request after the other, the last one for all that follow. ``seen``: requests."""

    acts: Sequence[Act]
    url: str = ""
    seen: list[bytes] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def act(self) -> Act:
        return self.acts[min(len(self.seen) - 1, len(self.acts) - 1)]


def answer(status: str = "200 OK", body: bytes = b"{}", **headers: str) -> Act:
    """Answer whole, and keep the connection open."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines])
    return lambda connection: connection.sendall(head.encode() + b"\r\n\r\n" + body)


def nothing(connection: socket.socket) -> None:
    """Never answer: wait until the other side hangs up."""
    connection.settimeout(30)
    connection.recv(1)


def drip(connection: socket.socket) -> None:
    """Answer byte by byte for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    pause = threading.Event()
    while not pause.wait(0.02):
        connection.sendall(b" ")


def cut_off(connection: socket.socket) -> None:
    """End in the middle of an answer."""
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"a": ')
    connection.shutdown(socket.SHUT_RDWR)


def endless(connection: socket.socket) -> None:
    """Answer without end, as fast as it is taken."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


@contextmanager
def world(*acts: Act, wrap: Callable[[socket.socket], socket.socket] = lambda given: given) -> Iterator[World]:
    """Serve on a free port of this machine until the end of the block."""
    told = World(acts)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        told.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=_accept, args=(listener, told, wrap), daemon=True)
        thread.start()
        yield told
        told.ended.set()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _accept(listener: socket.socket, told: World, wrap: Callable[[socket.socket], socket.socket]) -> None:
    while not told.ended.is_set():
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(connection, told, wrap), daemon=True).start()


def _serve(connection: socket.socket, told: World, wrap: Callable[[socket.socket], socket.socket]) -> None:
    try:
        with wrap(connection) as secured:
            while request := _request(secured):
                told.seen.append(request)
                told.act()(secured)
    except OSError:
        return  # the client has gone, as it should


def _request(connection: socket.socket) -> bytes:
    """One request with its body; empty when there is none any more."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = connection.recv(65536)
        if not more:
            return b""
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
