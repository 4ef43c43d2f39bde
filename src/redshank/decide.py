"""Policy and Event: which scores are worth an event. Pure, and the same for any split of the scores into batches.

An event opens when a run of scores >= ``close_below`` holds ``open_points`` scores >= ``open_above``, and starts where
that run began. It goes on until ``quiet_points`` scored points in a row stayed below ``close_below``, and ends behind
the last point that did not; nothing new opens meanwhile. Points without a score count for nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from redshank.errors import ConfigError
from redshank.panel import Floats, Key, Panel, Rows, Scores, to_datetime

Direction = Literal["both", "up", "down"]
Integers = NDArray[np.int64]
N_PAYLOAD = 6


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Which scores are worth an event.

    ``direction``: only values above (up) or below (down) the expected one, and outside its range, count.
    ``least_deviation``: least distance from the expected value, in the unit of the series. ``least_relative``: the same
    as a share of the expected value (0.1 = 10 %). Points that fail these count as score 0; where nothing is expected
    they cannot fail. ``open_points``: alarming points before an event opens. ``quiet_points``: points below
    ``close_below`` before it closes, None = as the detector suggests (one period, or 100).
    """

    direction: Direction = "both"
    least_deviation: float = 0.0
    least_relative: float = 0.0
    open_above: float = 1.0
    close_below: float = 0.5
    open_points: int = 1
    quiet_points: int | None = None

    def __post_init__(self) -> None:
        if self.direction not in get_args(Direction):
            raise ConfigError(f"policy: direction must be both, up or down, got {self.direction!r}", field="direction")
        for name in ("least_deviation", "least_relative"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"policy: {name} must be >= 0, got {getattr(self, name)!r}", field=name)
        if not 0 < self.close_below <= self.open_above:
            raise ConfigError(
                f"policy: close_below must be above 0 and <= open_above ({self.open_above!r}), "
                f"got {self.close_below!r}",
                field="close_below",
            )
        for name in ("open_points", "quiet_points"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"policy: {name} must be >= 1, got {value!r}", field=name)


