"""Files whose names say which hour, day or month they hold: ``logs/cpu-%Y-%m-%d.csv``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from redshank.sources.base import Query

DIGITS = {"Y": 4, "m": 2, "d": 2, "H": 2, "j": 3}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOST_NAMES = 1000  # of files that cannot be listed
_DIRECTIVE = re.compile(r"%([YmdHj])")


@dataclass(frozen=True)
class DayName:
    """A path or address with the parts of a time in it, as strftime writes them: %Y, %m, %d, %j and %H.

    The times are of the zone of the query. A row may lie in the file before or after its own.
    """

    text: str

    @classmethod
    def of(cls, text: str) -> DayName | None:
        """Return the pattern in a text; None when it has no year to begin with."""
        return cls(text) if "%Y" in text else None

    @property
    def glob(self) -> str:
        """What matches the files of all times."""
        return _DIRECTIVE.sub(lambda found: "[0-9]" * DIGITS[found[1]], self.text)

    @property
    def stray(self) -> timedelta:
        """How far a row may lie outside of the time of its file."""
        return HOUR if "%H" in self.text else DAY

    def begin_of(self, path: str) -> datetime | None:
        """Return when the time of a file begins, without zone; None when its name is no time."""
        found = _expression(self.text).fullmatch(path)
        if found is None:
            return None
        given = {name: int(digits) for name, digits in found.groupdict().items()}
        try:
            begin = datetime(given["Y"], given.get("m", 1), given.get("d", 1), given.get("H", 0))  # noqa: DTZ001
        except ValueError:
            return None
        return begin + timedelta(days=given["j"] - 1) if "j" in given else begin

    def is_within(self, path: str, query: Query) -> bool:
        """Whether a file may hold rows in the range of ``query``."""
        begin = self.begin_of(path)
        if begin is None:
            return False
        start, end = _local(query.start, query.tz), _local(query.end, query.tz)
        is_early = start is not None and self._end(begin) + self.stray <= start
        is_late = end is not None and begin - self.stray >= end
        return not (is_early or is_late)

    def _end(self, begin: datetime) -> datetime:
        if "%H" in self.text:
            return begin + HOUR
        if "%d" in self.text or "%j" in self.text:
            return begin + DAY
        if "%m" in self.text:
            return (begin.replace(day=1) + 32 * DAY).replace(day=1)
        return begin.replace(year=begin.year + 1)

    def names(self, start: datetime, end: datetime, tz: str | None) -> Iterator[str]:
        """Yield the names of the files that may hold rows in start <= t < end, where they cannot be listed."""
        first, last = _local(start, tz), _local(end, tz)
        assert first is not None
        assert last is not None
        moment, last = first - self.stray, last + self.stray
        made: dict[str, None] = {}
        while moment < last and len(made) < MOST_NAMES:
            made[_DIRECTIVE.sub(lambda found: moment.strftime(found[0]), self.text)] = None  # noqa: B023
            moment += self.stray
        yield from made


def _local(moment: datetime | None, tz: str | None) -> datetime | None:
    return None if moment is None else moment.astimezone(ZoneInfo(tz) if tz else UTC).replace(tzinfo=None)


def _expression(text: str) -> re.Pattern[str]:
    """What takes the times out of a path that the glob found."""
    seen: set[str] = set()
    parts = re.split(r"(%[YmdHj]|\*\*/?|\*|\?|\[[^\]]*\])", text)
    return re.compile("".join(_part(part, seen) for part in parts), re.DOTALL)


def _part(part: str, seen: set[str]) -> Any:
    if _DIRECTIVE.fullmatch(part):
        name = part[1]
        is_again = name in seen
        seen.add(name)
        return f"(?P={name})" if is_again else f"(?P<{name}>[0-9]{{{DIGITS[name]}}})"
    if part.startswith("**"):
        return ".*"
    if part in ("*", "?"):
        return {"*": "[^/]*", "?": "[^/]"}[part]
    return part if part.startswith("[") and part.endswith("]") else re.escape(part)
