"""What a live monitor must know at its next tick, beside its state: small, kept as JSON with the cursor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from redshank.engine.reading import Facts
from redshank.engine.watch_shard import Lesson
from redshank.specs.monitor import MonitorSpec

# Fields of a monitor that say what its points are, and how they are scored; when one changes it must be trained anew.
MADE_OF = (
    "source",
    "path",
    "query",
    "table",
    "index",
    "measures",
    "by",
    "time",
    "filter",
    "step",
    "tz",
    "multivariate",
)


@dataclass(kw_only=True)
class LiveMemory:
    """Where a monitor stands, as far as it is not cursor and state.

    ``made_of``: fingerprint of what the state was made of. ``backfill_until_ns``: steps before it are of the past.
    ``jumps``: (start, steps) that were jumped over. ``lessons``: what people said of events. ``mutes``: (event, kind,
    series) that they do not want to hear of again. ``hushed``: events held back by quiet hours. ``down``: since when,
    how often, and the event, while the source cannot be read. ``late``, ``refused``: points, series.
    """

    facts: Facts
    detector: str
    params: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    made_of: str = ""
    begun_ns: int = 0
    backfill_until_ns: int = 0
    expected_series: int = 1
    jumps: list[tuple[int, int]] = field(default_factory=list)
    lessons: list[Lesson] = field(default_factory=list)
    mutes: list[tuple[str, str, str]] = field(default_factory=list)
    hushed: list[str] = field(default_factory=list)
    down: dict[str, Any] = field(default_factory=dict)
    late: int = 0
    refused: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        plain = asdict(self)
        plain["facts"] = self.facts.to_json()
        plain["lessons"] = [_plain_lesson(lesson) for lesson in self.lessons]
        return plain

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> LiveMemory:
        """Read ``to_json``."""
        values = dict(given)
        values["facts"] = Facts.from_json(values["facts"])
        values["jumps"] = [(int(start), int(steps)) for start, steps in values["jumps"]]
        values["lessons"] = [_lesson(lesson) for lesson in values["lessons"]]
        values["mutes"] = [tuple(mute) for mute in values["mutes"]]
        return cls(**values)


def fingerprint(spec: MonitorSpec) -> str:
    """Return a text that is another one when the points of the monitor, or their meaning, are."""
    return spec.model_copy(update={"name": ""}).model_dump_json(include=set(MADE_OF))


def _plain_lesson(lesson: Lesson) -> dict[str, Any]:
    plain = asdict(lesson)
    return {**plain, "size": None if math.isnan(lesson.size) else lesson.size}


def _lesson(given: Mapping[str, Any]) -> Lesson:
    return Lesson(**{**given, "size": math.nan if given["size"] is None else given["size"]})
