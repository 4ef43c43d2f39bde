"""The queue of monitors that are due: fair between sources, and careful with those that do not answer."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from redshank.scheduler.watch import Watch

MOST_SLOW = 8  # ticks that wait for one source at once


@dataclass
class SourceQueue:
    """Monitors of one source that are due. After a failure the source is tried by one of them at a time."""

    waiting: deque[Watch] = field(default_factory=deque)
    ticking: int = 0
    slow: int = 0
    is_failing: bool = False

    def may_start(self) -> bool:
        """Whether one more may read from the source now."""
        if not self.waiting:
            return False
        return self.ticking == 0 if self.is_failing else self.slow < MOST_SLOW


class DueQueue:
    """All monitors that are due, by source; sources take turns. Not safe for threads by itself."""

    def __init__(self) -> None:
        self._sources: dict[str, SourceQueue] = {}
        self._turns: deque[str] = deque()

    def __len__(self) -> int:
        """Return how many wait."""
        return sum(len(source.waiting) for source in self._sources.values())

    def add(self, watch: Watch) -> None:
        """Put a monitor at the end of the line of its source; once, however often it is added."""
        if watch.is_waiting:
            return
        watch.is_waiting = True
        source = self._sources.setdefault(watch.source, SourceQueue())
        if not source.waiting:
            self._turns.append(watch.source)
        source.waiting.append(watch)

    def take(self) -> Watch | None:
        """Take the next one whose source may be read now; None = there is none. ``gone`` must follow."""
        for _ in range(len(self._turns)):
            name = self._turns.popleft()
            source = self._sources[name]
            if not source.may_start():
                self._turns.append(name)
                continue
            watch = source.waiting.popleft()
            if source.waiting:
                self._turns.append(name)
            watch.is_waiting = False
            source.ticking += 1
            return watch
        return None

    def drop(self, watch: Watch) -> None:
        """Take a monitor out of the line, if it stands there."""
        if not watch.is_waiting:
            return
        watch.is_waiting = False
        source = self._sources[watch.source]
        source.waiting.remove(watch)
        if not source.waiting:
            self._turns.remove(watch.source)
            self._tidy(watch.source)

    def clear(self) -> None:
        """Send all away that wait."""
        for source in self._sources.values():
            for watch in source.waiting:
                watch.is_waiting = False
            source.waiting.clear()
        self._turns.clear()

    def has_work(self) -> bool:
        """Whether ``take`` would return one."""
        return any(self._sources[name].may_start() for name in self._turns)

    def slowed(self, name: str) -> None:
        """Count a tick of a source as one that waits for it."""
        self._sources[name].slow += 1

    def gone(self, name: str, *, was_slow: bool, has_failed: bool | None) -> None:
        """Say that a tick of a source is over; ``has_failed`` None = it says nothing about the source."""
        source = self._sources[name]
        source.ticking -= 1
        source.slow -= was_slow
        if has_failed is not None:
            source.is_failing = has_failed
        self._tidy(name)

    def _tidy(self, name: str) -> None:
        source = self._sources[name]
        if not source.waiting and not source.ticking and not source.is_failing:
            del self._sources[name]
