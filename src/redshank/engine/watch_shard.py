"""A shard of a live watch: some series, with all that is known of them, moved on together."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from redshank.calibrate import Calibrator
from redshank.decide import Event, Memory, decide
from redshank.detectors.base import Detector
from redshank.detectors.state import State
from redshank.engine.absence_kernel import MARKS, USUAL, follow
from redshank.engine.batch import Plan, close_below, quiet_points
from redshank.errors import StateError
from redshank.panel import Deviations, Floats, Key, Panel, Scores, Times
from redshank.registry import detector_class

Integers = NDArray[np.int64]

WIDEST = 4.0  # times its sibling's range, for the first point of a new series
FORMAT = 1
ADOPTED = ("marks", "usual", "last", "wide", "seed", "memory.marks", "memory.payload", "memory.share")
OWN = ("marks", "usual", "last", "wide", "seed")  # arrays of a shard itself


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What people said of an event: from ``from_ns`` until ``until_ns`` (None = for good), its like opens no event.

    ``row``: the series. Like it: on the same side (``direction``), not farther from the expected value than ``size``
    (NaN = by score), nor higher than ``score`` when nothing was expected.
    """

    event_id: str
    row: int
    direction: str
    size: float
    score: float
    from_ns: int
    until_ns: int | None = None


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a watch goes by. ``missing_steps``, ``flat_points``: 0 = not watched."""

    plan: Plan
    step_ns: int
    channels: tuple[str, ...]
    missing_steps: int = 3
    flat_points: int = 0


@dataclass(frozen=True, eq=False)
class ShardAnswer:
    """Scores and events of the series of a shard, and the records of absences and flat stretches that closed."""

    scores: Scores
    events: list[Event]
    closed: Integers


@dataclass(eq=False)
class Shard:
    """Series whose state moves on together; arrays have the series as leading axis.

    ``wide``: (n_series, 2) points still judged by a wide range, and of how many. ``seed``: (n_series,) the row of the
    sibling that a series started from, -1 = none.
    """

    rules: Rules
    detector: Detector
    calibrator: Calibrator
    memory: Memory
    marks: Integers
    usual: Floats
    last: Floats
    wide: Integers
    seed: Integers
    quiet: Integers = field(init=False)
    plan: Plan = field(init=False)

    def __post_init__(self) -> None:
        plan = self.rules.plan
        self.plan = replace(plan, policy=replace(plan.policy, close_below=close_below(plan.policy, self.calibrator)))
        self._set_quiet()

    @classmethod
    def blank(cls, rules: Rules, keys: Sequence[Key]) -> Self:
        """Return a shard of series of which nothing is known."""
        n, channels = len(keys), rules.channels
        detector = rules.plan.new_detector()
        nothing = np.empty((n, 0, len(channels)))
        detector.fit(Panel(tuple(keys), np.empty(0, "datetime64[ns]"), nothing, channels))
        return cls(
            rules,
            detector,
            Calibrator(detector.calibration, n, rules.plan.budget),
            Memory.blank(n, len(channels)),
            np.zeros((n, MARKS), np.int64),
            np.zeros((n, USUAL)),
            np.full((n, len(channels)), np.nan),
            np.zeros((n, 2), np.int64),
            np.full(n, -1, np.int64),
        )

    @property
    def keys(self) -> tuple[Key, ...]:
        """The series, in the order of the rows."""
        return self.detector.keys

    @property
    def bytes_per_series(self) -> int:
        """Bytes of state of one series."""
        arrays = [*self.detector.arrays.values(), *self.calibrator.arrays.values(), *self._arrays().values()]
        return sum(array.nbytes for array in arrays) // max(1, len(self.keys))

    def advance(
        self, times: Times, values: Floats, counts: NDArray[np.bool_], lessons: Sequence[Lesson]
    ) -> ShardAnswer:
        """Score, then learn, each point of ``values`` (n_series, n_time, n_channels), and decide on events.

        ``lessons``: those of series of this shard, ``row`` counted within it.
        """
        panel = Panel(self.keys, times, values, self.rules.channels)
        deviations = self.detector.update(panel)
        score, rarity = self.calibrator.apply(deviations.deviation)
        deviations, score, rarity = self._widened(panel, deviations, score, rarity)
        said = (deviations.expected, deviations.lower, deviations.upper, deviations.share)
        scores = Scores(self.keys, times, score, rarity, *said, self.rules.channels)
        events, self.memory = decide(
            self.plan.policy,
            _taught(scores, panel, lessons),
            panel,
            self.memory,
            quiet_points=self.quiet,
            step_ns=self.rules.step_ns,
            name=self.plan.name,
        )
        nanoseconds = np.ascontiguousarray(times.view(np.int64))
        steps, points = self.rules.missing_steps, self.rules.flat_points
        closed = follow(nanoseconds, panel.values, counts, steps, points, self.marks, self.usual, self.last)
        return ShardAnswer(scores, events, closed)

    def _widened(
        self, panel: Panel, deviations: Deviations, score: Floats, rarity: Floats
    ) -> tuple[Deviations, Floats, Floats]:
        """Judge the first points of series that started from a sibling by a range that is WIDEST at first."""
        rows = np.flatnonzero(self.wide[:, 0])
        if not len(rows):
            return deviations, score, rarity
        there = np.isfinite(panel.values[rows]).any(axis=2)
        left = self.wide[rows, :1] - (np.cumsum(there, axis=1) - there)
        width = 1 + (WIDEST - 1) * np.maximum(left, 0) / self.wide[rows, 1:]
        self.wide[rows, 0] = np.maximum(self.wide[rows, 0] - there.sum(axis=1), 0)
        score, rarity = score.copy(), rarity.copy()
        lower, upper = deviations.lower.copy(), deviations.upper.copy()
        is_wide, expected = left > 0, deviations.expected[rows]
        score[rows] = np.where(is_wide, score[rows] / width, score[rows])
        rarity[rows] = np.where(is_wide, np.nan, rarity[rows])
        for edge in (lower, upper):
            wider = expected + (edge[rows] - expected) * width[:, :, None]
            edge[rows] = np.where(is_wide[:, :, None], wider, edge[rows])
        return replace(deviations, lower=lower, upper=upper), score, rarity

    # ------------------------------------------------------------------ series come and go

    def take(self, rows: Integers) -> Shard:
        """Return a shard of copies of these series only."""
        return Shard(
            self.rules,
            self.detector.take(rows),
            self.calibrator.take(rows),
            self.memory.take(rows),
            *(getattr(self, name)[rows].copy() for name in OWN),
        )

    def append(self, other: Shard) -> None:
        """Add the series of another shard behind the own ones."""
        self.detector.append(other.detector)
        self.calibrator.append(other.calibrator)
        self.memory = Memory(
            *(
                np.concatenate([mine, theirs])
                for mine, theirs in zip(_parts(self.memory), _parts(other.memory), strict=True)
            )
        )
        for name in OWN:
            setattr(self, name, np.concatenate([getattr(self, name), getattr(other, name)]))
        self._set_quiet()

    def start_from(self, row: int, other: Shard, seed: int, points: int) -> None:
        """Let the new series at ``row`` know what the only one of another shard does, and judge it by a wide range.

        ``seed``: the row of the other among all. ``points``: how many values the range stays wide.
        """
        for own, theirs in ((self.detector, other.detector), (self.calibrator, other.calibrator)):
            for name, array in own.arrays.items():
                array[row] = theirs.arrays[name][0]
        self.wide[row] = points
        self.seed[row] = seed

    def _set_quiet(self) -> None:
        nothing = np.empty((len(self.keys), 0, len(self.rules.channels)))
        panel = Panel(self.keys, np.empty(0, "datetime64[ns]"), nothing, self.rules.channels)
        self.quiet = quiet_points(self.detector, panel, self.plan.budget)

    # ------------------------------------------------------------------ state

    def array(self, name: str) -> np.ndarray:
        """Return the array of that name, one of ``ADOPTED``; not a copy."""
        return self._arrays()[name]

    def _arrays(self) -> dict[str, np.ndarray]:
        own = {name: getattr(self, name) for name in OWN}
        marks, payload, share = _parts(self.memory)
        return {**own, "memory.marks": marks, "memory.payload": payload, "memory.share": share}

    def save(self, common: dict[str, Any]) -> dict[str, bytes]:
        """Return the state as named parts; ``common`` are JSON values that go with it."""
        memory = State("watch", FORMAT, {"common": common}, (), (), self._arrays())
        return {
            "detector": self.detector.save().to_bytes(),
            "calibrator": self.calibrator.save().to_bytes(),
            "memory": memory.to_bytes(),
        }

    @classmethod
    def load(cls, rules: Rules, parts: Mapping[str, bytes]) -> tuple[Self, dict[str, Any]]:
        """Return the shard of such parts, and what went with them.

        Raises:
            StateError: a part is missing, damaged, or of another detector, parameters or budget.
        """
        missing = [name for name in ("detector", "calibrator", "memory") if name not in parts]
        if missing:
            raise StateError(f"state: must have a part {missing[0]!r}; train again")
        kind = detector_class(rules.plan.detector)
        detector = kind.load(State.from_bytes(parts["detector"]))
        calibrator = Calibrator.load(State.from_bytes(parts["calibrator"]))
        state = State.from_bytes(parts["memory"])
        if (state.kind, state.version) != ("watch", FORMAT):
            raise StateError(f"state: memory must be of format {FORMAT}, got {state.kind} {state.version}; train again")
        if detector.get_params() != rules.plan.new_detector().get_params() or detector.channels != rules.channels:
            raise StateError(f"state: must be of {kind.kind} with the monitor's parameters and channels; train again")
        if (calibrator.budget, calibrator.calibration) != (rules.plan.budget, detector.calibration):
            raise StateError("state: must be of the monitor's budget; train again")
        arrays = {name: np.array(array) for name, array in state.arrays.items()}
        memory = Memory(*(arrays.pop(f"memory.{name}") for name in ("marks", "payload", "share")))
        return cls(rules, detector, calibrator, memory, *(arrays[name] for name in OWN)), state.params["common"]


def _parts(memory: Memory) -> tuple[np.ndarray, ...]:
    return tuple(getattr(memory, part.name) for part in dataclasses.fields(memory))


def _taught(scores: Scores, panel: Panel, lessons: Sequence[Lesson]) -> Scores:
    """Scores with those of points that people said are of no interest set to 0, to decide by; others as they are."""
    if not lessons:
        return scores
    score = scores.score.copy()
    times = panel.times.view(np.int64)
    for lesson in lessons:
        first, last = np.searchsorted(times, [lesson.from_ns, _end(lesson)])
        if first < last:
            _teach(lesson, slice(first, last), score[lesson.row], scores, panel)
    return replace(scores, score=score)


def _end(lesson: Lesson) -> int:
    return np.iinfo(np.int64).max if lesson.until_ns is None else lesson.until_ns


def _teach(lesson: Lesson, span: slice, score: Floats, scores: Scores, panel: Panel) -> None:
    """Set the scores (n_time,) of a series that are like the lesson's event to 0 (in place)."""
    row = lesson.row
    difference = panel.values[row, span] - scores.expected[row, span]
    if scores.share is None:
        distance = difference[:, 0]
    else:
        leading = np.argmax(scores.share[row, span], axis=1)
        distance = difference[np.arange(len(difference)), leading]
    is_on_side = {"up": distance > 0, "down": distance < 0}.get(lesson.direction, np.ones(len(distance), np.bool_))
    is_lower = score[span] <= lesson.score
    is_near = is_lower if math.isnan(lesson.size) else np.abs(distance) <= lesson.size
    is_like = (is_on_side & is_near) | (np.isnan(distance) & is_lower)
    score[span] = np.where(is_like & ~np.isnan(score[span]), 0.0, score[span])
