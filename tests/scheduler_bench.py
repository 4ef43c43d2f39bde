"""A scheduler with a clock that is moved by hand, and an engine that does as it is told."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from redshank.engine.job import Job
from redshank.executors.threads import Threads
from redshank.scheduler.place import Limits
from redshank.scheduler.scheduler import Scheduler
from redshank.specs.monitor import MonitorSpec
from redshank.store.records import Resource, Run
from redshank.store.store import Store
from store_data import NOON, Clock

SECOND = 1_000_000_000
Act = Callable[[Job], Any]


@dataclass
class Ticked:
    """What a tick did."""

    points: int = 1
    next_ns: int | None = None
    is_behind: bool = False


class SettlingThreads:
    """Threads that a test can wait for: until each has ended or hangs where the test lets it hang."""

    def __init__(self) -> None:
        self._threads = Threads("test", idle_seconds=0.0)
        self._turn = threading.Condition()
        self._busy = 0
        self._hanging: list[threading.Event] = []
        self.started = 0

    def start(self, work: Callable[[], None]) -> None:
        with self._turn:
            self._busy += 1
            self.started += 1

        def counted() -> None:
            work()
            with self._turn:
                self._busy -= 1
                self._turn.notify_all()

        self._threads.start(counted)

    def hang(self, until: threading.Event) -> None:
        """Let the calling thread wait for an event, and count as at rest as long as it is not set."""
        with self._turn:
            self._hanging.append(until)
            self._turn.notify_all()
        until.wait()
        with self._turn:
            self._hanging.remove(until)

    def settle(self) -> None:
        """Wait until all have ended or hang."""
        with self._turn:
            assert self._turn.wait_for(self._is_settled, timeout=60), "a thread does not come to rest"

    def _is_settled(self) -> bool:
        return self._busy == sum(not event.is_set() for event in self._hanging)


class Hang:
    """Work that does not come back until it is let go."""

    def __init__(self, threads: SettlingThreads, *, hears: bool = False) -> None:
        """``hears``: it ends when its job is stopped."""
        self._threads, self._hears = threads, hears
        self._go = threading.Event()
        self.jobs: list[Job] = []

    def __call__(self, job: Job) -> None:
        self.jobs.append(job)
        self._threads.hang(job.stop if self._hears else self._go)
        if self._hears:
            job.raise_if_stopped()

    def let_go(self) -> None:
        """Come back."""
        self._go.set()


@dataclass
class FakeWatcher:
    """A monitor in memory: does what is said for its name, and notes when."""

    work: FakeWork
    monitor: Resource

    def tick(self, now_ns: int, job: Job) -> Ticked:
        self.work.note("tick", self.monitor.name, now_ns)
        act = self.work.acts.get(("tick", self.monitor.name))
        given = act(job) if act else None
        job.done(1)
        return given or Ticked()

    def checkpoint(self, job: Job) -> None:
        self.work.note("checkpoint", self.monitor.name, 0)

    def give_up(self, error: str, now_ns: int, job: Job) -> None:
        self.work.note("give up", self.monitor.name, now_ns)


@dataclass
class FakeWork:
    """The engine: ``acts`` by verb and name of the monitor, ``noted``: the times at which they were called."""

    acts: dict[tuple[str, str], Act] = field(default_factory=dict)
    noted: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    jobs: list[Job] = field(default_factory=list)

    def note(self, verb: str, name: str, now_ns: int) -> None:
        self.noted[verb, name].append((now_ns - NOON) // (SECOND // 100))

    def seconds(self, verb: str, name: str) -> list[float]:
        """When a verb was called for a monitor, in seconds since noon."""
        return [hundredths / 100 for hundredths in self.noted[verb, name]]

    def watch(self, monitor: Resource, job: Job) -> FakeWatcher:
        self.note("watch", monitor.name, 0)
        return FakeWatcher(self, monitor)

    def run(self, run: Run, now_ns: int, job: Job) -> Mapping[str, Any] | None:
        self.note(run.verb, run.monitor, now_ns)
        self.jobs.append(job)
        act = self.acts.get((run.verb, run.monitor))
        given = act(job) if act else None
        return given or {"ok": True}


SELDOM = {"lease_seconds": 7200.0, "poll_seconds": 600.0, "look_seconds": 600.0}  # for tests of many hours


class Bench:
    """One process: a scheduler over a store, with time that passes when it is told to."""

    def __init__(self, store: Store, *, owner: str = "a", work: FakeWork | None = None, **limits: Any) -> None:
        clock = store.clock
        assert isinstance(clock, Clock)
        self.store, self.clock, self.work = store, clock, work or FakeWork()
        self.threads = SettlingThreads()
        self.passed = 0.0
        self.computed = 0.0  # processor time of each thread
        self.share = 0.0  # of a core that each thread computes
        self.steps = 0
        self.scheduler = Scheduler(
            store,
            self.work,
            owner=owner,
            limits=Limits(**{"ticks": 2, "runs": 2, **limits}),
            clock=clock,
            monotonic=lambda: self.passed,
            threads=self.threads,
            processor_seconds=lambda _thread: self.computed,
        )

    def monitor(self, name: str, **spec: Any) -> Resource:
        """Declare a monitor at steps of a minute; its source has its own name unless said otherwise."""
        kept = {"source": f"of {name}", "step": "1m", **spec}
        source = kept["source"]
        if source not in {resource.name for resource in self.store.resources.all("sources")}:
            self.store.resources.create("sources", source, {"name": source, "kind": "files"})
        spec = MonitorSpec.model_validate({"name": name, **kept}).model_dump(mode="json", exclude_unset=True)
        made = self.store.resources.create("monitors", name, spec)
        self.scheduler.changed()
        return made

    def hang(self, verb: str, name: str, *, hears: bool = False) -> Hang:
        """Let a verb of a monitor never answer."""
        hang = Hang(self.threads, hears=hears)
        self.work.acts[verb, name] = hang
        return hang

    def step(self) -> float:
        """Do what is due, and wait for the threads."""
        self.steps += 1
        wait = self.scheduler.step()
        self.threads.settle()
        return wait

    def go(self, seconds: float) -> None:
        """Let time pass, and do what is due on the way."""
        end = self.passed + seconds
        wait = self.step()
        while self.passed + wait < end:
            self._pass(wait)
            wait = self.step()
        self._pass(end - self.passed)
        self.step()

    def _pass(self, seconds: float) -> None:
        self.passed += seconds
        self.computed += seconds * self.share
        self.clock.move(seconds)

    def runs(self, verb: str, *, is_continuous: bool = False) -> list[Run]:
        """All runs of a verb, oldest first."""
        found: list[Run] = list(self.store.runs.list(sort="created", limit=1000).items)
        mine = [run for run in found if run.verb == verb]
        return [run for run in mine if (run.verb == "detect" and run.end_ns is None) == is_continuous]
