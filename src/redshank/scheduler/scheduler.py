"""The scheduler: one thread that leads or stands by, and starts what is due.

It waits for time and news, never for work: the work is done by other threads, and the store is asked in short
transactions. All that must survive is in the store; a process that dies at any instant leaves nothing to be mended but
what the next leader finds there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog

from redshank.errors import LeaseLostError, RedshankError
from redshank.executors.threads import Starter, Threads, processor_seconds
from redshank.scheduler.leadership import Leadership
from redshank.scheduler.live_lane import LiveLane
from redshank.scheduler.place import Limits, Place
from redshank.scheduler.plan import Planner
from redshank.scheduler.run_lane import RunLane
from redshank.scheduler.timetable import Timetable
from redshank.scheduler.watch import SECOND
from redshank.scheduler.work import Work
from redshank.store.records import Fence
from redshank.store.store import Store

log = structlog.get_logger("redshank.scheduler")

CANCEL_SECONDS = 0.5  # cancels are looked for so often while there is work
AFTER_ERROR_SECONDS = 1.0
LEAST_SECONDS = 0.02  # between two turns, so that news that come one by one are taken together
FAR_SECONDS = 3600.0
SET_SECONDS = 1.0  # a wall clock that is so much off what passed was set


class Scheduler:
    """Starts what is due in threads, and sees to it that it ends. ``changed``, ``news_of`` and ``wake`` at any time."""

    def __init__(
        self,
        store: Store,
        work: Work,
        *,
        owner: str,
        limits: Limits | None = None,
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
        threads: Starter | None = None,
        processor_seconds: Callable[[int], float] = processor_seconds,
    ) -> None:
        """``owner``: the name of this process among those on the same database; the rest as in ``Place``."""
        self._news = threading.Event()
        self._place = Place(
            store=store,
            work=work,
            threads=threads or Threads("redshank-work"),
            clock=clock,
            monotonic=monotonic,
            wake=self._news.set,
            limits=limits or Limits(),
            processor_seconds=processor_seconds,
        )
        self._leadership = Leadership(self._place, owner)
        self._planner = Planner(store)
        self._timetable = Timetable(self._place)
        self.live = LiveLane(self._place)
        self.runs = RunLane(self._place)
        self._thread: threading.Thread | None = None
        self._is_ending = threading.Event()
        self._is_leading = False
        self._led: Fence | None = None
        self._is_changed = True
        self._sources: set[str] = set()
        self._next_look = self._next_cancels = 0.0
        self._offset = self._wall_offset()

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread = threading.Thread(target=self._loop, name="redshank-scheduler", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 8.0) -> None:
        """End: let ticks and states be kept, for so long at most, and another lead."""
        self._is_ending.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
        self.end(seconds)

    def is_leading(self) -> bool:
        """Whether this process leads."""
        return self._is_leading

    def fence(self) -> Fence | None:
        """Return the fence of the lease while this process leads."""
        return self._leadership.fence if self._is_leading else None

    def wake(self) -> None:
        """Look for what is due: a run was asked for, or canceled."""
        self._next_cancels = 0.0
        self._news.set()

    def changed(self) -> None:
        """Read the declarations again: one was changed."""
        self._is_changed = True
        self._news.set()

    def news_of(self, source: str) -> None:
        """Let the monitors of a source tick soon: points came."""
        self._sources.add(source)
        self._news.set()

    def status(self) -> dict[str, Any]:
        """Return whether it leads, and what is under way."""
        return {"leads": self._is_leading, "runs": self.runs.under_way(), **self.live.figures()}

    def step(self) -> float:
        """Do all that is due now, without waiting for any of it; return after how many seconds to come again."""
        wait = self._guarded(self._lead)
        if not self._is_leading:
            return wait
        parts = (self._mind_the_clock, self._look, self._timetable.step, self._step_runs, self.live.step)
        return max(LEAST_SECONDS, min(wait, *(self._guarded(part) for part in parts)))

    def end(self, seconds: float) -> None:
        """Stop all work, keep the states for so many seconds at most, and let another lead."""
        fence = self._leadership.fence
        self.runs.stop()
        self._timetable.stop()
        if fence is not None:
            self.live.rest(seconds)
        self.live.stop()
        self._leadership.give_up()
        self._is_leading, self._led = False, None

    def _loop(self) -> None:
        while not self._is_ending.is_set():
            self._news.clear()
            wait = self.step()
            self._is_ending.wait(LEAST_SECONDS)
            self._news.wait(wait)

    def _guarded(self, part: Callable[[], float]) -> float:
        """Do one part of a turn; whatever goes wrong in it, the others are done, and it is tried again."""
        try:
            return part()
        except LeaseLostError:
            self.runs.has_lost_lease = True
            return LEAST_SECONDS
        except RedshankError as error:
            log.warning("scheduler: will try again", error=str(error))
        except Exception:  # the worker loop: a mistake of ours in one part must not end all
            log.exception("scheduler: will try again")
        return AFTER_ERROR_SECONDS

    def _lead(self) -> float:
        """Take or keep the lead, or lose it."""
        has_lost = self.live.has_lost_lease or self.runs.has_lost_lease
        self.live.has_lost_lease = self.runs.has_lost_lease = False
        wait = self._leadership.step(has_lost=has_lost)
        fence = self._leadership.fence
        if fence == self._led:
            return wait
        if self._is_leading:
            self.live.stop()
            self.runs.stop()
            self._timetable.stop()
            self._is_leading, self._led = False, None
        if fence is not None:
            self.runs.lead(fence)
            self._timetable.lead(fence)
            self.live.lead(fence)
            self._is_leading, self._led = True, fence
            self._is_changed, self._next_look = True, 0.0
        return wait

    def _look(self) -> float:
        """See what changed; return after how many seconds to look again."""
        now = self._place.monotonic()
        if self._is_changed or (now >= self._next_look and self._planner.is_changed()):
            self._is_changed = False
            try:
                self._read_plan()
            except BaseException:
                self._is_changed = True  # so that it is not forgotten
                raise
        if now >= self._next_look:
            self._next_look = now + self._place.limits.look_seconds
        while self._sources:
            self.live.news_of(self._sources.pop())
        return self._next_look - now

    def _read_plan(self) -> None:
        plan = self._planner.plan()
        self.live.set_monitors(plan.live)
        self._timetable.set_timers(plan.timers, plan.monitor_ids)

    def _step_runs(self) -> float:
        now = self._place.monotonic()
        if now >= self._next_cancels:
            canceling = self._place.store.runs.canceling()
            self.runs.cancel(canceling)
            self.live.cancel(canceling)
            is_busy = self.runs.under_way() or self.live.ticking()
            self._next_cancels = now + (CANCEL_SECONDS if is_busy else self._place.limits.poll_seconds)
        return min(self.runs.step(), self._next_cancels - now)

    def _wall_offset(self) -> float:
        return self._place.clock() / SECOND - self._place.monotonic()

    def _mind_the_clock(self) -> float:
        """Compute due times anew when the wall clock was set: what was far ahead may be near, and the other way."""
        offset = self._wall_offset()
        if abs(offset - self._offset) > SET_SECONDS:
            log.warning("the clock was set", seconds=round(offset - self._offset, 3))
            self._timetable.clock_was_set()
            self.live.all_due()
        self._offset = offset
        return FAR_SECONDS
