"""The recorded telemetry behind ``redshank demo``: this project's own, with faults that were really caused.

``data/host.csv.gz`` and ``data/faults.csv`` are made by ``bench/record_demo.py``.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import as_file, files
from pathlib import Path

from redshank.decide import Event

TOLERANCE = timedelta(seconds=10)  # an event that starts so much before or after a fault still belongs to it


@dataclass(frozen=True)
class Fault:
    """A fault that was caused while recording, start <= t < end, and the measure that shows it best."""

    start: datetime
    end: datetime
    name: str
    measure: str

    def is_found_by(self, event: Event) -> bool:
        """Whether the event is in this fault's measure and touches its time."""
        return (
            event.key.measure == self.measure
            and event.start < self.end + TOLERANCE
            and self.start - TOLERANCE < event.end
        )

    def touches(self, event: Event) -> bool:
        """Whether the event touches the fault's time, whatever the measure: a fault shows in several."""
        return event.start < self.end + TOLERANCE and self.start - TOLERANCE < event.end


def recording() -> Path:
    """Return the path of the recorded telemetry."""
    with as_file(files(__name__) / "data" / "host.csv.gz") as path:
        return path


def faults() -> list[Fault]:
    """Return the faults in order of time."""
    text = (files(__name__) / "data" / "faults.csv").read_text(encoding="utf-8")
    return [
        Fault(_time(row["start"]), _time(row["end"]), row["fault"], row["measure"])
        for row in csv.DictReader(text.splitlines())
    ]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
