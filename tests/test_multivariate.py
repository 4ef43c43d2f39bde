"""Series of several channels: how their deviations are put together, and events that name what carries them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import redshank
from redshank import registry
from redshank.cli.main import run
from redshank.detectors.univariate import RowDeviations, join_channels, largest, largest_or_sum
from redshank.panel import Deviations, Floats, Panel

Joint = Callable[[Floats], Floats]
TOGETHER = ["hindsight", "hindsight_light", "analog", "seasonal", "pca"]
ALONE = ["hindsight_light", "analog_light", "seasonal", "gaussian", "percentile"]
START = datetime(2024, 5, 6, tzinfo=UTC)


def joined(deviation: list[list[float]], joint: Joint = largest) -> Deviations:
    """One series with these deviations (n_channels, n_time)."""
    rows = np.array(deviation)
    nothing = np.full(rows.shape, math.nan)
    panel = Panel.of(np.zeros((1, *rows.T.shape)))
    return join_channels(RowDeviations(rows, nothing, nothing, nothing), panel, joint)


def naive_largest(deviations: list[float]) -> float:
    return max([each for each in deviations if not math.isnan(each)], default=math.nan)


def naive_largest_or_sum(deviations: list[float]) -> float:
    there = [each for each in deviations if not math.isnan(each)]
    return max(max(there), sum(there) / math.sqrt(len(there))) if there else math.nan


def waves(n_time: int = 1200, n_channels: int = 8) -> np.ndarray:
    random = np.random.default_rng(5)
    phase = np.arange(n_time)[:, None] * 2 * np.pi / 48 + np.arange(n_channels)
    return np.sin(phase) + 0.1 * random.standard_normal((n_time, n_channels))


@pytest.mark.parametrize(
    ("joint", "twin"), [(largest, naive_largest), (largest_or_sum, naive_largest_or_sum)], ids=["largest", "sum"]
)
def test_channels_are_joined_as_the_naive_twin_does(joint: Joint, twin: Callable[[list[float]], float]) -> None:
    deviation = np.random.default_rng(1).exponential(size=(5, 200))
    deviation[np.random.default_rng(2).random((5, 200)) < 0.4] = math.nan

    found = joined(deviation.tolist(), joint)

    assert_allclose(found.deviation[0], [twin(list(each)) for each in deviation.T])


@pytest.mark.parametrize("joint", [largest, largest_or_sum])
def test_a_channel_that_alarms_alone_alarms_in_company(joint: Joint) -> None:
    assert joined([[9.0], [0.0], [0.0], [0.0]], joint).deviation[0, 0] == 9.0


def test_many_channels_that_are_each_a_little_odd_add_up_in_hindsight() -> None:
    assert joined([[3.0]] * 4, largest_or_sum).deviation[0, 0] == 6.0


def test_shares_are_parts_of_the_sum() -> None:
    share = joined([[1.0], [3.0], [math.nan]]).share

    assert share is not None
    assert_array_equal(share[0, 0], [0.25, 0.75, 0.0])


def test_a_point_without_any_channel_is_not_scored() -> None:
    assert np.isnan(joined([[math.nan], [math.nan]]).deviation[0, 0])


@pytest.mark.parametrize("detector", ALONE)
def test_a_blatant_fault_of_one_of_eight_channels_is_an_event_of_that_channel(detector: str) -> None:
    values = waves()
    values[900:906, 5] += 12

    result = redshank.detect(Panel.of(values[None]), detector=detector)

    fault = result.parts[0].panel.start + timedelta(minutes=900)
    (event,) = [each for each in result.events if each.start <= fault < each.end]
    assert next(iter(event.share)) == "channel_5"
    assert "carried by channel_5" in event.reason


@pytest.mark.parametrize("detector", [*ALONE, "hindsight", "pca"])
def test_a_missing_channel_has_no_share_and_stops_no_score(detector: str) -> None:
    values = waves(600, 3)
    values[400:450, 1] = np.nan
    values[500, :] = np.nan

    kind = registry.build_detector(detector)
    answer = kind.score(Panel.of(values[None]))

    assert np.isnan(answer.deviation[0, 500])
    assert np.isfinite(answer.deviation[0, 402:448]).any()
    assert answer.share is not None
    assert (answer.share[0, 400:450, 1] == 0).all()


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Ten days of three sensors that follow the day; the flow is far off for 20 points from 1100 on."""
    random = np.random.default_rng(8)
    values = 40 + 15 * np.sin(np.arange(1440) * 2 * np.pi / 144)[:, None] + random.standard_normal((1440, 3))
    values[1100:1120, 1] += 60
    times = [START + timedelta(minutes=10 * i) for i in range(1440)]
    rows = [f"{time:%Y-%m-%d %H:%M:%S};{a:.3f};{b:.3f};{c:.3f}" for time, (a, b, c) in zip(times, values, strict=True)]
    (tmp_path / "rig.csv").write_text("\n".join(["time;pressure;flow;temperature", *rows]))
    monkeypatch.chdir(tmp_path)
    return "rig.csv"


@pytest.mark.parametrize("detector", TOGETHER)
def test_the_command_names_the_channel_that_carries_an_event(
    detector: str, rig: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["detect", rig, "--multivariate", "--detector", detector, "--json"]) == 0

    answer = json.loads(capsys.readouterr().out)
    assert answer["series"] == 1
    worst = max(answer["events"], key=lambda event: event["severity"])
    start, end = (datetime.fromisoformat(worst[name]) for name in ("start", "end"))
    assert start <= START + timedelta(minutes=11_050) <= end
    assert next(iter(worst["share"])) == "flow"
    assert set(worst["share"]) == {"pressure", "flow", "temperature"}
    assert sum(worst["share"].values()) == pytest.approx(1)
    assert "carried by flow" in worst["reason"]


def test_one_channel_for_pca_is_one_line_and_exit_2(rig: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["detect", rig, "--measure", "flow", "--detector", "pca"]) == 2

    assert "pca: needs series of at least two channels (--multivariate), got one" in capsys.readouterr().err
