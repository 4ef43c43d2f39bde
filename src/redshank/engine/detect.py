"""A detection with an end, as a schedule or a person asks for it: ticks until all is scored that was complete then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redshank.engine.engine import Engine
from redshank.engine.job import Job
from redshank.store.records import Run


def detect(engine: Engine, run: Run, now_ns: int, job: Job) -> Mapping[str, Any]:
    """Score from where the monitor stands up to the end of the run, and keep the state; return what was scored.

    Raises:
        NotFoundError: the monitor was removed.
        SourceError: the source cannot be read.
        StaleError: somebody else went on meanwhile.
    """
    until_ns = now_ns if run.end_ns is None else min(now_ns, run.end_ns)
    watcher = engine.watch(engine.store.resources.by_id(run.monitor_id), job)
    points, is_behind = 0, True
    while is_behind:
        job.raise_if_stopped()
        ticked = watcher.tick(until_ns, job)
        points, is_behind = points + ticked.points, ticked.is_behind
    watcher.checkpoint(job)
    return {"points": points}
