"""What work sees of its run."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from redshank.engine.job import Job, Level
from redshank.errors import StoppedError


def test_rows_add_up_from_several_threads() -> None:
    job = Job()
    job.total(4000)
    threads = [threading.Thread(target=lambda: [job.done(1) for _ in range(1000)]) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (job.rows_done, job.rows_total) == (4000, 4000)


def test_a_job_that_is_not_stopped_goes_on() -> None:
    Job().raise_if_stopped()

    assert not Job().is_stopped()


def test_a_stopped_job_raises_where_the_work_asks() -> None:
    job = Job()

    job.stop.set()

    with pytest.raises(StoppedError, match="asked to stop"):
        job.raise_if_stopped()


def test_lines_go_where_the_run_keeps_them() -> None:
    lines: list[tuple[str, Level]] = []
    job = Job(write_line=lambda text, level: lines.append((text, level)))

    job.log("reads the history")
    job.log("3 rows are no numbers", "warning")

    assert lines == [("reads the history", "info"), ("3 rows are no numbers", "warning")]


def test_work_without_a_run_may_log() -> None:
    Job().log("nobody hears this")


def test_counts_of_numpy_become_plain_integers() -> None:
    job = Job()
    job.total(np.int64(10))  # type: ignore[arg-type]

    job.done(np.int64(3))  # type: ignore[arg-type]

    assert [type(job.rows_done), type(job.rows_total)] == [int, int]
