"""What holds of the events of any scores: their times, their number, their names, and what a policy leaves out."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive_decide import naive_events
from redshank.decide import Event, Memory, Policy, decide, event_id, severity
from redshank.panel import Key, Panel, Scores

points = st.one_of(st.sampled_from([0.0, 0.49, 0.5, 0.7, 1.0, 1.5, 9.0, math.inf, math.nan]), st.floats(0, 3))
quiet = st.integers(1, 6)


def decided(
    score: list[float],
    policy: Policy,
    *,
    times: object = None,
    actual: object = None,
    expected: float | list[float] = math.nan,
    half_range: float = math.nan,
) -> list[Event]:
    """Events of one series; by default of values 0 of which nothing is expected."""
    array = np.array([score], np.float64)
    panel = Panel.of(np.zeros_like(array) if actual is None else actual, times)
    middle = np.broadcast_to(np.array(expected, np.float64), array.shape)[..., None].copy()
    rarity = np.full(array.shape, 1e4)
    scores = Scores(panel.keys, panel.times, array, rarity, middle, middle - half_range, middle + half_range)
    return decide(policy, scores, panel, Memory.blank(1, 1))[0]


@settings(max_examples=200, deadline=None)
@given(st.lists(points, min_size=2, max_size=60), quiet)
def test_an_event_ends_a_step_at_least_after_it_starts(score: list[float], quiet_points: int) -> None:
    events = decided(score, Policy(quiet_points=quiet_points))

    step = timedelta(minutes=1)
    assert all(event.start + step <= event.end for event in events)
    assert all(event.start <= event.opened < event.end for event in events)
    assert all(event.start <= event.peak < event.end for event in events)
    assert all(event.score >= 1 and event.points >= 1 and 50 <= event.severity <= 100 for event in events)


@settings(max_examples=200, deadline=None)
@given(st.lists(points, max_size=60), quiet)
def test_events_of_a_series_are_apart_and_only_the_last_is_open(score: list[float], quiet_points: int) -> None:
    events = decided(score, Policy(quiet_points=quiet_points))

    assert all(a.end <= b.start for a, b in itertools.pairwise(events))
    assert not any(event.is_open for event in events[:-1])
    assert len({event.id for event in events}) == len(events)


@settings(max_examples=200, deadline=None)
@given(st.lists(points, max_size=60), quiet, st.integers(1, 3))
def test_every_alarming_point_lies_in_one_event(score: list[float], quiet_points: int, open_points: int) -> None:
    events = decided(score, Policy(quiet_points=quiet_points))
    slower = decided(score, Policy(quiet_points=quiet_points, open_points=open_points))

    times = Panel.of(np.zeros(len(score))).times if score else np.zeros(0, "datetime64[ns]")
    for time, s in zip(times.astype("datetime64[us]").tolist(), score, strict=True):
        inside = [
            event for event in events if event.start.replace(tzinfo=None) <= time < event.end.replace(tzinfo=None)
        ]
        assert len(inside) == 1 or not s >= 1
    assert len(slower) <= len(events)


@settings(max_examples=200, deadline=None)
@given(st.lists(points, min_size=1, max_size=60), quiet, st.data())
def test_missing_scores_change_no_event(score: list[float], quiet_points: int, data: st.DataObject) -> None:
    """Gaps are counted in points that have a score, wherever these lie in time: irregular steps are no matter."""
    gaps = data.draw(st.lists(st.integers(1, 50), min_size=len(score), max_size=len(score)))
    times = np.datetime64("2024-01-01", "ns") + np.cumsum(gaps).astype("timedelta64[m]")
    scored = [i for i, s in enumerate(score) if not math.isnan(s)]
    policy = Policy(quiet_points=quiet_points)

    events = decided(score, policy, times=times)
    without = decided([score[i] for i in scored], policy, times=times[scored])

    assert [(e.start, e.opened, e.peak, e.points, e.is_open) for e in events] == [
        (e.start, e.opened, e.peak, e.points, e.is_open) for e in without
    ]


@pytest.mark.parametrize(
    ("score", "found"),
    [
        ([0.6, 0.6, 0, 2, 0, 0, 0, 0.6, 0], [(3, 4)]),
        ([0.6, 0.6, 2, 0.6, 0, 0, 0, 0], [(0, 4)]),
        ([2, 0, 0.6, 0, 0, 0.6, 0, 0, 0], [(0, 6)]),
        ([2, 0, 0, 0, 0.6, 0, 0], [(0, 1)]),
        ([2, 0, 0, 0, 2, 0, 0], [(0, 1), (4, 5)]),
        ([2, 0, 0, 2, 0, 0, 0], [(0, 4)]),
        ([2, math.nan, math.nan, math.nan, math.nan, 2, 0, 0, 0], [(0, 6)]),
        ([0.6, 0, 0.6, 0.6, 2], [(2, 5)]),
    ],
    ids=[
        "runs below the cut apart from it do not count",
        "a run begins where it reached half of the cut",
        "half of the cut within the quiet points keeps it open",
        "half of the cut after the quiet points opens nothing",
        "a gap as long as the quiet points parts two",
        "a shorter gap joins them",
        "missing points part nothing",
        "a run still open at the end",
    ],
)
def test_events_are_runs_of_half_the_cut_joined_over_short_gaps(
    score: list[float], found: list[tuple[int, int]]
) -> None:
    events = decided(score, Policy(quiet_points=3))

    start = Panel.of(np.zeros(1)).start
    minutes = [((e.start - start) // timedelta(minutes=1), (e.end - start) // timedelta(minutes=1)) for e in events]
    assert minutes == found


@pytest.mark.parametrize("direction", ["up", "down"])
def test_where_nothing_is_expected_a_direction_leaves_nothing_out(direction: str) -> None:
    assert len(decided([0, 2, 0], Policy(direction=direction))) == 1  # type: ignore[arg-type]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(points, st.floats(-9, 9)), max_size=40), quiet, st.sampled_from(["up", "down"]))
def test_a_direction_counts_points_outside_the_range_on_its_side(
    given_points: list[tuple[float, float]], quiet_points: int, direction: str
) -> None:
    score, actual = [s for s, _ in given_points], [v for _, v in given_points]
    policy = Policy(direction=direction, quiet_points=quiet_points)  # type: ignore[arg-type]
    sign = 1 if direction == "up" else -1

    events = decided(score, policy, actual=actual, expected=0.0, half_range=2.0)

    left = [s if math.isnan(s) or sign * v > 2 else 0.0 for s, v in given_points]
    naive = naive_events(left, open_above=1, close_below=0.5, open_points=1, quiet_points=quiet_points)
    assert len(events) == len(naive)
    assert all(event.direction == direction for event in events)


@settings(max_examples=100, deadline=None)
@given(st.lists(points, max_size=40), st.floats(0, 5), st.floats(0, 5))
def test_asking_for_a_larger_deviation_never_gives_more_alarming_points(
    score: list[float], one: float, other: float
) -> None:
    actual = list(np.random.default_rng(len(score)).normal(0, 3, len(score)))
    low, high = sorted((one, other))

    few = decided(score, Policy(least_deviation=high), actual=actual, expected=0.0)
    many = decided(score, Policy(least_deviation=low), actual=actual, expected=0.0)

    assert sum(event.points for event in few) <= sum(event.points for event in many)


@given(st.floats(0, 100), st.floats(0, 100))
def test_severity_rises_with_the_score(one: float, other: float) -> None:
    low, high = sorted((one, other))

    assert 0 <= severity(low) <= severity(high) <= 100


def test_severity_of_an_infinite_score_is_100() -> None:
    assert severity(math.inf) == 100


def test_the_id_of_an_event_is_the_same_in_every_process() -> None:
    key, start = Key.of("cpu", {"host": "a", "zone": "b"}), np.datetime64("2024-05-01T12:00", "ns")

    code = (
        "import numpy as np; from redshank.decide import event_id; from redshank.panel import Key;"
        "print(event_id('m', Key.of('cpu', {'zone': 'b', 'host': 'a'}), np.datetime64('2024-05-01T12:00', 's')))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    assert event_id("m", key, start) == other == "67dde58563e7f79a"


def test_ids_tell_series_starts_and_monitors_apart() -> None:
    start = np.datetime64("2024-05-01T12:00", "ns")
    keys = [Key.of("cpu"), Key.of("mem"), Key.of("cpu", {"host": "a"}), Key.of("cpu", {"a": "host"})]

    ids = {event_id(name, key, start + later) for name in ("", "m") for key in keys for later in (0, 1)}

    assert len(ids) == 16
