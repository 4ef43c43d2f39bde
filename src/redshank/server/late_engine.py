"""The engine, loaded when it is first needed: compilers and tables need not be there before the server answers."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from redshank.engine.job import Job
from redshank.scheduler.work import Watcher
from redshank.store.records import Resource, Run, Verb
from redshank.store.store import Store

if TYPE_CHECKING:
    from redshank.engine.engine import Engine
    from redshank.engine.setting import OpenSource


class LateEngine:
    """What the scheduler asks for, done by an engine that is made at the first asking."""

    def __init__(self, store: Store, open_source: OpenSource) -> None:
        """``open_source``: makes the source of a monitor."""
        self._store, self._open_source = store, open_source
        self._turn = threading.Lock()
        self._made: Engine | None = None

    def watch(self, monitor: Resource, job: Job) -> Watcher:
        """Return a monitor to be watched live."""
        return self.engine().watch(monitor, job)

    def run(self, run: Run, now_ns: int, job: Job) -> Mapping[str, Any] | None:
        """Do a run to its end; return its result."""
        return self.engine().run(run, now_ns, job)

    def engine(self) -> Engine:
        """Return the engine."""
        with self._turn:
            if self._made is None:
                from redshank.engine.engine import DoRun, Engine
                from redshank.engine.forecast_run import do_forecast
                from redshank.engine.tune_run import Tuner
                from redshank.executors.local import in_order
                from redshank.executors.machine import machine_limits

                others: dict[Verb, DoRun] = {
                    "forecast": do_forecast,
                    "tune": Tuner(self._store, machine_limits()),
                }
                self._made = Engine(self._store, self._open_source, run=in_order, others=others)
            return self._made
