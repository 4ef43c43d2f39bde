"""Slow and obvious twins of the aggregation into buckets."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = tuple[datetime, str, float | None]


def bucket_start(time: datetime, step: timedelta, tz: str | None) -> datetime:
    """Start of the bucket: whole steps of UTC, or of local days for steps of whole days; weeks start on Monday."""
    day = timedelta(days=1)
    if tz is None or step % day:
        origin = EPOCH + timedelta(days=4) if step % (7 * day) == timedelta(0) else EPOCH
        return origin + (time - origin) // step * step
    local = time.astimezone(ZoneInfo(tz)).date()
    origin_day = datetime(1970, 1, 5 if step % (7 * day) == timedelta(0) else 1, tzinfo=UTC).date()
    days = (local - origin_day).days // step.days * step.days
    first = origin_day + timedelta(days=days)
    return datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(tz)).astimezone(UTC)


def value(agg: str, rows: list[tuple[datetime, float]]) -> float:
    """Aggregate of the present values of a bucket; NaN when there is none, or one for a spread."""
    values = [number for _, number in rows]
    if agg == "count":
        return float(len(values))
    if agg == "sum":
        return math.fsum(values)
    if agg == "cardinality":
        return float(len(set(values)))
    if not values or (agg in ("variance", "std") and len(values) < 2):
        return math.nan
    if agg in ("first", "last"):
        ordered = sorted(rows, key=lambda row: row[0])
        return ordered[0 if agg == "first" else -1][1]
    if agg.startswith("p"):
        ordered_values = sorted(values)
        place = (len(values) - 1) * float(agg[1:]) / 100
        low = math.floor(place)
        high = min(low + 1, len(values) - 1)
        return ordered_values[low] + (ordered_values[high] - ordered_values[low]) * (place - low)
    named = {"min": min, "max": max, "mean": statistics.fmean, "median": statistics.median}
    spread = {"variance": statistics.variance, "std": statistics.stdev}
    return float((named | spread)[agg](values))


def buckets(rows: list[Row], step: timedelta, agg: str, tz: str | None = None) -> dict[str, dict[datetime, float]]:
    """Value of each bucket that holds rows, by series and start."""
    grouped: dict[str, dict[datetime, list[tuple[datetime, float]]]] = defaultdict(lambda: defaultdict(list))
    for time, series, number in rows:
        inside = grouped[series][bucket_start(time, step, tz)]
        if number is not None:
            inside.append((time, number))
    return {name: {start: value(agg, inside) for start, inside in found.items()} for name, found in grouped.items()}