@dataclass(frozen=True, kw_only=True)
class Event:
    """An interval, start <= t < end, in which a series was anomalous; numbers in the unit of the series, NaN unknown.

    ``opened``: when the alarm was raised. ``peak``: time of the highest score; ``actual``, ``expected``, ``lower``,
    ``upper`` are those at the peak, of the channel that carries the event. ``rarity``: normal points per one as odd.
    ``severity``: 0-100. ``points``: points that scored high. ``share``: part of each channel, largest first, empty for
    a univariate series. ``is_open``: it had not ended when the data ended.
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


@dataclass(eq=False)
class Memory:
    """Where each series stands between two batches; plain arrays, leading axis = series.

    ``marks``: (n_series, 8) phase, alarming points, quiet points, hot points, and the times of start, opening, last hot
    point and peak. ``payload``: (n_series, 6) at the peak. ``share``: (n_series, n_channels) at the peak.
    """

    marks: Integers
    payload: Floats
    share: Floats

    @classmethod
    def blank(cls, n_series: int, n_channels: int) -> Self:
        """Return the memory of series that never had a score."""
        return cls(
            np.zeros((n_series, 8), np.int64),
            np.full((n_series, N_PAYLOAD), np.nan),
            np.full((n_series, n_channels), np.nan),
        )

    def take(self, rows: Rows) -> Memory:
        """Return a copy for these series only."""
        return Memory(self.marks[rows].copy(), self.payload[rows].copy(), self.share[rows].copy())


def decide(
    policy: Policy,
    scores: Scores,
    panel: Panel,
    memory: Memory,
    *,
    quiet_points: Integers | None = None,
    step_ns: int | None = None,
    name: str = "",
) -> tuple[list[Event], Memory]:
    """Turn the scores of a batch into the events that closed in it or are open at its end, in order of series and time.

    ``panel`` holds the values of the scores. ``memory`` is what the batch before returned, and is not changed.
    ``quiet_points``: (n_series,) for a policy that leaves them open. ``step_ns``: time between points, None = that of
    the panel, which a batch of one point cannot know. ``name`` enters the ids of the events.
    """
    from redshank.decide_kernel import scan  # compiles: a policy or an event alone is had without it

    leading = _leading_channel(scores)
    at_point = [_pick(array, leading) for array in (panel.values, scores.expected, scores.lower, scores.upper)]
    effective = _effective(policy, scores.score, *at_point)
    payload = np.stack([scores.score, scores.rarity, *at_point], axis=2)
    share = scores.share if scores.share is not None else np.ones((*scores.score.shape, 1))
    if policy.quiet_points is not None:
        quiet = np.full(len(scores.keys), policy.quiet_points, np.int64)
    else:
        quiet = np.full(len(scores.keys), 100, np.int64) if quiet_points is None else quiet_points
    after = memory.take(slice(None))
    times = np.ascontiguousarray(panel.times.view(np.int64))
    edges = (policy.open_above, policy.close_below, policy.open_points)
    rows, closed = scan(times, effective, payload, share, quiet, *edges, after.marks, after.payload, after.share)
    events = [
        _event(name, scores, step_ns or panel.step_ns, int(row), *record, is_open=is_open)
        for row, record, is_open in _records(rows, closed, after)
    ]
    return events, after


def _leading_channel(scores: Scores) -> NDArray[np.intp] | None:
    return None if scores.share is None else np.argmax(scores.share, axis=2)


def _pick(array: Floats, channel: NDArray[np.intp] | None) -> Floats:
    if channel is None:
        return array[:, :, 0]
    return np.take_along_axis(array, channel[:, :, None], axis=2)[:, :, 0]


def _effective(policy: Policy, score: Floats, actual: Floats, expected: Floats, lower: Floats, upper: Floats) -> Floats:
    """Scores with those of points that the policy does not count set to 0."""
    if policy.direction == "both" and not policy.least_deviation and not policy.least_relative:
        return np.ascontiguousarray(score)
    difference = actual - expected
    least = np.maximum(policy.least_deviation, policy.least_relative * np.abs(expected))
    fails = np.abs(difference) < least
    if policy.direction != "both":
        inside = (lower <= actual) & (actual <= upper)  # of an odd stretch, but neither high nor low itself
        fails |= inside | ((difference <= 0) if policy.direction == "up" else (difference >= 0))
    return np.where(fails & ~np.isnan(score), 0.0, score)


def _records(
    rows: Integers, closed: tuple[Integers, Floats, Floats], after: Memory
) -> list[tuple[int, tuple[Integers, Floats, Floats], bool]]:
    """Closed events and those still open, in order of series and time."""
    from redshank.decide_kernel import OPEN, PHASE

    records = [(int(row), (closed[0][k], closed[1][k], closed[2][k]), False) for k, row in enumerate(rows)]
    still_open = np.flatnonzero(after.marks[:, PHASE] == OPEN)
    records += [(int(row), (after.marks[row], after.payload[row], after.share[row]), True) for row in still_open]
    return sorted(records, key=lambda record: record[0])


def _event(
    name: str,
    scores: Scores,
    step_ns: int,
    row: int,
    marks: Integers,
    payload: Floats,
    share: Floats,
    *,
    is_open: bool,
) -> Event:
    key = scores.keys[row]
    score, rarity, actual, expected, lower, upper = (float(number) for number in payload)
    start, opened, last, peak = (np.datetime64(int(mark), "ns") for mark in marks[4:8])
    return Event(
        id=event_id(name, key, start),
        key=key,
        start=to_datetime(start),
        end=to_datetime(last + np.timedelta64(max(step_ns, 1000), "ns")),
        opened=to_datetime(opened),
        peak=to_datetime(peak),
        score=score,
        severity=severity(score),
        direction=_direction(actual, expected),
        actual=actual,
        expected=expected,
        lower=lower,
        upper=upper,
        rarity=rarity,
        points=int(marks[3]),
        is_open=is_open,
        share=_shares(scores.channels, share),
    )


def _direction(actual: float, expected: float) -> Literal["up", "down", "unknown"]:
    if math.isnan(actual - expected) or actual == expected:
        return "unknown"
    return "up" if actual > expected else "down"


def _shares(channels: Sequence[str], share: Floats) -> dict[str, float]:
    if len(channels) == 1:
        return {}
    order = np.argsort(-share, kind="stable")
    return {channels[i]: float(share[i]) for i in order if share[i] > 0}


def severity(score: float) -> int:
    """Return 0-100 for a score: 50 at the alarm edge, 75 at twice that, 100 from about 8 times on."""
    return min(100, int(0.5 + 100 * (1 - 2.0 ** -max(score, 0.0))))


def event_id(name: str, key: Key, start: np.datetime64) -> str:
    """Return the event's identity: the same for the same monitor, series and start."""
    text = f"{name}\x1f{key.measure}\x1f{key.labels}\x1f{start.astype('datetime64[ns]').view(np.int64)}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
