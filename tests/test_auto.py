"""Which detector is picked for what, and that it says so in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest

from redshank.detectors import auto
from redshank.detectors.auto import Amount, choose, rough_time, seconds_for
from redshank.detectors.base import Cost
from redshank.panel import Panel


@dataclass(frozen=True)
class Priced:
    """What choosing looks at in a detector."""

    warmup: int
    ns_per_point: float
    bytes_per_series: int = 1000

    def cost(self, step: timedelta) -> Cost:
        """The same at any step."""
        return Cost(self.bytes_per_series, self.ns_per_point)


PRICES = {
    "hindsight": Priced(40, 40_000),
    "hindsight_light": Priced(40, 4_000),
    "seasonal": Priced(300, 100, 10_000),
    "analog": Priced(300, 6_000, 180_000),
    "analog_light": Priced(300, 2_000, 50_000),
    "gaussian": Priced(10, 50),
}


@pytest.fixture(autouse=True)
def _prices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "build_detector", PRICES.__getitem__)


def flat(n_series: int, n_time: int) -> Panel:
    """A panel of that size that takes no memory."""
    values = np.broadcast_to(np.zeros((1, 1, 1)), (n_series, n_time, 1))
    panel = Panel.of(np.zeros((1, n_time)))
    return Panel(panel.keys * n_series, panel.times, values)


@pytest.mark.parametrize(
    ("mode", "n_series", "n_time", "kind", "why"),
    [
        ("retrospective", 1, 5_000, "hindsight", "best on recorded data"),
        ("retrospective", 1, 2_000_000, "hindsight_light", "hindsight would take about 80 seconds"),
        ("retrospective", 2, 2_000_000, "hindsight_light", "hindsight would take about 80 seconds for 4,000,000"),
        ("retrospective", 10_000, 1_440, "hindsight_light", "hindsight would take about 5 minutes for 14,400,000"),
        ("retrospective", 50_000, 1_440, "seasonal", "hindsight would take about 24 minutes for 72,000,000"),
        ("retrospective", 3, 20, "gaussian", "hindsight needs 40 points and most series have 20"),
        ("live", 1, 5_000, "analog", "best on live data"),
        ("live", 1, 20_000_000, "analog_light", "analog would take about 2 minutes"),
        ("live", 7_000, 400, "analog_light", "analog would take 1.3 GB of memory for 7,000 series"),
        ("live", 40_000, 400, "seasonal", "analog would take 7.2 GB"),
        ("live", 10, 100, "gaussian", "analog needs 300 points and most series have 100"),
    ],
)
def test_the_best_that_has_points_time_and_memory_is_picked(
    mode: auto.Mode, n_series: int, n_time: int, kind: str, why: str
) -> None:
    choice = choose([flat(n_series, n_time)], mode)

    assert choice.kind == kind
    assert choice.why.startswith(why)


def test_what_was_passed_over_and_what_is_left_is_said() -> None:
    assert choose([flat(900_000, 1_440)], "retrospective").why.endswith("values; this is the cheapest")
    assert choose([flat(1, 20)], "live").why.endswith("this one needs the fewest points")


def test_one_short_series_among_long_ones_changes_nothing() -> None:
    assert choose([flat(9, 2_000), flat(1, 12)], "live").kind == "analog"


def test_missing_values_are_no_points() -> None:
    values = np.zeros((1, 1000))
    values[:, 100:] = np.nan

    assert choose([Panel.of(values)], "live").kind == "gaussian"


def test_the_choice_does_not_depend_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redshank.executors.local.cores", lambda: 64)

    assert choose([flat(4, 1_000_000)], "retrospective").kind == "hindsight_light"


@pytest.mark.parametrize(("n_series", "cores", "seconds"), [(1, 8, 0.06), (2, 8, 0.06), (16, 8, 0.12), (16, 1, 0.96)])
def test_a_series_is_scored_on_one_core_and_many_on_all(n_series: int, cores: int, seconds: float) -> None:
    amount = Amount.of([flat(n_series, 10_000)])

    assert seconds_for(PRICES["analog"], amount, cores=cores) == pytest.approx(seconds)  # type: ignore[arg-type]


def test_channels_count_as_values_and_as_rows() -> None:
    panel = Panel.of(np.zeros((2, 50, 3)))

    assert Amount.of([panel]) == Amount(2, 6, 300, 50, timedelta(minutes=1))


def test_no_panel_is_no_points() -> None:
    assert Amount.of([]) == Amount(0, 0, 0, 0, timedelta(0))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "under a second"), (1.2, "1 second"), (90, "90 seconds"), (150, "2 minutes"), (9000, "2 hours")],
)
def test_times_are_rough(seconds: float, text: str) -> None:
    assert rough_time(seconds) == text
