"""Detectors that look at one variable: every channel of every series is a row of its own.

A subclass gives the state of rows and works on (rows, time). The channels of a series are put together here: the
deviation is that of the channel that deviates most, so that what alarms alone alarms in company, and each channel's
share is its part of the sum. The plain mean of eight channels never reaches the edge that one channel has.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from redshank.detectors.base import Arrays, Detector
from redshank.panel import Deviations, Floats, Panel


@dataclass(frozen=True, eq=False)
class RowDeviations:
    """Answer for rows: each (n_rows, n_time); NaN = not scored or not predicted."""

    deviation: Floats
    expected: Floats
    lower: Floats
    upper: Floats

    @classmethod
    def blank(cls, shape: tuple[int, ...]) -> Self:
        """Return an answer that says nothing, to be filled in."""
        return cls(*(np.full(shape, np.nan) for _ in range(4)))


class UnivariateDetector(Detector):
    """Base of detectors that treat every channel as a row of its own."""

    @abstractmethod
    def _new_rows(self, n_rows: int) -> Arrays:
        """The state of rows of which nothing is known; leading axis n_rows."""

    def _advance_rows(self, rows: Arrays, times: np.ndarray, values: Floats) -> RowDeviations:
        """Score, then learn, each point of ``values`` (n_rows, n_time), changing ``rows`` in place.

        ``times``: (n_time,) int64 nanoseconds since 1970 UTC. Only causal detectors define it.
        """
        raise TypeError(f"{self.kind} is not causal")

    def _new_arrays(self, n_series: int, n_channels: int) -> Arrays:
        rows = self._new_rows(n_series * n_channels)
        return {name: array.reshape(n_series, n_channels, *array.shape[1:]) for name, array in rows.items()}

    def _advance(self, panel: Panel) -> Deviations:
        return join_channels(self._advance_rows(self._rows(), panel.times.view(np.int64), as_rows(panel)), panel)

    def forecast(self, times: np.ndarray) -> Floats:
        """Return what is expected at these times (n_series, n_time, n_channels) by what is known now; NaN = nothing."""
        if not self.forecasts:
            return super().forecast(times)
        found = self._forecast_rows(self._rows(), np.ascontiguousarray(times, np.int64))
        return np.swapaxes(found.reshape(len(self.keys), len(self.channels), len(times)), 1, 2)

    def _forecast_rows(self, rows: Arrays, times: np.ndarray) -> Floats:
        """What is expected of each row at each time (n_rows, n_time). Only detectors with ``forecasts`` define it."""
        raise TypeError(f"{self.kind} does not forecast")

    def _rows(self) -> Arrays:
        """Views of the state with (series, channel) as one leading axis."""
        views = {}
        for name, array in self.arrays.items():
            view = array.reshape(array.shape[0] * array.shape[1], *array.shape[2:])
            assert array.size == 0 or np.shares_memory(view, array), name
            views[name] = view
        return views


def as_rows(panel: Panel) -> Floats:
    """The values as (n_series * n_channels, n_time), C-contiguous, channels of a series side by side."""
    swapped = np.ascontiguousarray(np.swapaxes(panel.values, 1, 2))
    return swapped.reshape(panel.n_series * panel.n_channels, panel.n_time)


def largest(deviation: Floats) -> Floats:
    """The largest of the channels' deviations (n_series, n_time, n_channels), NaN where none is there."""
    there = ~np.isnan(deviation)
    result: Floats = np.where(there.any(axis=2), np.where(there, deviation, 0.0).max(axis=2), np.nan)
    return result


def largest_or_sum(deviation: Floats) -> Floats:
    """The largest, or the sum over the root of the number if that is more, so that many channels add up.

    For deviations that are next to nothing on normal points; others would add up to an alarm that never ends.
    """
    there = ~np.isnan(deviation)
    total = np.where(there, deviation, 0.0).sum(axis=2)
    result: Floats = np.maximum(largest(deviation), total / np.sqrt(np.maximum(there.sum(axis=2), 1)))
    return result


def join_channels(rows: RowDeviations, panel: Panel, joint: Callable[[Floats], Floats] = largest) -> Deviations:
    """Put the channels of each series together: ``joint`` of the deviations that are there, and the shares."""

    def unfolded(array: Floats) -> Floats:
        return np.swapaxes(array.reshape(panel.n_series, panel.n_channels, panel.n_time), 1, 2)

    deviation = unfolded(rows.deviation)
    ranges = (unfolded(rows.expected), unfolded(rows.lower), unfolded(rows.upper))
    if panel.n_channels == 1:
        return Deviations(deviation[:, :, 0], *ranges)
    parts = np.where(np.isnan(deviation), 0.0, deviation)
    total = parts.sum(axis=2, keepdims=True)
    return Deviations(joint(deviation), *ranges, parts / np.where(total > 0, total, 1.0))
