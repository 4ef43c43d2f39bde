"""What people say of events, and what follows from it: lessons for the policy, and kinds of events not told again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from redshank.engine.live_memory import LiveMemory
from redshank.engine.telling import UNWANTED
from redshank.engine.watch_shard import Lesson
from redshank.panel import Key
from redshank.store.records import StoredEvent

FARTHER = 1.1  # times as far as the event that was labelled, is still like it


def learn_labels(
    memory: LiveMemory, labeled: Sequence[StoredEvent], index: Mapping[Key, int], cursor_ns: int, step_ns: int
) -> None:
    """Bring lessons and mutes in line with the labels as they are now (changes ``memory`` in place).

    A lesson begins at the cursor, or where the event it came of began if that is still open, and ends at the cursor
    when the label is taken away: scores and closed events stay as they are. ``index``: rows of the series.
    """
    unwanted = {event.id: event for event in labeled if event.label in UNWANTED}
    active = {lesson.event_id for lesson in memory.lessons if lesson.until_ns is None}
    memory.lessons = [
        lesson if lesson.until_ns is not None or lesson.event_id in unwanted else replace(lesson, until_ns=cursor_ns)
        for lesson in memory.lessons
    ]
    memory.lessons += [
        _lesson(event, index[event.key], cursor_ns)
        for event in unwanted.values()
        if event.kind == "anomaly" and event.id not in active and event.key in index
    ]
    memory.mutes = [(event.id, event.kind, str(event.key)) for event in unwanted.values() if event.kind != "anomaly"]


def _lesson(event: StoredEvent, row: int, cursor_ns: int) -> Lesson:
    has_size = event.actual is not None and event.expected is not None
    size = FARTHER * abs(event.actual - event.expected) if has_size else math.nan  # type: ignore[operator]
    score = FARTHER * event.score if event.score is not None else math.inf
    return Lesson(
        event_id=event.id, row=row, direction=event.direction, size=size, score=min(score, 1e300), from_ns=cursor_ns
    )


def is_muted(event: StoredEvent, mutes: Iterable[tuple[str, str, str]]) -> bool:
    """Whether people said of an earlier event of this kind and series that it is of no interest."""
    return any(kind == event.kind and series == str(event.key) and of != event.id for of, kind, series in mutes)
