"""Schedules as people say them, such as ``weekdays at 8:00``: read into the fields of a declaration."""

from __future__ import annotations

import re
from typing import Any

from redshank.durations import parse_duration
from redshank.errors import ConfigError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
GROUPS = {
    "weekday": WEEKDAYS[:5],
    "weekdays": WEEKDAYS[:5],
    "weekend": WEEKDAYS[5:],
    "weekends": WEEKDAYS[5:],
}
UNITS = {"second": "1s", "minute": "1m", "min": "1m", "sec": "1s", "hour": "1h"}
EXAMPLES = (
    "every 5m, daily at 03:00, weekdays at 8:00, mondays and thursdays at 12:00, monthly on 15 at 02:00, "
    "monthly on the last day, cron 0 3 * * *, once 2026-12-01T00:00"
)
_TIME = re.compile(r"(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?\s*(am|pm)?")
_ZONE = re.compile(r"\s+(?:in\s+([A-Za-z][\w+\-/]*)|\(([A-Za-z][\w+\-/]*)\))$")
_AT = re.compile(r"^(.*?)\s+at\s+(.+)$")
_MONTHLY = re.compile(r"^(?:monthly|every month)(?:\s+on)?(?:\s+the)?(?:\s+day)?\s+(\w+)(?:\s+day)?$")
_FIRST_WORDS = {"once", "only", "cron", "every", "hourly", "daily", "weekly", "monthly", *GROUPS}


def is_schedule_text(text: str) -> bool:
    """Whether a text is meant as a schedule, right or wrong, and not as the name of one."""
    words = re.split(r"[\s,]+", text.strip().lower())
    return words[0] in _FIRST_WORDS or _weekday(words[0]) is not None


def read_schedule(text: str) -> dict[str, Any]:
    """Return the fields of a schedule that is given in words.

    Raises:
        ConfigError: it is none; the message shows what can be said.
    """
    body = " ".join(text.split())
    fields: dict[str, Any] = {}
    zone = _ZONE.search(body)
    if zone:
        fields["tz"] = zone[1] or zone[2]
        body = body[: zone.start()]
    for word in ("only once", "once", "cron"):
        if body.lower().startswith(word + " "):
            return fields | {word.removeprefix("only "): body[len(word) + 1 :]}
    return fields | _repeated(body.lower(), text)


def _repeated(body: str, text: str) -> dict[str, Any]:
    rest, at = body, None
    found = _AT.match(body)
    if found:
        rest, at = found[1], read_time(found[2])
    fields = _every(rest) or _calendar(rest)
    if fields is None:
        raise ConfigError(f"schedule: cannot be read: {text!r}; it is written like one of: {EXAMPLES}")
    if at is not None and "every" in fields:
        raise ConfigError(f"schedule: {rest!r} goes by elapsed time and has no time of day; leave out 'at', set start")
    return fields if at is None else fields | {"at": at}


def _every(rest: str) -> dict[str, Any] | None:
    """Return fields of what repeats after a fixed time; None when the words say something else."""
    if rest == "hourly":
        return {"every": "1h"}
    said = rest.removeprefix("every ") if rest.startswith("every ") else ""
    if said in UNITS:
        return {"every": UNITS[said]}
    if not said[:1].isdigit() and not said.startswith("."):
        return None
    parse_duration(said, field="every")
    return {"every": said}


def _calendar(rest: str) -> dict[str, Any] | None:
    """Return fields of what goes by days; None when the words say something else."""
    if rest in ("daily", "every day"):
        return {"daily": True}
    if rest in ("weekly", "every week"):
        return {"weekly": ("monday",)}
    if rest in ("monthly", "every month"):
        return {"monthly": 1}
    monthly = _MONTHLY.match(rest)
    if monthly:
        return {"monthly": _day_of_month(monthly[1])}
    days = rest.removeprefix("every ").removeprefix("weekly on ").removeprefix("on ")
    try:
        return {"weekly": read_weekdays(days)}
    except ConfigError:
        return None


def _day_of_month(word: str) -> int | str:
    if word == "last":
        return "last"
    number = re.fullmatch(r"(\d{1,4})(?:st|nd|rd|th)?", word)
    if number is None:
        raise ConfigError(f"monthly: must be a day of the month (1 to 31) or last, got {word!r}", field="monthly")
    return int(number[1])


def read_weekdays(text: str) -> tuple[str, ...]:
    """Return the weekdays of ``"mon, thu"``, ``"mondays and fridays"``, ``"weekdays"`` in the order of the week."""
    words = [word for word in re.split(r"[\s,]+|\band\b", text.lower()) if word]
    days = {day for word in words for day in GROUPS.get(word) or (_weekday(word),)}
    if not words or None in days:
        wrong = next((word for word in words if word not in GROUPS and _weekday(word) is None), text)
        raise ConfigError(
            f"weekly: must be days of the week such as monday, wed, weekdays or weekends, got {wrong!r}", field="weekly"
        )
    return tuple(day for day in WEEKDAYS if day in days)


def _weekday(word: str) -> str | None:
    singular = word.removesuffix("s") if len(word) > 4 else word
    return next((day for day in WEEKDAYS if len(singular) >= 3 and day.startswith(singular)), None)


def read_time(text: str) -> str:
    """Return a time of day as HH:MM or HH:MM:SS; read are also ``8``, ``8:00``, ``8 pm``, ``noon``, ``midnight``."""
    said = {"noon": "12:00", "midnight": "00:00"}.get(text.strip().lower(), text.strip().lower())
    found = _TIME.fullmatch(said)
    hour, minute, second = (int(found[i] or 0) for i in (1, 2, 3)) if found else (99, 0, 0)
    if found and found[4]:
        hour = hour % 12 + (12 if found[4] == "pm" else 0) if 1 <= hour <= 12 else 99
    if hour > 23 or minute > 59 or second > 59:
        hint = "; the end of a day is 00:00 of the next" if said.startswith("24") else ""
        raise ConfigError(f"at: must be a time of day such as 03:00, 8:30 or 14:00:30, got {text!r}{hint}", field="at")
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")
