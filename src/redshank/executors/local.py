"""Run shards on the threads of this process; compiled kernels release the interpreter lock, so cores are used."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias, TypeVar

Shard = TypeVar("Shard")
Answer = TypeVar("Answer")
Done: TypeAlias = "queue.Queue[tuple[int, Answer | None, BaseException | None]]"

WAKE_SECONDS = 0.1
GRACE_SECONDS = 1.0  # from Ctrl-C to the end of the shards in work, if nothing else is asked


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(
    work: Callable[[Shard], Answer],
    shards: Sequence[Shard],
    *,
    threads: int | None = None,
    stop: threading.Event | None = None,
    grace_seconds: float = GRACE_SECONDS,
) -> Iterator[tuple[int, Answer]]:
    """Yield (index, answer) of each shard as it is done; the first error of a shard is raised here.

    When the caller stops early (an error, Ctrl-C), no further shard is begun and ``stop`` is set, by which work can
    tell to come to an end. After Ctrl-C the answers of the next ``grace_seconds`` are yielded before it is raised; a
    second Ctrl-C ends that. Threads that still compute then are daemons and do not hold up the end of the process.
    """
    done: Done[Answer] = queue.Queue()
    stopped = stop or threading.Event()
    labourers = _labourers(work, shards, done, stopped, min(threads or cores(), len(shards)))
    try:
        for _ in range(len(shards)):
            index, answer, error = _next(done)
            if error is not None:
                raise error
            yield index, answer  # type: ignore[misc]
    except KeyboardInterrupt:
        stopped.set()
        for index, answer, error in _last_words(done, labourers, grace_seconds):
            if error is None:
                yield index, answer  # type: ignore[misc]
        raise
    finally:
        stopped.set()


def in_order(work: Callable[[Shard], Answer], shards: Sequence[Shard], /) -> list[Answer]:
    """Return the answers in the order of the shards; one shard alone is worked on here and now."""
    if len(shards) < 2:
        return [work(shard) for shard in shards]
    answers = dict(run(work, shards))
    return [answers[i] for i in range(len(shards))]


def _labourers(
    work: Callable[[Shard], Answer],
    shards: Sequence[Shard],
    done: Done[Answer],
    stopped: threading.Event,
    threads: int,
) -> list[threading.Thread]:
    """Start threads that take one shard after the other until there is none, or all are to stop."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(shards)):
        waiting.put(index)

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

    labourers = [threading.Thread(target=labour, daemon=True) for _ in range(threads)]
    for labourer in labourers:
        labourer.start()
    return labourers


def _next(done: Done[Answer]) -> tuple[int, Answer | None, BaseException | None]:
    """Wait for the next answer, waking up now and then: polars makes SIGINT restart a wait instead of ending it."""
    while True:
        with contextlib.suppress(queue.Empty):
            return done.get(timeout=WAKE_SECONDS)


def _last_words(
    done: Done[Answer], labourers: Sequence[threading.Thread], grace_seconds: float
) -> Iterator[tuple[int, Answer | None, BaseException | None]]:
    """Yield what is or gets done within so many seconds."""
    deadline = time.monotonic() + grace_seconds
    while time.monotonic() < deadline and (not done.empty() or any(each.is_alive() for each in labourers)):
        with contextlib.suppress(queue.Empty):
            yield done.get(timeout=WAKE_SECONDS)
