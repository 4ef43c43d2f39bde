"""Cron expressions: minute hour day month weekday, or six fields with seconds first.

With ``*`` as the hour an expression means every hour that passes, also the one that comes twice in autumn. With hours
named it means times of the local clock: one that is skipped runs when the clock jumps over it, one that comes twice
runs once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from cronsim import CronSim, CronSimError

from redshank.errors import ConfigError
from redshank.schedules.local import instant, wall

LONGEST = 200  # characters
FIELDS = "five fields (minute hour day month weekday), or six with seconds first"


def check_cron(expression: str) -> str:
    """Return an expression with single blanks.

    Raises:
        ConfigError: it cannot be read, or names a day that no month has.
    """
    tidy = " ".join(expression.split())
    try:
        CronSim(_six(tidy), datetime(2026, 1, 1, tzinfo=UTC))
    except (CronSimError, ValueError) as error:
        raise ConfigError(f"cron: {_reason(error, tidy)}", field="cron") from None
    return tidy


def _reason(error: Exception, expression: str) -> str:
    text = str(error)
    if not text.startswith("Bad "):
        return f"must have {FIELDS}, got {expression!r}"
    what = text.removeprefix("Bad ").replace("-of-", " of ")
    hint = "; can no month have that day?" if what == "day of month" else ""
    return f"{what} is wrong in {expression!r}{hint}; it takes {FIELDS}"


def cron_after(expression: str, after: datetime, tz: tzinfo) -> Iterator[datetime]:
    """Yield the times after a moment, in order, in UTC."""
    if _is_elapsed(expression) or tz is UTC:
        yield from (moment.astimezone(UTC) for moment in CronSim(_six(expression), after.astimezone(tz)))
        return
    last = after
    for local in CronSim(_six(expression), wall(after, tz)):
        moment = instant(local, tz)
        if moment > last:
            yield moment
            last = moment


def cron_until(expression: str, until: datetime, tz: tzinfo) -> Iterator[datetime]:
    """Yield the times up to and with a moment, backwards, in UTC."""
    if _is_elapsed(expression) or tz is UTC:
        begin = until.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        backwards = CronSim(_six(expression), begin.astimezone(tz), reverse=True)
        yield from (moment.astimezone(UTC) for moment in backwards)
        return
    begin = wall(until, tz).replace(microsecond=0) + timedelta(seconds=1) + _set_back(until, tz)
    last = until + timedelta(microseconds=1)
    for local in CronSim(_six(expression), begin, reverse=True):
        moment = instant(local, tz)
        if moment < last:
            yield moment
            last = moment


def _set_back(until: datetime, tz: tzinfo) -> timedelta:
    """Return by how much the clock was set back in the day before: so far ahead are local times that have passed."""
    before, now = (until - timedelta(days=1)).astimezone(tz).utcoffset(), until.astimezone(tz).utcoffset()
    return max(before - now, timedelta(0)) if before is not None and now is not None else timedelta(0)


def _six(expression: str) -> str:
    """Return six fields: cronsim has rules of its own for nights of change in the form with five."""
    return f"0 {expression}" if len(expression.split()) == 5 else expression


def _is_elapsed(expression: str) -> bool:
    return _six(expression).split()[2] == "*"
