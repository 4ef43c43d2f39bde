"""``redshank bench``: how fast and how good the detectors are on this machine."""
from __future__ import annotations


def bench() -> None:
    """Measure speed and quality on generated data."""
