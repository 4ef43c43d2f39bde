"""When something is to run."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from redshank.specs.base import Duration, Name, Spec

CatchUp = Literal["all", "once", "skip"]


class ScheduleSpec(Spec):
    """When to run: exactly one of ``once``, ``every``, ``daily``, ``weekly``, ``monthly``, ``cron``.

    ``at``: local time of day, HH:MM or HH:MM:SS, of daily, weekly and monthly. ``tz``: whose days and hours.
    ``catch_up``: of windows missed while nothing ran: each ("all"), one run over all ("once"), none ("skip").
    """

    once: datetime | None = None
    every: Duration | None = None
    daily: bool | None = None
    weekly: tuple[str, ...] | str | None = None  # names of weekdays
    monthly: int | Literal["last"] | None = None  # day of the month
    cron: str | None = None  # five fields, or six with seconds first
    at: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    tz: str = "UTC"
    jitter: Duration | None = None
    catch_up: CatchUp = "once"


class NamedSchedule(ScheduleSpec):
    """A schedule that monitors share by its name."""

    name: Name
