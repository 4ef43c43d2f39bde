"""Threads for work of any length, also of the kind that never ends."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeAlias

Work: TypeAlias = Callable[[], None]
IDLE_SECONDS = 30.0


def processor_seconds(thread: int) -> float:
    """Return how much processor time a living thread has used, by its ident; 0 where the system does not say."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return 0.0
    return time.clock_gettime(time.pthread_getcpuclockid(thread))


class Starter(Protocol):
    """What starts work without waiting for it: ``Threads``, or in tests something that keeps it for later."""

    def start(self, work: Work) -> None:
        """Let the work be done; it must raise nothing."""


class Threads:
    """As many threads as there is work at once; one that is done waits a while for the next.

    Nothing is queued: whoever starts work counts how much of it may be under way. So work that hangs holds its thread
    and nothing else. The threads are daemons and do not hold up the end of the process.
    """

    def __init__(self, name: str, *, idle_seconds: float = IDLE_SECONDS) -> None:
        """``name`` is what the threads are called, as seen by debuggers."""
        self._name = name
        self._idle_seconds = idle_seconds
        self._next: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self._turn = threading.Lock()
        self._idle = 0
        self._started = 0

    def start(self, work: Work) -> None:
        """Give the work to a thread that waits, or to a new one."""
        with self._turn:
            if self._idle > 0:
                self._idle -= 1
                self._next.put(work)
                return
            self._started += 1
            number = self._started
        threading.Thread(target=self._labour, args=(work,), name=f"{self._name}-{number}", daemon=True).start()

    def idle(self) -> int:
        """Return how many threads wait for work."""
        return self._idle

    def _labour(self, work: Work) -> None:
        following: Work | None = work
        while following is not None:
            following()
            with self._turn:
                self._idle += 1
            following = self._following()

    def _following(self) -> Work | None:
        """Wait for the next work; None when none came for so long."""
        while True:
            try:
                return self._next.get(timeout=self._idle_seconds)
            except queue.Empty:
                with self._turn:
                    if self._idle > 0:
                        self._idle -= 1
                        return None  # else work was put for a waiting thread at this very moment
