"""Run shards on the threads of this process; compiled kernels release the interpreter lock, so cores are used."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Shard = TypeVar("Shard")
Answer = TypeVar("Answer")


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(
    work: Callable[[Shard], Answer], shards: Sequence[Shard], *, threads: int | None = None
) -> Iterator[tuple[int, Answer]]:
    """Yield (index, answer) of each shard as it is done; the first error of a shard is raised here.

    When the caller stops early (an error, Ctrl-C), no further shard is begun; threads that still compute are daemons
    and do not hold up the end of the process.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(shards)):
        waiting.put(index)
    done: queue.Queue[tuple[int, Answer | None, BaseException | None]] = queue.Queue()
    stopped = threading.Event()

    def labour() -> None:
        while not stopped.is_set():
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((index, work(shards[index]), None))
            except BaseException as error:  # noqa: BLE001 - carried over to the caller, which raises it
                stopped.set()
                done.put((index, None, error))

    for _ in range(min(threads or cores(), len(shards))):
        threading.Thread(target=labour, daemon=True).start()
    try:
        for _ in range(len(shards)):
            index, answer, error = done.get()
            if error is not None:
                raise error
            yield index, answer  # type: ignore[misc]
    finally:
        stopped.set()
