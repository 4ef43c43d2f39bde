"""Several threads that read parts of one thing; what they bring comes as it is there."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TypeVar

Part = TypeVar("Part")
Brought = TypeVar("Brought")

_LOOK_SECONDS = 0.1  # between two looks whether the reader has gone
_WAITING = 4  # brought by each thread and not yet taken


def in_parallel(parts: Sequence[Part], read: Callable[[Part], Iterable[Brought]], threads: int) -> Generator[Brought]:
    """Yield what ``read`` brings of all parts, in any order, read by so many threads.

    The first error of a thread is raised here, and the others then end at what they bring next.
    """
    if len(parts) <= 1 or threads <= 1:
        for part in parts:
            yield from read(part)
        return
    waiting: queue.SimpleQueue[Part] = queue.SimpleQueue()
    for part in parts:
        waiting.put(part)
    brought: queue.Queue[Brought | BaseException | None] = queue.Queue(_WAITING * threads)
    ended = threading.Event()
    workers = [
        threading.Thread(target=_work, args=(waiting, read, brought, ended), daemon=True)
        for _ in range(min(threads, len(parts)))
    ]
    for worker in workers:
        worker.start()
    try:
        yield from _taken(brought, len(workers))
    finally:
        ended.set()
        for worker in workers:
            worker.join()


def _taken(brought: queue.Queue[Brought | BaseException | None], n_workers: int) -> Generator[Brought]:
    working = n_workers
    while working:
        found = brought.get()
        if found is None:
            working -= 1
        elif isinstance(found, BaseException):
            raise found
        else:
            yield found


def _work(
    waiting: queue.SimpleQueue[Part],
    read: Callable[[Part], Iterable[Brought]],
    brought: queue.Queue[Brought | BaseException | None],
    ended: threading.Event,
) -> None:
    """Read parts until there are no more, something fails, or nobody takes what is brought."""
    last: BaseException | None = None
    try:
        while not ended.is_set():
            try:
                part = waiting.get_nowait()
            except queue.Empty:
                break
            for found in read(part):
                if not _put(brought, found, ended):
                    return
    except BaseException as error:  # noqa: BLE001 - raised again where it is taken
        last = error
    _put(brought, last, ended)


def _put(
    brought: queue.Queue[Brought | BaseException | None], found: Brought | BaseException | None, ended: threading.Event
) -> bool:
    while not ended.is_set():
        try:
            brought.put(found, timeout=_LOOK_SECONDS)
        except queue.Full:
            continue
        return True
    return False
