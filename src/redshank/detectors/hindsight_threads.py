"""Do the pieces of work of one long series side by side; the answers come in order, whatever the number of threads."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from numba import config

Answer = TypeVar("Answer")


def cores() -> int:
    """Return how many threads compiled code may use: the cores of this process, or NUMBA_NUM_THREADS."""
    return int(config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]


def compute(
    tasks: Sequence[Callable[[], Answer]], threads: int, on_progress: Callable[[float], None]
) -> Iterator[Answer]:
    """Yield the answer of each task in their order; the first error of a task is raised here."""
    early: dict[int, Answer] = {}
    following = 0
    for done, (index, answer) in enumerate(_one_by_one(tasks) if threads < 2 else _side_by_side(tasks, threads), 1):
        on_progress(done / len(tasks))
        early[index] = answer
        while following in early:
            yield early.pop(following)
            following += 1


def _one_by_one(tasks: Sequence[Callable[[], Answer]]) -> Iterator[tuple[int, Answer]]:
    return ((index, task()) for index, task in enumerate(tasks))


def _side_by_side(tasks: Sequence[Callable[[], Answer]], threads: int) -> Iterator[tuple[int, Answer]]:
    """Yield answers as they come; the threads are daemons, so that they do not hold up the end of the process."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(tasks)):
        waiting.put(index)
    done: queue.SimpleQueue[tuple[int, Answer | None, BaseException | None]] = queue.SimpleQueue()
    stopped = threading.Event()

    def labour() -> None:
        while not stopped.is_set():
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((index, tasks[index](), None))
            except BaseException as error:  # noqa: BLE001 - carried over to the caller, which raises it
                done.put((index, None, error))

    for _ in range(min(threads, len(tasks))):
        threading.Thread(target=labour, daemon=True).start()
    try:
        for _ in range(len(tasks)):
            index, answer, error = done.get()
            if error is not None:
                raise error
            yield index, answer  # type: ignore[misc]
    finally:
        stopped.set()
