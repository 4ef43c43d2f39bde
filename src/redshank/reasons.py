"""Say in words why a stretch is an event: how far from the usual, how new, how rare. Pure text from numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from zoneinfo import ZoneInfo

import numpy as np

from redshank.decide import Event
from redshank.panel import Floats, Panel, to_time

_HOUR_NS = 3_600_000_000_000
_NEAR_POINTS = 50_000  # on either side of an event, that the usual value is taken from
_LEAST_REPEATS = 3  # so many other days (or weeks) make an hour of the day (or week) a "usual"
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Usual:
    """What a series usually has at the time of an event: the value and the name of that time."""

    value: float
    when: str


def explain(event: Event, panel: Panel, row: int, *, tz: str = "UTC", compares_shapes: bool = True) -> str:
    """Return the reason of an event in words, such as "3.1 times the usual for Monday 09:00; once in 40,000 points".

    ``panel`` and ``row``: the series it is in, with the history around it. ``compares_shapes``: the detector compares
    stretches, so that "no stretch like it" is what it found.
    """
    channel = panel.channels.index(next(iter(event.share))) if event.share else 0
    values = panel.values[row, :, channel]
    first, last = np.searchsorted(panel.times, [to_time(event.start), to_time(event.end)])
    parts = [_distance(event, values, panel, int(first), int(last), ZoneInfo(tz))]
    if compares_shapes and panel.n_time > 1:
        parts.append(f"no stretch like it in {_span(panel.end - panel.start)}")
    if math.isfinite(event.rarity):
        parts.append(f"once in {_round_count(event.rarity)} points")
    if event.share:
        parts.append("carried by " + _carriers(event.share))
    return "; ".join(part for part in parts if part)


def _distance(event: Event, values: Floats, panel: Panel, first: int, last: int, zone: tzinfo) -> str:
    """How the value at the peak stands to what is usual then."""
    stretch = values[first:last]
    stretch = stretch[~np.isnan(stretch)]
    others = np.concatenate([values[:first], values[last:]])
    others = others[~np.isnan(others)]
    if len(others) == 0 or math.isnan(event.actual):
        return ""
    if len(stretch) >= 5 and np.ptp(stretch) == 0 and np.ptp(others) > 0 and (others == stretch[0]).mean() < 0.5:
        return f"flat at {number(event.actual)} for {_span(event.end - event.start)}"
    usual = _usual(event, values, panel, first, last, zone)
    if (event.actual - usual.value) * (event.actual - event.expected) < 0:  # or "up" would read "below the usual"
        usual = Usual(event.expected, "the expected")
    if event.actual > others.max() or event.actual < others.min():
        extreme = "highest" if event.actual > others.max() else "lowest"
        return f"{_against(event.actual, usual)}, the {extreme} of all"
    if usual.value == event.actual or _is_ordinary(event, others):
        return f"an unusual shape around {number(event.actual)}"
    return _against(event.actual, usual)


def _is_ordinary(event: Event, others: Floats) -> bool:
    """Whether the value itself lies where the detector expected it, or amid the series' values if it expected none."""
    if math.isfinite(event.lower) and math.isfinite(event.upper):
        return event.lower <= event.actual <= event.upper
    low, high = np.quantile(others, [0.1, 0.9])
    return bool(low <= event.actual <= high)


def _usual(event: Event, values: Floats, panel: Panel, first: int, last: int, zone: tzinfo) -> Usual:
    """The median at the same hour of the week, else of the day, else what was expected, else of all around it."""
    near = slice(max(0, first - _NEAR_POINTS), last + _NEAR_POINTS)
    first, last = first - near.start, last - near.start
    values, times = values[near], panel.times[near]
    local = event.peak.astimezone(zone)
    offset_ns = int((local.utcoffset() or timedelta(0)).total_seconds()) * 1_000_000_000
    hours = (times.view(np.int64) + offset_ns) // _HOUR_NS
    peak_hour = (int(to_time(event.peak).view(np.int64)) + offset_ns) // _HOUR_NS
    there = ~np.isnan(values)
    there[first:last] = False
    for cycle, when in ((168, f"{_DAYS[local.weekday()]} {local:%H}:00"), (24, f"{local:%H}:00")):
        same = there & ((hours - peak_hour) % cycle == 0)
        if len(np.unique(hours[same])) >= _LEAST_REPEATS:
            return Usual(float(np.median(values[same])), f"the usual for {when}")
    if math.isfinite(event.expected):
        return Usual(event.expected, "the expected")
    return Usual(float(np.median(values[there])), "the usual")


def _against(actual: float, usual: Usual) -> str:
    if usual.value > 0 and actual > 0:
        ratio = actual / usual.value
        if ratio >= 1.5:
            return f"{number(ratio)} times {usual.when} ({number(usual.value)})"
        if ratio <= 1 / 1.5:
            return f"{number(100 * (1 - ratio), 2)} % below {usual.when} ({number(usual.value)})"
    side = "above" if actual >= usual.value else "below"
    return f"{number(abs(actual - usual.value))} {side} {usual.when} ({number(usual.value)})"


def _carriers(share: dict[str, float]) -> str:
    leading = [(name, part) for name, part in share.items() if part >= 0.1][:3] or list(share.items())[:1]
    return ", ".join(f"{name} {round(100 * part)} %" for name, part in leading)


def _span(duration: timedelta) -> str:
    """A duration as people say it: the largest unit of which there are at least two."""
    seconds = duration.total_seconds()
    for unit, size in (("weeks", 604800), ("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.3g} seconds"


def _round_count(count: float) -> str:
    """A count to two digits: 41,234 is "41,000"."""
    digits = max(0, math.floor(math.log10(max(count, 1))) - 1)
    return f"{round(count, -digits):,.0f}"


def number(value: float, digits: int = 3) -> str:
    """Return a number for people: so many significant digits, thousands with commas, no exponent for usual sizes."""
    if math.isnan(value):
        return "-"
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    size = abs(value)
    if size >= 1e15 or size < 1e-5:
        return f"{value:.{digits - 1}e}"
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
