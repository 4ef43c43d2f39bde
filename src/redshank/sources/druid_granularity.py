"""Granularities of Druid: simple names, periods and durations, and the steps they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from redshank.errors import ConfigError
from redshank.tables.buckets import Buckets

_SIMPLE = {
    "second": "PT1S", "minute": "PT1M", "five_minute": "PT5M", "ten_minute": "PT10M", "fifteen_minute": "PT15M",
    "thirty_minute": "PT30M", "hour": "PT1H", "six_hour": "PT6H", "eight_hour": "PT8H", "day": "P1D", "week": "P1W",
    "month": "P1M", "quarter": "P3M", "year": "P1Y",
}  # fmt: skip
_PERIOD = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,3}))?S)?)?",
    re.IGNORECASE,
)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Granularity:
    """How results are spaced: ``given`` to Druid; ``step``: None where it is no fixed length, or there is none.

    ``is_calendar``: of months or years. ``origin``: milliseconds that steps are counted from, None = as Druid does.
    """

    given: Any
    step: timedelta | None = None
    is_calendar: bool = False
    tz: str | None = None
    origin: int | None = None

    @classmethod
    def read(cls, given: Any) -> Granularity:
        """Return a granularity as a query says it; ConfigError when it is none."""
        if isinstance(given, str):
            simple = given.lower()
            if simple in ("all", "none"):
                return cls(simple)
            period = _SIMPLE.get(simple, given if _PERIOD.fullmatch(given) else None)
            if period is None:
                raise ConfigError(f"query: unknown granularity {given!r}", field="query")
            step, is_calendar = _step_of(period)
            shown = simple if simple in _SIMPLE else {"type": "period", "period": period.upper()}
            return cls(shown, step, is_calendar)
        if isinstance(given, Mapping):
            return cls._read_mapping(dict(given))
        raise ConfigError(f"query: granularity must be a name or an object, got {given!r}", field="query")

    @classmethod
    def _read_mapping(cls, given: dict[str, Any]) -> Granularity:
        kind = given.get("type", "period" if "period" in given else None)
        if kind in ("all", "none"):
            return cls(kind)
        origin = given.get("origin")
        start = None if origin is None else round(datetime.fromisoformat(str(origin)).timestamp() * 1000)
        if kind == "period":
            step, is_calendar = _step_of(str(given.get("period")))
            tz = given.get("timeZone")
            return cls({**given, "period": str(given["period"]).upper()}, step, is_calendar, tz, start)
        if kind == "duration" and str(given.get("duration", "")).isdecimal():
            return cls(given, int(given["duration"]) * _MILLISECOND, False, None, start)
        raise ConfigError(f"query: granularity must be a period or a duration, got {given!r}", field="query")

    @classmethod
    def of_step(cls, step: timedelta) -> Granularity:
        """Return the granularity of a step."""
        return cls({"type": "duration", "duration": step // _MILLISECOND, "origin": _origin(step)}, step)

    def to_json(self) -> Any:
        """Return it as a query says it."""
        return self.given

    def rounded(self, milliseconds: int, *, is_up: bool) -> int:
        """Return where the step of a time begins, or (``is_up``) the first beginning that is not before it."""
        if self.step is None:
            return milliseconds
        nanoseconds = milliseconds * 1_000_000
        length = self.step // _MILLISECOND
        if self.origin is not None:
            begin = milliseconds - (milliseconds - self.origin) % length
            return begin if begin == milliseconds or not is_up else begin + length
        rule = Buckets.of(self.step, self.tz)
        begin = int(rule.starts(rule.indices(np.array([nanoseconds], np.int64)))[0])
        return (begin if begin == nanoseconds or not is_up else rule.end_of(nanoseconds)) // 1_000_000


def _origin(step: timedelta) -> str:
    return "1970-01-05T00:00:00Z" if not step % timedelta(weeks=1) else "1970-01-01T00:00:00Z"


def _step_of(period: str) -> tuple[timedelta | None, bool]:
    """The length of a period, and whether it is one of the calendar that has none."""
    found = _PERIOD.fullmatch(period.strip())
    parts = [int(part or 0) for part in found.groups()[:7]] if found else []
    if not any(parts):
        raise ConfigError(f"query: granularity must have a period such as PT5M, got {period!r}", field="query")
    years, months, weeks, days, hours, minutes, seconds = parts
    if years or months:
        return None, True
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds), False
