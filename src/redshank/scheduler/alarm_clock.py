"""When which monitor is due: a heap in which old entries are void."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from redshank.scheduler.watch import SECOND, Watch

FAR_SECONDS = 3600.0


class AlarmClock:
    """Due times of monitors. Not safe for threads by itself."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Watch]] = []
        self._count = 0

    def set(self, watch: Watch, due_ns: int) -> None:
        """Let it ring for a monitor at a time, and at no other that was set before."""
        self._count += 1
        watch.due_ns, watch.generation = due_ns, self._count
        heapq.heappush(self._heap, (due_ns, self._count, watch))

    def ring(self, now_ns: int) -> Iterator[Watch]:
        """Yield the monitors that are due by now, in the order of their times; each once."""
        while self._heap and self._heap[0][0] <= now_ns:
            _, generation, watch = heapq.heappop(self._heap)
            if watch.generation == generation and not watch.is_gone:
                yield watch

    def seconds_to_next(self, now_ns: int) -> float:
        """Return how long until the next one is due; an hour when none is set."""
        while self._heap and (self._heap[0][1] != self._heap[0][2].generation or self._heap[0][2].is_gone):
            heapq.heappop(self._heap)
        return min(FAR_SECONDS, (self._heap[0][0] - now_ns) / SECOND) if self._heap else FAR_SECONDS
