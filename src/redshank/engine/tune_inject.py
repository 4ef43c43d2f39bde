"""Copies of a stretch of real series with anomalies of known shape and size in it, to see who finds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from redshank.panel import Floats, Panel
from redshank.periods import acf_period
from redshank.sample.anomalies import FALLBACK_PERIOD, KINDS, NEEDS_SEASON, Place

SIZES = {"small": (4.0, 0.2), "medium": (7.0, 0.5), "large": (12.0, 1.0)}  # usual steps, and shares of the spread
SHAPES = ("spike", "shift", "drift", "zero", "flat", "variance", "missing_cycle", "changed_shape", "collective")
LEAST_GAP = 30  # points between two anomalies
LEAD = 10  # untouched points at the start of a stretch
EXPLAINED = 0.2  # of the variance, that a season must explain
LEVEL_POINTS = 25


@dataclass(frozen=True)
class Injected:
    """An anomaly in series ``row`` at first <= i < last of the stretch."""

    row: int
    first: int
    last: int
    shape: str
    size: str


@dataclass(frozen=True, eq=False)
class Stretch:
    """Points ``first`` <= i < ``last`` of a history: as they were, and copies with anomalies in them, by size."""

    first: int
    last: int
    copies: dict[str, tuple[Panel, list[Injected]]]


def with_anomalies(history: Panel, first: int, last: int, seed: int) -> Stretch:
    """Return a stretch of a history with its copies; what is usual is told from the points before ``last``."""
    known = history.values[:, :last]
    copies = {}
    for size in SIZES:
        values = known[:, first:].copy()
        placed: list[Injected] = []
        for row in range(history.n_series):
            chance = np.random.default_rng([seed, first, row])  # the same places and shapes in each size
            channel = int(chance.integers(0, history.n_channels))
            placed += _placed(chance, known[row, :, channel], values[row, :, channel], row, first, size)
        copies[size] = (Panel(history.keys, history.times[first:last], values, history.channels), placed)
    return Stretch(first, last, copies)


def _placed(
    chance: np.random.Generator, known: Floats, values: Floats, row: int, first: int, size: str
) -> list[Injected]:
    """Change the values of one row (in place); return what was put in."""
    there = np.isfinite(known)
    if there.sum() < 2 * LEAST_GAP:
        return []
    unit_size = float(np.abs(known[there]).max()) or 1.0
    filled = np.interp(np.arange(len(known)), np.flatnonzero(there), known[there] / unit_size)
    period = acf_period(filled[:first]) if first > 1 else 0
    season = _season(filled, period)
    has_season = bool(season.any())
    noise = filled - season - _level(filled - season)
    amount = _amount(filled, season, size) * unit_size
    season, noise = season * unit_size, noise * unit_size
    shapes = [shape for shape in SHAPES if has_season or shape not in NEEDS_SEASON]
    unit = period if has_season else FALLBACK_PERIOD
    longest = max(3, len(values) // 8)
    placed, at = [], LEAD
    for shape in chance.permutation(shapes):
        kind = KINDS[str(shape)]
        wanted = chance.uniform(kind.shortest, kind.longest) * (unit if kind.in_cycles else 1)
        length = int(min(max(1, round(wanted)), longest))
        begin = at + int(chance.integers(0, LEAST_GAP))
        if begin + length + LEAD > len(values):
            break
        signed = amount if chance.random() < 0.5 else -amount
        before = values[begin:].copy()
        kind.change(Place(values, season[first:], noise[first:], begin, begin + length, signed))
        if _differs(values[begin : begin + length], before[:length], amount):
            placed.append(Injected(row, begin, begin + length, str(shape), size))
        else:
            values[begin:] = before
        at = begin + length + LEAST_GAP
    return placed


def _differs(after: Floats, before: Floats, amount: float) -> bool:
    """Whether anything came of it: a flat stretch of a flat series is no anomaly."""
    change = np.abs(after - before)
    return bool(np.isfinite(change).any() and np.nanmax(change) >= 0.25 * amount)


def _season(filled: Floats, period: int) -> Floats:
    """The mean course of a cycle over the whole length, 0 where there is none to speak of."""
    if not 2 <= period <= len(filled) // 2:
        return np.zeros(len(filled))
    phase = np.arange(len(filled)) % period
    rest = filled - filled.mean()
    course = np.bincount(phase, rest, period) / np.bincount(phase, minlength=period)
    season: Floats = course[phase]
    total = float(rest.var())
    return season if total > 0 and season.var() >= EXPLAINED * total else np.zeros(len(filled))


def _level(values: Floats) -> Floats:
    """The running mean."""
    width = min(LEVEL_POINTS, len(values))
    weights = np.convolve(np.ones(len(values)), np.ones(width), mode="same")
    result: Floats = np.convolve(values, np.ones(width), mode="same") / weights
    return result


def _amount(filled: Floats, season: Floats, size: str) -> float:
    """A deviation of that size in the unit of the series."""
    steps = np.abs(np.diff(filled - season))
    jump = 1.4826 * float(np.median(steps)) or float(steps.mean())
    low, high = np.quantile(filled, [0.1, 0.9])
    of_steps, of_spread = SIZES[size]
    amount = of_steps * jump + of_spread * float(high - low)
    return amount or 0.01
