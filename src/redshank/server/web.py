"""The HTTP side of the process."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn


class _WebServer(uvicorn.Server):
    """A uvicorn that says when it answers."""

    def __init__(self, config: uvicorn.Config, answers: Callable[[], None]) -> None:
        super().__init__(config)
        self._answers = answers

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._answers()


def web_server(config: uvicorn.Config, answers: Callable[[], None]) -> uvicorn.Server:
    """Return a server that calls ``answers`` once, as soon as requests are answered; work begins then, not before."""
    return _WebServer(config, answers)
