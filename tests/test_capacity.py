"""What a monitor needs, and whether it fits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from redshank import registry
from redshank.engine.batch import Plan
from redshank.engine.capacity import Limits, Need, check, fits, need_of, size_text, total
from redshank.engine.watch_shard import Rules, Shard
from redshank.errors import TooLargeError
from redshank.executors.machine import machine_limits, memory_bytes
from redshank.panel import Key
from redshank.registry import build_detector

MINUTE = timedelta(minutes=1)
ROOMY = Limits(memory_bytes=1 << 40, cpu_share=1000.0)
LIVE = [name for name in registry.names(registry.DETECTORS) if registry.detector_class(name).causal]


def need(detector: str = "seasonal", **given: Any) -> Need:
    return need_of(build_detector(detector), **{"series": 1000, "step": MINUTE, **given})


@pytest.mark.parametrize("detector", LIVE)
def test_the_memory_told_is_that_of_the_state(detector: str) -> None:
    n = 50
    rules = Rules(plan=Plan(detector=detector), step_ns=60_000_000_000, channels=("value",))
    shard = Shard.blank(rules, [Key.of("load", {"host": f"host-{i:04}"}) for i in range(n)])

    told = need(detector, series=n).memory_bytes / n

    assert shard.bytes_per_series <= told <= 1.5 * shard.bytes_per_series


def test_more_series_more_channels_and_shorter_steps_need_more() -> None:
    base = need()

    assert need(series=2000).memory_bytes == 2 * base.memory_bytes
    assert need(series=2000).history_bytes_per_day == 2 * base.history_bytes_per_day
    assert need(channels=2).memory_bytes == 2 * base.memory_bytes
    assert need(channels=2).history_bytes_per_day > base.history_bytes_per_day
    assert need(step=MINUTE / 2).points_per_second == 2 * base.points_per_second
    assert need(step=MINUTE / 2).cpu_share > 1.9 * base.cpu_share
    assert base.points_per_second == pytest.approx(1000 / 60)


def test_a_monitor_that_fits_is_let_pass() -> None:
    check(need(), ROOMY)

    assert fits(need(), ROOMY)


def test_too_much_memory_is_refused_with_the_figures_and_what_would_fit() -> None:
    asked = need("analog", series=100_000)

    with pytest.raises(TooLargeError) as caught:
        check(asked, Limits(memory_bytes=1 << 30, cpu_share=100.0))

    message = str(caught.value)
    assert "would need 18.5 GB of memory for 100,000 series with analog, there is room for 1.1 GB" in message
    assert message.endswith("detector seasonal would fit")
    assert caught.value.status == 413


def test_too_much_work_is_refused_with_how_many_series_would_fit() -> None:
    asked = need("seasonal", series=1_000_000, step=timedelta(seconds=1))

    with pytest.raises(TooLargeError, match=r"would keep 2\.\d\d cores busy with 1,000,000 series .* 1\.60 are free"):
        check(asked, Limits(memory_bytes=1 << 40, cpu_share=1.6))


def test_what_others_take_is_not_there() -> None:
    limits = Limits(memory_bytes=10 * need().memory_bytes, cpu_share=10.0)

    check(need(), limits, [need()] * 9)
    with pytest.raises(TooLargeError, match="beside the 10 monitors there are; nothing more fits"):
        check(need(), limits, [need()] * 10)


def test_needs_are_added_up() -> None:
    assert total([]) == (0, 0.0)
    assert total([need(), need()])[0] == 2 * need().memory_bytes


def test_the_machine_has_memory_and_cores() -> None:
    assert 0 < machine_limits().memory_bytes <= memory_bytes() // 2 + 1
    assert machine_limits().cpu_share > 0


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (1536, "1.5 kB"), (2.5e9, "2.5 GB"), (150e6, "150 MB")])
def test_sizes_are_told_for_people(size: float, text: str) -> None:
    assert size_text(size) == text
