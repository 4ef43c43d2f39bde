"""The engine's verbs by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from redshank.engine.detect import detect
from redshank.engine.engine import Engine
from redshank.engine.job import Job
from redshank.errors import ConfigError
from redshank.scheduler.work import Watcher
from redshank.store.records import Resource, Run, Verb

Act: TypeAlias = Callable[[Engine, Run, int, Job], Mapping[str, Any] | None]

ACTS: Mapping[Verb, Act] = {"detect": detect}


class Verbs:
    """What the scheduler asks for, done by the engine."""

    def __init__(self, engine: Engine, acts: Mapping[Verb, Act] = ACTS) -> None:
        """``acts``: what each verb does with a run, now in ns, and its job."""
        self._engine, self._acts = engine, acts

    def watch(self, monitor: Resource, job: Job) -> Watcher:
        """Return a monitor to be watched live."""
        return self._engine.watch(monitor, job)

    def run(self, run: Run, now_ns: int, job: Job) -> Mapping[str, Any] | None:
        """Do a run to its end; return its result."""
        act = self._acts.get(run.verb)
        if act is None:
            raise ConfigError(f"run: verb must be one of {', '.join(self._acts)}, got {run.verb!r}", field="verb")
        return act(self._engine, run, now_ns, job)
