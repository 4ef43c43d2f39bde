"""Hand scores over to a sink: what it will never take is found by halving, and passed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from redshank.errors import SinkError
from redshank.panel import Scores
from redshank.result import Scored
from redshank.sinks.base import ScoreBlock, Sink

MOST_CALLS = 100  # in search of what is refused; after that the part at hand is passed over whole


@dataclass
class Recorded:
    """How many points a sink took, and how many it refused for good, with the last reason."""

    points: int = 0
    refused: int = 0
    reason: str = ""

    def add(self, other: Recorded) -> None:
        """Count another part too."""
        self.points, self.refused = self.points + other.points, self.refused + other.refused
        self.reason = other.reason or self.reason


def record(sink: Sink, block: ScoreBlock, progress: Callable[[], object] = lambda: None) -> Recorded:
    """Deliver scores; ``progress`` is called before each call of the sink.

    Raises:
        Whatever the sink raised, but for a SinkError that is permanent.
    """
    done, calls = Recorded(), 0
    waiting = [block]
    while waiting:
        part = waiting.pop()
        progress()
        calls += 1
        try:
            sink.record(part)
        except SinkError as error:
            if not error.permanent:
                raise
            halves = _halves(part) if calls < MOST_CALLS else []
            waiting += reversed(halves)
            if not halves:
                done.refused, done.reason = done.refused + _points(part), str(error)
        else:
            done.points += _points(part)
    return done


def _points(block: ScoreBlock) -> int:
    return sum(int(np.isfinite(part.panel.values).any(axis=2).sum()) for part in block.parts)


def _halves(block: ScoreBlock) -> list[ScoreBlock]:
    """Two blocks that together are this one: by panels, then by series, then by time; none of a single point."""
    parts = list(block.parts)
    if len(parts) > 1:
        half = len(parts) // 2
        return [replace(block, parts=parts[:half]), replace(block, parts=parts[half:])]
    if not parts:
        return []
    (part,) = parts
    rows, times = part.panel.n_series, len(part.panel.times)
    if rows > 1:
        cuts = [(slice(0, rows // 2), slice(None)), (slice(rows // 2, rows), slice(None))]
    elif times > 1:
        cuts = [(slice(None), slice(0, times // 2)), (slice(None), slice(times // 2, times))]
    else:
        return []
    return [replace(block, parts=[_cut(part, row, time)]) for row, time in cuts]


def _cut(part: Scored, rows: slice, times: slice) -> Scored:
    panel, scores = part.panel, part.scores
    keys, moments = panel.keys[rows], panel.times[times]
    arrays = {field.name: getattr(scores, field.name) for field in fields(scores)}
    cut = {
        name: array[rows, times] for name, array in arrays.items() if isinstance(array, np.ndarray) and array.ndim > 1
    }
    return Scored(
        replace(panel, keys=keys, times=moments, values=panel.values[rows, times]),
        Scores(**{**arrays, **cut, "keys": keys, "times": moments}),
    )
