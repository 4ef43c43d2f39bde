"""Say in words why a stretch is an event: how far from the usual, how new, how rare. Pure text from numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta, tzinfo
from zoneinfo import ZoneInfo

import numpy as np

from redshank.decide import Event
from redshank.panel import Floats, Panel, Times, to_time

_HOUR_NS = 3_600_000_000_000
_NEAR_POINTS = 50_000  # on either side of an event, that is looked at
_NEAR_REPEATS = 30  # days (or weeks) on either side of an event, that the usual value is taken from
_LEAST_REPEATS = 3  # so many other days (or weeks) make an hour of the day (or week) a "usual"
_FLAT_POINTS = 5  # equal values in a row that may be called flat
_FAR = 1000.0  # times the usual, from which on the number of times says nothing
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, kw_only=True)
class Telling:
    """What the words depend on beside the numbers.

    ``tz``: the zone of "Monday 09:00". ``compares_shapes``: the detector compares stretches, so that "no stretch like
    it" is what it found. ``looks_back``: it runs live, so only what came before an event's end is told of. ``rarest``:
    rarity beyond which nothing is known.
    """

    tz: str = "UTC"
    compares_shapes: bool = True
    looks_back: bool = False
    rarest: float = math.inf


@dataclass(frozen=True)
class Usual:
    """What a series usually has at the time of an event: the value and the name of that time."""

    value: float
    when: str


@dataclass(frozen=True, eq=False)
class History:
    """One channel of a series, with its extremes so far and from then on; ``highest_before[i]`` is of points < i."""

    times: Times
    values: Floats
    highest_before: Floats
    lowest_before: Floats
    highest_from: Floats
    lowest_from: Floats

    @classmethod
    def of(cls, times: Times, values: Floats) -> History:
        """Look at (n,) values once, for all events of the series."""
        nothing = np.array([np.nan])
        before = np.concatenate([nothing, values])
        after = np.concatenate([values, nothing])[::-1]
        return cls(
            times,
            values,
            np.fmax.accumulate(before),
            np.fmin.accumulate(before),
            np.fmax.accumulate(after)[::-1],
            np.fmin.accumulate(after)[::-1],
        )


@dataclass(frozen=True, eq=False)
class Around:
    """What there is beside an event, first <= i < last: its history, of which points i < ``end`` may be told."""

    event: Event
    history: History
    first: int
    last: int
    end: int

    @property
    def stretch(self) -> Floats:
        """The values of the event, missing ones included."""
        return self.history.values[self.first : self.last]

    @property
    def highest(self) -> float:
        """The highest value outside the event; NaN without one."""
        after = self.history.highest_from[self.last] if self.end > self.last else math.nan
        return float(np.fmax(self.history.highest_before[self.first], after))

    @property
    def lowest(self) -> float:
        """The lowest value outside the event; NaN without one."""
        after = self.history.lowest_from[self.last] if self.end > self.last else math.nan
        return float(np.fmin(self.history.lowest_before[self.first], after))

    def others(self) -> Floats:
        """The values near the event and outside it, without missing ones."""
        before = self.history.values[max(0, self.first - _NEAR_POINTS) : self.first]
        after = self.history.values[self.last : min(self.last + _NEAR_POINTS, self.end)]
        found = np.concatenate([before, after])
        there: Floats = found[~np.isnan(found)]
        return there


def explained(events: Sequence[Event], panel: Panel, telling: Telling) -> list[Event]:
    """Return the events with their reasons; ``panel`` holds their series, with the history around them.

    Costs one pass over a series with events, and little for each event of it, in whatever order.
    """
    row = {key: i for i, key in enumerate(panel.keys)}
    histories: dict[tuple[int, int], History] = {}
    found = []
    for event in events:
        channel = _channel(event, panel)
        at = (row[event.key], channel)
        if at not in histories:
            if len(histories) > panel.n_channels:
                histories.clear()  # events come series by series
            histories[at] = History.of(panel.times, panel.values[at[0], :, channel])
        found.append(replace(event, reason=_reason(event, panel, histories[at], telling)))
    return found


def explain(event: Event, panel: Panel, row: int, telling: Telling | None = None) -> str:
    """Return the reason of an event in words, such as "3.1 times the usual for Monday 09:00; once in 40,000 points".

    ``panel`` and ``row``: the series it is in, with the history around it.
    """
    history = History.of(panel.times, panel.values[row, :, _channel(event, panel)])
    return _reason(event, panel, history, telling or Telling())


def _channel(event: Event, panel: Panel) -> int:
    return panel.channels.index(next(iter(event.share))) if event.share else 0


def _reason(event: Event, panel: Panel, history: History, telling: Telling) -> str:
    first, last = (int(i) for i in np.searchsorted(panel.times, [to_time(event.start), to_time(event.end)]))
    around = Around(event, history, first, last, last if telling.looks_back else len(history.values))
    parts = [_distance(around, telling)]
    if event.share and parts[0]:
        parts[0] = f"{next(iter(event.share))}: {parts[0]}"
    if telling.compares_shapes and around.end > last - first:
        seen = (event.end if telling.looks_back else panel.end) - panel.start
        parts.append(f"no stretch like it in {_span(seen)}")
    if math.isfinite(event.rarity):
        less = "less than " if event.rarity >= telling.rarest * (1 - 1e-9) else ""
        parts.append(f"{less}once in {_round_count(event.rarity)} points")
    if event.share:
        parts.append("carried by " + _carriers(event.share))
    return "; ".join(part for part in parts if part)


def _distance(around: Around, telling: Telling) -> str:
    """How the value at the peak stands to what is usual then."""
    event = around.event
    if math.isnan(around.highest) or math.isnan(event.actual):
        return ""
    flat = _flat(around)
    if flat:
        return flat
    usual = _told_usual(around, ZoneInfo(telling.tz))
    if event.actual > around.highest or event.actual < around.lowest:
        extreme = "highest" if event.actual > around.highest else "lowest"
        return f"{_against(event.actual, usual)}, the {extreme} {'so far' if telling.looks_back else 'of all'}"
    if usual.value == event.actual or (telling.compares_shapes and _is_ordinary(around)):
        what = "an unusual shape" if telling.compares_shapes else "unusual values"
        return f"{what} around {number(event.actual)}"
    return _against(event.actual, usual)


def _flat(around: Around) -> str:
    """Say that the value hangs: at the peak or for half of the event, and nowhere else for half as long; else ""."""
    start, length = _longest_run(around.stretch)
    peak = int(np.searchsorted(around.history.times, to_time(around.event.peak))) - around.first
    if length < _FLAT_POINTS or not (start <= peak < start + length or 2 * length >= len(around.stretch)):
        return ""
    others = around.others()
    if 2 * _longest_run(others)[1] > length or np.ptp(others) == 0:
        return ""
    times = around.history.times
    begin = around.first + start
    step = times[begin + 1] - times[begin]
    span = times[begin + length - 1] + step - times[begin]
    return f"flat at {number(float(around.stretch[start]))} for {_span(timedelta(microseconds=int(span) / 1000))}"


def _longest_run(values: Floats) -> tuple[int, int]:
    """(Index, length) of the longest run of equal values (n,); a missing one is equal to none."""
    if len(values) == 0:
        return 0, 0
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    lengths = np.diff(np.append(starts, len(values)))
    best = int(np.argmax(lengths))
    return int(starts[best]), int(lengths[best])


def _is_ordinary(around: Around) -> bool:
    """Whether the value itself lies where the detector expected it, or amid the series' values if it expected none."""
    event = around.event
    if math.isfinite(event.lower) and math.isfinite(event.upper):
        return event.lower <= event.actual <= event.upper
    low, high = np.quantile(around.others(), [0.1, 0.9])
    return bool(low <= event.actual <= high)


