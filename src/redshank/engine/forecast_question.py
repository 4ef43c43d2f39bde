"""Questions to a forecast: when will ``disk_used > 90``?"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from redshank.errors import ConfigError
from redshank.panel import Floats, Key, Panel, Times, to_datetime

_QUESTION = re.compile(
    r"\s*(?P<measure>.*?)\s*(?P<sign>>=|<=|>|<)\s*(?P<limit>[-+]?[0-9][0-9_]*\.?[0-9]*(?:[eE][-+]?\d+)?)\s*%?\s*"
)
_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
LEAST_PATHS = 20  # before a probability is told


@dataclass(frozen=True)
class Question:
    """A measure (or channel; "" = all) and a limit that it may cross."""

    measure: str
    sign: str
    limit: float

    @classmethod
    def parse(cls, text: str) -> Question:
        """Read ``disk_used > 90``, ``free_bytes <= 1e9`` or ``< 0``; ConfigError when it is none."""
        found = _QUESTION.fullmatch(text)
        if not found:
            raise ConfigError(
                f"question: must be like disk_used > 90 (a measure, one of > >= < <=, a number), got {text!r}",
                field="questions",
            )
        return cls(found["measure"].strip("`"), found["sign"], float(found["limit"].replace("_", "")))

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.measure} {self.sign} {self.limit:g}".strip()

    def holds(self, values: Floats) -> np.ndarray:
        """Return whether it holds for each value; not for a missing one."""
        found: np.ndarray = _SIGNS[self.sign](values, self.limit)
        return found & np.isfinite(values)


@dataclass(frozen=True)
class Answer:
    """When a question first holds for one series; None = not within the horizon.

    ``expected``: by the expected values. ``earliest``, ``latest``: by the edges of the range: it may hold from then
    on, it holds by then at the latest. ``probability``: share of the courses that errors like those of the past would
    make, in which it holds within the horizon; NaN = too few are known. ``holds_now``: by the last value.
    """

    key: Key
    channel: str
    question: Question
    holds_now: bool
    expected: datetime | None
    earliest: datetime | None
    latest: datetime | None
    probability: float


def answer(
    history: Panel,
    questions: Sequence[Question],
    times: Times,
    expected: Floats,
    lower: Floats,
    upper: Floats,
    courses: Floats,
) -> list[Answer]:
    """Return the answers for every row that a question is about.

    ``expected``, ``lower``, ``upper``: (n_rows, n_time), rows are channels of series. ``courses``: (n_rows, n, n_time).
    """
    answers = []
    for question in questions:
        for row in range(len(expected)):
            series, channel = divmod(row, history.n_channels)
            key, name = history.keys[series], history.channels[channel]
            if question.measure not in ("", key.measure, name):
                continue
            near, far = (upper, lower) if question.sign.startswith(">") else (lower, upper)
            answers.append(
                Answer(
                    key,
                    name,
                    question,
                    _holds_now(history.values[series, :, channel], question),
                    _first(times, question.holds(expected[row])),
                    _first(times, question.holds(near[row])),
                    _first(times, question.holds(far[row])),
                    _probability(question, courses[row]),
                )
            )
    return answers


def _holds_now(values: Floats, question: Question) -> bool:
    there = values[np.isfinite(values)]
    return bool(len(there) and question.holds(there[-1:])[0])


def _first(times: Times, holds: np.ndarray) -> datetime | None:
    return to_datetime(times[int(np.argmax(holds))]) if holds.any() else None


def _probability(question: Question, courses: Floats) -> float:
    known = courses[np.isfinite(courses[:, -1])]
    return float(question.holds(known).any(axis=1).mean()) if len(known) >= LEAST_PATHS else float("nan")
