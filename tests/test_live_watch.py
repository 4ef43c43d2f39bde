"""The laws of the live state: any split is one batch, saving is invisible, and replay equals never stopped."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from laws import CAUSAL, Kind, lively, name_of, split
from redshank.calibrate import Budget
from redshank.decide import Policy
from redshank.engine.batch import Plan, score_shard
from redshank.engine.watch import Advance, Watch
from redshank.engine.watch_shard import Lesson, Rules
from redshank.errors import StateError
from redshank.panel import Key, Panel

every_causal = pytest.mark.parametrize("kind", CAUSAL, ids=name_of)
SHARD_ROWS = 2  # so that three series are two shards


def rules(kind: Kind, panel: Panel, **changed: object) -> Rules:
    plan = Plan(detector=kind.kind, name="m", budget=Budget(2000.0))
    given = {"plan": plan, "step_ns": panel.step_ns, "channels": panel.channels, "flat_points": 5, **changed}
    return Rules(**given)  # type: ignore[arg-type]


def begun(kind: Kind, panel: Panel, **changed: object) -> Watch:
    return Watch(rules(kind, panel, **changed), shard_rows=SHARD_ROWS)


def with_newcomers(panel: Panel) -> Panel:
    """The panel with one more series from point 400 on, a like one from 800 on, and one that stops at 1000."""
    values = panel.values.copy()
    late, later = values[:1].copy(), values[:1] * 1.01
    late[:, :400], later[:, :800] = np.nan, np.nan
    values[1, 1000:1100] = np.nan
    keys = (*panel.keys, Key.of("value", {"series": "8"}), Key.of("value", {"series": "7"}))
    return replace(panel, keys=keys, values=np.concatenate([values, late, later]))


def assert_equal(parts: Iterable[Advance], whole: Advance) -> None:
    """Insist that the answers of consecutive batches are those of one, bit for bit."""
    parts = list(parts)
    n_series = len(whole.scores.keys)
    for name in ("score", "rarity", "expected", "lower", "upper"):
        found = [getattr(part.scores, name) for part in parts]
        padded = [np.pad(a, [(0, n_series - len(a))] + [(0, 0)] * (a.ndim - 1), constant_values=np.nan) for a in found]
        assert_array_equal(np.concatenate(padded, axis=1), getattr(whole.scores, name), err_msg=name)
    newest = {event.id: repr(event) for part in parts for event in part.events}  # as text, for NaN equals nothing
    assert newest == {event.id: repr(event) for event in whole.events}
    assert {(a.row, a.start_ns, a) for part in parts for a in part.absences} == {
        (a.row, a.start_ns, a) for a in whole.absences
    }
    assert [a for part in parts for a in part.admitted] == whole.admitted
    assert [stretch for part in parts for stretch in part.blank] == whole.blank


@every_causal
@pytest.mark.parametrize("size", [1, 7, 99])
def test_any_split_gives_the_scores_and_events_of_one_batch(kind: Kind, size: int) -> None:
    panel = with_newcomers(lively(kind))
    whole, parted = begun(kind, panel), begun(kind, panel)

    answers = [parted.advance(part) for part in split(panel, size)]

    assert_equal(answers, whole.advance(panel))
    assert [*parted.save()] == [*whole.save()]
    assert parted.open_absences(0) == whole.open_absences(0)


@every_causal
def test_series_in_another_order_score_the_same(kind: Kind) -> None:
    panel = with_newcomers(lively(kind))
    one, other = begun(kind, panel), begun(kind, panel)
    first, rest = panel.slice(0, 300), panel.slice(300, panel.n_time)
    one.advance(first)
    other.advance(first)

    turned = other.advance(rest.take(np.arange(panel.n_series)[::-1]))

    assert_equal([turned], one.advance(rest))


@every_causal
@pytest.mark.parametrize("at", [1, 350, 401, 860, 1060])
def test_saving_and_loading_is_invisible(kind: Kind, at: int) -> None:
    panel = with_newcomers(lively(kind))
    whole, stopped = begun(kind, panel), begun(kind, panel)

    first = stopped.advance(panel.slice(0, at))
    again = Watch.load(stopped.rules, list(stopped.save()))
    second = again.advance(panel.slice(at, panel.n_time))

    assert_equal([first, second], whole.advance(panel))


@every_causal
def test_replay_from_a_saved_state_ends_where_the_other_is(kind: Kind) -> None:
    panel = with_newcomers(lively(kind))
    watch = begun(kind, panel)
    watch.advance(panel.slice(0, 390))
    saved = list(watch.save())
    for part in split(panel.slice(390, 1000), 5):
        watch.advance(part)

    replayed = Watch.load(watch.rules, saved)
    replayed.advance(panel.slice(390, 1000))

    assert list(replayed.save()) == list(watch.save())


@every_causal
def test_it_scores_as_the_engine_does_in_one_go(kind: Kind) -> None:
    panel = lively(kind)
    plan = Plan(detector=kind.kind, name="m", budget=Budget(2000.0))

    answer = begun(kind, panel).advance(panel)

    expected = score_shard(panel, plan)
    assert_array_equal(answer.scores.score, expected.scores.score)
    in_order = sorted(answer.events, key=lambda event: (answer.scores.keys.index(event.key), event.start))
    assert list(map(repr, in_order)) == [repr(replace(event, reason="")) for event in expected.events]


def seasonal() -> Kind:
    return next(kind for kind in CAUSAL if kind.kind == "seasonal")


def test_a_new_series_starts_from_its_sibling_with_a_wide_range() -> None:
    panel = with_newcomers(lively(seasonal()))

    answer = begun(seasonal(), panel).advance(panel)

    joined = answer.admitted[-1]
    assert joined.sibling in (panel.keys[0], panel.keys[3])
    assert joined.is_late
    row, own = joined.row, answer.scores
    sibling = own.keys.index(joined.sibling)
    assert np.isfinite(own.score[row, 800])
    width, usual = own.upper[row, 800] - own.lower[row, 800], own.upper[sibling, 800] - own.lower[sibling, 800]
    assert 3 * usual < width < 5 * usual


def test_a_new_series_like_no_other_starts_from_nothing() -> None:
    panel = lively(seasonal())
    values = np.concatenate([panel.values, np.full((1, panel.n_time, 1), -77.0)])
    values[3, :500] = np.nan
    panel = replace(panel, keys=(*panel.keys, Key.of("value", {"series": "x"})), values=values)

    answer = begun(seasonal(), panel).advance(panel)

    assert answer.admitted[-1].sibling is None
    assert np.isnan(answer.scores.score[3, :529]).all()
    assert np.isfinite(answer.scores.score[3, 531])


def test_series_beyond_the_limit_are_counted_and_left_out() -> None:
    panel = lively(seasonal())
    watch = Watch(rules(seasonal(), panel), most_series=2)

    answer = watch.advance(panel)

    assert (watch.n_series, answer.refused, len(answer.scores.keys)) == (2, 1, 2)


def test_a_series_without_values_is_missing_until_it_returns() -> None:
    panel = with_newcomers(lively(seasonal()))
    watch = begun(seasonal(), panel)

    watch.advance(panel.slice(0, 1050))
    (while_away,) = [a for a in watch.open_absences(int(panel.times[1050].view(np.int64))) if a.kind == "missing"]
    answer = watch.advance(panel.slice(1050, 1200))

    assert (while_away.row, while_away.is_open) == (1, True)
    assert while_away.start_ns == panel.times[1000].view(np.int64)
    (closed,) = [a for a in answer.absences if a.kind == "missing"]
    assert (closed.row, closed.start_ns) == (1, while_away.start_ns)
    assert closed.opened_ns == while_away.opened_ns == panel.times[1005].view(np.int64)
    assert closed.end_ns == panel.times[1100].view(np.int64)


def test_a_series_that_reports_seldom_is_not_missing_in_between() -> None:
    random = np.random.default_rng(1)
    values = np.full((2, 2000), np.nan)
    values[0] = random.normal(size=2000)
    values[1, ::12] = random.normal(size=167)
    panel = Panel.of(values)

    answer = begun(seasonal(), panel).advance(panel)

    assert [a for a in answer.absences if a.row == 1 and a.start_ns > panel.times[400].view(np.int64)] == []


def test_steps_in_which_nobody_has_a_value_are_no_matter_of_single_series() -> None:
    panel = lively(seasonal())
    panel.values[:, 500:600] = np.nan

    answer = begun(seasonal(), panel).advance(panel)

    assert [a for a in answer.absences if a.kind == "missing"] == []
    start, end = (int(panel.times[i].view(np.int64)) for i in (500, 600))
    assert (start, end, 100) in answer.blank


def test_a_series_that_freezes_is_flat_until_it_moves() -> None:
    panel = lively(seasonal())
    panel.values[0, 600:640] = 0.25

    answer = begun(seasonal(), panel, flat_points=10).advance(panel)

    (flat,) = [a for a in answer.absences if a.kind == "flat" and a.row == 0]
    assert flat.start_ns == panel.times[600].view(np.int64)
    assert flat.end_ns == panel.times[640].view(np.int64)


def test_a_lesson_silences_the_like_and_nothing_else_and_can_be_taken_back() -> None:
    random = np.random.default_rng(3)
    values = random.normal(10, 1, size=(1, 3000))
    values[0, [1000, 1800, 2600]] = 25
    panel = Panel.of(values)
    start, until = (int(panel.times[i].view(np.int64)) for i in (1500, 2200))
    watch = Watch(Rules(plan=Plan(detector="gaussian"), step_ns=panel.step_ns, channels=panel.channels))
    watch.lessons = (
        Lesson(event_id="e", row=0, direction="up", size=17.0, score=math.inf, from_ns=start, until_ns=until),
    )

    events = watch.advance(panel).events

    peaks = {
        int(np.searchsorted(panel.times, np.datetime64(event.peak.replace(tzinfo=None), "ns"))) for event in events
    }
    assert {1000, 2600} <= peaks
    assert 1800 not in peaks


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"plan": Plan(detector="gaussian", name="m", budget=Budget(2000.0))}, "gaussian"),
        ({"plan": Plan(detector="seasonal", params={"learn": 99}, budget=Budget(2000.0))}, "parameters"),
        ({"plan": Plan(detector="seasonal", name="m")}, "budget"),
    ],
    ids=["detector", "parameters", "budget"],
)
def test_a_state_of_something_else_is_refused(changed: dict[str, object], what: str) -> None:
    panel = lively(seasonal())
    watch = begun(seasonal(), panel)
    watch.advance(panel)

    with pytest.raises(StateError, match=what):
        Watch.load(replace(watch.rules, **changed), list(watch.save()))  # type: ignore[arg-type]


def test_a_damaged_part_is_refused() -> None:
    panel = lively(seasonal())
    watch = begun(seasonal(), panel)
    watch.advance(panel)
    parts = [dict(part) for part in watch.save()]
    parts[1]["memory"] = parts[1]["memory"][:-3] + b"abc"

    with pytest.raises(StateError, match="damaged"):
        Watch.load(watch.rules, parts)


def test_a_policy_decides_without_a_trace_in_the_scores() -> None:
    panel = lively(seasonal())
    upward = Plan(detector="seasonal", name="m", budget=Budget(2000.0), policy=Policy(direction="down"))

    one, other = begun(seasonal(), panel).advance(panel), begun(seasonal(), panel, plan=upward).advance(panel)

    assert_array_equal(one.scores.score, other.scores.score)
