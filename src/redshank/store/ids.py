"""Names of things that never change."""

from __future__ import annotations

import secrets
import threading

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u
TIME_DIGITS = 10  # 50 bits of milliseconds: until the year 37000
CHANCE_DIGITS = 8
STEP_BITS = 24  # at most so far an id lies behind the one before it in the same millisecond


class IdMaker:
    """Makes ids of 18 letters and digits, each behind all that this process made before in the same millisecond."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._last = 0

    def __call__(self, now_ns: int) -> str:
        """Return a new id; ids of later milliseconds sort behind."""
        millisecond = now_ns // 1_000_000
        with self._turn:
            if self._last >> (5 * CHANCE_DIGITS) == millisecond:
                self._last += 1 + secrets.randbits(STEP_BITS)
            else:
                self._last = (millisecond << (5 * CHANCE_DIGITS)) | secrets.randbits(5 * CHANCE_DIGITS - 2)
            number = self._last
        shifts = range(5 * (TIME_DIGITS + CHANCE_DIGITS - 1), -1, -5)
        return "".join(DIGITS[number >> shift & 31] for shift in shifts)


new_id = IdMaker()
