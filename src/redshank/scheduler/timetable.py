"""Schedules of monitors: when they are due, and the runs they make; each due time makes its run once."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import structlog

from redshank.scheduler.place import Place
from redshank.scheduler.watch import SECOND
from redshank.schedules.catch_up import due_times
from redshank.schedules.times import last_time, next_time
from redshank.specs.schedule import ScheduleSpec
from redshank.store.records import Fence, Verb
from redshank.store.timers import Firing

log = structlog.get_logger("redshank.scheduler")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SET_BACK_NS = 3600 * SECOND  # a last time so far ahead was noted by a clock that was wrong
FAR_SECONDS = 3600.0


@dataclass(frozen=True)
class Timer:
    """A schedule of a monitor."""

    monitor_id: str
    monitor: str
    verb: Verb
    spec: ScheduleSpec

    @property
    def key(self) -> tuple[str, Verb]:
        """What tells it from others."""
        return (self.monitor_id, self.verb)


class Timetable:
    """All schedules; called by one thread."""

    def __init__(self, place: Place) -> None:
        """Start with no schedule."""
        self._place = place
        self._timers: dict[tuple[str, Verb], Timer] = {}
        self._last: dict[tuple[str, Verb], int] = {}
        self._heap: list[tuple[int, tuple[str, Verb], Timer]] = []
        self._fence: Fence | None = None

    def lead(self, fence: Fence) -> None:
        """Begin to fire, from what is known in the store."""
        self._fence = fence
        self._timers, self._heap = {}, []
        self._last = self._place.store.timers.all()

    def stop(self) -> None:
        """Fire no more."""
        self._fence = None
        self._timers, self._heap = {}, []

    def set_timers(self, timers: Collection[Timer], monitor_ids: Collection[str]) -> None:
        """Fire just these; ``monitor_ids``: all monitors there are, the timers of others are forgotten.

        A schedule that is new fires from now on. One that is changed goes on from its last time.
        """
        now_ns = self._place.clock()
        self._timers = {timer.key: timer for timer in timers}
        strange = {
            key: min(now_ns, self._last.get(key, now_ns))
            for key in self._timers
            if key not in self._last or self._last[key] > now_ns + SET_BACK_NS
        }
        if strange:
            self._place.store.timers.begin(strange, self._fence)
            self._last |= strange
        gone = {key[0] for key in self._last} - set(monitor_ids)
        if gone:
            self._place.store.timers.forget(sorted(gone))
            self._last = {key: last_ns for key, last_ns in self._last.items() if key[0] not in gone}
        self._plan()

    def clock_was_set(self) -> None:
        """Compute all due times anew."""
        self.set_timers(list(self._timers.values()), {key[0] for key in self._last})

    def step(self) -> float:
        """Make the runs that are due; return after how many seconds to come again."""
        if self._fence is None:
            return FAR_SECONDS
        now_ns = self._place.clock()
        due = []
        while self._heap and self._heap[0][0] <= now_ns:
            due.append(heapq.heappop(self._heap)[2])
        if due:
            self._fire(due, now_ns)
        return min(FAR_SECONDS, max(0.0, (self._heap[0][0] - now_ns) / SECOND)) if self._heap else FAR_SECONDS

    def next_times(self) -> Mapping[tuple[str, Verb], int]:
        """Return when each schedule is due next."""
        return {key: due_ns for due_ns, key, _ in self._heap}

    def _fire(self, due: list[Timer], now_ns: int) -> None:
        firings = [self._firing(timer, now_ns) for timer in due]
        try:
            self._place.store.timers.fire(firings, self._fence)
            self._last |= {timer.key: firing.last_ns for timer, firing in zip(due, firings, strict=True)}
        finally:  # when it could not be kept, they are due again
            for timer in due:
                self._set(timer)

    def _plan(self) -> None:
        self._heap = []
        for timer in self._timers.values():
            self._set(timer)

    def _set(self, timer: Timer) -> None:
        following = next_time(timer.spec, moment(self._last[timer.key]), timer.monitor)
        if following is not None:
            heapq.heappush(self._heap, (nanoseconds(following), timer.key, timer))

    def _firing(self, timer: Timer, now_ns: int) -> Firing:
        last, now = moment(self._last[timer.key]), moment(now_ns)
        due = due_times(timer.spec, last, now, timer.monitor)
        if due.passed_over:
            log.info("missed", monitor=timer.monitor, verb=timer.verb, runs=due.passed_over, policy=timer.spec.catch_up)
        begin = self._before(timer, due.times[0], last) if timer.spec.catch_up == "skip" and due.times else last
        windows = [(nanoseconds(start), nanoseconds(end)) for start, end in pairwise((begin, *due.times))]
        newest = last_time(timer.spec, now, timer.monitor) or now
        last_ns = max(nanoseconds(newest), self._last[timer.key] + 1)
        return Firing(
            monitor_id=timer.monitor_id,
            monitor=timer.monitor,
            verb=timer.verb,
            windows=windows,
            last_ns=last_ns,
            is_one=timer.spec.catch_up != "all",
        )

    def _before(self, timer: Timer, due: datetime, last: datetime) -> datetime:
        """Return where the window of a due time begins when those before it were left out."""
        before = last_time(timer.spec, due - MICROSECOND, timer.monitor)
        return last if before is None else max(before, last)


def moment(time_ns: int) -> datetime:
    """Return nanoseconds since 1970 as a datetime, cut to microseconds."""
    return EPOCH + timedelta(microseconds=time_ns // 1000)


def nanoseconds(time: datetime) -> int:
    """Return a datetime as nanoseconds since 1970."""
    return (time - EPOCH) // MICROSECOND * 1000
