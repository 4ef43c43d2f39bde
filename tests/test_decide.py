"""Policy and events: the rule against its naive twin, the split law, and what the policy leaves out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive_decide import naive_events
from redshank.decide import Event, Memory, Policy, decide, severity
from redshank.errors import ConfigError
from redshank.panel import Panel, Scores

points = st.one_of(st.sampled_from([0.0, 0.49, 0.5, 0.7, 0.99, 1.0, 1.5, 9.0, math.nan]), st.floats(0, 3))


def scored(score: list[list[float]], *, values: object = None, expected: object = None) -> tuple[Panel, Scores]:
    array = np.array(score, dtype=np.float64)
    panel = Panel.of(array if values is None else values)
    forecast = np.full(panel.values.shape, np.nan)
    if expected is not None:
        forecast[:] = np.array(expected, dtype=np.float64)[..., None]
    blank = np.full(panel.values.shape, np.nan)
    return panel, Scores(panel.keys, panel.times, array, np.full(array.shape, 1e4), forecast, blank, blank)


def all_events(policy: Policy, panel: Panel, scores: Scores, cuts: list[int]) -> list[Event]:
    memory = Memory.blank(panel.n_series, panel.n_channels)
    closed: list[Event] = []
    events: list[Event] = []
    for first, last in zip([0, *cuts], [*cuts, panel.n_time], strict=True):
        part = Scores(
            scores.keys,
            scores.times[first:last],
            *(a[:, first:last] for a in (scores.score, scores.rarity, scores.expected, scores.lower, scores.upper)),
        )
        events, memory = decide(policy, part, panel.slice(first, last), memory, step_ns=panel.step_ns)
        closed += [event for event in events if not event.is_open]
    return sorted(closed + [event for event in events if event.is_open], key=lambda e: (str(e.key), e.start))


@settings(max_examples=300, deadline=None)
@given(st.lists(points, max_size=60), st.integers(1, 3), st.integers(1, 5))
def test_events_are_those_of_the_naive_rule(score: list[float], open_points: int, quiet_points: int) -> None:
    panel, scores = scored([score])
    policy = Policy(open_points=open_points, quiet_points=quiet_points)

    events, _ = decide(policy, scores, panel, Memory.blank(1, 1))

    index = {time: i for i, time in enumerate(panel.times.astype("datetime64[us]").tolist())}
    found = [(index[e.start.replace(tzinfo=None)], index[e.peak.replace(tzinfo=None)], e.is_open) for e in events]
    naive = naive_events(score, open_above=1, close_below=0.5, open_points=open_points, quiet_points=quiet_points)
    assert found == [(start, peak, is_open) for start, _, peak, is_open in naive]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(points, min_size=30, max_size=30), min_size=1, max_size=3), st.data())
def test_splitting_the_scores_does_not_change_the_events(score: list[list[float]], data: st.DataObject) -> None:
    panel, scores = scored(score)
    cuts = sorted(data.draw(st.lists(st.integers(0, 30), max_size=5)))
    policy = Policy(quiet_points=4)

    together = all_events(policy, panel, scores, [])
    split = all_events(policy, panel, scores, cuts)

    assert [repr(event) for event in split] == [repr(event) for event in together]  # NaN equals NaN in text


def test_a_missing_score_neither_closes_nor_extends_an_event() -> None:
    panel, scores = scored([[0, 2, math.nan, math.nan, math.nan, 2, 0, 0, 0]])

    events, _ = decide(Policy(quiet_points=2), scores, panel, Memory.blank(1, 1))

    assert len(events) == 1
    assert events[0].points == 2
    assert not events[0].is_open


@pytest.mark.parametrize(("direction", "count"), [("both", 2), ("up", 1), ("down", 1)])
def test_only_the_asked_direction_raises_an_event(direction: str, count: int) -> None:
    score = [0.0, 2, 0, 0, 0, 2, 0, 0, 0]
    panel, scores = scored([score], values=[[5.0, 9, 5, 5, 5, 1, 5, 5, 5]], expected=[[5.0] * 9])

    events, _ = decide(Policy(direction=direction, quiet_points=1), scores, panel, Memory.blank(1, 1))  # type: ignore[arg-type]

    assert len(events) == count
    assert [e.direction for e in events] == {"both": ["up", "down"], "up": ["up"], "down": ["down"]}[direction]


@pytest.mark.parametrize(
    ("policy", "count"),
    [
        (Policy(least_deviation=4.0, quiet_points=1), 1),
        (Policy(least_deviation=4.1, quiet_points=1), 0),
        (Policy(least_relative=0.8, quiet_points=1), 1),
        (Policy(least_relative=0.81, quiet_points=1), 0),
    ],
    ids=["absolute met", "absolute missed", "relative met", "relative missed"],
)
def test_a_small_deviation_is_not_an_event(policy: Policy, count: int) -> None:
    panel, scores = scored([[0.0, 2, 0]], values=[[5.0, 9, 5]], expected=[[5.0] * 3])

    events, _ = decide(policy, scores, panel, Memory.blank(1, 1))

    assert len(events) == count


def test_the_memory_given_is_not_changed() -> None:
    panel, scores = scored([[0.0, 2, 0]])
    memory = Memory.blank(1, 1)

    decide(Policy(), scores, panel, memory)

    assert not memory.marks.any()


def test_the_leading_channel_carries_the_event() -> None:
    values = np.zeros((1, 4, 2))
    values[0, 2] = [1.0, 7.0]
    panel = Panel.of(values, channels=["a", "b"])
    share = np.full((1, 4, 2), 0.5)
    share[0, 2] = [0.2, 0.8]
    blank = np.full(values.shape, np.nan)
    score = np.array([[0.0, 0, 3, 0]])
    scores = Scores(panel.keys, panel.times, score, score, np.zeros_like(values), blank, blank, share, panel.channels)

    events, _ = decide(Policy(), scores, panel, Memory.blank(1, 2))

    assert events[0].actual == 7.0
    assert list(events[0].share) == ["b", "a"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"direction": "sideways"}, "direction must be both, up or down"),
        ({"close_below": 2.0}, "close_below must be above 0 and <= open_above"),
        ({"least_deviation": -1.0}, "least_deviation must be >= 0"),
        ({"open_points": 0}, "open_points must be >= 1"),
    ],
    ids=["direction", "close_below", "least_deviation", "open_points"],
)
def test_a_policy_that_cannot_be_is_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Policy(**wrong)  # type: ignore[arg-type]


def test_severity_is_50_at_the_alarm_edge_and_never_above_100() -> None:
    assert [severity(s) for s in (0.0, 1.0, 2.0, 1e9)] == [0, 50, 75, 100]
