"""At a clean stop: keep the states of monitors that are in memory, so that the next start replays nothing."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

import structlog

from redshank.scheduler.place import Place
from redshank.scheduler.watch import Watch

log = structlog.get_logger("redshank.scheduler")


class Keeping:
    """Lets monitors keep their states, several at once, until all have or the time is over.

    One that fails or is not reached loses nothing: its next start replays the points since its last state.
    """

    def __init__(self, place: Place, watches: Sequence[Watch], seconds: float) -> None:
        """Of these monitors, which rest; for so many seconds at most."""
        self._place = place
        self._waiting = deque(watches)
        self._deadline = place.monotonic() + seconds
        self._ended = threading.Semaphore(0)
        self.kept = 0

    def run(self) -> None:
        """Do it, and return when all is kept or the time is over."""
        threads = min(self._place.limits.ticks, len(self._waiting))
        for _ in range(threads):
            self._place.threads.start(self._labour)
        for _ in range(threads):
            if not self._ended.acquire(timeout=max(0.0, self._deadline - self._place.monotonic())):
                log.warning("states not kept in time", monitors=len(self._waiting) + 1)
                return

    def _labour(self) -> None:
        while self._place.monotonic() < self._deadline:
            try:
                watch = self._waiting.popleft()
            except IndexError:
                break
            self._keep(watch)
        self._ended.release()

    def _keep(self, watch: Watch) -> None:
        if watch.watcher is None or watch.job is None:
            return
        try:
            watch.watcher.checkpoint(watch.job)
        except Exception as error:  # noqa: BLE001 - the worker loop: a monitor may fail in any way
            log.warning("state not kept", monitor=watch.monitor.name, error=str(error))
        else:
            self.kept += 1
