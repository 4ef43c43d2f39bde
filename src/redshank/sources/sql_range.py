"""A range of time in the form of a database's own time column, so that the database reads only what is asked for.

The bounds may be wider than the range, never narrower; the exact cut is made on the rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from redshank.tables.clock import Clock

ANY_OFFSET = timedelta(hours=26)  # local clocks are at most this far from UTC
CLOCK_CHANGE = timedelta(hours=3)  # and jump by no more than this
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SORTED = re.compile(r"%Y([-/.]?)%m\1%d(?:(T| |)(?:%H(:?)%M(?:\3%S(?:%\.f)?)?|%H))?(Z|UTC| UTC|%#?z)?")
_TWO_DIGITS = re.compile(r"\d{4}([-/.]?)\d{2}\1\d{2}(?:[T ]?\d{2}(?::?\d{2}(?::?\d{2}.*)?)?)?")


@dataclass(frozen=True)
class TimeForm:
    """How a database keeps its times: as the type that knows its zone or not, as numbers, or as texts that sort.

    ``pattern``: of texts, or of whole numbers like 20240131; "" for other forms. ``is_by_day``: texts of several forms
    or zones, which can be compared by their date only.
    """

    clock: Clock
    tz: str
    pattern: str = ""
    is_by_day: bool = False
    is_number: bool = False

    def bound(self, moment: datetime, *, is_end: bool) -> Any:
        """Return the value that times from ``moment`` on (with ``is_end``: before it) are compared with."""
        if self.clock.nanoseconds:
            return self._count(moment, is_end=is_end)
        if self.is_by_day:
            day = (moment + (ANY_OFFSET if is_end else -ANY_OFFSET)).date()
            return (day + timedelta(days=1) if is_end else day).isoformat()
        local = self._local(moment, is_end=is_end)
        if self.pattern:
            return self._text(local, is_end=is_end)
        if self.clock.native == pl.Date:
            return local.date() + timedelta(days=1) if is_end else local.date()
        return local

    def _count(self, moment: datetime, *, is_end: bool) -> int | float:
        nanoseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
        count = (nanoseconds - self.clock.origin) / self.clock.nanoseconds
        if not self.clock.is_whole:
            return count
        whole = (nanoseconds - self.clock.origin) // self.clock.nanoseconds
        return whole + 1 if is_end and not float(count).is_integer() else whole

    def _local(self, moment: datetime, *, is_end: bool) -> datetime:
        """The moment by the clock of the column; wider by a change of the clocks where they may change."""
        if not self.clock.is_local:
            return moment.astimezone(UTC)
        margin = timedelta(0) if self.tz == "UTC" else CLOCK_CHANGE
        moved = moment + margin if is_end else moment - margin
        return moved.astimezone(ZoneInfo(self.tz)).replace(tzinfo=None)

    @property
    def unit(self) -> timedelta:
        """What the pattern tells apart."""
        return _unit(self.pattern)

    def _text(self, local: datetime, *, is_end: bool) -> str | int:
        if is_end:
            local = local + self.unit - timedelta(microseconds=1)
        text = local.strftime(self.pattern)
        return int(text) if self.is_number else text


def _unit(pattern: str) -> timedelta:
    for sign, unit in (("%S", timedelta(seconds=1)), ("%M", timedelta(minutes=1)), ("%H", timedelta(hours=1))):
        if sign in pattern:
            return unit
    return timedelta(days=1)


def time_form(clock: Clock, sample: pl.DataFrame, tz: str | None) -> TimeForm | None:
    """Return the form of a clock, None when the database cannot compare such times: texts that do not sort."""
    zone = tz or "UTC"
    if len(clock.columns) != 1 or (clock.nanoseconds and sample[clock.columns[0]].dtype == pl.String):
        return None
    if clock.native is not None or clock.nanoseconds:
        return TimeForm(clock, zone)
    column = sample[clock.columns[0]]
    texts = column.drop_nulls().cast(pl.String).unique().head(2000).to_list()
    pattern = _sorted_pattern(clock, texts)
    if pattern:
        return TimeForm(clock, zone, pattern=pattern, is_number=column.dtype.is_integer())
    if texts and all(_DATE.match(text) for text in texts):
        return TimeForm(clock, zone, is_by_day=True)
    return None


def _sorted_pattern(clock: Clock, texts: list[str]) -> str:
    """The pattern, without fraction and zone, of texts that are all of one form and sort as their times do."""
    if len(clock.formats) != 1 or clock.formats[0].zone is not None:
        return ""
    found = _SORTED.fullmatch(clock.formats[0].pattern)
    if not found or (found[4] or "").endswith("z") or not all(_TWO_DIGITS.match(text) for text in texts):
        return ""
    return clock.formats[0].pattern.removesuffix(found[4] or "").removesuffix("%.f")
