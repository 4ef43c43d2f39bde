"""Pushed points as arrays, what was wrong with the rest, and what is put together while a body is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from redshank.errors import TooLargeError
from redshank.panel import Floats, Key
from redshank.push.identity import SEPARATOR, identity_of, key_of

Codes = NDArray[np.int32]
Integers = NDArray[np.int64]
LABEL = "l."  # before the name of a label in a table of points


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one body may hold: ``body_bytes`` when unpacked, texts in characters, ``shown`` rejected rows by name."""

    body_bytes: int = 128 << 20
    points: int = 5_000_000
    series: int = 1_000_000
    labels: int = 64
    text: int = 1000
    shown: int = 100


@dataclass(frozen=True)
class Rejected:
    """A row that was not taken: its number in the body counted from 1, its text (shortened), and why."""

    row: int
    text: str
    reason: str


@dataclass(frozen=True, eq=False)
class Points:
    """Points of many series in the order they came.

    ``identities``: a text for each series (``identity.py``), no two alike. ``series``: (n_points,) index into it.
    ``times``: (n_points,) nanoseconds of UTC. ``values``: (n_points,), finite.
    """

    identities: Sequence[str]
    series: Codes
    times: Integers
    values: Floats

    @classmethod
    def of(cls, keys: Sequence[Key], series: Codes, times: Integers, values: Floats) -> Points:
        """Build points of series given as keys."""
        return cls([identity_of(key.measure, key.labels) for key in keys], series, times, values)

    @classmethod
    def of_frame(cls, frame: pl.DataFrame) -> Points:
        """Build points of a table with columns measure, time (ns), value and ``l.NAME`` (null = no such label).

        Rows whose value is null or not finite are left out.
        """
        kept = frame.filter(pl.col("value").cast(pl.Float64).is_finite())
        labels = [name for name in kept.columns if name.startswith(LABEL)]
        grouped = kept.select("measure", *labels).with_row_index("\x00i").group_by("measure", *labels)
        series = np.zeros(len(kept), np.int32)
        identities = []
        for number, (group, rows) in enumerate(grouped):
            named = ((name[len(LABEL) :], value) for name, value in zip(labels, group[1:], strict=True))
            identities.append(identity_of(str(group[0]), [(name, str(value)) for name, value in named if value]))
            series[rows["\x00i"].to_numpy()] = number
        times = kept["time"].cast(pl.Int64).to_numpy()
        return cls(identities, series, times, kept["value"].cast(pl.Float64).to_numpy())

    @property
    def keys(self) -> list[Key]:
        """The series as keys, made anew."""
        return [key_of(identity) for identity in self.identities]

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.times)

    def frame(self) -> pl.DataFrame:
        """Return a table with columns measure, time, value and ``l.NAME`` (null = no such label)."""
        return points_table(self.keys, self.series, self.times, self.values)


def points_table(keys: Sequence[Key], series: Codes, times: Integers, values: Floats) -> pl.DataFrame:
    """Return points as a table; ``series`` is an index into ``keys``."""
    maps = [key.label_map for key in keys]
    columns = {"measure": pl.Series([key.measure for key in keys], dtype=pl.String).gather(series)}
    columns |= {"time": pl.Series(times, dtype=pl.Int64), "value": pl.Series(values, dtype=pl.Float64)}
    for name in sorted({name for one in maps for name in one}):
        columns[LABEL + name] = pl.Series([one.get(name) for one in maps], dtype=pl.String).gather(series)
    return pl.DataFrame(columns)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pushed:
    """What a body held.

    ``rows`` = ``accepted`` + ``rejected_count``; a row is taken whole or not at all. ``missing``: values that said
    "no value" (null, an empty cell), in accepted rows, of which there is nothing to keep. ``rejected``: the first of
    them. ``left_out``: names of fields that hold text where only numbers are kept.
    """

    points: Points
    rows: int
    accepted: int
    missing: int
    rejected_count: int
    rejected: Sequence[Rejected]
    left_out: Sequence[str] = ()

    @property
    def frame(self) -> pl.DataFrame:
        """The points as a table, see ``Points.frame``."""
        return self.points.frame()


