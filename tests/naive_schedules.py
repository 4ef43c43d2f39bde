"""Slow, obvious twin of schedules/: walk the clock minute by minute and look whether the wall shows a time due."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)


def walk(matches: Callable[[datetime], bool], tz: str, start: datetime, minutes: int) -> Iterator[datetime]:
    """Yield the minutes at which a local clock shows, or jumps over, a minute that matches and was not shown before."""
    shown = (start - MINUTE).astimezone(ZoneInfo(tz)).replace(tzinfo=None)
    shown += max(_set_back(start, tz), timedelta(0))
    for count in range(minutes):
        now = start + count * MINUTE
        local = now.astimezone(ZoneInfo(tz)).replace(tzinfo=None)
        passed = []
        while shown < local:
            shown += MINUTE
            passed.append(shown)
        if any(matches(each) for each in passed):
            yield now


def _set_back(start: datetime, tz: str) -> timedelta:
    """By how much the clock went back in the 3 hours before the walk: that far ahead was shown already."""
    before = (start - timedelta(hours=3)).astimezone(ZoneInfo(tz)).utcoffset()
    now = (start - MINUTE).astimezone(ZoneInfo(tz)).utcoffset()
    assert before is not None
    assert now is not None
    return before - now if _is_again(start - MINUTE, tz) else timedelta(0)


def _is_again(moment: datetime, tz: str) -> bool:
    return moment.astimezone(ZoneInfo(tz)).fold == 1


def daily(hour: int, minute: int, weekdays: set[int]) -> Callable[[datetime], bool]:
    """Whether a local minute is that time on one of the weekdays (0 = Monday)."""
    return lambda local: (local.hour, local.minute) == (hour, minute) and local.weekday() in weekdays


def monthly(hour: int, minute: int, day: int | str) -> Callable[[datetime], bool]:
    """Whether a local minute is that time on a day of the month, or the last one."""

    def matches(local: datetime) -> bool:
        is_day = (local + timedelta(days=1)).day == 1 if day == "last" else local.day == day
        return is_day and (local.hour, local.minute) == (hour, minute)

    return matches


def elapsed(minutes: int, origin: datetime, start: datetime, count: int) -> list[datetime]:
    """The minutes at which a whole number of steps has passed since the origin."""
    walked = (start + i * MINUTE for i in range(count))
    return [now for now in walked if now >= origin and ((now - origin) / MINUTE) % minutes == 0]


def utc(*parts: int) -> datetime:
    """A moment in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]
