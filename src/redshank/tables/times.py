"""Times written as text or as numbers: find out how, and read whole columns by it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import polars as pl

from redshank.tables.zones import utc_expression

_MONTH = r"[A-Za-z]{3,9}\.?"
_DATES = (  # what a date looks like -> how to read it; A and B stand for day and month in either order
    (r"\d{4}(?P<s>[-/.])\d{1,2}(?P=s)\d{1,2}", "%Y{s}%m{s}%d"),
    (r"\d{1,2}(?P<s>[-/.])\d{1,2}(?P=s)\d{4}", "{A}{s}{B}{s}%Y"),
    (r"\d{1,2}(?P<s>[-/.])\d{1,2}(?P=s)\d{2}", "{A}{s}{B}{s}%y"),
    (r"\d{4}年\d{1,2}月\d{1,2}日", "%Y年%m月%d日"),
    (r"\d{4}년 ?\d{1,2}월 ?\d{1,2}일", "%Y년 %m월 %d일"),
    (r"(?:19|20|21)\d{6}", "%Y%m%d"),
    (rf"\d{{1,2}}(?P<s>[-/. ]){_MONTH}(?P=s)\d{{4}}", "%d{s}%B{s}%Y"),
    (rf"\d{{1,2}}(?P<s>[-/. ]){_MONTH}(?P=s)\d{{2}}", "%d{s}%B{s}%y"),
    (rf"\d{{4}}(?P<s>[-/. ]){_MONTH}(?P=s)\d{{1,2}}", "%Y{s}%B{s}%d"),
    (rf"{_MONTH} \d{{1,2}}, ?\d{{4}}", "%B %d, %Y"),
    (rf"{_MONTH} \d{{1,2}} \d{{4}}", "%B %d %Y"),
    (r"\d{4}-W\d{2}-[1-7]", "%G-W%V-%u"),
    (r"\d{4}W\d{2}[1-7]", "%GW%V%u"),
)
_CLOCK = re.compile(
    r"(?P<hm>\d{1,2}:\d{2})(?P<s>:\d{2})?(?P<f>[.,]\d+)?(?P<p> ?[AaPp]\.?[Mm]\.?)?"
    r"|(?P<c6>\d{6})(?P<cf>\.\d+)?|(?P<c4>\d{4})|(?P<ch>\d{2})"
)
_ZONE = re.compile(
    r"(?P<space> ?)(?:(?P<z>Z|z)|(?P<utc>UTC|GMT)(?P<uo>[+-]\d{2}:?\d{2})?|(?P<o>[+-]\d{2}:?\d{2})|(?P<o2>[+-]\d{2})"
    r"|(?P<name>[A-Z]{3,4}|[A-Z][A-Za-z]+/[A-Z][A-Za-z_/-]+))$"
)
_WEEKDAY = re.compile(r"[A-Za-z]{3,9}(?P<c>,?) (?=\d|[A-Za-z]{3,9}\.? \d)")
_CTIME = re.compile(r"[A-Za-z]{3} [A-Za-z]{3} {1,2}\d{1,2} \d{2}:\d{2}:\d{2} \d{4}$")
_WHOLE = (  # months, weeks and quarters: what they look like, how they are named, what makes them a date, how it reads
    (r"\d{4}-\d{1,2}", "%Y-%m", ("", "-01"), "%Y-%m-%d"),
    (r"\d{4}/\d{1,2}", "%Y/%m", ("", "/01"), "%Y/%m/%d"),
    (r"\d{1,2}/\d{4}", "%m/%Y", ("01/", ""), "%d/%m/%Y"),
    (r"\d{4}M\d{2}", "%YM%m", ("", "-01"), "%YM%m-%d"),
    (rf"{_MONTH}-\d{{4}}", "%B-%Y", ("01-", ""), "%d-%B-%Y"),
    (rf"{_MONTH} \d{{4}}", "%B %Y", ("01 ", ""), "%d %B %Y"),
    (r"\d{4} \d{1,2}", "%Y %m", ("", " 01"), "%Y %m %d"),
    (r"\d{4}-W\d{2}", "%G-W%V", ("", "-1"), "%G-W%V-%u"),
    (r"\d{4}W\d{2}", "%GW%V", ("", "-1"), "%GW%V-%u"),
)
_COMPLETED = {named: (added, pattern) for _, named, added, pattern in _WHOLE} | {"%Y%m": (("", "01"), "%Y%m%d")}
WHOLE = frozenset(_COMPLETED)
ZONE_NAMES = {  # hours east of UTC
    "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9,
    "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7,
    "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip
_BETWEEN = re.compile(r"T|t|, | at |  ?|:|_|-(?=\d{2}[:h])|")
TIME_OF_DAY = r"^\s*\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?\s*$"

UNITS = (("s", 1e11, 1_000_000_000), ("ms", 1e14, 1_000_000), ("us", 1e17, 1_000), ("ns", float("inf"), 1))
_LIMIT = 9.2e18  # nanoseconds that fit
_COMPACT = {6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


@dataclass(frozen=True, order=True)
class TextFormat:
    """One way times are written: a strptime pattern, and whether they carry their zone.

    ``day_first`` is None when the order of day and month is not in question. ``zone`` is the zone that a text names.
    """

    pattern: str
    has_zone: bool = False
    day_first: bool | None = None
    zone: str | None = None

    def read(self, text: pl.Expr) -> pl.Expr:
        """Return nanoseconds since 1970: of UTC when the text has a zone, of the local clock otherwise."""
        pattern = self.pattern
        if pattern in _COMPLETED:
            (before, after), pattern = _COMPLETED[pattern]
            text = pl.lit(before) + text + after
        if pattern.endswith("%H"):
            text, pattern = text + ":00", pattern + ":%M"
        if "%p" in pattern:
            text = text.str.replace_all(".", "", literal=True) if "." not in pattern else text
        unit = "ns" if "%.f" in pattern or "%9f" in pattern else "us"
        parsed = text.str.to_datetime(pattern, strict=False, time_unit=unit)  # type: ignore[arg-type]
        nanos = parsed.dt.epoch("ns") if unit == "ns" else _checked(parsed.dt.epoch("us"), 1000)
        return utc_expression(nanos, self.zone) if self.zone else nanos


def text_formats(texts: Iterable[str], *, day_first: bool) -> list[TextFormat]:
    """Return the formats seen in these texts, the most frequent first."""
    seen: dict[TextFormat, int] = {}
    for text in texts:
        found = format_of(text.strip(), day_first=day_first)
        if found:
            seen[found] = seen.get(found, 0) + 1
    patterns = {one.pattern for one in seen}
    kept = [
        one
        for one in seen
        if "%.f" in one.pattern or one.pattern.replace("%S", "%S%.f") not in patterns - {one.pattern}
    ]
    return sorted(kept, key=lambda one: -seen[one])


def format_of(text: str, *, day_first: bool) -> TextFormat | None:
    """Return how one time is written; None when it is not known to be one."""
    if _CTIME.match(text):
        return TextFormat("%a %b %e %H:%M:%S %Y")
    for shape, named, _, _ in _WHOLE:
        if re.fullmatch(shape, text):
            return TextFormat(named)
    found = _dated(text, day_first=day_first)
    prefix = None if found else _WEEKDAY.match(text)
    if not prefix:
        return found
    found = _dated(text[prefix.end() :], day_first=day_first)
    return found and replace(found, pattern=f"%A{prefix['c']} {found.pattern}")


def _dated(text: str, *, day_first: bool) -> TextFormat | None:
    order = ("%d", "%m") if day_first else ("%m", "%d")
    for shape, pattern in _DATES:
        match = re.match(shape, text)
        tail = match and _tail(text[match.end() :])
        if match and tail:
            date = pattern.format(s=match.groupdict().get("s"), A=order[0], B=order[1])
            zone = _named_zone(text) if tail[1] else None
            return TextFormat(date + tail[0], tail[1], day_first if "{A}" in pattern else None, zone)
    return None


def _tail(text: str) -> tuple[str, bool] | None:
    """The pattern of what follows the date: clock and zone; whether there is a zone."""
    if not text:
        return "", False
    between = _BETWEEN.match(text)
    start = between.end() if between else 0
    clock = _CLOCK.match(text, start)
    if not clock:
        zone = _zone(text)
        return zone if zone and zone[1] else None
    zone = _zone(text[clock.end() :])
    pattern = _clock_pattern(clock)
    if zone is None or pattern is None or (pattern == "%H" and zone[0]):
        return None
    return text[:start] + pattern + zone[0], zone[1]


def _clock_pattern(clock: re.Match[str]) -> str | None:
    if clock["c6"]:
        return "%H%M%S" + ("%.f" if clock["cf"] else "")
    if clock["c4"] or clock["ch"]:
        return "%H%M" if clock["c4"] else "%H"
    hour = "%I" if clock["p"] else "%H"
    pattern = f"{hour}:%M" + (":%S" if clock["s"] else "")
    fraction = clock["f"] or ""
    if fraction.startswith(","):
        if len(fraction) - 1 not in (3, 6, 9):
            return None
        pattern += f",%{len(fraction) - 1}f"
    elif fraction:
        pattern += "%.f"
    if clock["p"]:
        pattern += (" " if clock["p"].startswith(" ") else "") + "%p"
    return pattern


def _zone(text: str) -> tuple[str, bool] | None:
    if not text:
        return "", False
    match = _ZONE.fullmatch(text)
    if not match:
        return None
    if match["name"]:
        return (text, True) if _named_zone(text) else None
    if match["uo"]:
        return match["space"] + match["utc"] + "%z", True
    literal = match["z"] or match["utc"]
    return match["space"] + (literal or ("%#z" if match["o2"] else "%z")), True


@lru_cache(maxsize=1000)
def _named_zone(text: str) -> str | None:
    """The time zone that a text ends in the name of, such as CEST or Europe/Oslo; None when it does not."""
    match = _ZONE.search(text)
    name = match["name"] if match else None
    if name is None:
        return None
    if name in ZONE_NAMES:
        return f"Etc/GMT{-ZONE_NAMES[name]:+d}"
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        return None


def number_unit(numbers: pl.Series) -> tuple[str, int] | None:
    """Return the unit that makes these numbers times from 1990 to 2100, and its nanoseconds; None if none does.

    Negative numbers may be times between 1900 and 1969.
    """
    middle = float(numbers.cast(pl.Float64).median() or 0.0)  # type: ignore[arg-type]
    for unit, below, nanoseconds in UNITS:
        if abs(middle) < below:
            seconds = middle * nanoseconds / 1e9
            is_epoch = 6.3e8 <= seconds <= 4.2e9 or -2.21e9 <= seconds <= -3e7
            return (unit, nanoseconds) if is_epoch else None
    return None


def compact_format(numbers: pl.Series) -> TextFormat | None:
    """Return the format of times written as one whole number (20240131, 202401311205); None when they are not."""
    texts = numbers.drop_nulls().cast(pl.Int64, strict=False).cast(pl.String).drop_nulls()
    if texts.is_empty():
        return None
    length = len(str(texts[0]))
    if length not in _COMPACT or not bool(texts.str.contains(rf"^(19|20|21)\d{{{length - 2}}}$").all()):
        return None
    found = TextFormat(_COMPACT[length])
    return found if pl.select(found.read(pl.lit(texts))).to_series().null_count() == 0 else None


def read_numbers(column: pl.Expr, nanoseconds: int, *, is_whole: bool) -> pl.Expr:
    """Return nanoseconds since 1970 of numbers in that unit; fractions are kept to the microsecond."""
    if is_whole:
        return _checked(column.cast(pl.Int64, strict=False), nanoseconds)
    if nanoseconds <= 1000:
        return _checked(column.cast(pl.Float64, strict=False).round().cast(pl.Int64, strict=False), nanoseconds)
    micros = (column.cast(pl.Float64, strict=False) * (nanoseconds // 1000)).round()
    return _checked(micros.cast(pl.Int64, strict=False), 1000)


def _checked(count: pl.Expr, nanoseconds: int) -> pl.Expr:
    """A count times its nanoseconds, null where that does not fit into 64 bits."""
    fits = count.is_between(-int(_LIMIT / nanoseconds), int(_LIMIT / nanoseconds))
    return pl.when(fits).then(count * nanoseconds)


def is_year_first(dates: Iterable[str]) -> bool:
    """Whether dates of three numbers of two digits, such as 24/01/31, have their year in front.

    They do when that can be read and the first number changes less often than the last; when both change alike (dates
    of one day), when only the first is a year of our time.
    """
    found = {re.match(r"\D*(\d{2})([-/.])(\d{2})\2(\d{2})$", text) for text in dates}
    matched = [match for match in found if match]
    if not matched or len(matched) < len(found):
        return False
    firsts, lasts = {int(match[1]) for match in matched}, {int(match[4]) for match in matched}
    if any(not 1 <= int(match[3]) <= 12 for match in matched) or not all(1 <= last <= 31 for last in lasts):
        return False
    if len(firsts) != len(lasts):
        return len(firsts) < len(lasts)
    return all(10 <= first <= 40 for first in firsts) and not any(10 <= last <= 40 for last in lasts)


def is_day_first(dates: Iterable[str]) -> tuple[bool, bool]:
    """Return whether dates such as 3/12/18 are day first, and whether the data settles it.

    A first number above 12 settles it, a second one the other way; else the order that makes the dates lie closer
    together wins.
    """
    pairs = {
        (int(match[1]), int(match[3]), match[4])
        for text in dates
        if (match := re.match(r"\D*(\d{1,2})([-/.])(\d{1,2})\2(\d{2,4})", text))
    }
    if any(first > 12 for first, _, _ in pairs):
        return True, True
    if any(second > 12 for _, second, _ in pairs):
        return False, True
    day_first = _spread(pairs, day_at=0, month_at=1)
    month_first = _spread(pairs, day_at=1, month_at=0)
    if day_first != month_first:
        return day_first < month_first, True
    return True, False


def _spread(pairs: set[tuple[int, int, str]], *, day_at: int, month_at: int) -> int:
    """The longest stretch without a date, in days of an even calendar."""
    days = sorted(int(p[2]) * 372 + int(p[month_at]) * 31 + int(p[day_at]) for p in pairs)
    return max((b - a for a, b in pairwise(days)), default=0)
