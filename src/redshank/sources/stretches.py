"""Buckets within a range as stretches of windows of equal length: for systems that know neither zones nor Mondays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from redshank.errors import DataError
from redshank.tables.buckets import Buckets

MOST_WINDOWS = 50_000_000


@dataclass(frozen=True)
class Stretch:
    """``n`` windows of ``length`` one after the other from ``begin`` on, each within one bucket; nanoseconds of UTC."""

    begin: int
    length: int
    n: int

    @property
    def end(self) -> int:
        """Where the last window ends."""
        return self.begin + self.n * self.length

    def cut(self, most: int) -> Iterator[Stretch]:
        """Yield stretches of at most so many windows."""
        for first in range(0, self.n, most):
            yield Stretch(self.begin + first * self.length, self.length, min(most, self.n - first))


def stretches_of(rule: Buckets, start: int, end: int) -> list[Stretch]:
    """Return the windows of the buckets in start <= t < end; those at the ends are cut to the range.

    Raises:
        DataError: there are too many.
    """
    if start >= end:
        return []
    first, last = rule.indices(np.array([start, end - 1], np.int64)).tolist()
    if last - first > MOST_WINDOWS:
        raise DataError(
            f"step: makes {last - first:,} buckets of the range asked for; take a longer step or ask for less"
        )
    edges = rule.starts(np.arange(first, last + 2, dtype=np.int64)).clip(start, end)
    lengths = np.diff(edges)
    begins, lengths = edges[:-1][lengths > 0], lengths[lengths > 0]
    turns = np.flatnonzero(np.diff(lengths)) + 1
    bounds = [0, *turns.tolist(), len(lengths)]
    return [Stretch(int(begins[i]), int(lengths[i]), j - i) for i, j in pairwise(bounds)]


def cut_all(stretches: Sequence[Stretch], most: int) -> list[Stretch]:
    """Return the same windows in stretches of at most so many."""
    return [part for stretch in stretches for part in stretch.cut(most)]
