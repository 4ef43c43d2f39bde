"""When to try again: after a pause that doubles, or as long as the server asks for, within the deadline."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_SECONDS, LONGEST_SECONDS = 0.25, 30.0
LOOK_SECONDS = 0.1  # between two looks whether all was given up


class Patience:
    """So many more tries, all before a deadline (monotonic seconds)."""

    def __init__(self, retries: int, deadline: float) -> None:
        """Begin with all tries left."""
        self._retries, self._deadline, self._tried = retries, deadline, 0

    def wait(self, asked: float | None, given_up: Callable[[], int]) -> bool:
        """Wait before another try; False, at once, when there is none left, or no time for it.

        ``asked``: seconds that the server wants. ``given_up``: changes when nobody wants the answer any more.
        """
        if self._tried >= self._retries:
            return False
        pause = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0**self._tried) * random.uniform(0.5, 1.0)
        pause = pause if asked is None else max(pause, asked)
        end = time.monotonic() + pause
        if end >= self._deadline:
            return False
        self._tried += 1
        before = given_up()
        while (left := end - time.monotonic()) > 0:
            if given_up() != before:
                return False
            time.sleep(min(left, LOOK_SECONDS))
        return True


def retry_after(headers: Mapping[str, str], now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float | None:
    """Return the seconds of a ``Retry-After`` header, given in seconds or as a date; None when there is none."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.replace(".", "", 1).isdecimal():
        return min(float(text), 86_400.0)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now()).total_seconds()), 86_400.0)
