"""What ``hindsight`` makes of missing values: which points it compares, and where its windows start anew.

Holes of up to 3 points are filled, for comparison only: a missing point is no neighbour of any other and gets no score.
A longer gap ends the stretch before it, as the end of the series would; windows do not reach across. A series with
values at fewer than half of its points (one every ten steps, say) is closed up: its values are compared as they follow
each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from redshank.panel import Floats

Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]

MOST_HOLE = 3


@dataclass(frozen=True, eq=False)
class Compared:
    """The points of one row that are compared, from its first value to its last.

    ``places``: where they are in the row. ``values``: without missing ones. ``known``: has a value of its own.
    ``gaps``: lies in a long gap. Without missing values ``known`` is true and ``gaps`` false everywhere.
    """

    places: Numbers
    values: Floats
    known: Flags
    gaps: Flags

    @classmethod
    def of(cls, row: Floats) -> Self:
        """Choose and fill the points of a row that has values."""
        there = np.flatnonzero(np.isfinite(row))
        places = np.arange(there[0], there[-1] + 1)
        if 2 * there.size < places.size:
            places = there
        known = np.isfinite(row[places])
        if known.all():
            return cls(places, row[places], known, ~known)
        return cls(places, *_filled(row[places], known))

    @property
    def is_whole(self) -> bool:
        """Whether no value is missing."""
        return bool(self.known.all())

    def turned(self) -> Compared:
        """The same backwards in time."""
        return Compared(self.places[::-1], self.values[::-1], self.known[::-1], self.gaps[::-1])

    def stretches(self) -> list[slice]:
        """The stretches between long gaps."""
        edges = np.flatnonzero(np.diff(np.concatenate([[True], self.gaps, [True]]).astype(np.int8)))
        return [slice(int(first), int(last)) for first, last in edges.reshape(-1, 2)]

    def since(self) -> Numbers:
        """How many points came before each one in its own stretch; 0 in gaps."""
        points = np.arange(self.gaps.size)
        starts = np.maximum.accumulate(np.where(self.gaps, points + 1, 0))
        result: Numbers = points - np.minimum(starts, points)
        return result


def _filled(values: Floats, known: Flags) -> tuple[Floats, Flags, Flags]:
    """(values, known, gaps) with every hole filled by a line."""
    points, there = np.arange(values.size), np.flatnonzero(known)
    filled = np.interp(points, there, values[there])
    gaps = np.zeros(values.size, bool)
    for before, behind in zip(there[:-1][np.diff(there) > 1], there[1:][np.diff(there) > 1], strict=True):
        gaps[before + 1 : behind] = behind - before - 1 > MOST_HOLE
    return filled, known, gaps
