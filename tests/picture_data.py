"""Results to draw: with events, gaps, several channels, hostile names and extreme values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from redshank.decide import Event
from redshank.panel import Floats, Key, Panel, Scores
from redshank.result import Result, Scored

HOSTILE = "</script><img src=x onerror=alert(1)> \"quoted\" 'single' & <b>bold</b> 😀 监控 $title \u2028 \x1b[31m"
START = datetime(2000, 1, 1, tzinfo=UTC)


def event(key: Key, first: int, last: int, **changes: Any) -> Event:
    """An event from point ``first`` up to ``last`` of a series with one point a minute."""
    fields: dict[str, Any] = {
        "id": f"{key}{first}",
        "key": key,
        "start": START + timedelta(minutes=first),
        "end": START + timedelta(minutes=last),
        "opened": START + timedelta(minutes=first),
        "peak": START + timedelta(minutes=first),
        "score": 5.0,
        "severity": 97,
        "direction": "up",
        "actual": 30.0,
        "expected": 10.0,
        "lower": 8.0,
        "upper": 12.0,
        "rarity": 1e4,
        "points": last - first,
        "reason": "3 times the usual",
    }
    return Event(**{**fields, **changes})


def scored(
    values: Floats, keys: list[Key], *, channels: list[str] | None = None, share: Floats | None = None
) -> Scored:
    """A panel whose every tenth value is expected, with the points above 20 anomalous."""
    panel = Panel.of(values, keys=keys, channels=channels)
    score = np.nanmax(np.where(np.isnan(panel.values), -1.0, np.abs(panel.values) / 20), axis=2)
    score[score < 0] = np.nan
    expected = np.where(np.isnan(panel.values), np.nan, 10.0)
    scores = Scores(
        panel.keys, panel.times, score, score * 10, expected, expected - 2, expected + 2, share, panel.channels
    )
    return Scored(panel, scores)


def result(parts: list[Scored], events: list[Event], **changes: Any) -> Result:
    """A result of these parts."""
    fields: dict[str, Any] = {"detector": "hindsight", "why": "short series", "rows": 10, "seconds": 0.1}
    return Result(parts, events, **{**fields, **changes})


def small(name: str = "cpu", labels: dict[str, str] | None = None, *, n_time: int = 400) -> Result:
    """One series with a gap, a single point between gaps, and one event."""
    rng = np.random.default_rng(3)
    values = 10 + rng.normal(size=n_time)
    values[50:60] = np.nan
    values[[61, 63]] = np.nan
    values[200:205] = 30
    key = Key.of(name, labels or {"host": "a"})
    return result([scored(values, [key])], [event(key, 200, 205)])


def certain(value: float) -> Result:
    """A constant series whose expected range has no width."""
    panel = Panel.of(np.full(50, value), keys=[Key.of("cpu")])
    scores = Scores(
        panel.keys, panel.times, np.zeros((1, 50)), np.zeros((1, 50)), *[panel.values] * 3, None, ("value",)
    )
    return result([Scored(panel, scores)], [])


def many_channels() -> Result:
    """One series of three channels, the last of which carries the event."""
    values = np.random.default_rng(5).normal(size=(1, 300, 3)) + 10
    values[0, 100:110, 2] = 40
    share = np.full(values.shape, 1 / 3)
    share[0, 100:110] = [0.1, 0.2, 0.7]
    key = Key.of("pump")
    found = event(key, 100, 110, share={"flow": 0.7, "heat": 0.2, "load": 0.1})
    return result([scored(values, [key], channels=["load", "heat", "flow"], share=share)], [found])
