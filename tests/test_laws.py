"""The laws of detectors, on every registered class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from laws import (
    CAUSAL,
    KINDS,
    N_TIME,
    RETROSPECTIVE,
    SPLIT,
    Kind,
    assert_same,
    changed,
    fitted,
    history,
    joined,
    lively,
    name_of,
    row,
    split,
    stream,
)
from redshank.detectors.base import Detector
from redshank.detectors.state import State
from redshank.errors import ConfigError, StateError
from redshank.panel import Panel

every = pytest.mark.parametrize("kind", KINDS, ids=name_of)
every_causal = pytest.mark.parametrize("kind", CAUSAL, ids=name_of)
every_retrospective = pytest.mark.parametrize("kind", RETROSPECTIVE, ids=name_of)


def reloaded(detector: Detector) -> Detector:
    """The detector after a trip through bytes."""
    return type(detector).load(State.from_bytes(detector.save().to_bytes()))


# ------------------------------------------------------------------------------------------- 1 scoring is pure


@every
def test_scoring_twice_gives_the_same(kind: Kind) -> None:
    detector = fitted(kind)

    assert_same(detector.score(stream(kind)), detector.score(stream(kind)))


@every
def test_scoring_leaves_detector_and_panel_as_they_were(kind: Kind) -> None:
    detector, panel = fitted(kind), stream(kind)
    before, values = detector.save().to_bytes(), panel.values.copy()

    detector.score(panel)

    assert detector.save().to_bytes() == before
    assert_array_equal(panel.values, values)


@every
def test_fitting_leaves_the_panel_as_it_was(kind: Kind) -> None:
    panel = history(kind)
    values = panel.values.copy()

    kind().fit(panel)

    assert_array_equal(panel.values, values)


@every
def test_fitting_forgets_what_was_learned_before(kind: Kind) -> None:
    detector = kind()
    detector.fit(stream(kind))

    detector.fit(history(kind))

    assert detector.save().to_bytes() == fitted(kind).save().to_bytes()


@every
def test_two_detectors_share_nothing(kind: Kind) -> None:
    one, other = fitted(kind), fitted(kind)
    before = other.save().to_bytes()

    one.fit(stream(kind))

    assert other.save().to_bytes() == before


# --------------------------------------------------------------------------------------- 2 replay equals live


@every_causal
@pytest.mark.parametrize("size", [1, 7, 99])
def test_replay_equals_live(kind: Kind, size: int) -> None:
    replay, live = fitted(kind), fitted(kind)

    answers = [live.update(batch) for batch in split(stream(kind), size)]

    assert_same(joined(answers), replay.update(stream(kind)))
    assert live.save().to_bytes() == replay.save().to_bytes()


@every_causal
def test_replay_from_nothing_equals_live(kind: Kind) -> None:
    replay, live = kind(), kind()

    answers = [live.update(batch) for batch in split(lively(kind), 99)]

    assert_same(joined(answers), replay.update(lively(kind)))


# ----------------------------------------------------------------------------------------- 3 saving is invisible


@every
def test_a_loaded_detector_scores_like_the_saved_one(kind: Kind) -> None:
    detector = fitted(kind)

    assert_same(reloaded(detector).score(stream(kind)), detector.score(stream(kind)))


@every_causal
def test_saving_in_mid_stream_is_invisible(kind: Kind) -> None:
    never_saved, saved = fitted(kind), fitted(kind)
    first, second = stream(kind).slice(0, 117), stream(kind).slice(117, N_TIME - SPLIT)
    never_saved.update(first)
    saved.update(first)

    assert_same(reloaded(saved).update(second), never_saved.update(second))


@every
def test_a_detector_that_learned_nothing_can_be_saved(kind: Kind) -> None:
    loaded = reloaded(kind())

    assert_same(loaded.score(lively(kind)), kind().score(lively(kind)))


@every
def test_a_saved_state_is_a_copy(kind: Kind) -> None:
    detector = fitted(kind)
    state = detector.save()
    before = state.to_bytes()

    detector.fit(stream(kind))

    assert state.to_bytes() == before


@every
def test_a_state_of_another_detector_is_refused(kind: Kind) -> None:
    state = fitted(kind).save()
    foreign = State("another", state.version, state.params, state.keys, state.channels, state.arrays)

    with pytest.raises(StateError, match=f"must be of detector '{kind.kind}', got 'another'"):
        kind.load(foreign)


@every
def test_a_state_of_another_version_is_refused(kind: Kind) -> None:
    state = fitted(kind).save()
    newer = State(state.kind, state.version + 1, state.params, state.keys, state.channels, state.arrays)

    with pytest.raises(StateError, match="version"):
        kind.load(newer)


# --------------------------------------------------------------------------------------- 4 rows are independent


@every
@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_series_scores_in_a_panel_as_it_does_alone(kind: Kind, index: int) -> None:
    alone = kind()
    alone.fit(history(kind).take([index]))

    assert_same(alone.score(stream(kind).take([index])), row(fitted(kind).score(stream(kind)), index))


@every
def test_series_taken_out_go_on_as_before(kind: Kind) -> None:
    whole = fitted(kind)

    taken = whole.take([2, 0]).score(stream(kind).take([2, 0]))

    assert_same(row(taken, 0), row(whole.score(stream(kind)), 2))
    assert_same(row(taken, 1), row(whole.score(stream(kind)), 0))


@every
def test_series_appended_go_on_as_before(kind: Kind) -> None:
    whole = fitted(kind)
    joined_again = whole.take([0])

    joined_again.append(whole.take([1, 2]))

    assert_same(joined_again.score(stream(kind)), whole.score(stream(kind)))


@every
def test_taking_series_copies_their_state(kind: Kind) -> None:
    whole = fitted(kind)
    before = whole.save().to_bytes()

    whole.take([1]).fit(stream(kind).take([1]))

    assert whole.save().to_bytes() == before


@every
def test_other_series_than_the_fitted_ones_are_refused(kind: Kind) -> None:
    with pytest.raises(ConfigError, match="fitted series in the same order"):
        fitted(kind).score(stream(kind).take([1, 0, 2]))


# --------------------------------------------------------------------------------------- 5 no value, no score


@every
def test_a_missing_value_is_not_scored(kind: Kind) -> None:
    panel = lively(kind)

    deviation = kind().score(panel).deviation

    assert np.isnan(deviation[np.isnan(panel.values).all(axis=2)]).all()


@every
def test_scoring_goes_on_after_a_missing_value(kind: Kind) -> None:
    deviation = fitted(kind).score(stream(kind)).deviation

    assert np.isfinite(deviation[:, -100:]).all()


@every
def test_missing_values_are_no_warmup(kind: Kind) -> None:
    def empty_before_the_end(values: Any) -> None:
        values[:, : 1 - kind().warmup] = np.nan

    panel = changed(lively(kind), empty_before_the_end)

    assert np.isnan(kind().score(panel).deviation).all()


@every
def test_an_infinite_value_counts_as_missing(kind: Kind) -> None:
    values = lively(kind).values.copy()
    missing = np.isnan(values)
    values[missing] = np.resize([np.inf, -np.inf], missing.sum())
    with_infinite, clean = kind(), kind()

    with_infinite.fit(Panel.of(values, step=lively(kind).step, channels=lively(kind).channels, keys=lively(kind).keys))
    clean.fit(lively(kind))

    assert with_infinite.save().to_bytes() == clean.save().to_bytes()


# ---------------------------------------------------------------------------------------- 6 causal means causal


@every_causal
@pytest.mark.parametrize("future", [1e9, -3.0, np.nan], ids=["huge", "shifted", "missing"])
def test_changing_the_future_changes_no_past_score(kind: Kind, future: float) -> None:
    panel = lively(kind)

    def change(values: Any) -> None:
        values[:, 1000:] = values[:, 1000:] + future

    other = kind().update(changed(panel, change))

    assert_same(kind().update(panel), other, points=slice(0, 1000))


@every_retrospective
def test_a_detector_that_looks_both_ways_refuses_to_run_live(kind: Kind) -> None:
    with pytest.raises(ConfigError, match="looks both ways"):
        fitted(kind).update(stream(kind))
