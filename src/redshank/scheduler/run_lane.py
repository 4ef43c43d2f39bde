"""Runs: claimed when they are due and there is room, followed, stopped when asked, given up when they hang."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from redshank.engine.job import Job, Level
from redshank.errors import LeaseLostError, RedshankError, SourceError, StaleError, StoppedError, UnavailableError
from redshank.scheduler.place import Place
from redshank.scheduler.run_rows import end_run, error_of, try_again
from redshank.scheduler.watch import SECOND
from redshank.store.records import Fence, Progress, Run, RunState, Verb

log = structlog.get_logger("redshank.scheduler")

TELL_SECONDS = 1.0  # progress and log lines are written so often
FAR_SECONDS = 3600.0
FIRST_PAUSE_SECONDS = 15.0
MOST_LINES = 10_000  # of one run; what comes after is counted only
Lost = Callable[[], None]


@dataclass(eq=False)
class Flight:
    """A run under way in a thread. ``stopped``: when it was asked to stop, ``reason`` why."""

    run: Run
    job: Job
    started: float
    deadline: float
    lines: deque[tuple[str, Level]] = field(default_factory=deque)
    n_lines: int = 0
    told_rows: tuple[int, int] = (0, 0)
    stopped: float | None = None
    reason: RunState = "canceled"

    def write_line(self, text: str, level: Level) -> None:
        """Keep a log line until it is written with others."""
        self.n_lines += 1
        if self.n_lines <= MOST_LINES:
            self.lines.append((text, level))
        elif self.n_lines == MOST_LINES + 1:
            self.lines.append((f"more than {MOST_LINES:,} lines; the rest is left out", "warning"))

    def take_lines(self) -> list[tuple[str, str]]:
        """Return the lines that are not written yet, as (level, text)."""
        return [(level, text) for text, level in (self.lines.popleft() for _ in range(len(self.lines)))]

    def progress(self, now: float) -> Progress:
        """Return how far it is, and how long it will take if it goes on like this."""
        done, total = self.job.rows_done, self.job.rows_total
        is_known = 0 < done <= total
        remaining = (now - self.started) / done * (total - done) if is_known else None
        return Progress(
            run_id=self.run.id, attempt=self.run.attempt, done=done, total=total, remaining_seconds=remaining
        )


class RunLane:
    """All runs of this process but the continuous ones. ``step`` is called by one thread."""

    def __init__(self, place: Place) -> None:
        """Start with no run, and leading nothing."""
        self._place = place
        self._turn = threading.Lock()
        self._flights: dict[str, Flight] = {}
        self._fence: Fence | None = None
        self._unwritten: list[Callable[[], bool]] = []
        self._told = 0.0
        self.has_lost_lease = False
        self.finished: dict[tuple[Verb, RunState], int] = {}

    def lead(self, fence: Fence) -> None:
        """Begin to claim runs; those of a leader before are taken back."""
        self._fence, self.has_lost_lease = fence, False
        for run in self._place.store.runs.recover(fence, most_attempts=self._place.limits.attempts):
            if run.verb != "detect" or run.end_ns is not None:
                log.info("run taken back", run=run.id, verb=run.verb, monitor=run.monitor, state=run.state)

    def stop(self) -> None:
        """Ask all runs to stop, and claim no more; whoever leads next takes them back."""
        self._fence = None
        with self._turn:
            for flight in self._flights.values():
                flight.job.stop.set()
            self._flights = {}

    def under_way(self) -> int:
        """Return how many runs are in work."""
        return len(self._flights)

    def cancel(self, run_ids: set[str]) -> None:
        """Ask runs to stop, if they are in work here."""
        with self._turn:
            for run_id in run_ids & self._flights.keys():
                self._ask_to_stop(self._flights[run_id], "canceled")

    def step(self) -> float:
        """Claim what is due, tell progress, give up what hangs; return after how many seconds to come again."""
        now = self._place.monotonic()
        for flight in self._over(now):
            self._give_up(flight)
        if now >= self._told + TELL_SECONDS:
            self._told = now
            self._write_ends()
            for flight in self._flying():
                self._tell(flight, now)
        wait = self._claim(now)
        if self._unwritten:
            wait = min(wait, TELL_SECONDS)
        if self._flights:
            wait = min(wait, self._told + TELL_SECONDS - now, *(self._until(flight, now) for flight in self._flying()))
        return max(0.0, wait)

    def _flying(self) -> list[Flight]:
        with self._turn:
            return list(self._flights.values())

    def _until(self, flight: Flight, now: float) -> float:
        if flight.stopped is not None:
            return flight.stopped + self._place.limits.cancel_seconds - now
        return flight.deadline - now

    def _over(self, now: float) -> list[Flight]:
        """Return the runs that do not stop although they were asked to; ask those whose time is over."""
        with self._turn:
            flights = list(self._flights.values())
            for flight in flights:
                if flight.stopped is None and now >= flight.deadline:
                    self._ask_to_stop(flight, "abandoned")
            hung = [flight for flight in flights if flight.stopped is not None and self._until(flight, now) <= 0]
            for flight in hung:
                del self._flights[flight.run.id]
            return hung

    def _ask_to_stop(self, flight: Flight, reason: RunState) -> None:
        if flight.stopped is None:
            flight.stopped, flight.reason = self._place.monotonic(), reason
            flight.job.stop.set()

    def _give_up(self, flight: Flight) -> None:
        error = None
        if flight.reason == "abandoned":
            error = {"code": "deadline", "message": self._too_long(flight), "field": None}
        log.error("run given up", run=flight.run.id, verb=flight.run.verb, monitor=flight.run.monitor)
        self._write_lines(flight)
        self._finish(flight, flight.reason, error=error)

    def _too_long(self, flight: Flight) -> str:
        return f"run {flight.run.id}: took longer than {self._place.limits.run_seconds[flight.run.verb]:g} s"

    def _claim(self, now: float) -> float:
        """Claim runs while there is room; return the seconds until the next is due."""
        limits, store = self._place.limits, self._place.store
        now_ns = self._place.clock()
        while self._fence is not None and len(self._flights) < limits.runs:
            due_ns = store.runs.next_due()
            if due_ns is None or due_ns > now_ns:
                return FAR_SECONDS if due_ns is None else min(FAR_SECONDS, (due_ns - now_ns) / SECOND)
            run = store.runs.claim(now_ns, self._fence, per_monitor=limits.runs_of_monitor)
            if run is None:  # those that are due are of monitors that have their runs; the end of one of these wakes us
                break
            self._start(run, now)
        return FAR_SECONDS

    def _start(self, run: Run, now: float) -> None:
        job = Job(run_id=run.id, attempt=run.attempt, fence=self._fence)
        flight = Flight(run=run, job=job, started=now, deadline=now + self._place.limits.run_seconds[run.verb])
        job.write_line = flight.write_line
        with self._turn:
            self._flights[run.id] = flight
        log.info("run begins", run=run.id, verb=run.verb, monitor=run.monitor, attempt=run.attempt)
        self._place.threads.start(lambda: self._fly(flight))

    def _fly(self, flight: Flight) -> None:
        """Do a run; the work of a thread."""
        result: Mapping[str, Any] | None = None
        error: Exception | None = None
        try:
            result = self._place.work.run(flight.run, self._place.clock(), flight.job)
        except Exception as caught:  # noqa: BLE001 - the worker loop: a run may fail in any way
            error = caught
        with self._turn:
            is_mine = self._flights.get(flight.run.id) is flight
        if is_mine:
            self._land(flight, result, error)
            with self._turn:
                self._flights.pop(flight.run.id, None)
            self._place.wake()

    def _land(self, flight: Flight, result: Mapping[str, Any] | None, error: Exception | None) -> None:
        run = flight.run
        self._write_lines(flight)
        if error is None:
            self._tell(flight, self._place.monotonic())
            self._finish(flight, "done", result=result or {})
        elif isinstance(error, LeaseLostError):
            self.has_lost_lease = True
        elif isinstance(error, StoppedError) and flight.stopped is not None:
            is_late = flight.reason == "abandoned"
            why = {"code": "deadline", "message": self._too_long(flight), "field": None} if is_late else None
            self._finish(flight, "failed" if is_late else "canceled", error=why)
        elif (
            isinstance(error, SourceError | UnavailableError | StaleError) and run.attempt < self._place.limits.attempts
        ):
            self._try_later(flight, error)
        else:
            is_ours = not isinstance(error, RedshankError)
            log.error(
                "run failed",
                run=run.id,
                verb=run.verb,
                monitor=run.monitor,
                exc_info=error if is_ours else None,
                error=str(error),
            )
            self._finish(flight, "failed", error=error_of(error))

    def _try_later(self, flight: Flight, error: Exception) -> None:
        run = flight.run
        seconds = FIRST_PAUSE_SECONDS * 4 ** (run.attempt - 1)
        log.warning("run will be tried again", run=run.id, verb=run.verb, monitor=run.monitor, error=str(error))
        flight.write_line(f"{error}; tried again in {seconds:g} s", "warning")
        self._write_lines(flight)
        self._write_end(partial(try_again, self._place, run, seconds, error, flight.job.fence))

    def _finish(
        self,
        flight: Flight,
        state: RunState,
        *,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> None:
        run = flight.run
        key = (run.verb, state)
        with self._turn:
            self.finished[key] = self.finished.get(key, 0) + 1
        seconds = round(self._place.monotonic() - flight.started, 3)
        log.info("run ended", run=run.id, verb=run.verb, monitor=run.monitor, state=state, seconds=seconds)
        self._write_end(partial(end_run, self._place, run, state, flight.job.fence, result=result, error=error))

    def _write_end(self, write: Callable[[], bool]) -> None:
        """Write how a run ended; while the database is away, that is done later."""
        if not write():
            with self._turn:
                self._unwritten.append(write)

    def _write_ends(self) -> None:
        with self._turn:
            waiting, self._unwritten = self._unwritten, []
        for write in waiting:
            self._write_end(write)

    def _tell(self, flight: Flight, now: float) -> None:
        """Write progress and log lines where there are any."""
        self._write_lines(flight)
        rows = (flight.job.rows_done, flight.job.rows_total)
        if rows == flight.told_rows:
            return
        try:
            self._place.store.runs.progress(flight.progress(now), flight.job.fence)
            flight.told_rows = rows
        except StaleError:
            flight.job.stop.set()  # somebody else has it, or it ended
        except RedshankError as failure:
            log.warning("progress could not be written", run=flight.run.id, error=str(failure))

    def _write_lines(self, flight: Flight) -> None:
        lines = flight.take_lines()
        if not lines:
            return
        try:
            self._place.store.runs.log(flight.run.id, lines)
        except RedshankError as failure:
            log.warning("log of a run could not be written", run=flight.run.id, error=str(failure))
