"""When something is to run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from redshank.errors import ConfigError
from redshank.schedules.cron import check_cron
from redshank.schedules.text import is_schedule_text, read_schedule, read_time, read_weekdays
from redshank.specs.base import Duration, Name, Spec

CatchUp = Literal["all", "once", "skip"]
RULES = ("once", "every", "daily", "weekly", "monthly", "cron")
WITH_TIME = ("daily", "weekly", "monthly")
LEAST_EVERY = timedelta(milliseconds=100)
MOST_DAYS = 31


class ScheduleSpec(Spec):
    """When to run: exactly one of ``once``, ``every``, ``daily``, ``weekly``, ``monthly``, ``cron``; or ``when``.

    ``when``: the same in words, such as ``"weekdays at 8:00"``; the whole schedule may also be such a text. ``every``:
    elapsed time from ``start``, or from a Monday 00:00 UTC. ``at``: local time of day, HH:MM or HH:MM:SS, of daily,
    weekly and monthly; None = 00:00. ``monthly``: months without that day are skipped, ``"last"`` is each month's last.
    ``cron``: minute hour day month weekday, or six fields with seconds first. ``start`` <= t < ``end``; without a zone
    they are local, as ``once`` is. ``tz``: whose days and hours. ``jitter``: up to so much later, by the name of the
    monitor. ``catch_up``: of windows missed while nothing ran: each ("all"), one run over all ("once"), none ("skip").
    """

    when: str | None = None
    once: datetime | None = None
    every: Duration | None = None
    daily: bool | None = None
    weekly: tuple[str, ...] | str | None = None
    monthly: int | Literal["last"] | None = None
    cron: str | None = Field(default=None, max_length=200)
    at: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    tz: str = "UTC"
    jitter: Duration | None = None
    catch_up: CatchUp = "once"

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, given: Any) -> Any:
        if isinstance(given, str):
            return _said(read_schedule, given)
        if isinstance(given, dict) and isinstance(given.get("when"), str):
            rest = {name: value for name, value in given.items() if name != "when"}
            return _said(read_schedule, given["when"]) | rest
        return given

    @field_validator("weekly")
    @classmethod
    def _days(cls, given: tuple[str, ...] | str | None) -> tuple[str, ...] | None:
        return None if given is None else _said(read_weekdays, given if isinstance(given, str) else ",".join(given))

    @field_validator("monthly")
    @classmethod
    def _day(cls, given: int | str | None) -> int | str | None:
        if isinstance(given, int) and not 1 <= given <= MOST_DAYS:
            raise ValueError(f"must be a day of the month, 1 to 31 or last, got {given}")
        return given

    @field_validator("at")
    @classmethod
    def _time(cls, given: str | None) -> str | None:
        return None if given is None else _said(read_time, given)

    @field_validator("cron")
    @classmethod
    def _cron(cls, given: str | None) -> str | None:
        return None if given is None else _said(check_cron, given)

    @field_validator("tz")
    @classmethod
    def _zone(cls, given: str) -> str:
        try:
            return ZoneInfo(given).key
        except (KeyError, ValueError, OSError):
            raise ValueError(f"must be a time zone such as UTC or Europe/Oslo, got {given!r}") from None

    @field_validator("every")
    @classmethod
    def _not_too_often(cls, given: timedelta | None) -> timedelta | None:
        if given is not None and given < LEAST_EVERY:
            raise ValueError("must be at least 100ms")
        return given

    @model_validator(mode="after")
    def _one_rule(self) -> ScheduleSpec:
        rules = self.rules()
        if len(rules) != 1:
            got = " and ".join(rules) or "none"
            raise ValueError(f"must say exactly one of {', '.join(RULES)}, got {got}")
        if self.at is not None and rules[0] not in WITH_TIME:
            raise ValueError(f"at goes with daily, weekly or monthly only, not with {rules[0]}")
        if self.start and self.end and self.aware(self.start) >= self.aware(self.end):
            raise ValueError("end must be after start")
        return self

    def rules(self) -> list[str]:
        """Return the names of the rules that are given; one when the schedule is right."""
        return [name for name in RULES if getattr(self, name) not in (None, False)]

    def aware(self, moment: datetime) -> datetime:
        """Return a moment of this schedule in UTC; one without a zone is local to ``tz``."""
        from redshank.schedules.local import instant, zone

        return moment.astimezone(UTC) if moment.tzinfo else instant(moment, zone(self.tz))


class NamedSchedule(ScheduleSpec):
    """A schedule that monitors share by its name."""

    name: Name

    @field_validator("name")
    @classmethod
    def _no_schedule(cls, given: str) -> str:
        if is_schedule_text(given):
            raise ValueError(f"must not begin like a schedule in words, got {given!r}; put another word first")
        return given


def _kind_of(given: Any) -> str:
    if isinstance(given, str):
        return "schedule" if is_schedule_text(given) else "str"
    return "schedule" if isinstance(given, dict | ScheduleSpec) else "str"


When = Annotated[
    Annotated[ScheduleSpec, Tag("schedule")] | Annotated[Name, Tag("str")],
    Discriminator(_kind_of),
]
"""A schedule, also in words, or the name of one."""


def _said(read: Any, given: str) -> Any:
    """Return what a reader makes of a text, its error as one that pydantic adds the field to."""
    try:
        return read(given)
    except ConfigError as error:
        where, _, what = str(error).partition(": ")
        raise ValueError(what if where == error.field else str(error)) from None
