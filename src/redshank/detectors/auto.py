"""Pick a detector by mode, number of series and length, and say why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from redshank.panel import Panel

# Values up to which a detector answers in about a minute on two cores.
THOROUGH_VALUES = 1_500_000
LIGHT_VALUES = 25_000_000
LIVE_VALUES = 12_000_000
LIVE_LIGHT_VALUES = 40_000_000
LIVE_SERIES = 2_000  # 180 KB each
LIVE_LIGHT_SERIES = 20_000  # 50 KB each


@dataclass(frozen=True)
class Choice:
    """A detector by name with its parameters, and why it was picked."""

    kind: str
    params: dict[str, Any]
    why: str


def choose(panels: Sequence[Panel], mode: Literal["retrospective", "live"]) -> Choice:
    """Return the best detector that answers in about a minute for this much data."""
    n_series = sum(panel.n_series * panel.n_channels for panel in panels)
    n_values = sum(panel.values.size for panel in panels)
    amount = f"{n_values:,} values in {n_series:,} series"
    if mode == "retrospective":
        if n_values <= THOROUGH_VALUES:
            return Choice("hindsight", {}, "best on recorded data")
        if n_values <= LIGHT_VALUES:
            return Choice("hindsight_light", {}, f"{amount}: a tenth of the cost of hindsight")
        return Choice("seasonal", {}, f"{amount}: the cheapest")
    if n_values <= LIVE_VALUES and n_series <= LIVE_SERIES:
        return Choice("analog", {}, "best on live data")
    if n_values <= LIVE_LIGHT_VALUES and n_series <= LIVE_LIGHT_SERIES:
        return Choice("analog_light", {}, f"{amount}: a third of the cost of analog")
    return Choice("seasonal", {}, f"{amount}: the cheapest")
