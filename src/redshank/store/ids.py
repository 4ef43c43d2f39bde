"""Names of things that never change."""

from __future__ import annotations

import secrets

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u
TIME_DIGITS = 10  # 50 bits of milliseconds: until the year 37000
CHANCE_DIGITS = 8


def new_id(now_ns: int) -> str:
    """Return a new id of 18 letters and digits; ids of later milliseconds sort behind."""
    number = (now_ns // 1_000_000) << (5 * CHANCE_DIGITS) | secrets.randbits(5 * CHANCE_DIGITS)
    shifts = range(5 * (TIME_DIGITS + CHANCE_DIGITS - 1), -1, -5)
    return "".join(DIGITS[number >> shift & 31] for shift in shifts)
