"""The server as one process: opened, started, run until it is told to stop, and ended in good order."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog

import redshank
from redshank.engine.named_sinks import NamedSinks
from redshank.engine.notifications import Teller
from redshank.errors import ConfigError
from redshank.executors.local import cores
from redshank.scheduler.chores import chores_of
from redshank.scheduler.delivery import Courier
from redshank.scheduler.place import Limits
from redshank.scheduler.scheduler import Scheduler
from redshank.scheduler.score_delivery import ScoreDelivery
from redshank.scheduler.upkeep import Upkeep
from redshank.server.late_engine import LateEngine
from redshank.server.ports import listen
from redshank.service.actor import Actor
from redshank.service.config_files import origin_of
from redshank.service.config_watch import ConfigStatus, ConfigWatch
from redshank.service.opening import Sources, access_of
from redshank.service.service import Service
from redshank.settings import Settings
from redshank.store.store import Store

log = structlog.get_logger("redshank.server")

ALONE = "server"  # on SQLite there is one process only, so that its lease need not run out after a crash
ALONE_LEASE_SECONDS = 60.0
STOP_SECONDS = 8.0
ANSWER_SECONDS = 2  # for requests under way at a stop
FILES = Actor("files", "admin")
FIRST_TOKEN = "Admin token, shown this once:"


class Server:
    """All parts of a running server. ``service`` is the door to them; ``port`` is where it listens."""

    def __init__(self, store: Store, settings: Settings, config: Sequence[Path] = ()) -> None:
        """Put the parts together; nothing runs yet."""
        self.store, self.settings = store, settings
        access = access_of(store, settings.roots, private=not settings.forbid_private_addresses)
        sources = Sources(store, access)
        engine = LateEngine(store, sources)
        self.scheduler = Scheduler(store, engine, owner=_owner(store), limits=_limits(store, settings))
        self.sinks = NamedSinks(store.resources, access)
        self.courier = Courier(
            store.outbox,
            self.sinks,
            tell=Teller(store, settings.public_url),
            scores=ScoreDelivery(store, self.sinks),
            give_up_seconds=settings.delivery_hours * 3600,
            is_leading=self.scheduler.is_leading,
        )
        self.upkeep = Upkeep(chores_of(store), self.scheduler.fence)
        self.service = Service(store, worker=self.scheduler, access=access, source_counts=sources.counts)
        self.service.courier = self.courier
        self.config = self.service.config_watch = _config_watch(self.service, config) if config else None
        self._ended = threading.Event()
        self._turn = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Do all work in the background; at the end keep what is in memory, and let another lead."""
        self.read_config()
        self.begin()
        try:
            yield
        finally:
            self.end()

    def read_config(self) -> None:
        """Apply the configuration files; wrong ones are said to be so, and what was declared before stays."""
        if self.config is not None:
            self.config.start()

    def begin(self) -> None:
        """Begin to work in the background."""
        with self._turn:
            if self._ended.is_set():
                return
            if self.config is not None:
                watch = threading.Thread(
                    target=self.config.run, args=(self._ended,), name="redshank-config", daemon=True
                )
                watch.start()
            self.scheduler.start()
            self.courier.start()
            self.upkeep.start()

    def end(self) -> None:
        """Keep what is in memory, and let another lead; within seconds."""
        self._ended.set()
        with self._turn:
            self.upkeep.stop()
            self.scheduler.stop(STOP_SECONDS)
            self.courier.stop()
            self.sinks.close()


def serve(settings: Settings, config: Sequence[Path] = ()) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        UnavailableError: the port or the data folder is in use or cannot be used, the database is away.
        ConfigError: settings would leave the server open to the network.
    """
    begun = time.monotonic()
    _check(settings)
    with listen(settings.host, settings.port) as opened:
        with Store.open(settings.data, settings.database, history=settings.history) as store:
            server = Server(store, settings, config)
            _tell_first_token(server.service, settings)
            server.read_config()
            try:
                _answer(server, opened, begun)
            finally:
                server.end()
        log.info("stopped")


def _answer(server: Server, opened: socket.socket, begun: float) -> None:
    """Answer requests until told to stop."""
    import uvicorn

    from redshank.api.app import create_app
    from redshank.server.web import web_server

    settings = server.settings
    host, port = opened.getsockname()[:2]
    web = web_server(
        uvicorn.Config(
            create_app(server.service, settings),
            host=str(host),
            port=int(port),
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            lifespan="on",
            timeout_graceful_shutdown=ANSWER_SECONDS,
        ),
        lambda: threading.Thread(target=server.begin, name="redshank-begin", daemon=True).start(),
    )
    shown = f"[{host}]" if ":" in str(host) else host
    log.info(
        "serves",
        url=f"http://{shown}:{port}",
        data=str(settings.data),
        database=server.store.database.name,
        version=redshank.__version__,
        pid=os.getpid(),
        seconds=round(time.monotonic() - begun, 3),
    )
    with _signals_heard():
        web.run(sockets=[opened])
    log.info("stops")


@contextmanager
def _signals_heard() -> Iterator[None]:
    """Let signals end nothing but the loop inside, which raises those it took again when it has ended."""

    def hear(number: int, _frame: object) -> None:
        log.info("told to stop", signal=signal.Signals(number).name)

    before = {number: signal.signal(number, hear) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check(settings: Settings) -> None:
    from redshank.api.gate import is_local

    if settings.no_auth and not is_local(settings.host):
        raise ConfigError(
            f"no_auth: is allowed on localhost only, got host {settings.host!r}; listen there, or use tokens",
            field="no_auth",
        )


def _tell_first_token(service: Service, settings: Settings) -> None:
    """Print the first token, once in the life of a database, and not into the log."""
    if settings.no_auth:
        return
    token = service.tokens.first()
    if token is not None:
        print(f"{FIRST_TOKEN} {token}", flush=True)  # noqa: T201 - for the one who starts the server


def _owner(store: Store) -> str:
    return ALONE if store.database.is_sqlite else f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"


def _limits(store: Store, settings: Settings) -> Limits:
    return Limits(
        ticks=settings.ticks or cores(),
        runs=settings.runs or cores(),
        runs_of_monitor=settings.runs_of_monitor,
        tick_seconds=settings.tick_seconds,
        lease_seconds=ALONE_LEASE_SECONDS if store.database.is_sqlite else Limits.lease_seconds,
    )


def _config_watch(service: Service, paths: Sequence[Path]) -> ConfigWatch:
    origin = origin_of(paths)

    def report(status: ConfigStatus) -> None:
        (log.warning if status.state == "wrong" else log.info)("configuration", status=status.line())

    return ConfigWatch(
        paths,
        lambda document: service.config.apply(document, origin, actor=FILES, is_checked=False),
        clock=service.clock,
        report=report,
    )
