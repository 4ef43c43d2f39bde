"""Texts of times, year first and of digits and signs (sql_range.py), as databases read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PARTS = re.compile(r"%Y([-/.]?)%m\1%d(?:(T| |)%H(?:(:?)%M(?:\3%S)?)?)?")


@dataclass(frozen=True)
class TimeShape:
    """``regex``: of a whole text, digits as [0-9]. ``pattern``: of its first ``length`` characters, as strptime's.

    ``ending``: what stands behind the fraction of a second (``has_fraction``: which there may be), such as Z.
    """

    regex: str
    pattern: str
    length: int
    ending: str = ""
    has_fraction: bool = False

    def place(self, sign: str) -> int | None:
        """Return where the digits of a sign begin, counted from 1; None when it is not in the pattern."""
        before, found, _ = self.pattern.partition(sign)
        return len(before.replace("%Y", "0000").replace("%", "0")) + 1 if found else None

    def said(self, words: Mapping[str, str]) -> str:
        """Return the pattern with other words for its signs."""
        found = self.pattern
        for sign, word in words.items():
            found = found.replace(sign, word)
        return found


def time_shape(pattern: str) -> TimeShape | None:
    """Return the shape of texts of a pattern of strptime; None when it has other signs than those of a time."""
    shape = _PARTS.match(pattern)
    end = pattern[shape.end() :].replace("%.f", "") if shape else "%"
    if not shape or "%" in end:
        return None
    has_fraction = "%.f" in pattern
    fraction = r"([.][0-9]+)?" if has_fraction else ""
    digits = re.sub("%[mdHMS]", "[0-9][0-9]", shape[0].replace(".", "[.]").replace("%Y", "[0-9][0-9][0-9][0-9]"))
    return TimeShape(f"^{digits}{fraction}{end}$", shape[0], len(shape[0]) + 2, end, has_fraction)