@dataclass
class Intake:
    """Gathers points and rejected rows while a body is read."""

    limits: Limits
    rows: int = 0
    missing: int = 0
    rejected_count: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    left_out: dict[str, None] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)  # of the fields of wide rows: number or text
    known: dict[str, int] = field(default_factory=dict)  # number of each series by its text
    _parts: list[tuple[Codes, Integers, Floats]] = field(default_factory=list)
    _points: int = 0

    def reject(self, row: int, text: object, reason: str) -> None:
        """Count a row as rejected; the first are kept to show."""
        self.rejected_count += 1
        if len(self.rejected) < self.limits.shown:
            shown = text if isinstance(text, str) else bytes(text).decode(errors="replace")  # type: ignore[call-overload]
            self.rejected.append(Rejected(row, shown[:200], reason))

    def is_full(self) -> bool:
        """Whether as many rejected rows are kept as will be shown."""
        return len(self.rejected) >= self.limits.shown

    def code(self, measure: str, labels: Sequence[tuple[str, str]]) -> int:
        """Return the number of a series; ValueError says what is wrong with its names."""
        identity = identity_of(measure, labels)
        number = self.known.get(identity)
        if number is None:
            is_odd = "\0" in identity or not measure or len(identity) > self.limits.text
            if is_odd or len(labels) > self.limits.labels or "" in [name for name, _ in labels]:
                check_names(measure, labels, self.limits)
            number = len(self.known)
            if number >= self.limits.series:
                raise TooLargeError(f"push: a body must hold at most {self.limits.series:,} series")
            self.known[identity] = number
        return number

    def are_plain(self, identities: Sequence[str], n_labels: int) -> bool:
        """Whether nothing can be wrong with the names of series of at most so many labels, but empty label names."""
        limits = self.limits
        longest = max(map(len, identities), default=0)
        if longest > limits.text or n_labels > limits.labels:
            return False
        return not any(map(_starts_badly, identities)) and not any("\0" in identity for identity in identities)

    def codes_of(self, identities: Sequence[str]) -> list[int]:
        """Return the numbers of series by their texts, which must be right."""
        found = list(map(self.known.get, identities))
        if None in found:
            fresh = [identity for identity, number in zip(identities, found, strict=True) if number is None]
            if len(self.known) + len(fresh) > self.limits.series:
                raise TooLargeError(f"push: a body must hold at most {self.limits.series:,} series")
            self.known.update(zip(fresh, range(len(self.known), len(self.known) + len(fresh)), strict=True))
        return [self.known[identity] for identity in identities]

    def add(self, series: Codes, times: Integers, values: Floats) -> None:
        """Keep points; NaN is a missing value, counted and not kept."""
        there = ~np.isnan(values)
        n_there = int(there.sum())
        self.missing += len(values) - n_there
        if n_there < len(values):
            series, times, values = series[there], times[there], values[there]
        self._points += n_there
        if self._points > self.limits.points:
            raise TooLargeError(f"push: a body must hold at most {self.limits.points:,} points")
        self._parts.append((series, times, values))

    def pushed(self) -> Pushed:
        """Return all that was gathered."""
        parts = self._parts or [(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0))]
        series, times, values = parts[0] if len(parts) == 1 else tuple(map(np.concatenate, zip(*parts, strict=True)))
        points = _without_idle(list(self.known), series, times, values)
        return Pushed(
            points=points,
            rows=self.rows,
            accepted=self.rows - self.rejected_count,
            missing=self.missing,
            rejected_count=self.rejected_count,
            rejected=sorted(self.rejected, key=lambda one: one.row),
            left_out=tuple(self.left_out),
        )


def _without_idle(identities: list[str], series: Codes, times: Integers, values: Floats) -> Points:
    """The points without series that none of them belongs to, such as those of rejected rows."""
    used = np.bincount(series, minlength=len(identities)) > 0
    if used.all():
        return Points(identities, series, times, values)
    numbers = (np.cumsum(used) - 1).astype(np.int32)
    return Points([identities[i] for i in np.flatnonzero(used)], numbers[series], times, values)


def _starts_badly(identity: str) -> bool:
    """Whether the measure is empty."""
    return identity[:1] in ("", SEPARATOR)


def check_names(measure: str, labels: Sequence[tuple[str, str]], limits: Limits) -> None:
    """Raise ValueError when the names of a series are empty, too long or too many."""
    if not measure:
        raise ValueError("the measure must not be empty")
    if len(labels) > limits.labels:
        raise ValueError(f"a series must have at most {limits.labels} labels, got {len(labels)}")
    for text in (measure, *(part for pair in labels for part in pair)):
        if len(text) > limits.text:
            raise ValueError(f"a name or label must have at most {limits.text:,} characters, got {len(text):,}")
        if "\0" in text:
            raise ValueError(f"a name or label must not hold NUL, got {text[:60]!r}")
    if any(not name for name, _ in labels):
        raise ValueError("the name of a label must not be empty")
