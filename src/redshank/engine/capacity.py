"""What a monitor will need of a machine, from the number of its series, its step and its detector; and what there is.

The constants are estimates to plan by, within a factor of two (docs/operations/capacity.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from redshank.detectors.auto import LIVE, SHORT
from redshank.detectors.base import Detector
from redshank.errors import TooLargeError
from redshank.registry import build_detector

BESIDE_BYTES = 1_800  # state of a series beside its detector: tail, open event, absence, label texts
EXTRA_NS = 2_000.0  # of a point beside its detector: read, calibrate, decide, store
TICK_NS = 5_000_000.0  # of a tick, however few points: ask the source, one transaction
HISTORY_BYTES = 40.0  # of a point in the score history, compressed; a channel more adds CHANNEL_BYTES
CHANNEL_BYTES = 30.0
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Need:
    """What one monitor needs. ``cpu_share``: of one core, 1 = all of it. ``memory_bytes``: of states, while it runs."""

    detector: str
    series: int
    channels: int
    step: timedelta
    points_per_second: float
    memory_bytes: int
    cpu_share: float
    history_bytes_per_day: float

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        return {
            "detector": self.detector,
            "series": self.series,
            "channels": self.channels,
            "step_seconds": self.step.total_seconds(),
            "points_per_second": self.points_per_second,
            "memory_bytes": self.memory_bytes,
            "cpu_share": self.cpu_share,
            "history_bytes_per_day": self.history_bytes_per_day,
        }


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What all monitors together may take. ``cpu_share``: cores, such as 1.6."""

    memory_bytes: int
    cpu_share: float


def need_of(detector: Detector, *, series: int, step: timedelta, channels: int = 1) -> Need:
    """Return what so many series need with this detector, one point each at every step.

    ``channels``: variables of each series; every one of them is a row of the detector's state.
    """
    seconds = max(step.total_seconds(), 1e-3)
    cost = detector.cost(step)
    rows = series * channels
    points_per_second = rows / seconds
    busy_ns = points_per_second * (cost.ns_per_point + EXTRA_NS) + TICK_NS / seconds
    per_point = HISTORY_BYTES + CHANNEL_BYTES * (channels - 1)
    return Need(
        detector=detector.kind,
        series=series,
        channels=channels,
        step=step,
        points_per_second=points_per_second,
        memory_bytes=rows * (cost.bytes_per_series + BESIDE_BYTES),
        cpu_share=busy_ns * 1e-9,
        history_bytes_per_day=series * (_DAY / timedelta(seconds=seconds)) * per_point,
    )


def total(needs: Iterable[Need]) -> tuple[int, float]:
    """Return bytes of memory and cores that monitors take together."""
    found = list(needs)
    return sum(need.memory_bytes for need in found), sum(need.cpu_share for need in found)


def check(need: Need, limits: Limits, taken: Sequence[Need] = ()) -> None:
    """Raise TooLargeError, with the figures and what would fit, when a monitor does not fit beside those taken."""
    memory, cpu = total(taken)
    beside = f" beside the {len(taken):,} monitors there are" if taken else ""
    if need.memory_bytes + memory > limits.memory_bytes:
        wanted, room = size_text(need.memory_bytes), size_text(max(0, limits.memory_bytes - memory))
        problem = f"would need {wanted} of memory for {_series(need)}, there is room for {room}{beside}"
    elif need.cpu_share + cpu > limits.cpu_share:
        room_cpu = max(0.0, limits.cpu_share - cpu)
        problem = f"would keep {need.cpu_share:.2f} cores busy with {_series(need)}, {room_cpu:.2f} are free{beside}"
    else:
        return
    raise TooLargeError(f"capacity: {problem}; {_advice(need, limits, taken)}", field="detector")


def fits(need: Need, limits: Limits, taken: Sequence[Need] = ()) -> bool:
    """Return whether a monitor fits beside those taken."""
    memory, cpu = total(taken)
    return need.memory_bytes + memory <= limits.memory_bytes and need.cpu_share + cpu <= limits.cpu_share


def _series(need: Need) -> str:
    channels = f" of {need.channels} channels" if need.channels > 1 else ""
    return f"{need.series:,} series{channels} with {need.detector}"


def _advice(need: Need, limits: Limits, taken: Sequence[Need]) -> str:
    """What would fit: a cheaper detector, or so many series."""
    cheaper = [
        other
        for other in (*LIVE, SHORT)
        if other != need.detector
        and fits(
            need_of(build_detector(other), series=need.series, step=need.step, channels=need.channels), limits, taken
        )
    ]
    if cheaper:
        return f"detector {cheaper[0]} would fit"
    memory, cpu = total(taken)
    shares = [(limits.memory_bytes - memory) / max(1, need.memory_bytes), (limits.cpu_share - cpu) / need.cpu_share]
    series = max(0, int(need.series * min(shares)))
    return f"about {series:,} series would fit, or a longer step, or raise the limit" if series else "nothing more fits"


def size_text(size: float) -> str:
    """Return ``512 B``, ``1.5 MB``, ``20 GB``."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            number = size / scale
            return f"{number:.0f} {unit}" if number >= 100 else f"{number:.1f} {unit}"
    return f"{size:.0f} B"
