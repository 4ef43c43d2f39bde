"""What a page needs of a Result, as JSON values and packed arrays: the worst series in full, events worst first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from redshank.decide import Event
from redshank.panel import Floats, Key
from redshank.result import Result, Scored
from redshank.sinks.files import event_json
from redshank.sinks.packing import Packer
from redshank.thinning import visible_indices

MOST_VALUES = 6_000_000  # values of all charts together: a page of some 30 MB that still opens in seconds


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much goes into a page: charts, channels of each, rows of the table, and values of all charts together."""

    series: int = 50
    channels: int = 12
    events: int = 5000
    values: int = MOST_VALUES


@dataclass(frozen=True)
class Payload:
    """``head``: JSON values, never NaN. ``arrays``: texts the head refers to by position."""

    head: dict[str, Any]
    arrays: list[str]


def payload(result: Result, limits: Limits) -> Payload:
    """Return the data of a page: the worst series up to the limits, and how many were left out."""
    packer = Packer()
    charts: list[dict[str, Any]] = []
    position: dict[Key, int] = {}
    short = {series.key: f"{series.points:,} points, needs {series.needed:,}" for series in result.not_scored}
    values_left = limits.values
    for key, part, row in result.series():
        drawn = min(limits.channels, part.panel.n_channels)
        size = part.panel.n_time * drawn
        if len(charts) >= limits.series or (charts and size > values_left):
            break
        values_left -= size
        position[key] = len(charts)
        chart = _chart(key, part, row, packer, most_points=limits.values // drawn, most_channels=drawn)
        charts.append({**chart, "notScored": short.get(key)})
    head = {
        "charts": charts,
        "events": [_event(event, position) for event in result.events[: limits.events]],
        "seriesTotal": result.n_series,
        "eventsTotal": len(result.events),
        "zone": result.tz,
    }
    return Payload(head, packer.texts)


def _event(event: Event, position: dict[Key, int]) -> dict[str, Any]:
    return {**event_json(event), "chart": position.get(event.key)}


def _chart(key: Key, part: Scored, row: int, packer: Packer, *, most_points: int, most_channels: int) -> dict[str, Any]:
    panel, scores = part.panel, part.scores
    kept = (
        visible_indices(panel.values[row], scores, row, most_points // (4 * panel.n_channels + 4))
        if panel.n_time > most_points
        else slice(None)
    )
    channels = [
        {"name": name, "weight": weight, **_channel(part, row, i, kept, packer)}
        for i, name, weight in _channels(part, row)[:most_channels]
    ]
    return {
        "name": str(key),
        "measure": key.measure,
        "labels": list(key.labels),
        "points": panel.n_time,
        "thinned": panel.n_time > most_points,
        "stepSeconds": panel.step_ns / 1e9,
        "time": packer.pack_times(panel.times[kept]),
        "score": packer.pack_scores(scores.score[row][kept]),
        "channels": channels,
        "channelsTotal": panel.n_channels,
    }


def _channels(part: Scored, row: int) -> list[tuple[int, str, float]]:
    """(position, name, mean share where the score is high), the channel with the largest share first."""
    names = part.panel.channels
    if part.scores.share is None:
        return [(i, name, 1 / len(names)) for i, name in enumerate(names)]
    score = part.scores.score[row]
    high = np.nan_to_num(score, nan=-1.0) >= min(1.0, float(np.nanmax(score, initial=0.0)))
    shares = part.scores.share[row][high]
    known = np.where(np.isnan(shares), 0.0, shares)
    weights = known.mean(axis=0) if len(known) else np.zeros(len(names))
    return [(int(i), names[i], float(weights[i])) for i in np.argsort(-weights, kind="stable")]


def _channel(part: Scored, row: int, channel: int, kept: Any, packer: Packer) -> dict[str, Any]:
    values: Floats = part.panel.values[row, kept, channel]
    expected = part.scores.expected[row, kept, channel]
    return {
        "value": packer.pack_exact(values),
        "expected": packer.pack_like(expected, values),
        "lower": packer.pack_edge(part.scores.lower[row, kept, channel], expected, values),
        "upper": packer.pack_edge(part.scores.upper[row, kept, channel], expected, values),
    }
