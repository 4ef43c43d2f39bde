"""Panel, Scores and series keys: the data every layer passes on.

Conventions that hold everywhere:

* Times are UTC, ``datetime64[ns]``, strictly increasing. Intervals are half-open, start <= t < end. Durations are
  ``timedelta`` inside and ``"5m"`` at the edges (``durations.py``).
* NaN means "no value" in values and "not scored" in scores. Never 0 for unknown. Infinite values do not occur in a
  panel: readers count them and turn them into NaN.
* Score: >= 0. 1 is the alarm edge, above 1 is anomalous, for every detector. Scores are emitted once and never
  rewritten.
* expected, lower and upper are in the unit of the series, NaN where a detector predicts no value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from redshank.errors import DataError

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]
Rows = Sequence[int] | NDArray[np.intp] | slice

VALUE = "value"  # name of the channel when a series has only one


@dataclass(frozen=True, order=True)
class Key:
    """Identity of a series: what is measured, plus labels such as ``{"host": "a"}``, kept sorted by name."""

    measure: str
    labels: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, measure: str, labels: Mapping[str, str] | None = None) -> Self:
        """Build a key from a mapping of labels."""
        return cls(measure, tuple(sorted((labels or {}).items())))

    @property
    def label_map(self) -> dict[str, str]:
        """The labels as a new dict."""
        return dict(self.labels)

    def __str__(self) -> str:
        """Return ``cpu{host=a, zone=b}``, or just ``cpu`` without labels."""
        inside = ", ".join(f"{name}={value}" for name, value in self.labels)
        return f"{self.measure}{{{inside}}}" if inside else self.measure


@dataclass(frozen=True, eq=False)
class Panel:
    """Many series on one time grid.

    ``keys``: n_series. ``times``: (n_time,). ``values``: (n_series, n_time, n_channels), NaN = no value; shared,
    not copied. ``channels``: n_channels names; a univariate series has one.
    """

    keys: tuple[Key, ...]
    times: Times
    values: Floats
    channels: tuple[str, ...] = (VALUE,)

    def __post_init__(self) -> None:
        shape = (len(self.keys), len(self.times), len(self.channels))
        if self.values.shape != shape:
            raise DataError(f"panel: values must have shape {shape} (series, time, channels), got {self.values.shape}")
        if self.times.dtype != np.dtype("datetime64[ns]"):
            raise DataError(f"panel: times must be datetime64[ns], got {self.times.dtype}")
        if self.values.dtype != np.float64:
            raise DataError(f"panel: values must be float64, got {self.values.dtype}")
        if np.isnat(self.times).any() or not (self.times[1:] > self.times[:-1]).all():
            raise DataError("panel: times must be strictly increasing and none missing")

    @classmethod
    def of(
        cls,
        values: Any,
        times: Any = None,
        *,
        keys: Iterable[Key] | None = None,
        channels: Sequence[str] | None = None,
        step: timedelta = timedelta(minutes=1),
    ) -> Self:
        """Build a panel from arrays.

        ``values``: (n_time,), (n_series, n_time) or (n_series, n_time, n_channels); infinite becomes NaN.
        ``times``: (n_time,), anything numpy reads as datetime64; None counts from 2000-01-01 by ``step``.
        """
        array = np.array(values, dtype=np.float64)
        if array.ndim == 1:
            array = array[None, :]
        if array.ndim == 2:
            array = array[:, :, None]
        if array.ndim != 3:
            raise DataError(f"panel: values must have 1 to 3 axes, got {array.ndim}")
        array[~np.isfinite(array)] = np.nan
        if times is None:
            start = np.datetime64("2000-01-01T00:00:00", "ns")
            times = start + np.arange(array.shape[1]) * np.timedelta64(step // timedelta(microseconds=1), "us")
        names = tuple(channels) if channels else _default_channels(array.shape[2])
        if keys is None:
            keys = [Key.of(VALUE, {"series": str(i)} if array.shape[0] > 1 else {}) for i in range(array.shape[0])]
        return cls(tuple(keys), np.asarray(times).astype("datetime64[ns]"), array, names)

    @property
    def n_series(self) -> int:
        """Number of series (rows)."""
        return len(self.keys)

    @property
    def n_time(self) -> int:
        """Number of points of each series, missing ones included."""
        return len(self.times)

    @property
    def n_channels(self) -> int:
        """Number of variables of each series."""
        return len(self.channels)

    @cached_property
    def step_ns(self) -> int:
        """The usual time between points in nanoseconds: the median difference; 0 with fewer than two points."""
        if self.n_time < 2:
            return 0
        return int(np.median(np.diff(self.times.view(np.int64))))

    @property
    def step(self) -> timedelta:
        """The usual time between points (to the microsecond); zero with fewer than two points."""
        return timedelta(microseconds=self.step_ns / 1000)

    @property
    def is_regular(self) -> bool:
        """Whether all points are one step apart."""
        return self.n_time < 2 or bool((np.diff(self.times.view(np.int64)) == self.step_ns).all())

    @property
    def start(self) -> datetime:
        """Time of the first point; DataError when the panel has none."""
        return to_datetime(self._times_or_error()[0])

    @property
    def end(self) -> datetime:
        """One step after the last point, so that start <= t < end holds for every point."""
        return to_datetime(self._times_or_error()[-1]) + max(self.step, timedelta(microseconds=1))

    def take(self, rows: Rows) -> Panel:
        """Return the series at ``rows``, in that order; slices share the values, other indices copy them."""
        index = np.arange(self.n_series)[rows]
        return replace(self, keys=tuple(self.keys[i] for i in index), values=self.values[rows])

    def between(self, start: datetime | np.datetime64 | None, end: datetime | np.datetime64 | None) -> Panel:
        """Return the points with start <= t < end, sharing the values; None leaves that side open."""
        first = 0 if start is None else int(np.searchsorted(self.times, to_time(start), side="left"))
        last = self.n_time if end is None else int(np.searchsorted(self.times, to_time(end), side="left"))
        return self.slice(first, max(first, last))

    def slice(self, first: int, last: int) -> Panel:
        """Return the points first <= i < last, sharing the values."""
        return replace(self, times=self.times[first:last], values=self.values[:, first:last])

    def then(self, later: Panel) -> Panel:
        """Return this panel continued by ``later``, which has the same keys and channels and starts after it."""
        if self.keys != later.keys or self.channels != later.channels:
            raise DataError("panel: only panels of the same series and channels can be joined in time")
        return replace(
            self,
            times=np.concatenate([self.times, later.times]),
            values=np.concatenate([self.values, later.values], axis=1),
        )

    def beside(self, other: Panel) -> Panel:
        """Return the series of both panels, which share times and channels."""
        if not np.array_equal(self.times, other.times) or self.channels != other.channels:
            raise DataError("panel: only panels on the same times and channels can be stacked")
        return replace(self, keys=self.keys + other.keys, values=np.concatenate([self.values, other.values]))

    def _times_or_error(self) -> Times:
        if self.n_time == 0:
            raise DataError("panel: it has no points")
        return self.times


@dataclass(frozen=True, eq=False)
class Deviations:
    """What a detector says of each point, before calibration.

    ``deviation``: (n_series, n_time), >= 0, in the detector's own unit, NaN = not scored. ``expected``, ``lower``,
    ``upper``: (n_series, n_time, n_channels), in the unit of the series, NaN = not predicted. ``share``: the same
    shape, each channel's part in the deviation (sums to 1 over channels), None for one channel.
    """

    deviation: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    share: Floats | None = None


@dataclass(frozen=True, eq=False)
class Scores:
    """Calibrated answer for the points of one panel.

    ``score``: (n_series, n_time), 1 = alarm edge, NaN = not scored. ``rarity``: (n_series, n_time), how many normal
    points of this series come, on average, before one scores as high (1 / tail probability), NaN = not scored or not
    known. The rest as in ``Deviations``.
    """

    keys: tuple[Key, ...]
    times: Times
    score: Floats
    rarity: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    share: Floats | None = None
    channels: tuple[str, ...] = field(default=(VALUE,))


def _default_channels(count: int) -> tuple[str, ...]:
    return (VALUE,) if count == 1 else tuple(f"channel_{i}" for i in range(count))


def to_time(moment: datetime | np.datetime64) -> np.datetime64:
    """Return a moment as UTC datetime64[ns]; an aware datetime is converted, a naive one is taken as UTC."""
    if isinstance(moment, datetime):
        moment = np.datetime64(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment)
    time: np.datetime64 = moment.astype("datetime64[ns]")
    return time


def to_datetime(moment: np.datetime64) -> datetime:
    """Return a datetime64 as an aware UTC datetime, to the microsecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        microseconds=int(moment.astype("datetime64[us]").view(np.int64))
    )
