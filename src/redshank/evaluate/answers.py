"""From the result of a detection to what is measured of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from redshank.evaluate.events import Integers, Mask, runs
from redshank.evaluate.figures import Answer, Labelled
from redshank.panel import Key, Times, to_time

if TYPE_CHECKING:
    from redshank.decide import Event
    from redshank.result import Result

FILE = "file"  # the label that tells the series of several files apart


def answers_of(
    result: Result,
    truth_of: Callable[[Key, Times], Mask],
    *,
    is_live: bool = False,
    since: datetime | None = None,
    file: str = "",
) -> Iterator[tuple[Labelled, Answer]]:
    """Yield each series with its truth and the answer at the points that count: see ``counted``.

    ``since``: points before it are left out (a training stretch). ``is_live``: an alarm is on from the moment it was
    raised, not from where its event turned out to begin. ``file``: the file of series that have no label of that name.
    """
    events: dict[Key, list[Event]] = {}
    for event in result.events:
        events.setdefault(event.key, []).append(event)
    for part in result.parts:
        times = part.panel.times
        begin = 0 if since is None else int(np.searchsorted(times, to_time(since)))
        for row, key in enumerate(part.panel.keys):
            truth = truth_of(key, times)
            inside = counted(np.isfinite(part.panel.values[row]).any(axis=1), truth)
            inside = inside[inside >= begin]
            if len(inside) == 0:
                continue
            alarm = alarms(events.get(key, ()), times, is_live=is_live)
            from_file = PurePath(key.label_map.get(FILE, file)).stem
            values = part.panel.values[row, inside, 0]
            series = Labelled(str(key), times[inside], values, truth[inside], file=from_file)
            yield series, Answer(part.scores.score[row, inside], alarm[inside])


def counted(there: Mask, truth: Mask) -> Integers:
    """Return the indices of the points that count, of (n,) ``there`` = has a value.

    All points with a value do, and those of a true event that holds no value at all, such as an outage. Others only
    fill the grid that a series shares with denser ones: they would cut its events to pieces.
    """
    known = np.flatnonzero(there | truth)
    lost = truth[known] & ~there[known]
    keep = np.ones(len(known), bool)
    for start, end in zip(*runs(truth[known]), strict=True):
        if not lost[start:end].all():
            keep[start:end] = ~lost[start:end]
    return known[keep].astype(np.int64)


def alarms(events: Iterable[Event], times: Times, *, is_live: bool = False) -> Mask:
    """Return where one of the events of a series is on (n,)."""
    mask = np.zeros(len(times), bool)
    for event in events:
        start = event.opened if is_live else event.start
        first, last = np.searchsorted(times, [to_time(start), to_time(event.end)])
        mask[first:last] = True
    return mask
