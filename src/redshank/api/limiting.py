"""How often somebody may ask: a bucket per key that refills evenly, one number each."""

from __future__ import annotations

from collections.abc import Callable

from redshank.errors import LimitError

KEPT_KEYS = 10_000


class RateLimit:
    """At most ``per_minute`` at once and on average; 0 = no limit.

    Kept per key is the moment at which its bucket is full again (the generic cell rate algorithm, ITU-T I.371, as a
    "virtual scheduling" counter), so a key costs one number and needs no timer. ``clock`` gives seconds that only rise.
    """

    def __init__(self, what: str, per_minute: int, clock: Callable[[], float]) -> None:
        """Start with every bucket full; ``what`` is what the message calls the requests."""
        self._what = what
        self._per_minute = per_minute
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def take(self, key: str) -> None:
        """Count one; LimitError when the bucket of the key is empty, which counts nothing."""
        if not self._per_minute:
            return
        self.check(key)
        now = self._clock()
        if len(self._full_at) >= KEPT_KEYS:
            self._forget(now)
        self._full_at[key] = max(self._full_at.get(key, now), now) + 60.0 / self._per_minute

    def check(self, key: str) -> None:
        """LimitError when the bucket of the key is empty."""
        if not self._per_minute:
            return
        over = self._full_at.get(key, 0.0) - self._clock() - 60.0 + 60.0 / self._per_minute
        if over > 1e-9:
            raise LimitError(
                f"{self._what}: at most {self._per_minute} a minute, try again in {over:.1f} s", retry_seconds=over
            )

    def _forget(self, now: float) -> None:
        """Drop full buckets, and all when none is: a flood of keys must not fill the memory."""
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
        if len(self._full_at) >= KEPT_KEYS:
            self._full_at.clear()
