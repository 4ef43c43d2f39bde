"""Pick a detector by mode, number of series and length, and say why.

The best detector is taken that has enough points to score with, answers in about a minute on two cores, and, live,
fits in a gigabyte. The two cores are an assumption and not those of the machine, so that the same data is scored by
the same detector everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import numpy as np

from redshank.detectors.base import Detector
from redshank.panel import Panel
from redshank.registry import build_detector

Mode = Literal["retrospective", "live"]

# Best first; the last is the cheapest.
RETROSPECTIVE = ("hindsight", "hindsight_light", "seasonal")
LIVE = ("analog", "analog_light", "seasonal")
SHORT = "gaussian"  # scores after the fewest points
PATIENCE_SECONDS = 60.0
STATE_BYTES = 1 << 30
CORES = 2


@dataclass(frozen=True)
class Choice:
    """A detector by name with its parameters, and why it was picked."""

    kind: str
    params: dict[str, Any]
    why: str


@dataclass(frozen=True)
class Amount:
    """How much there is to score: ``values`` in ``rows`` (series and channels), usually ``points`` of a series."""

    series: int
    rows: int
    values: int
    points: int
    step: timedelta

    @classmethod
    def of(cls, panels: Sequence[Panel]) -> Amount:
        """Count panels; ``points`` is the median number of values that are there, ``step`` that of most values."""
        there = [np.isfinite(panel.values).any(axis=2).sum(axis=1) for panel in panels]
        return cls(
            series=sum(panel.n_series for panel in panels),
            rows=sum(panel.n_series * panel.n_channels for panel in panels),
            values=sum(panel.values.size for panel in panels),
            points=int(np.median(np.concatenate(there))) if there else 0,
            step=max(panels, key=lambda panel: panel.values.size).step if panels else timedelta(0),
        )


def choose(panels: Sequence[Panel], mode: Mode) -> Choice:
    """Return the best detector for these panels and this mode."""
    return choose_for(Amount.of(panels), mode)


def choose_for(amount: Amount, mode: Mode) -> Choice:
    """Return the best detector for so much data and this mode."""
    best = RETROSPECTIVE if mode == "retrospective" else LIVE
    passed_over = ""
    for name in best:
        obstacle = _obstacle(build_detector(name), amount, mode)
        if not obstacle:
            return Choice(name, {}, passed_over or f"best on {'recorded' if mode == 'retrospective' else 'live'} data")
        passed_over = passed_over or f"{name} {obstacle}"
    if _is_too_short(build_detector(best[-1]), amount):
        return Choice(SHORT, {}, f"{passed_over}; this one needs the fewest points")
    return Choice(best[-1], {}, f"{passed_over}; this is the cheapest")


def seconds_for(detector: Detector, amount: Amount, *, cores: int = CORES) -> float:
    """Estimate the seconds of scoring on so many cores; a series is scored on one core."""
    return detector.cost(amount.step).ns_per_point * 1e-9 * amount.values / max(1, min(cores, amount.series))


def _obstacle(detector: Detector, amount: Amount, mode: Mode) -> str:
    """Why a detector is not for this much data, "" if it is."""
    if _is_too_short(detector, amount):
        return f"needs {detector.warmup:,} points and most series have {amount.points:,}"
    seconds = seconds_for(detector, amount)
    if seconds > PATIENCE_SECONDS:
        return f"would take about {rough_time(seconds)} for {amount.values:,} values"
    size = detector.cost(amount.step).bytes_per_series * amount.rows
    if mode == "live" and size > STATE_BYTES:
        return f"would take {size / 1e9:.1f} GB of memory for {amount.rows:,} series"
    return ""


def _is_too_short(detector: Detector, amount: Amount) -> bool:
    return amount.points < detector.warmup


def rough_time(seconds: float) -> str:
    """Return a time as people say it: ``under a second``, ``40 seconds``, ``3 minutes``, ``5 hours``."""
    if seconds < 1:
        return "under a second"
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.0f} second{'' if round(seconds) == 1 else 's'}"
