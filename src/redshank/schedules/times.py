"""The times of a schedule: the next, the last, those of a stretch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from itertools import islice, takewhile

from redshank.errors import ConfigError
from redshank.schedules.cron import cron_after, cron_until
from redshank.schedules.local import instant, wall, zone
from redshank.schedules.text import WEEKDAYS
from redshank.specs.schedule import ScheduleSpec

MONDAY = datetime(1970, 1, 5, tzinfo=UTC)  # where "every" counts from when there is no start
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
MOST_DAYS = 100  # without a match: no month is without a 31st for so long


def next_time(spec: ScheduleSpec, after: datetime, name: str = "") -> datetime | None:
    """Return the first time after a moment, in UTC; None when there is none any more.

    ``name``: of the monitor, which sets where in the jitter it lies.
    """
    return next(times_after(spec, after, name), None)


def last_time(spec: ScheduleSpec, until: datetime, name: str = "") -> datetime | None:
    """Return the last time up to and with a moment, in UTC; None when none has come yet."""
    return next(times_until(spec, until, name), None)


def check_schedule(spec: ScheduleSpec, now: datetime) -> datetime:
    """Return the next time of a schedule.

    Raises:
        ConfigError: there is none: all has passed, or its days never come.
    """
    following = next_time(spec, now)
    if following is None:
        raise ConfigError(f"schedule: has no time after {now.astimezone(UTC):%Y-%m-%d %H:%M} UTC; it would never run")
    return following


def times_after(spec: ScheduleSpec, after: datetime, name: str = "") -> Iterator[datetime]:
    """Yield all times after a moment, in order, in UTC."""
    late = jitter_of(spec, name)
    begin = after.astimezone(UTC) - late
    if spec.start is not None:
        begin = max(begin, spec.aware(spec.start) - TICK)
    times = _bounded(_forward(spec, begin))
    if spec.end is not None:
        end = spec.aware(spec.end)
        times = takewhile(lambda moment: moment < end, times)
    yield from (moment + late for moment in times)


def times_until(spec: ScheduleSpec, until: datetime, name: str = "") -> Iterator[datetime]:
    """Yield all times up to and with a moment, backwards, in UTC."""
    late = jitter_of(spec, name)
    begin = until.astimezone(UTC) - late
    if spec.end is not None:
        begin = min(begin, spec.aware(spec.end) - TICK)
    times = _bounded(_backward(spec, begin))
    if spec.start is not None:
        start = spec.aware(spec.start)
        times = takewhile(lambda moment: moment >= start, times)
    yield from (moment + late for moment in times)


def next_times(spec: ScheduleSpec, after: datetime, count: int = 5, name: str = "") -> tuple[datetime, ...]:
    """Return the next so many times, fewer when the schedule ends."""
    return tuple(islice(times_after(spec, after, name), count))


def jitter_of(spec: ScheduleSpec, name: str) -> timedelta:
    """Return how much later than planned a monitor of this name runs: the same each time, 0 <= it < ``jitter``."""
    if spec.jitter is None:
        return timedelta(0)
    part = int.from_bytes(sha256(name.encode()).digest()[:4], "big")
    return timedelta(microseconds=(spec.jitter // TICK) * part >> 32)


def _bounded(times: Iterator[datetime]) -> Iterator[datetime]:
    """End quietly where the calendar of Python does (years 1 and 9999)."""
    try:
        yield from times
    except OverflowError:
        return


def _forward(spec: ScheduleSpec, after: datetime) -> Iterator[datetime]:
    if spec.once is not None:
        yield from (moment for moment in (spec.aware(spec.once),) if moment > after)
    elif spec.every is not None:
        yield from _every(spec.every, _origin(spec), (after - _origin(spec)) // spec.every + 1, 1)
    elif spec.cron is not None:
        yield from cron_after(spec.cron, after, zone(spec.tz))
    else:
        last, tz = after, zone(spec.tz)
        for day in _days(_matcher(spec), wall(after, tz).date(), DAY):
            moment = instant(datetime.combine(day, _time(spec)), tz)
            if moment > last:
                yield moment
                last = moment


def _backward(spec: ScheduleSpec, until: datetime) -> Iterator[datetime]:
    if spec.once is not None:
        yield from (moment for moment in (spec.aware(spec.once),) if moment <= until)
    elif spec.every is not None:
        yield from _every(spec.every, _origin(spec), (until - _origin(spec)) // spec.every, -1)
    elif spec.cron is not None:
        yield from cron_until(spec.cron, until, zone(spec.tz))
    else:
        last, tz = until + TICK, zone(spec.tz)
        for day in _days(_matcher(spec), wall(until, tz).date() + DAY, -DAY):
            moment = instant(datetime.combine(day, _time(spec)), tz)
            if moment < last:
                yield moment
                last = moment


def _origin(spec: ScheduleSpec) -> datetime:
    return MONDAY if spec.start is None else spec.aware(spec.start)


def _every(step: timedelta, origin: datetime, count: int, direction: int) -> Iterator[datetime]:
    while True:
        yield origin + count * step
        count += direction


def _time(spec: ScheduleSpec) -> time:
    return time(0) if spec.at is None else time.fromisoformat(spec.at)


def _matcher(spec: ScheduleSpec) -> Callable[[date], bool]:
    if spec.weekly is not None:
        numbers = {WEEKDAYS.index(day) for day in spec.weekly}
        return lambda day: day.weekday() in numbers
    if spec.monthly == "last":
        return lambda day: (day + DAY).day == 1
    if spec.monthly is not None:
        return lambda day: day.day == spec.monthly
    return lambda _day: True


def _days(matches: Callable[[date], bool], first: date, step: timedelta) -> Iterator[date]:
    day, without = first, 0
    while without < MOST_DAYS:
        if matches(day):
            yield day
            without = 0
        without += 1
        day += step
