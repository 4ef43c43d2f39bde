"""Policy and Event: which scores are worth an event."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from redshank.panel import Key

Direction = Literal["both", "up", "down"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """An interval, start <= t < end, in which a series was anomalous; numbers in the unit of the series, NaN unknown.

    ``opened``: when the alarm was raised. ``peak``: time of the highest score; ``actual``, ``expected``, ``lower``,
    ``upper`` are those at the peak, of the channel that carries the event. ``rarity``: normal points per one as odd.
    ``severity``: 0-100. ``share``: part of each channel, largest first, empty for a univariate series.
    """

    id: str
    key: Key
    start: datetime
    end: datetime
    opened: datetime
    peak: datetime
    score: float
    severity: int
    direction: Literal["up", "down", "unknown"]
    actual: float
    expected: float
    lower: float
    upper: float
    rarity: float
    points: int
    is_open: bool = False
    share: dict[str, float] = field(default_factory=dict)
    reason: str = ""
