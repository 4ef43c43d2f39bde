"""How much a sink is given at once: as much as it takes within some seconds."""

from __future__ import annotations

from dataclasses import dataclass

QUICK_SECONDS, SLOW_SECONDS = 5.0, 20.0


@dataclass
class Pace:
    """The size of the next call; it halves with a call that is slow or never comes back, and doubles when one is quick.

    ``least``, ``most``: bounds of it.
    """

    size: int
    most: int
    least: int = 1

    def begin(self) -> int:
        """Return the size of a call that begins; if its end is never told, the next is half of it."""
        size = self.size
        self.size = max(self.least, size // 2)
        return size

    def end(self, size: int, seconds: float) -> None:
        """Tell that a call of this size has ended."""
        if seconds < QUICK_SECONDS:
            self.size = min(self.most, size * 2)
        elif seconds < SLOW_SECONDS:
            self.size = size
