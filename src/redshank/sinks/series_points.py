"""Scored panels as the points of one series after the other, which is how most systems keep them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redshank.panel import Floats, Key
from redshank.result import Scored

NUMBERS = ("actual", "expected", "lower", "upper", "score")  # what is delivered of a point


@dataclass(frozen=True, eq=False)
class SeriesPoints:
    """The points of one channel of a series that have a value or a score, in order of time; NaN = not known.

    ``channel`` is empty for a series of one. ``times_ns``: UTC. ``score`` is that of the whole series.
    """

    key: Key
    channel: str
    times_ns: NDArray[np.int64]
    actual: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    score: Floats

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.times_ns)

    @property
    def name(self) -> str:
        """The series as people write it, with the channel behind it."""
        return f"{self.key} {self.channel}" if self.channel else str(self.key)

    def columns(self) -> dict[str, Floats]:
        """Return the numbers by name, and ``anomaly``: 1 from the alarm edge on, else 0, NaN = not scored."""
        anomaly = np.where(np.isnan(self.score), np.nan, (self.score >= 1.0).astype(float))
        return {**{name: getattr(self, name) for name in NUMBERS}, "anomaly": anomaly}


def series_points(parts: Iterable[Scored]) -> Iterator[SeriesPoints]:
    """Yield the points of each series and channel; series of which nothing is known are left out."""
    for part in parts:
        panel, scores = part.panel, part.scores
        times_ns = panel.times.view(np.int64)
        for row, key in enumerate(panel.keys):
            for column, channel in enumerate(panel.channels):
                actual = panel.values[row, :, column]
                kept = ~(np.isnan(actual) & np.isnan(scores.score[row]))
                if kept.any():
                    yield SeriesPoints(
                        key,
                        channel if panel.n_channels > 1 else "",
                        times_ns[kept],
                        actual[kept],
                        scores.expected[row, kept, column],
                        scores.lower[row, kept, column],
                        scores.upper[row, kept, column],
                        scores.score[row, kept],
                    )
