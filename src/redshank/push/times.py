"""Times in pushed rows: RFC 3339 texts, or numbers since 1970 whose unit shows in their size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redshank.errors import ConfigError
from redshank.push.points import Integers

UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "µs": 10**3, "u": 10**3, "µ": 10**3, "ns": 1, "n": 1}
UNITS |= {"m": 60 * 10**9, "h": 3600 * 10**9}
_SIZES = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))  # numbers below the first are of the second's unit
_NEWEST = 2**63 - 1
_TEXT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?(?:[Zz]|([+-])(\d\d):?([0-5]\d))?)?",
    re.ASCII,
)
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)
_CACHED = 100_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OUT_OF_RANGE = "time must lie in the years 1677 to 2262, got {!r}"


def unit_of(precision: str | None) -> int | None:
    """Return the nanoseconds of a unit such as "ms"; None = to be told from the size of each number."""
    if precision is None:
        return None
    if precision not in UNITS:
        raise ConfigError(f"precision: must be one of {', '.join(UNITS)}, got {precision!r}", field="precision")
    return UNITS[precision]


def epoch_ns(number: float, unit: int | None) -> int:
    """Return a number since 1970 as nanoseconds, a fraction to the microsecond; ValueError when out of range."""
    if isinstance(number, float) and not np.isfinite(number):
        raise ValueError(_OUT_OF_RANGE.format(number))
    if unit is None and _SIZES[-1][0] <= number <= _NEWEST:
        unit = 1
    if unit is None:
        unit = next((one for limit, one in _SIZES if abs(number) < limit), 1)
    if isinstance(number, int):
        time = number * unit
    else:
        time = round(number * (unit / 1000)) * 1000 if unit > 1 else round(number)
    if abs(time) > _NEWEST:
        raise ValueError(_OUT_OF_RANGE.format(number))
    return time


def text_ns(text: str, unit: int | None) -> int:
    """Return a text as nanoseconds: RFC 3339 (no zone = UTC), or a number since 1970. ValueError says what is wrong."""
    text = text.strip()
    found = _TEXT.fullmatch(text)
    if not found:
        if _NUMBER.fullmatch(text):
            return epoch_ns(int(text) if text.lstrip("+-").isdecimal() else float(text), unit)
        raise ValueError(f"time must be like 2026-01-31T12:00:00Z or a number since 1970, got {text[:60]!r}")
    day, clock, second, fraction, sign, hours, minutes = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}:{second or '00'}+00:00")
    except ValueError:
        raise ValueError(f"time must be a moment of the calendar, got {text!r}") from None
    time = (moment - _EPOCH) // timedelta(seconds=1) * 10**9 + int((fraction or "").ljust(9, "0"))
    if sign:
        time -= int(sign + "1") * (int(hours) * 60 + int(minutes)) * 60 * 10**9
    if abs(time) > _NEWEST:
        raise ValueError(_OUT_OF_RANGE.format(text))
    return time


@dataclass
class TimeReader:
    """Reads times by one unit; None becomes ``now_ns``."""

    unit: int | None
    now_ns: int
    _known: dict[Any, int] = field(default_factory=dict)

    def read(self, given: object) -> int:
        """Return nanoseconds of UTC; ValueError says what is wrong."""
        if given is None:
            return self.now_ns
        if isinstance(given, str):
            if not given:
                return self.now_ns
            known = self._known.get(given)
            if known is None:
                if len(self._known) >= _CACHED:
                    self._known.clear()
                known = self._known[given] = text_ns(given, self.unit)
            return known
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise ValueError(f"time must be a text or a number, got {str(given)[:60]}")
        return epoch_ns(given, self.unit)

    def column(self, given: Sequence[Any]) -> tuple[Integers, dict[int, str]]:
        """Return nanoseconds of UTC and, by position, what is wrong with those that are no time."""
        if set(map(type, given)) == {int}:
            numbers = self._whole(given)
            if numbers is not None:
                return numbers, {}
        times, bad = np.zeros(len(given), np.int64), {}
        for i, one in enumerate(given):
            try:
                times[i] = self.read(one)
            except ValueError as error:
                bad[i] = str(error)
        return times, bad

    def _whole(self, given: Sequence[int]) -> Integers | None:
        """Whole numbers, all of one size; None when they are not."""
        low, high = min(given), max(given)
        try:
            epoch_ns(low, self.unit), epoch_ns(high, self.unit)
        except ValueError:
            return None
        unit = self.unit
        if unit is None:
            if low <= 0 or _size(low) != _size(high):
                return None
            unit = _size(low)
        return np.array(given, np.int64) * unit


def _size(number: int) -> int:
    return next((unit for limit, unit in _SIZES if number < limit), 1)


def epoch_array(numbers: np.ndarray, unit: int | None) -> tuple[Integers, NDArray[np.bool_]]:
    """Return numbers since 1970 as nanoseconds, each as ``epoch_ns`` reads it, and which are out of range."""
    finite = np.isfinite(numbers)
    size = np.abs(np.where(finite, numbers, 0).astype(np.float64))
    units = np.full(len(numbers), unit or 1, np.int64)
    if unit is None:
        for limit, one in reversed(_SIZES):
            units[size < limit] = one
    wrong = ~finite | (size * units >= 2.0**63)
    kept = np.where(wrong, 0, numbers)
    if numbers.dtype.kind in "iu":
        return kept.astype(np.int64) * units, wrong
    coarse = np.rint(kept * (units / 1000)).astype(np.int64) * 1000
    return np.where(units > 1, coarse, np.rint(kept).astype(np.int64)), wrong
