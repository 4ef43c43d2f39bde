"""Which runs are due when some were missed: while the server was down, or the clock jumped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile

from redshank.schedules.times import times_until
from redshank.specs.schedule import ScheduleSpec

GRACE = timedelta(minutes=1)
MOST_RUNS = 1000  # of one schedule caught up at once
MOST_COUNTED = 10_000


@dataclass(frozen=True, kw_only=True)
class Due:
    """Times to run now, in order, and how many were passed over (at most 10,000 are counted)."""

    times: tuple[datetime, ...]
    passed_over: int


def due_times(spec: ScheduleSpec, last: datetime, now: datetime, name: str = "") -> Due:
    """Return what is due of the times in ``last`` < t <= ``now``, by the schedule's policy.

    "all": each, the newest thousand; "once": the newest; "skip": the newest when it is not older than a minute, since
    a scheduler that was busy for a moment has missed nothing. A clock that went back (``now`` <= ``last``) makes
    nothing due.
    """
    missed = takewhile(lambda moment: moment > last, times_until(spec, now, name))
    most = MOST_RUNS if spec.catch_up == "all" else 1
    newest = tuple(islice(missed, most))
    rest = sum(1 for _ in islice(missed, MOST_COUNTED - len(newest)))
    if spec.catch_up == "skip" and newest and newest[0] < now - GRACE:
        return Due(times=(), passed_over=rest + 1)
    return Due(times=newest[::-1], passed_over=rest)
