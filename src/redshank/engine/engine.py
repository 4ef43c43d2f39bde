"""The engine as others see it: monitors watched live, and runs done to their end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from redshank.engine.backtest import Backtest, backtest
from redshank.engine.compare import changed, compare
from redshank.engine.job import Job
from redshank.engine.live import LiveMonitor, Ticked
from redshank.engine.live_memory import LiveMemory, fingerprint
from redshank.engine.reading import Reader
from redshank.engine.restore import restored
from redshank.engine.setting import Monitor, OpenSource
from redshank.engine.start import first_live, look
from redshank.engine.train import Training, train, train_from_scores
from redshank.engine.watch import RunShards, in_turn
from redshank.errors import ConfigError, NoPointsError, StateError
from redshank.sources.base import Source
from redshank.specs.monitor import MonitorSpec
from redshank.store.records import Live, Resource, Run, TickCommit, Verb
from redshank.store.store import Store

DoRun = Callable[[Monitor, Source, Run, int, Job], Mapping[str, Any]]


class Engine:
    """Loads monitors into memory and lets them work; has no threads and no clock of its own.

    ``others``: verbs that are done elsewhere, by name.
    """

    def __init__(
        self,
        store: Store,
        open_source: OpenSource,
        *,
        run: RunShards = in_turn,
        others: Mapping[Verb, DoRun] | None = None,
    ) -> None:
        """``open_source``: makes the source of a monitor. ``run``: where shards of series are worked on."""
        self.store = store
        self.run_shards = run
        self.others = dict(others or {})
        self._open_source = open_source

    def watch(self, monitor: Resource, job: Job) -> LiveWatcher:
        """Return a monitor that is loaded at its first tick."""
        job.raise_if_stopped()
        return LiveWatcher(self, Monitor.of(monitor))

    def run(self, run: Run, now_ns: int, job: Job) -> Mapping[str, Any] | None:
        """Do a run to its end; return its result.

        Raises:
            ConfigError: there is no such verb here, or its parameters are wrong.
            RedshankError: it failed.
        """
        monitor = Monitor.of(self.store.resources.by_id(run.monitor_id))
        if run.verb == "train":
            return self.train(monitor, now_ns, job)
        if run.verb == "detect":
            return self._detect(monitor, now_ns, job)
        if run.verb == "backtest":
            return self._backtest(monitor, run, now_ns, job)
        if run.verb not in self.others:
            raise ConfigError(f"run: {run.verb} cannot be done here", field="verb")
        return self.others[run.verb](monitor, self._open_source(monitor.spec), run, now_ns, job)

    def preview(
        self, spec: MonitorSpec, *, start_ns: int | None, end_ns: int | None, now_ns: int, job: Job
    ) -> Backtest:
        """Return what a monitor that need not be saved would have done in a past range; see ``backtest``."""
        monitor = Monitor("preview", spec)
        source = self._open_source(spec)
        return backtest(monitor, source, start_ns=start_ns, end_ns=end_ns, now_ns=now_ns, run=self.run_shards, job=job)

    # ------------------------------------------------------------------ live

    def load(self, monitor: Monitor, now_ns: int, job: Job) -> LiveMonitor:
        """Return a monitor in memory as it stands in the store; one that never ran begins.

        One whose points or detector are declared otherwise than its state, or whose state is damaged, is trained anew
        first, and says so in its log.

        Raises:
            NoPointsError: it cannot begin, since there are no points yet.
            SourceError, DataError, ConfigError: it cannot begin.
        """
        source = self._open_source(monitor.spec)
        live = self.store.live.get(monitor.id) or self._begin(monitor, source, now_ns, job)
        if LiveMemory.from_json(live.memory).made_of != fingerprint(monitor.spec):
            job.log("its points are declared otherwise than before: it is trained anew")
            live = self._trained(
                Training(monitor, source, self.store, self.run_shards, now_ns, job, is_anew=True), live
            )
        elif not _is_detector_of(monitor, live):
            job.log("another detector is declared: it is trained anew")
            live = self._trained(self._training(monitor, source, now_ns, job, "another detector"), live)
        try:
            return self._loaded(monitor, source, live, job)
        except StateError as error:
            job.log(f"its state could not be loaded, so it is trained anew from its scores: {error}", "warning")
            work = self._training(monitor, source, now_ns, job, f"state could not be loaded: {error}"[:200])
            train_from_scores(work, live)
            return self._loaded(monitor, source, self._live(monitor), job)

    def _loaded(self, monitor: Monitor, source: Source, live: Live, job: Job) -> LiveMonitor:
        memory = LiveMemory.from_json(live.memory)
        reader = Reader(monitor.spec, source, memory.facts)
        watch = restored(monitor, reader, memory, live, self.store, self.run_shards, job)
        return LiveMonitor(monitor, reader, watch, live, store=self.store, run=self.run_shards)

    def _begin(self, monitor: Monitor, source: Source, now_ns: int, job: Job) -> Live:
        first = first_live(monitor, look(monitor, source, now_ns), now_ns)
        memory = LiveMemory.from_json(first.memory)
        job.log(f"begins with {memory.detector} ({memory.why})")
        return self.store.live.commit(TickCommit(base=None, live=first), job.fence)

    def _trained(self, work: Training, live: Live) -> Live:
        train(work, live)
        return self._live(work.monitor)

    def _training(self, monitor: Monitor, source: Source, now_ns: int, job: Job, note: str = "") -> Training:
        return Training(monitor, source, self.store, self.run_shards, now_ns, job, note=note)

    def _live(self, monitor: Monitor) -> Live:
        live = self.store.live.get(monitor.id)
        if live is None:
            raise StateError(f"monitor {monitor.name}: was reset meanwhile")
        return live

    # ------------------------------------------------------------------ runs

    def train(self, monitor: Monitor, now_ns: int, job: Job) -> Mapping[str, Any]:
        """Make a new version; one that never ran begins with its first."""
        source = self._open_source(monitor.spec)
        live = self.store.live.get(monitor.id)
        if live is None or live.version == 0:
            self._detect(monitor, now_ns, job)
            begun = self._live(monitor)
            return {"version": begun.version, "detector": begun.memory["detector"], "why": begun.memory["why"]}
        return train(self._training(monitor, source, now_ns, job), live)

    def _detect(self, monitor: Monitor, now_ns: int, job: Job) -> Mapping[str, Any]:
        """Score all that is complete by now, and keep the state."""
        watcher = LiveWatcher(self, monitor)
        points, is_behind = 0, True
        while is_behind:
            job.raise_if_stopped()
            ticked = watcher.tick(now_ns, job)
            points, is_behind = points + ticked.points, ticked.is_behind
        watcher.checkpoint(job)
        return {"points": points}

    def _backtest(self, monitor: Monitor, run: Run, now_ns: int, job: Job) -> Mapping[str, Any]:
        what_if = {name: value for name, value in run.params.items() if name != "against"}
        spec = changed(monitor.spec, what_if)
        source = self._open_source(spec)
        span: dict[str, Any] = {"start_ns": run.start_ns, "end_ns": run.end_ns, "now_ns": now_ns}
        if "against" in run.params:
            sides = (what_if, self._change_of(monitor, run.params["against"]))
            return compare(monitor, sides, source, **span, run=self.run_shards, job=job).to_json()
        labeled = self._labeled(monitor)
        found = backtest(Monitor(monitor.id, spec), source, **span, run=self.run_shards, job=job, labeled=labeled)
        return found.to_json()

    def _change_of(self, monitor: Monitor, against: Any) -> Mapping[str, Any]:
        """What a backtest is compared with: fields of the declaration, or the number of a version."""
        if isinstance(against, int) and not isinstance(against, bool):
            version = self.store.states.version(monitor.id, against)
            return {"detector": version.detector, "params": dict(version.params)}
        if isinstance(against, Mapping):
            return against
        raise ConfigError("against: must be fields of a monitor, or the number of a version", field="against")

    def _labeled(self, monitor: Monitor) -> list[Any]:
        from redshank.store.events import EventFilter

        return list(self.store.events.list(EventFilter(monitor_ids=[monitor.id], label="any"), limit=1000).items)


def _is_detector_of(monitor: Monitor, live: Live) -> bool:
    spec = monitor.spec
    return spec.detector == "auto" or (spec.detector, spec.params) == (live.memory["detector"], live.memory["params"])


class LiveWatcher:
    """A monitor that is watched live, loaded into memory at its first tick."""

    def __init__(self, engine: Engine, monitor: Monitor) -> None:
        """Watch a monitor as it is declared now."""
        self._engine = engine
        self._monitor = monitor
        self._loaded: LiveMonitor | None = None

    def tick(self, now_ns: int, job: Job) -> Ticked:
        """Score what is complete by now, and keep it; without any points yet, nothing.

        Raises:
            SourceError: the source cannot be read now.
            StaleError: somebody else went on; the watcher is of no use any more.
        """
        if self._loaded is None:
            try:
                self._loaded = self._engine.load(self._monitor, now_ns, job)
            except NoPointsError:
                return Ticked(0, None, False)
        return self._loaded.tick(now_ns, job)

    def checkpoint(self, job: Job) -> None:
        """Keep the state, so that the next start replays nothing."""
        if self._loaded is not None:
            self._loaded.checkpoint(job)

    def give_up(self, error: str, now_ns: int, job: Job) -> None:
        """Keep that a tick does not come back, where it waits for its source, and let it end; from another thread."""
        if self._loaded is not None:
            self._loaded.give_up(error, now_ns, job)
