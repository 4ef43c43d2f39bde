"""Runs: asked for, followed, canceled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from redshank.errors import ConfigError, LimitError
from redshank.service.actor import Actor
from redshank.service.audit import Audit
from redshank.service.worker import Worker
from redshank.store.records import FINISHED, Page, Run, RunLine, Verb
from redshank.store.runs import RunFilter
from redshank.store.store import Store

MOST_WAITING = 1000


class Runs:
    """All runs."""

    def __init__(self, store: Store, audit: Audit, worker: Worker) -> None:
        """``worker`` is woken when there is something to do."""
        self._store, self._audit, self._worker = store, audit, worker

    def start(
        self,
        monitor: str,
        verb: Verb,
        *,
        actor: Actor,
        start_ns: int | None = None,
        end_ns: int | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Run:
        """Ask for a run over ``start_ns`` <= t < ``end_ns`` (None = as the verb has it); return it, waiting.

        Raises:
            NotFoundError: there is no such monitor.
            ConfigError: the range is empty, or the verb cannot be asked for so.
            LimitError: too many wait already.
        """
        if start_ns is not None and end_ns is not None and start_ns >= end_ns:
            raise ConfigError("run: end: must be after start", field="end")
        if verb == "detect" and end_ns is None:
            raise ConfigError("run: end: must be given; enable the monitor to detect without end", field="end")
        found = self._store.resources.get("monitors", monitor)
        waiting = sum(count for (_, state), count in self._store.runs.counts().items() if state == "waiting")
        if waiting >= MOST_WAITING:
            raise LimitError(f"run: at most {MOST_WAITING:,} may wait, try again when some have ended")
        run = self._store.runs.create(
            found.id, found.name, verb, start_ns=start_ns, end_ns=end_ns, params=dict(params or {})
        )
        self._audit.note(actor.name, verb, "monitors", found.name, {"run": run.id, "params": dict(params or {})})
        self._worker.wake()
        return run

    def get(self, run_id: str) -> Run:
        """Return one run; NotFoundError when there is none."""
        return self._store.runs.get(run_id)

    def list(self, wanted: RunFilter, *, limit: int = 100, cursor: str | None = None, sort: str | None = None) -> Page:
        """Return a page of runs, newest first."""
        return self._store.runs.list(wanted, limit=limit, cursor=cursor, sort=sort or "-created")

    def cancel(self, run_id: str, *, actor: Actor) -> Run:
        """Cancel a waiting run, ask a running one to stop; ConflictError when it has ended."""
        run = self._store.runs.request_cancel(run_id)
        self._audit.note(actor.name, "cancel", "runs", run_id, {"monitor": run.monitor, "verb": run.verb})
        self._worker.wake()
        return run

    def lines(self, run_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[RunLine]:
        """Return log lines of a run behind a number, oldest first; NotFoundError when there is no such run."""
        self._store.runs.get(run_id)
        return self._store.runs.lines(run_id, after=after, limit=limit)


def is_over(run: Run) -> bool:
    """Whether a run has ended."""
    return run.state in FINISHED
