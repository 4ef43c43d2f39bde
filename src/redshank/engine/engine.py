"""The engine as others see it: monitors watched live, and runs done to their end."""

from __future__ import annotations

from redshank.engine.job import Job
from redshank.engine.live import LiveMonitor, Ticked
from redshank.engine.live_memory import LiveMemory
from redshank.engine.reading import Reader
from redshank.engine.replay import replay
from redshank.engine.setting import Monitor, OpenSource, rules_of
from redshank.engine.start import first_live, look
from redshank.engine.watch import RunShards, Watch, in_turn
from redshank.errors import NoPointsError
from redshank.store.records import Live, Resource, TickCommit
from redshank.store.store import Store


class Engine:
    """Loads monitors into memory and lets them work; has no threads and no clock of its own."""

    def __init__(self, store: Store, open_source: OpenSource, *, run: RunShards = in_turn) -> None:
        """``open_source``: makes the source of a monitor. ``run``: where shards of series are worked on."""
        self.store = store
        self.run_shards = run
        self._open_source = open_source

    def watch(self, monitor: Resource, job: Job) -> LiveWatcher:
        """Return a monitor that is loaded at its first tick."""
        job.raise_if_stopped()
        return LiveWatcher(self, Monitor.of(monitor))

    def load(self, monitor: Monitor, now_ns: int, job: Job) -> LiveMonitor:
        """Return a monitor in memory as it stands in the store; one that never ran begins.

        Raises:
            NoPointsError: it cannot begin, since there are no points yet.
            SourceError, DataError, ConfigError: it cannot begin.
        """
        source = self._open_source(monitor.spec)
        live = self.store.live.get(monitor.id)
        if live is None:
            first = first_live(monitor, look(monitor, source, now_ns), now_ns)
            live = self.store.live.commit(TickCommit(base=None, live=first), job.fence)
            job.log(f"begins with {LiveMemory.from_json(live.memory).detector}")
        memory = LiveMemory.from_json(live.memory)
        reader = Reader(monitor.spec, source, memory.facts)
        watch = self.restored(monitor, reader, memory, live, job)
        return LiveMonitor(monitor, reader, watch, live, store=self.store, run=self.run_shards)

    def restored(self, monitor: Monitor, reader: Reader, memory: LiveMemory, live: Live, job: Job) -> Watch:
        """Return the state of the cursor: that of the checkpoint, brought up by the score history.

        Raises:
            StateError: the state is damaged, or not of this monitor as it is declared now.
        """
        rules = rules_of(monitor.spec, monitor.id, memory.facts, memory.detector, memory.params, reader.channels)
        blobs = () if live.state_id is None else self.store.states.load(live.state_id)
        watch = Watch.load(rules, (blob.parts for blob in blobs), most_series=monitor.spec.max_series)
        watch.lessons = tuple(memory.lessons)
        replay(
            watch,
            self.store,
            monitor.id,
            reader.grid,
            start_ns=live.checkpoint_ns,
            end_ns=live.cursor_ns,
            jumps=memory.jumps,
            run=self.run_shards,
            job=job,
        )
        return watch


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
