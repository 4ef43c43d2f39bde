"""Events and scores as rows of files: in our own columns, or in those of the results of tsad."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from redshank.panel import Key as SeriesKey
from redshank.sinks.base import Notification, ScoreBlock
from redshank.sinks.row_files import NUMBERS, Key, Value, Values, cell, time_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RESULTS = (
    "predict",
    *(f"{name}_{i}" for i in (1, 2, 3) for name in ("ad_label", "anomaly_score")),
    "predicted_label",
)


class EventRows:
    """One row for each event."""

    columns: tuple[str, ...] = (
        *("id", "monitor", "kind", "series", "measure", "labels", "start", "end", "opened", "peak", "is_open"),
        *("severity", "direction", *NUMBERS, "points", "reason", "tags", "label", "acknowledged_by", "sequence"),
    )
    lead = len(columns)

    def series(self, values: Values) -> Key:
        """Return the event."""
        return (cell(values.get("id")),)

    def order(self, values: Values) -> int:
        """Return the number of the change."""
        return int(values.get("sequence") or 0)

    def key(self, values: Values) -> Key:
        """Return the event: there is one row of it."""
        return self.series(values)


def event_row(told: Notification) -> dict[str, Value]:
    """Return the row of an event."""
    event = told.event
    same = ("id", "is_open", "severity", "direction", "points", "reason")
    return {
        **{name: getattr(event, name) for name in same},
        **{name: _known(getattr(event, name)) for name in NUMBERS},
        **{name: time_text(getattr(event, name)) for name in ("start", "end", "opened", "peak")},
        **_identity(event.key),
        "monitor": told.monitor,
        "kind": told.kind,
        "tags": _json(list(told.tags)),
        "label": told.label,
        "acknowledged_by": told.acknowledged_by,
        "sequence": told.sequence,
    }


class ScoreRows:
    """One row for each point of each channel."""

    columns: tuple[str, ...] = (
        *("time", "monitor", "series", "measure", "labels", "channel"),
        *("actual", "expected", "lower", "upper", "score", "rarity"),
    )
    lead = len(columns)

    def series(self, values: Values) -> Key:
        """Return monitor, series and channel."""
        return tuple(cell(values.get(name)) for name in ("monitor", "measure", "labels", "channel"))

    def order(self, values: Values) -> int:
        """Return the time."""
        return _microseconds(cell(values["time"]))

    def key(self, values: Values) -> Key:
        """Return series and time."""
        return (*self.series(values), cell(values["time"]))

    def row(self, point: Point) -> dict[str, Value]:
        """Return the row of a point."""
        return {
            "time": time_text(point.time),
            "monitor": point.monitor,
            **_identity(point.key),
            "channel": point.channel,
            **point.numbers,
        }


class ResultRows:
    """One row for each point, as tsad wrote them: time, labels, the measure by its name, and what was found.

    There is one detector here, so the columns of the second and third are empty, and what is not known is empty too.
    """

    columns: tuple[str, ...] = ("time", *RESULTS)
    lead = 1

    def __init__(self) -> None:
        """Know no measure yet: in a file that is read, they look like labels."""
        self.measures: set[str] = set()

    def series(self, values: Values) -> Key:
        """Return labels and measures that the row has."""
        named = sorted(name for name in values if name not in self.columns and values[name] not in (None, ""))
        return tuple(name if name in self.measures else f"{name}={cell(values[name])}" for name in named)

    def order(self, values: Values) -> int:
        """Return the time."""
        return _microseconds(cell(values["time"]))

    def key(self, values: Values) -> Key:
        """Return series and time."""
        return (*self.series(values), cell(values["time"]))

    def row(self, point: Point) -> dict[str, Value]:
        """Return the row of a point."""
        score = point.numbers["score"]
        is_odd = None if score is None else int(score >= 1)
        taken = {*self.columns, point.measure}
        return {
            "time": point.time.strftime("%Y-%m-%d %H:%M:%S") + (f".{point.time:%f}" if point.time.microsecond else ""),
            **{f"label.{name}" if name in taken else name: value for name, value in point.key.labels},
            f"value.{point.measure}" if point.measure in self.columns else point.measure: point.numbers["actual"],
            "predict": point.numbers["expected"],
            "ad_label_1": is_odd,
            "anomaly_score_1": score,
            "predicted_label": is_odd,
        }


class Point:
    """A scored point of one channel."""

    __slots__ = ("channel", "key", "measure", "monitor", "numbers", "time")

    def __init__(self, monitor: str, key: SeriesKey, channel: str, time: datetime, numbers: dict[str, Any]) -> None:
        """``numbers``: actual, expected, lower, upper, score, rarity; None = not known."""
        self.monitor, self.key, self.channel, self.time, self.numbers = monitor, key, channel, time, numbers
        self.measure = key.measure if channel == "value" else channel


def points_of(block: ScoreBlock) -> Iterator[Point]:
    """Yield the points that have a value or a score, of each series in order of time."""
    for part in block.parts:
        panel, scores = part.panel, part.scores
        micro = panel.times.astype("datetime64[us]").astype(np.int64).tolist()
        moments = [_EPOCH + timedelta(microseconds=us) for us in micro]
        for row, key in enumerate(panel.keys):
            for at, channel in enumerate(panel.channels):
                arrays = {"actual": panel.values[row, :, at], "score": scores.score[row], "rarity": scores.rarity[row]}
                arrays |= {name: getattr(scores, name)[row, :, at] for name in ("expected", "lower", "upper")}
                said = np.isfinite(arrays["actual"]) | np.isfinite(arrays["score"])
                lists = {name: array.tolist() for name, array in arrays.items()}
                for i in np.flatnonzero(said):
                    numbers = {name: _known(values[i]) for name, values in lists.items()}
                    yield Point(block.monitor, key, channel, moments[i], numbers)


def _microseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return (aware - _EPOCH) // timedelta(microseconds=1)


def _known(number: float) -> float | None:
    return number if np.isfinite(number) else None


def _identity(key: SeriesKey) -> dict[str, Value]:
    return {"series": str(key), "measure": key.measure, "labels": _json(key.label_map)}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
