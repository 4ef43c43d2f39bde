"""What the scheduler knows of a monitor that is watched live."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from redshank.engine.job import Job
from redshank.scheduler.work import Watcher
from redshank.store.records import Resource, Run

SECOND = 1_000_000_000
DEFAULT_STEP_NS = 60 * SECOND
SPREAD_PARTS = 20  # ticks are spread over a twentieth of the step,
MOST_SPREAD_NS = 3 * SECOND  # and over so much at most,
SPREAD_GRAIN_NS = SECOND // 5  # in heaps, since each waking up costs
REST_PARTS = 4
FIRST_PAUSE_NS = SECOND
LONGEST_PAUSE_NS = 300 * SECOND


@dataclass(eq=False)
class Watch:
    """A monitor that is watched live. ``source`` is equal for monitors that read from the same place.

    ``generation`` counts how often it was put into the heap; older entries there are void. ``run`` and ``job``: of the
    continuous run, None until the first tick and after a failure. ``is_paused``: its run was canceled.
    """

    monitor: Resource
    source: str
    step_ns: int = DEFAULT_STEP_NS
    due_ns: int = 0
    generation: int = 0
    watcher: Watcher | None = None
    run: Run | None = None
    job: Job | None = None
    failures: int = 0
    error: str | None = None
    lost: int = 0  # threads that hang in it
    ticked_ns: int | None = None
    tick: Tick | None = None  # under way
    is_waiting: bool = False  # for a thread
    is_paused: bool = False
    is_gone: bool = False
    is_changed: bool = False  # it is to be loaded anew when the tick under way is done
    has_news: bool = False  # it is to tick again then

    @property
    def id(self) -> str:
        """The id of the monitor."""
        return self.monitor.id

    def forget(self) -> None:
        """Let go of what is in memory; the next tick loads it again."""
        self.watcher = self.job = self.run = None

    def spread_ns(self) -> int:
        """Return how much later than its step it ticks: by its name, so that a thousand do not come at once."""
        span = min(self.step_ns // SPREAD_PARTS, MOST_SPREAD_NS)
        grain = min(SPREAD_GRAIN_NS, max(1, span // 2))
        part = int.from_bytes(sha256(self.monitor.id.encode()).digest()[:4], "big")
        return (span * part >> 32) // grain * grain

    def least_pause_ns(self) -> int:
        """Return how long to rest between ticks although there are new points: a part of the step, a second at most."""
        return min(SECOND, self.step_ns // REST_PARTS)

    def pause_ns(self) -> int:
        """Return how long to wait after so many failures in a row: 1 s, 2 s, 4 s ... 5 minutes."""
        return min(FIRST_PAUSE_NS << min(self.failures - 1, 10), LONGEST_PAUSE_NS)


@dataclass(eq=False)
class Tick:
    """A tick under way in a thread; what it loads is the watch's when it ends well.

    ``is_slow``: it takes so long that others go on without its place. ``canceled``: when it was asked to stop.
    ``is_first``: it loads the monitor. ``looked``: when it was looked whether it waits, ``computed``: the processor
    time that its thread had used by then.
    """

    watch: Watch
    source: str
    started: float
    job: Job
    thread: int = 0
    looked: float = 0.0
    computed: float = 0.0
    watcher: Watcher | None = None
    run: Run | None = None
    canceled: float | None = None
    is_first: bool = False
    is_slow: bool = False
    is_abandoned: bool = False
