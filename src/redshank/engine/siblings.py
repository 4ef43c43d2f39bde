"""Find for a new series the known one that explains its first value best, so that it need not start from nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from redshank.engine.absence_kernel import SEEN
from redshank.engine.watch_shard import Integers, Shard
from redshank.panel import Floats, Key, Panel

NEAR = 32  # known series with the nearest newest values, that are looked at
TRIED = 4  # of them, those that share most labels, that must say how odd the value would be
AT_ONCE = 64  # new series tried together, which bounds the memory of the copies
MOST_SCORE = 0.5  # of the value, that must also be in the expected range of a series, to be taken for its sibling


@dataclass(frozen=True, eq=False)
class Sibling:
    """A known series to start from: its row among all, its key, and a shard that holds a copy of it alone."""

    row: int
    key: Key
    shard: Shard


def find_siblings(shards: Sequence[Shard], shard_rows: int, first: Panel, warmup: int) -> list[Sibling | None]:
    """Return the sibling of each new series; None where no known series would have had its value.

    ``first``: the first value of each, all at one time. ``warmup``: values that a sibling must have seen.
    """
    known = _Known.of(shards, warmup)
    if not len(known.rows):
        return [None] * first.n_series
    found: list[Sibling | None] = []
    for start in range(0, first.n_series, AT_ONCE):
        found += _tried(shards, shard_rows, known, first.take(slice(start, start + AT_ONCE)))
    return found


@dataclass(frozen=True, eq=False)
class _Known:
    """Rows of series that may be siblings, by rising newest value (of the first channel)."""

    rows: Integers
    last: Floats
    keys: list[Key]

    @classmethod
    def of(cls, shards: Sequence[Shard], warmup: int) -> _Known:
        if not shards:
            return cls(np.empty(0, np.int64), np.empty(0), [])
        last = np.concatenate([shard.last[:, 0] for shard in shards])
        seen = np.concatenate([shard.marks[:, SEEN] for shard in shards])
        rows = np.flatnonzero((seen >= warmup) & ~np.isnan(last))
        rows = rows[np.argsort(last[rows], kind="stable")]
        return cls(rows, last[rows], [key for shard in shards for key in shard.keys])

    def candidates(self, key: Key, value: float) -> list[int]:
        """The rows to try: near in value and of the same measure, those that share most labels first."""
        if np.isnan(value):
            return []
        middle = int(np.searchsorted(self.last, value))
        near = self.rows[max(0, middle - NEAR // 2) : middle + NEAR // 2]
        distance = np.abs(self.last[max(0, middle - NEAR // 2) : middle + NEAR // 2] - value)
        labels = set(key.labels)
        ranked = [
            (-len(labels & set(self.keys[row].labels)), float(far), row)
            for row, far in zip(near.tolist(), distance.tolist(), strict=True)
            if self.keys[row].measure == key.measure
        ]
        return [row for _, _, row in sorted(ranked)[:TRIED]]


def _tried(shards: Sequence[Shard], shard_rows: int, known: _Known, first: Panel) -> list[Sibling | None]:
    by_shard: dict[int, list[tuple[int, int]]] = {}
    for i, key in enumerate(first.keys):
        for row in known.candidates(key, float(first.values[i, 0, 0])):
            by_shard.setdefault(row // shard_rows, []).append((i, row))
    best: dict[int, tuple[float, int]] = {}
    for number, members in by_shard.items():
        rows = np.array([row for _, row in members])
        scores = _scores(shards[number], rows - number * shard_rows, first.take([i for i, _ in members]))
        for (i, row), score in zip(members, scores.tolist(), strict=True):
            if score <= MOST_SCORE and (i not in best or (score, row) < best[i]):
                best[i] = (score, row)
    return [_sibling(shards, shard_rows, best[i][1]) if i in best else None for i in range(first.n_series)]


def _scores(shard: Shard, rows: Integers, first: Panel) -> Floats:
    """What each value (n_rows, 1) would score if it came next in the series at these rows of the shard.

    Infinite outside of what is expected there; NaN where nothing can be said.
    """
    detector, calibrator = shard.detector.take(rows), shard.calibrator.take(rows)
    deviations = detector.update(replace(first, keys=detector.keys))
    score = calibrator.apply(deviations.deviation)[0][:, 0]
    is_outside = (first.values < deviations.lower) | (first.values > deviations.upper)
    return np.where(is_outside.any(axis=(1, 2)), np.inf, score)


def _sibling(shards: Sequence[Shard], shard_rows: int, row: int) -> Sibling:
    number, at = divmod(row, shard_rows)
    return Sibling(row, shards[number].keys[at], shards[number].take(np.array([at])))
