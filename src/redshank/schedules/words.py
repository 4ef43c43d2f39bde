"""A schedule in words: short, to be read again, and long, for people."""

from __future__ import annotations

from datetime import datetime, timedelta

from redshank.durations import format_duration
from redshank.schedules.text import GROUPS, WEEKDAYS
from redshank.specs.schedule import ScheduleSpec

UNITS = (("week", timedelta(weeks=1)), ("day", timedelta(days=1)), ("hour", timedelta(hours=1)))
SMALL_UNITS = (("minute", timedelta(minutes=1)), ("second", timedelta(seconds=1)))
CATCH_UP = {
    "all": "each missed run is caught up",
    "once": "missed runs are caught up by one",
    "skip": "missed runs are left out",
}


def describe(spec: ScheduleSpec) -> str:
    """Return a sentence part that says all: ``"mondays at 12:00 (Europe/Oslo), from 2026-01-01 00:00"``."""
    parts = [schedule_text(spec)]
    if isinstance(spec.monthly, int) and spec.monthly > 28:
        parts.append("in months that have it")
    if spec.start is not None:
        parts.append(f"from {_moment(spec.start)}")
    if spec.end is not None:
        parts.append(f"until {_moment(spec.end)}")
    if spec.jitter is not None:
        parts.append(f"up to {format_duration(spec.jitter)} later, by the monitor's name")
    if spec.once is None:
        parts.append(CATCH_UP[spec.catch_up])
    return ", ".join(parts)


def schedule_text(spec: ScheduleSpec) -> str:
    """Return the rule, time of day and zone as text that is read as the same rule."""
    return _rule(spec) + ("" if spec.tz == "UTC" else f" ({spec.tz})")


def _rule(spec: ScheduleSpec) -> str:
    if spec.once is not None:
        return f"once {spec.once.isoformat(sep=' ')}"
    if spec.every is not None:
        return f"every {_length(spec.every)}"
    if spec.cron is not None:
        return f"cron {spec.cron}"
    return f"{_days(spec)} at {spec.at or '00:00'}"


def _days(spec: ScheduleSpec) -> str:
    if spec.monthly is not None:
        return "monthly on the last day" if spec.monthly == "last" else f"monthly on {spec.monthly}"
    if not spec.weekly or len(spec.weekly) == len(WEEKDAYS):
        return "daily"
    for name in ("weekdays", "weekends"):
        if tuple(spec.weekly) == GROUPS[name]:
            return name
    plural = [f"{day}s" for day in spec.weekly]
    return " and ".join((", ".join(plural[:-1]), plural[-1])) if len(plural) > 1 else plural[0]


def _length(duration: timedelta) -> str:
    for name, size in (*UNITS, *SMALL_UNITS):
        count, rest = divmod(duration, size)
        if not rest:
            return f"{count} {name}s" if count > 1 else f"1 {name}"
    return f"{duration // timedelta(microseconds=1)}us"


def _moment(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="minutes")
