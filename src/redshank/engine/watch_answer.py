"""What comes of moving a live watch on: scores, events, absences, and series that joined."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from redshank.decide import Event
from redshank.engine.watch_shard import ShardAnswer
from redshank.panel import Floats, Key, Scores, Times

_ARRAYS = ("score", "rarity", "expected", "lower", "upper")
_KINDS = ("missing", "flat")


@dataclass(frozen=True)
class Admitted:
    """A series that joined: its row, when its first value was, what it started from; ``is_late``: after the others."""

    row: int
    key: Key
    time_ns: int
    sibling: Key | None
    is_late: bool


@dataclass(frozen=True)
class Absence:
    """A stretch without a value (missing) or without a change (flat) of a series, start <= t < end.

    ``is_given_up``: it ended because nobody waits for the series any more.
    """

    row: int
    kind: str
    start_ns: int
    end_ns: int
    opened_ns: int
    is_open: bool
    is_given_up: bool = False


@dataclass(frozen=True, eq=False)
class Advance:
    """What came of a panel: scores of all known series, and the values (n_series, n_time, n_channels) they are of.

    ``events``: closed in it, or open at its end. ``absences``: closed in it. ``blank``: (start, end, steps) of the
    stretches in which no series had a value, that ended in it. ``refused``: series beyond the limit.
    """

    scores: Scores
    values: Floats
    events: list[Event] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)
    admitted: list[Admitted] = field(default_factory=list)
    blank: list[tuple[int, int, int]] = field(default_factory=list)
    refused: int = 0


@dataclass(frozen=True, eq=False)
class Piece:
    """Answers of all shards for columns in which nobody joined."""

    times: Times
    n_series: int
    answers: list[ShardAnswer]
    blank: list[tuple[int, int, int]]

    def scores(self, channels: tuple[str, ...]) -> Scores:
        """The scores of all shards, series after series."""
        parts = [answer.scores for answer in self.answers]
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return _no_scores(0, self.times, channels)
        share = None if parts[0].share is None else np.concatenate([_there(part.share) for part in parts])
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS}
        return Scores(keys=(), times=self.times, share=share, channels=channels, **arrays)

    def absences(self, shard_rows: int) -> list[Absence]:
        """What closed."""
        return [
            Absence(number * shard_rows + int(r[0]), _KINDS[r[1]], int(r[2]), int(r[3]), int(r[4]), False, bool(r[5]))
            for number, answer in enumerate(self.answers)
            for r in answer.closed
        ]


def _there(share: Floats | None) -> Floats:
    assert share is not None
    return share


def _no_scores(n_series: int, times: Times, channels: tuple[str, ...]) -> Scores:
    points, each = (n_series, len(times)), (n_series, len(times), len(channels))
    nothing = {name: np.full(points if name in ("score", "rarity") else each, np.nan) for name in _ARRAYS}
    share = np.full(each, np.nan) if len(channels) > 1 else None
    return Scores(keys=(), times=times, share=share, channels=channels, **nothing)


def joined(pieces: list[Scores], keys: tuple[Key, ...], times: Times, channels: tuple[str, ...]) -> Scores:
    """Return the scores of consecutive columns as one, NaN for series that joined later."""
    if len(pieces) == 1:
        return replace(pieces[0], keys=keys)
    whole = _no_scores(len(keys), times, channels)
    first = 0
    for piece in pieces:
        n_series, n_time = piece.score.shape
        for name in (*_ARRAYS, "share"):
            target = getattr(whole, name)
            if target is not None:
                target[:n_series, first : first + n_time] = getattr(piece, name)
        first += n_time
    return replace(whole, keys=keys)


def last_of_each(events: Iterable[Event]) -> list[Event]:
    """Return the newest form of each event, in order of first mention."""
    return list({event.id: event for event in events}.values())
