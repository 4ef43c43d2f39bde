"""Alarms against true events, counted event by event."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from redshank.errors import DataError

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
MERGE_GAP = 10  # alarms with at most so many points between them are one alarm event


@dataclass(frozen=True)
class EventCounts:
    """Outcome of one series; the sum over several gives micro averages.

    ``events``: true events, of which ``found`` share a point with an alarm event. ``alarms``: alarm events, of which
    ``true_alarms`` share a point with a true event. ``normal_points``: points outside true events, of which at
    ``normal_alarmed`` the alarm is on. ``delay_points``: summed over found events.
    """

    events: int = 0
    found: int = 0
    alarms: int = 0
    true_alarms: int = 0
    normal_points: int = 0
    normal_alarmed: int = 0
    delay_points: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, spec.name) + getattr(other, spec.name) for spec in fields(self)))

    @property
    def precision(self) -> float:
        """Share of alarm events that are true; NaN without alarms."""
        return _share(self.true_alarms, self.alarms)

    @property
    def recall(self) -> float:
        """Share of true events that are found; NaN without true events."""
        return _share(self.found, self.events)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 when nothing is found, NaN without true events."""
        if self.events == 0:
            return float("nan")
        return 2 * self.precision * self.recall / (self.precision + self.recall) if self.found else 0.0

    @property
    def false_per_10k(self) -> float:
        """False alarm events per 10,000 normal points."""
        return 1e4 * _share(self.alarms - self.true_alarms, self.normal_points)

    @property
    def normal_alarmed_share(self) -> float:
        """Share of normal points with the alarm on: it exposes a detector that alarms all the time."""
        return _share(self.normal_alarmed, self.normal_points)

    @property
    def mean_delay(self) -> float:
        """Points from the start of a true event to its first alarm, mean over found events."""
        return _share(self.delay_points, self.found)


def event_counts(truth: Any, alarm: Any, merge_gap: int = MERGE_GAP) -> EventCounts:
    """Compare alarm events with true events.

    An alarm event is a run of alarm points; runs with at most ``merge_gap`` points between them are one. The delay of
    a found event runs from its start to the start of its first alarm event, 0 when that was on already.
    """
    anomalous, on = as_mask(truth), as_mask(alarm)
    if anomalous.shape != on.shape:
        raise DataError(f"evaluate: truth and alarm must be equally long, got {anomalous.shape} and {on.shape}")
    starts, ends = runs(anomalous)
    alarm_starts, alarm_ends = merged(*runs(on), merge_gap)
    first, is_found = _first_touching(starts, ends, alarm_starts, alarm_ends)
    _, is_true = _first_touching(alarm_starts, alarm_ends, starts, ends)
    delays = np.maximum(alarm_starts[first[is_found]] - starts[is_found], 0)
    return EventCounts(
        events=len(starts),
        found=int(is_found.sum()),
        alarms=len(alarm_starts),
        true_alarms=int(is_true.sum()),
        normal_points=int((~anomalous).sum()),
        normal_alarmed=int((on & ~anomalous).sum()),
        delay_points=int(delays.sum()),
    )


def as_mask(array: Any) -> Mask:
    """Return where an array (n,) is > 0; DataError unless it has one axis."""
    mask = np.asarray(array) > 0
    if mask.ndim != 1:
        raise DataError(f"evaluate: truth and alarm must have one axis, got shape {mask.shape}")
    return mask


def runs(mask: Mask) -> tuple[Integers, Integers]:
    """(starts, ends), each (k,), of the runs where ``mask`` (n,) is true; start <= i < end."""
    edge = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    return np.flatnonzero(edge == 1).astype(np.int64), np.flatnonzero(edge == -1).astype(np.int64)


def merged(starts: Integers, ends: Integers, gap: int) -> tuple[Integers, Integers]:
    """Join neighbouring runs with at most ``gap`` points between them."""
    if len(starts) == 0:
        return starts, ends
    apart = starts[1:] - ends[:-1] > gap
    return starts[np.concatenate([[True], apart])], ends[np.concatenate([apart, [True]])]


def _first_touching(
    starts: Integers, ends: Integers, other_starts: Integers, other_ends: Integers
) -> tuple[Integers, Mask]:
    """(Index of the first other run that ends after the start of each run, whether the two share a point)."""
    first = np.searchsorted(other_ends, starts, side="right").astype(np.int64)
    exists = first < len(other_starts)
    touches = exists.copy()
    touches[exists] = other_starts[first[exists]] < ends[exists]
    return first, touches


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
