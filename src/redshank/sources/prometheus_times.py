"""Where the points of metrics lie in time, asked in ever finer windows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from redshank.errors import NoPointsError
from redshank.sources.prometheus_api import MILLISECOND, MOST_STEPS, Api
from redshank.sources.prometheus_text import Selector
from redshank.tables.buckets import RECENT_STEPS, Buckets, reaches_end

SECOND_MS, DAY_MS = 1000, 86_400_000
LOOK_BACK_MS = 3650 * DAY_MS  # how far points are looked for where no start is asked for
FINE_MS = 300_000  # windows in which the newest point is looked for
_PARTS = 1000  # windows whose points are counted to find parts of about one size


def now_ms() -> int:
    """Return the time of this machine."""
    return time.time_ns() // MILLISECOND


def counted(api: Api, selectors: Sequence[Selector], start: int, end: int, window: int) -> NDArray[np.int64]:
    """Return how many points there are in each window of start <= t < end (milliseconds); the last may end later."""
    n = -(-(end - start) // window)
    found = np.zeros(n, np.int64)
    for selector in selectors:
        expression = f"sum(count_over_time({selector}[{window}ms]))"
        for first in range(0, n, MOST_STEPS):
            last = min(n, first + MOST_STEPS)
            moment = start + (first + 1) * window - 1
            for each in api.steps(expression, moment, window, last - first):
                for seconds, value in each.points:
                    found[(round(seconds * 1000) - start) // window] += int(float(value))
    return found


def span_of(api: Api, selectors: Sequence[Selector], start: int | None, end: int | None) -> tuple[int, int] | None:
    """Return a range (milliseconds) that holds all points, to the day where it was open; None when there are none."""
    if start is not None and end is not None:
        return start, end
    last = (now_ms() // DAY_MS + 2) * DAY_MS if end is None else end
    first = (last - LOOK_BACK_MS) // DAY_MS * DAY_MS if start is None else start
    if first >= last:
        return None
    days = np.flatnonzero(counted(api, selectors, first, last, DAY_MS))
    if not len(days):
        return None
    found = first + int(days[0]) * DAY_MS, first + int(days[-1] + 1) * DAY_MS
    return max(first, found[0]) if start is None else start, min(last, found[1])


def newest_ms(api: Api, selectors: Sequence[Selector], start: int | None, end: int | None) -> int | None:
    """Return the time of the newest point; None when there is none in ten years."""
    last = now_ms() + 1 if end is None else end
    found = [_at(api, selector, last) for selector in selectors]
    recent = [each for each in found if each is not None and (start is None or each >= start)]
    if recent:
        return max(recent)
    span = span_of(api, selectors, start, None if end is None else end)
    span = span if start is None or end is None else _days(api, selectors, start, end)
    if span is None:
        return None
    begin = max(span[0], (span[1] - 1) // DAY_MS * DAY_MS - DAY_MS)
    windows = np.flatnonzero(counted(api, selectors, begin, span[1], FINE_MS))
    for window in windows[::-1].tolist():
        times = points_of(api, selectors, begin + window * FINE_MS, min(span[1], begin + (window + 1) * FINE_MS))
        if len(times):
            return int(times.max())
    return None


def _days(api: Api, selectors: Sequence[Selector], start: int, end: int) -> tuple[int, int] | None:
    days = np.flatnonzero(counted(api, selectors, start, end, DAY_MS))
    return (start, min(end, start + int(days[-1] + 1) * DAY_MS)) if len(days) else None


def _at(api: Api, selector: Selector, end: int) -> int | None:
    """The newest of the last points that series show just before ``end``."""
    found = api.instant(f"max(timestamp({selector}))", end - 1)
    return round(float(found[0].points[0][1]) * 1000) if found else None


def points_of(api: Api, selectors: Sequence[Selector], start: int, end: int) -> NDArray[np.int64]:
    """Return the different times of points in start <= t < end, in order."""
    times: set[int] = set()
    for selector in selectors:
        for each in api.instant(f"{selector}[{end - start}ms]", end - 1):
            times.update(round(seconds * 1000) for seconds, _ in each.points)
    found = np.array(sorted(times), np.int64)
    return found[found >= start]


def parts_of(api: Api, selectors: Sequence[Selector], start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of about ``most`` points each that hold all of start <= t < end; empty stretches are left out."""
    window = max(60 * SECOND_MS, -(-(end - start) // _PARTS))
    held, begin = 0, start
    for i, n in enumerate(counted(api, selectors, start, end, window).tolist()):
        edges = start + i * window, min(end, start + (i + 1) * window)
        if held and held + n > most:
            yield begin, edges[0]
            held = 0
        if not held:
            begin = edges[0]
        if n > most:
            size = max(1, (edges[1] - edges[0]) * most // n)
            yield from ((at, min(edges[1], at + size)) for at in range(edges[0], edges[1], size))
            continue
        held += n
    if held:
        yield begin, end


def reaches_last(api: Api, selectors: Sequence[Selector], rule: Buckets, span: tuple[int, int], most: int) -> bool:
    """Whether the times in a range reach the end of the bucket that the last of them is in.

    Raises:
        NoPointsError: there are none.
    """
    newest = newest_ms(api, selectors, *span)
    if newest is None:
        raise NoPointsError(f"{api.http.where}: holds no points in the range asked for")
    end = rule.end_of(newest * MILLISECOND)
    since = max(span[0], newest - RECENT_STEPS * rule.step // MILLISECOND + 1)
    times = np.array([newest], np.int64)
    for part in reversed(list(parts_of(api, selectors, since, newest + 1, most))):
        times = np.union1d(times, points_of(api, selectors, *part))
        far = newest * MILLISECOND + 1.25 * 2 * RECENT_STEPS * rule.step / max(1, len(times) - 1)
        if len(times) > 1 and far < end:
            return False  # regular times as many as these are too close together to reach that far
    return reaches_end(times * MILLISECOND, end)
