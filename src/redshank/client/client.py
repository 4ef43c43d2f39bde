"""``Client`` and ``AsyncClient``: a Redshank server in Python."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Generic, Self

import httpx2

from redshank.client.asynchronous import Asynchronous
from redshank.client.blocking import Blocking
from redshank.client.config import Config
from redshank.client.declarations import Schedules, Sinks, Sources, Templates
from redshank.client.events import Events
from redshank.client.grafana import Grafana
from redshank.client.monitors import Monitors
from redshank.client.operations import Mode
from redshank.client.points import Points
from redshank.client.runs import Runs
from redshank.client.series import SeriesOfMonitors
from redshank.client.server import Server
from redshank.client.streams import Stream
from redshank.client.tokens import Audit, Tokens
from redshank.client.transport import Manner

URL, URL_VARIABLE, TOKEN_VARIABLE = "http://127.0.0.1:8765", "REDSHANK_URL", "REDSHANK_TOKEN"


class _Groups(Generic[Mode]):
    """All groups of methods."""

    def __init__(self, via: Mode) -> None:
        self._via: Mode = via
        self.monitors: Monitors[Mode] = Monitors(via)
        self.sources: Sources[Mode] = Sources(via)
        self.sinks: Sinks[Mode] = Sinks(via)
        self.schedules: Schedules[Mode] = Schedules(via)
        self.templates: Templates[Mode] = Templates(via)
        self.runs: Runs[Mode] = Runs(via)
        self.series: SeriesOfMonitors[Mode] = SeriesOfMonitors(via)
        self.events: Events[Mode] = Events(via)
        self.stream: Stream[Mode] = Stream(via)
        self.points: Points[Mode] = Points(via)
        self.grafana: Grafana[Mode] = Grafana(via)
        self.config: Config[Mode] = Config(via)
        self.tokens: Tokens[Mode] = Tokens(via)
        self.audit: Audit[Mode] = Audit(via)
        self.server: Server[Mode] = Server(via)

    @property
    def url(self) -> str:
        """Where the server is."""
        return self._via.url

    def __repr__(self) -> str:
        """Return the class and the server; the token is not shown."""
        return f"{type(self).__name__}({self._via.url!r})"


def _manner(url: str | None, token: str | None, timeout_seconds: float, retries: int) -> Manner:
    url = url or os.environ.get(URL_VARIABLE) or URL
    token = token or os.environ.get(TOKEN_VARIABLE) or None
    return Manner.of(url, token, timeout_seconds, retries)


class Client(_Groups[Blocking]):
    """A Redshank server; each method waits for its answer. Safe to be used by several threads.

    ``url`` and ``token`` None: those of the variables REDSHANK_URL and REDSHANK_TOKEN, else the server on this machine.
    ``timeout_seconds``: how long to wait for an answer. ``retries``: how often what is safe to repeat is sent again.

    What goes wrong is raised as the class of ``redshank.errors`` that the server names; UnavailableError when it cannot
    be reached or does not answer in time.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout_seconds: float = 30.0,
        retries: int = 3,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """Nothing is sent yet. ``transport``: in the place of the network, for tests."""
        super().__init__(Blocking(_manner(url, token, timeout_seconds, retries), transport))

    def close(self) -> None:
        """Close all connections."""
        self._via.close()

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


class AsyncClient(_Groups[Asynchronous]):
    """The same as ``Client`` for one event loop: methods are awaited, iterators iterated with ``async for``."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout_seconds: float = 30.0,
        retries: int = 3,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """Nothing is sent yet. ``transport``: in the place of the network, for tests."""
        super().__init__(Asynchronous(_manner(url, token, timeout_seconds, retries), transport))

    async def close(self) -> None:
        """Close all connections."""
        await self._via.close()

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()
