"""Live monitors: who is due, the threads that tick them, and what happens to those that fail or hang.

A few threads take due monitors one after the other, so that a tick costs no change of threads. The place of one that
waits long for its source goes to another thread; one that does not come back is given up: its thread is left behind,
and what it still tries to keep is refused, since its run is claimed anew.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from functools import partial

import structlog

from redshank.engine.job import Job
from redshank.errors import LeaseLostError, RedshankError, SourceError, StaleError, StoppedError
from redshank.scheduler.alarm_clock import AlarmClock
from redshank.scheduler.keeping import Keeping
from redshank.scheduler.place import Place
from redshank.scheduler.queues import DueQueue
from redshank.scheduler.run_rows import end_run, failed_run, take_back_run
from redshank.scheduler.watch import Tick, Watch
from redshank.scheduler.work import Ticked, Watcher
from redshank.store.records import Fence, Resource

log = structlog.get_logger("redshank.scheduler")

LEAST_SHARE = 0.02  # of a core: who uses less waits for something


class LiveLane:
    """All live monitors of this process. ``step`` is called by one thread; the rest by any."""

    def __init__(self, place: Place) -> None:
        """Start with no monitor, and leading nothing."""
        self._place = place
        self._turn = threading.RLock()
        self._quiet = threading.Condition(self._turn)  # told at the end of each tick
        self._watches: dict[str, Watch] = {}
        self._alarms = AlarmClock()
        self._queue = DueQueue()
        self._ticks: set[Tick] = set()
        self._active = 0
        self._fence: Fence | None = None
        self._is_resting = False
        self.has_lost_lease = False

    def lead(self, fence: Fence) -> None:
        """Begin to tick what is set by ``set_monitors``."""
        with self._turn:
            self._fence, self.has_lost_lease, self._is_resting = fence, False, False

    def stop(self) -> None:
        """Ask all ticks to stop, and begin no more."""
        with self._turn:
            self._fence = None
            self._queue.clear()
            for watch in self._watches.values():
                watch.is_gone = True
            for tick in self._ticks:
                tick.job.stop.set()
            self._watches = {}

    def rest(self, seconds: float) -> None:
        """Begin no more ticks, let those under way end, and keep the states; for so many seconds at most."""
        deadline = self._place.monotonic() + seconds
        with self._turn:
            self._is_resting = True
            self._queue.clear()
            self._quiet.wait_for(lambda: not self._ticks, timeout=seconds / 2)
            watches = [watch for watch in self._watches.values() if watch.watcher is not None and watch.tick is None]
        Keeping(self._place, watches, deadline - self._place.monotonic()).run()

    def set_monitors(self, wanted: Mapping[str, tuple[Resource, str, int]]) -> None:
        """Watch just these: by id the monitor, the name of its source, and its step in ns. New ones are due at once."""
        now_ns = self._place.clock()
        with self._turn:
            gone = [watch for monitor_id, watch in self._watches.items() if monitor_id not in wanted]
            for watch in gone:
                self._remove(watch)
            for monitor_id, (monitor, source, step_ns) in wanted.items():
                known = self._watches.get(monitor_id)
                if known is None:
                    self._watches[monitor_id] = added = Watch(monitor=monitor, source=source, step_ns=step_ns)
                    self._alarms.set(added, now_ns)
                elif known.monitor.revision != monitor.revision or known.source != source:
                    self._change(known, monitor, source, step_ns)
        for watch in gone:
            if watch.tick is None:
                end_run(self._place, watch.run, "done", self._fence)

    def news_of(self, source: str) -> None:
        """Let the monitors of a source tick soon: it has new points."""
        now_ns = self._place.clock()
        with self._turn:
            for watch in self._watches.values():
                if watch.source == source:
                    self._soon(watch, now_ns)

    def all_due(self) -> None:
        """Let all tick now, as after the clock was set."""
        now_ns = self._place.clock()
        with self._turn:
            for watch in self._watches.values():
                self._alarms.set(watch, now_ns)

    def cancel(self, run_ids: Collection[str]) -> None:
        """Stop the continuous detections of these runs; their monitors rest until they are changed."""
        ended = []
        with self._turn:
            for watch in self._watches.values():
                run = watch.run if watch.tick is None else watch.tick.run
                if run is None or run.id not in run_ids or watch.is_paused:
                    continue
                watch.is_paused = True
                self._queue.drop(watch)
                if watch.tick is None:
                    ended.append(run)
                    watch.forget()
                else:
                    watch.tick.canceled = self._place.monotonic()
                    watch.tick.job.stop.set()
        for run in ended:
            end_run(self._place, run, "canceled", self._fence)

    def step(self) -> float:
        """Start what is due, give up what hangs; return after how many seconds to come again at the latest."""
        now_ns, now = self._place.clock(), self._place.monotonic()
        with self._turn:
            for watch in self._alarms.ring(now_ns):
                if not watch.is_paused and watch.tick is None:
                    self._queue.add(watch)
            given_up = [tick for tick in self._ticks if self._is_over(tick, now)]
            runs = [(tick, self._give_up(tick)) for tick in given_up]
            starting = self._staff(now)
            wait = self._wait(now_ns, now)
        for _ in range(starting):
            self._place.threads.start(self._drain)
        for tick, error in runs:
            take_back_run(self._place, tick.run, error, is_canceled=tick.canceled is not None)
            if tick.canceled is None and tick.watcher is not None:
                self._place.threads.start(partial(self._tell, tick.watcher, error, tick.job.fence))
        return wait

    def _tell(self, watcher: Watcher, error: str, fence: Fence | None) -> None:
        """Let a monitor say that its tick hangs; the work of a thread, since that may wait for the source too."""
        try:
            watcher.give_up(error, self._place.clock(), Job(fence=fence))
        except Exception as failure:  # noqa: BLE001 - the worker loop: a source may fail in any way
            log.warning("tick that hangs could not be ended", error=str(failure))

    def ticking(self) -> int:
        """Return how many ticks are under way."""
        return len(self._ticks)

    def figures(self) -> dict[str, int]:
        """Return how many monitors there are, wait, tick, wait for their source, fail, and how many threads hang."""
        with self._turn:
            watches = self._watches.values()
            return {
                "monitors": len(watches),
                "due": len(self._queue),
                "ticking": len(self._ticks),
                "slow": sum(tick.is_slow for tick in self._ticks),
                "failing": sum(watch.failures > 0 for watch in watches),
                "paused": sum(watch.is_paused for watch in watches),
                "hanging": sum(watch.lost for watch in watches),
            }

    def _remove(self, watch: Watch) -> None:
        watch.is_gone = True
        del self._watches[watch.id]
        self._queue.drop(watch)
        if watch.tick is not None:
            watch.tick.job.stop.set()

    def _change(self, watch: Watch, monitor: Resource, source: str, step_ns: int) -> None:
        self._queue.drop(watch)
        watch.monitor, watch.source, watch.step_ns = monitor, source, step_ns
        watch.is_paused, watch.failures = False, 0
        if watch.tick is None:
            watch.watcher = None
        else:
            watch.is_changed = True
        self._alarms.set(watch, self._place.clock())

    def _soon(self, watch: Watch, now_ns: int) -> None:
        if watch.tick is not None:
            watch.has_news = True
        elif not watch.is_waiting and not watch.is_paused and not watch.failures:
            self._alarms.set(watch, min(watch.due_ns, max(now_ns, (watch.ticked_ns or 0) + watch.least_pause_ns())))

    def _is_over(self, tick: Tick, now: float) -> bool:
        limits = self._place.limits
        if tick.canceled is not None and now >= tick.canceled + limits.cancel_seconds:
            return True
        if now >= tick.started + self._seconds(tick):
            return True
        if not tick.is_slow and now >= tick.looked + limits.slow_seconds and self._waits(tick, now):
            self._let_others_on(tick)
        return False

    def _seconds(self, tick: Tick) -> float:
        """Return how long a tick may take: one that loads its monitor may have to compile, and to replay much."""
        limits = self._place.limits
        return limits.load_seconds if tick.is_first else limits.tick_seconds

    def _waits(self, tick: Tick, now: float) -> bool:
        """Whether a tick has hardly computed since the last look, or does so for too long to hold its place."""
        computed = self._place.processor_seconds(tick.thread)
        share = (computed - tick.computed) / max(now - tick.looked, 1e-9)
        tick.looked, tick.computed = now, computed
        return share < LEAST_SHARE or now >= tick.started + self._place.limits.compute_seconds

    def _let_others_on(self, tick: Tick) -> None:
        if sum(each.is_slow for each in self._ticks) < self._place.limits.slow_ticks:
            tick.is_slow = True
            self._active -= 1
            self._queue.slowed(tick.source)

    def _give_up(self, tick: Tick) -> str:
        watch, seconds = tick.watch, self._seconds(tick)
        error = f"monitor {watch.monitor.name}: a tick took longer than {seconds:g} s and was given up"
        tick.is_abandoned = True
        tick.job.stop.set()
        self._ticks.discard(tick)
        self._active -= not tick.is_slow
        self._queue.gone(tick.source, was_slow=tick.is_slow, has_failed=tick.canceled is None)
        watch.lost += 1
        watch.tick = None
        watch.forget()
        if not watch.is_gone and not watch.is_paused:
            watch.failures += 1
            watch.error = error
            if watch.lost < self._place.limits.lost:
                self._alarms.set(watch, self._place.clock() + watch.pause_ns())
        log.error("tick given up", monitor=watch.monitor.name, seconds=seconds, hanging=watch.lost)
        return error

    def _staff(self, now: float) -> int:
        """Return how many threads to start, their places taken."""
        if self._fence is None or self._is_resting or not self._queue.has_work():
            return 0
        starting = min(self._place.limits.ticks - self._active, len(self._queue))
        self._active += max(0, starting)
        return starting

    def _wait(self, now_ns: int, now: float) -> float:
        limits = self._place.limits
        waits = [self._alarms.seconds_to_next(now_ns)]
        if self._active:
            waits.append(limits.slow_seconds)
        for tick in self._ticks:
            waits.append(tick.started + self._seconds(tick) - now)
            waits += [] if tick.canceled is None else [tick.canceled + limits.cancel_seconds - now]
        return max(0.0, min(waits))

    def _drain(self) -> None:
        """Tick one due monitor after the other until there is none; the work of a thread."""
        has_place = True
        while (tick := self._begin(has_place=has_place)) is not None:
            ticked, error = None, None
            try:
                ticked = self._tick(tick)
            except Exception as caught:  # noqa: BLE001 - the worker loop: a monitor may fail in any way
                error = caught
            has_place = self._end(tick, ticked, error)

    def _begin(self, *, has_place: bool) -> Tick | None:
        with self._turn:
            if not has_place:
                if self._active >= self._place.limits.ticks:
                    return None
                self._active += 1
            watch = None if self._fence is None or self._is_resting else self._queue.take()
            if watch is None:
                self._active -= 1
                return None
            watch.has_news = watch.is_changed = False
            job, now, thread = watch.job or Job(fence=self._fence), self._place.monotonic(), threading.get_ident()
            watch.tick = tick = Tick(
                watch=watch,
                source=watch.source,
                started=now,
                job=job,
                thread=thread,
                looked=now,
                computed=self._place.processor_seconds(thread),
                watcher=watch.watcher,
                run=watch.run,
                is_first=watch.watcher is None,
            )
            self._ticks.add(tick)
            return tick

    def _tick(self, tick: Tick) -> Ticked:
        if tick.watcher is None:
            monitor, job = tick.watch.monitor, tick.job
            if tick.run is None:
                tick.run = run = self._place.store.runs.continuous(monitor.id, monitor.name, job.fence)
                job.run_id, job.attempt, job.rows_done = run.id, run.attempt, run.done
                job.write_line = lambda text, level: self._place.store.runs.log(run.id, [(level, text)])
            job.raise_if_stopped()
            tick.watcher = self._place.work.watch(monitor, job)
        return tick.watcher.tick(self._place.clock(), tick.job)

    def _end(self, tick: Tick, ticked: Ticked | None, error: Exception | None) -> bool:
        """Note how a tick ended; return whether its thread still has a place."""
        watch = tick.watch
        with self._turn:
            if tick.is_abandoned:
                self._come_back(watch)
                return False
            self._ticks.discard(tick)
            has_failed = None if error is not None and not isinstance(error, SourceError) else error is not None
            self._queue.gone(tick.source, was_slow=tick.is_slow, has_failed=has_failed)
            watch.tick = None
            watch.watcher, watch.run, watch.job = tick.watcher, tick.run, tick.job
            self._has_lost(tick, error)
            is_new = self._note(watch, ticked, error)
            self._quiet.notify_all()
        if watch.is_gone and self._fence is not None:
            end_run(self._place, tick.run, "done", self._fence)
        elif tick.canceled is not None:
            end_run(self._place, tick.run, "canceled", self._fence)
        elif is_new and error is not None:
            failed_run(self._place, tick.run, error)
        return not tick.is_slow

    def _come_back(self, watch: Watch) -> None:
        """A thread that was given up is here again."""
        watch.lost -= 1
        if watch.lost == self._place.limits.lost - 1 and not watch.is_gone and not watch.is_paused:
            self._alarms.set(watch, self._place.clock())
            self._place.wake()

    def _note(self, watch: Watch, ticked: Ticked | None, error: Exception | None) -> bool:
        """Set when to tick again; return whether an error is another one than before."""
        now_ns = self._place.clock()
        watch.ticked_ns = now_ns
        if watch.is_gone or watch.is_paused or isinstance(error, LeaseLostError):
            watch.forget()
            return False
        if watch.is_changed:
            watch.watcher = None
        if ticked is not None:
            self._note_well(watch, ticked, now_ns)
            return False
        if not isinstance(error, SourceError):
            watch.forget()  # what it computed was not kept, so that it no longer is what the store says
        if isinstance(error, StaleError | StoppedError) and not watch.failures:
            watch.failures = 1
            self._again(watch, now_ns)
            return False
        watch.failures += 1
        text = f"{type(error).__name__}: {error}"
        is_new, watch.error = text != watch.error, text
        self._alarms.set(watch, now_ns + watch.pause_ns())
        if is_new:
            hide_trace = isinstance(error, RedshankError)
            log.warning("tick failed", monitor=watch.monitor.name, error=text, exc_info=None if hide_trace else error)
        return is_new

    def _note_well(self, watch: Watch, ticked: Ticked, now_ns: int) -> None:
        if watch.error is not None:
            log.info("tick works again", monitor=watch.monitor.name, after=watch.error)
        watch.failures, watch.error = 0, None
        if ticked.is_behind or watch.has_news or watch.is_changed:
            self._again(watch, now_ns)
            return
        step = watch.step_ns
        planned = ticked.next_ns if ticked.next_ns is not None else (now_ns // step + 1) * step
        self._alarms.set(watch, max(planned + watch.spread_ns(), now_ns + watch.least_pause_ns()))

    def _again(self, watch: Watch, now_ns: int) -> None:
        """Put it at the end of the line, behind those that wait."""
        watch.due_ns = now_ns
        self._queue.add(watch)

    def _has_lost(self, tick: Tick, error: Exception | None) -> None:
        if isinstance(error, LeaseLostError) and self._fence is not None and tick.job.fence == self._fence:
            self.has_lost_lease = True
            self._place.wake()