def _told_usual(around: Around, zone: tzinfo) -> Usual:
    """The usual value, or the expected one where that tells far more of why there was an alarm.

    So "up" never reads "below the usual", and a value that comes close to the usual of another day, which the detector
    did not know yet, is not set against that.
    """
    event = around.event
    usual = _usual(around, zone)
    from_usual, from_expected = event.actual - usual.value, event.actual - event.expected
    if from_usual * from_expected < 0 or abs(from_usual) < 0.5 * abs(from_expected):
        return Usual(event.expected, "the expected")
    return usual


def _usual(around: Around, zone: tzinfo) -> Usual:
    """The median at the same hour of the week, else of the day, else what was expected, else of all around it."""
    local = around.event.peak.astimezone(zone)
    offset_ns = int((local.utcoffset() or timedelta(0)).total_seconds()) * 1_000_000_000
    peak_ns = int(to_time(around.event.peak).view(np.int64))
    hour_ns = (peak_ns + offset_ns) // _HOUR_NS * _HOUR_NS - offset_ns
    for hours, when in ((168, f"{_DAYS[local.weekday()]} {local:%H}:00"), (24, f"{local:%H}:00")):
        same = _same_hours(around, hour_ns, hours)
        if same is not None:
            return Usual(float(np.median(same)), f"the usual for {when}")
    if math.isfinite(around.event.expected):
        return Usual(around.event.expected, "the expected")
    return Usual(float(np.median(around.others())), "the usual")


def _same_hours(around: Around, hour_ns: int, hours: int) -> Floats | None:
    """The values in the hours that lie a multiple of ``hours`` from the one of the peak; None if there are too few."""
    starts = hour_ns + np.arange(-_NEAR_REPEATS, _NEAR_REPEATS + 1) * hours * _HOUR_NS
    times = around.history.times.view(np.int64)
    found = []
    for begin, end in np.searchsorted(times, np.stack([starts, starts + _HOUR_NS], axis=1)).tolist():
        stop = min(end, around.end)
        for a, b in ((begin, min(stop, around.first)), (max(begin, around.last), stop)):
            if a < b:
                part = around.history.values[a:b]
                found.append(part[~np.isnan(part)])
    found = [part for part in found if len(part)]
    return np.concatenate(found) if len(found) >= _LEAST_REPEATS else None


def _against(actual: float, usual: Usual) -> str:
    value = 0.0 if abs(usual.value) < 1e-6 * abs(actual) else usual.value
    shown = f"{usual.when} ({number(value)})"
    if value > 0 and actual > 0:
        ratio = actual / value
        if ratio >= _FAR or ratio <= 0.01:
            return f"{number(actual)}, far {'above' if ratio > 1 else 'below'} {shown}"
        if ratio >= 1.5:
            return f"{number(ratio)} times {shown}"
        if ratio <= 1 / 1.5:
            return f"{number(min(100 * (1 - ratio), 99), 2)} % below {shown}"
    if actual == 0 and value > 0:
        return f"0 instead of {shown}"
    side = "above" if actual >= value else "below"
    return f"{number(abs(actual - value))} {side} {shown}"


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
