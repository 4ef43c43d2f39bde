"""Threads for work of any length."""

from __future__ import annotations

import threading

from redshank.executors.threads import Threads, processor_seconds

LONG = 60.0


def test_work_that_hangs_holds_up_no_other() -> None:
    threads, go, done = Threads("test"), threading.Event(), threading.Semaphore(0)
    for _ in range(5):
        threads.start(go.wait)  # type: ignore[arg-type]

    for _ in range(20):
        threads.start(done.release)

    assert all(done.acquire(timeout=LONG) for _ in range(20))
    go.set()


def test_a_thread_that_is_done_is_used_again() -> None:
    threads, seen, done = Threads("test", idle_seconds=LONG), [], threading.Semaphore(0)

    def work() -> None:
        seen.append(threading.current_thread())
        done.release()

    threads.start(work)
    assert done.acquire(timeout=LONG)
    while threads.idle() == 0:
        threading.Event().wait(0)
    threads.start(work)
    assert done.acquire(timeout=LONG)

    assert seen[0] is seen[1]


def test_no_work_is_lost_between_threads_that_end_and_begin() -> None:
    threads, done = Threads("test", idle_seconds=0.0), threading.Semaphore(0)

    for _ in range(500):
        threads.start(done.release)

    assert all(done.acquire(timeout=LONG) for _ in range(500))


def test_the_processor_time_of_a_thread_grows_with_its_work() -> None:
    me = threading.get_ident()
    before = processor_seconds(me)

    sum(i * i for i in range(200_000))

    assert processor_seconds(me) >= before
