"""The kinds of anomalies that ``sample`` puts into clean series, and where it puts them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from redshank.panel import Floats, Key, Panel, to_datetime

LEAD_SHARE = 0.2  # of a series at its start that stays clean
GAP_POINTS = 20  # clean points between two anomalies, at least
FALLBACK_PERIOD = 50  # points that an anomaly of one cycle lasts where there is no season


@dataclass(frozen=True)
class Interval:
    """An anomaly: start <= t < end, its kind, and the channels that it is in."""

    key: Key
    start: datetime
    end: datetime
    kind: str
    channels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Bed:
    """Clean series to put anomalies into, changed in place.

    ``values``, ``season``, ``noise``: (n_series, n_time, n_channels). ``spread`` of the season, ``jump`` (usual step of
    the noise) and ``is_count`` (whole numbers only): (n_series, n_channels).
    """

    values: Floats
    season: Floats
    noise: Floats
    spread: Floats
    jump: Floats
    is_count: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Place:
    """One channel of one series around an anomaly at first <= i < last; all (n_time,), ``values`` changed in place.

    ``size``: a deviation that stands out, in the unit of the series, with its sign.
    """

    values: Floats
    season: Floats
    noise: Floats
    first: int
    last: int
    size: float

    @property
    def inside(self) -> slice:
        """The points of the anomaly."""
        return slice(self.first, self.last)


def _spike(at: Place) -> None:
    at.values[at.inside] += at.size


def _shift(at: Place) -> None:
    at.values[at.first :] += at.size


def _drift(at: Place) -> None:
    at.values[at.inside] += at.size * np.linspace(0.0, 1.5, at.last - at.first)


def _zero(at: Place) -> None:
    at.values[at.inside] = 0.0


def _missing(at: Place) -> None:
    at.values[at.inside] = np.nan


def _flat(at: Place) -> None:
    at.values[at.inside] = at.values[at.first]


def _missing_cycle(at: Place) -> None:
    """The cycle does not come: the value stays where the cycle began."""
    at.values[at.inside] += at.season[at.first] - at.season[at.inside]


def _changed_shape(at: Place) -> None:
    """The cycle comes upside down."""
    at.values[at.inside] -= 2 * at.season[at.inside]


def _variance(at: Place) -> None:
    at.values[at.inside] += 4 * at.noise[at.inside]


def _collective(at: Place) -> None:
    """A stretch of values that are usual one by one, and in this order never seen: it runs back and forth."""
    stretch = at.values[at.inside]
    stretch[1::2] = stretch[::-1][1::2]
    stretch[::2] += 0.5 * at.size


@dataclass(frozen=True)
class _Kind:
    """How an anomaly changes the values, and how long it lasts: in points, or in cycles (of the shortest season)."""

    change: Callable[[Place], None]
    shortest: float
    longest: float
    in_cycles: bool = False


KINDS = {
    "spike": _Kind(_spike, 1, 3),
    "shift": _Kind(_shift, 0.2, 0.4, in_cycles=True),
    "drift": _Kind(_drift, 0.5, 1.0, in_cycles=True),
    "zero": _Kind(_zero, 4, 20),
    "missing": _Kind(_missing, 4, 20),
    "flat": _Kind(_flat, 0.2, 0.6, in_cycles=True),
    "missing_cycle": _Kind(_missing_cycle, 1.0, 1.0, in_cycles=True),
    "changed_shape": _Kind(_changed_shape, 0.6, 1.0, in_cycles=True),
    "variance": _Kind(_variance, 0.3, 0.6, in_cycles=True),
    "collective": _Kind(_collective, 0.2, 0.4, in_cycles=True),
}
NEEDS_SEASON = {"missing_cycle", "changed_shape"}


def place(
    chance: np.random.Generator, bed: Bed, panel: Panel, *, kinds: Sequence[str], rate: float, period: int
) -> tuple[NDArray[np.bool_], list[Interval]]:
    """Put anomalies into all series; return the truth (n_series, n_time) and where they are.

    ``rate``: per 10,000 points. ``period``: points of the shortest season, 0 without. Kinds that need a season are
    not drawn without one. Anomalies that find no room are left out.
    """
    usable = [kind for kind in kinds if period or kind not in NEEDS_SEASON]
    truth = np.zeros((panel.n_series, panel.n_time), bool)
    intervals: list[Interval] = []
    if not usable:
        return truth, intervals
    wanted = rate * panel.n_time / 10_000
    counts = np.floor(wanted + chance.random(panel.n_series)).astype(int)
    if panel.n_series == 1 and rate > 0:
        counts = np.array([max(1, round(wanted))])
    for row, count in enumerate(counts):
        drawn = [usable[i] for i in chance.integers(0, len(usable), count)]
        for kind, first, last in _spots(chance, drawn, panel.n_time, period or FALLBACK_PERIOD):
            touched = _touched(chance, panel.n_channels)
            for channel in touched:
                _change(chance, bed, row, channel, kind, first, last)
            truth[row, first:last] = True
            intervals.append(_interval(panel, row, kind, first, last, touched))
    return truth, intervals


def _spots(chance: np.random.Generator, drawn: list[str], n: int, period: int) -> list[tuple[str, int, int]]:
    """(kind, first, last) of anomalies behind the lead, in order of time, with gaps between them."""
    lengths = [_length(chance, KINDS[kind], period) for kind in drawn]
    lead = int(LEAD_SHARE * n)
    while lengths and sum(lengths) + GAP_POINTS * len(lengths) > n - lead:
        longest = lengths.index(max(lengths))
        del lengths[longest], drawn[longest]
    free = n - lead - sum(lengths) - GAP_POINTS * len(lengths)
    offsets = np.sort(chance.integers(0, free + 1, len(lengths)))
    spots, first = [], lead
    for kind, offset, length in zip(drawn, np.diff(offsets, prepend=0), lengths, strict=True):
        first += int(offset)
        spots.append((kind, first, first + length))
        first += length + GAP_POINTS
    return spots


def _length(chance: np.random.Generator, kind: _Kind, period: int) -> int:
    unit = period if kind.in_cycles else 1
    return max(1, round(chance.uniform(kind.shortest, kind.longest) * unit))


def _touched(chance: np.random.Generator, n_channels: int) -> list[int]:
    """The channels that an anomaly is in: one to half of them."""
    count = int(chance.integers(1, max(1, n_channels // 2) + 1))
    return sorted(int(i) for i in chance.choice(n_channels, count, replace=False))


def _change(chance: np.random.Generator, bed: Bed, row: int, channel: int, kind: str, first: int, last: int) -> None:
    size = chance.uniform(5.0, 9.0) * bed.jump[row, channel] + chance.uniform(0.3, 0.8) * bed.spread[row, channel]
    signed = float(size if chance.random() < 0.5 else -size)
    if bed.is_count[row, channel] and bed.values[row, first:last, channel].min() + signed < 0:
        signed = abs(signed)  # counts end at zero, and half of a fall would be no anomaly
    along = (bed.values[row, :, channel], bed.season[row, :, channel], bed.noise[row, :, channel])
    KINDS[kind].change(Place(*along, first, last, signed))


def _interval(panel: Panel, row: int, kind: str, first: int, last: int, touched: list[int]) -> Interval:
    step = np.timedelta64(panel.step_ns, "ns")
    return Interval(
        panel.keys[row],
        to_datetime(panel.times[first]),
        to_datetime(panel.times[last - 1] + step),
        kind,
        tuple(panel.channels[i] for i in touched),
    )
