"""What the parts of the scheduler share: the store, the engine, threads, clocks, limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from redshank.executors.local import cores
from redshank.executors.threads import Starter, processor_seconds
from redshank.scheduler.work import Work
from redshank.store.records import Verb
from redshank.store.store import Store

HOUR = 3600.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much at once, and how long.

    ``ticks``: live ticks that compute at once; the place of one that takes longer than ``slow_seconds`` and waits, or
    longer than ``compute_seconds``, is given to another, ``slow_ticks`` times. ``runs``: at once,
    ``runs_of_monitor``: of one monitor. A tick or run is given up after its seconds; ``load_seconds``: a tick that
    first loads its monitor.
    ``attempts``: of a run whose source or database is away. ``cancel_seconds``: from a cancel seen to giving the work
    up. ``lost``: threads that may hang in one monitor. ``lease_seconds``: after which another may lead when this one is
    dead; it is renewed three times as often. Runs that other processes ask for are looked for every ``poll_seconds``,
    changes that they make every ``look_seconds``.
    """

    ticks: int = field(default_factory=cores)
    slow_ticks: int = 256
    slow_seconds: float = 0.5
    compute_seconds: float = 10.0
    tick_seconds: float = 60.0
    load_seconds: float = 900.0
    runs: int = field(default_factory=cores)
    runs_of_monitor: int = 1
    run_seconds: Mapping[Verb, float] = field(
        default_factory=lambda: {
            "train": 2 * HOUR,
            "detect": 2 * HOUR,
            "backtest": 6 * HOUR,
            "tune": 12 * HOUR,
            "forecast": HOUR,
        }
    )
    attempts: int = 3
    cancel_seconds: float = 1.2
    lost: int = 3
    lease_seconds: float = 6.0
    poll_seconds: float = 1.0
    look_seconds: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the scheduler works. ``clock``: nanoseconds since 1970; ``monotonic``: seconds; ``wake``: it has news.

    ``processor_seconds``: how much processor time a living thread has used.
    """

    store: Store
    work: Work
    threads: Starter
    clock: Callable[[], int]
    monotonic: Callable[[], float]
    wake: Callable[[], None]
    limits: Limits = field(default_factory=Limits)
    processor_seconds: Callable[[int], float] = processor_seconds
