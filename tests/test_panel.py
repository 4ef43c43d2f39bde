"""Panels: what they hold, how they are cut and put together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from redshank.errors import DataError
from redshank.panel import Key, Panel, to_datetime, to_time

START = datetime(2024, 3, 1, tzinfo=UTC)


def minutes(count: int) -> np.ndarray:
    """Times one minute apart from START."""
    return np.datetime64("2024-03-01", "ns") + np.arange(count) * np.timedelta64(1, "m")


@pytest.mark.parametrize("shape", [(5,), (2, 5), (2, 5, 3)], ids=str)
def test_arrays_of_one_to_three_axes_become_panels(shape: tuple[int, ...]) -> None:
    panel = Panel.of(np.zeros(shape))

    assert panel.values.shape == ((1,) * (2 - len(shape)) + shape + (1,))[:3]
    assert (panel.n_series, panel.n_time, panel.n_channels) == panel.values.shape


def test_an_array_of_four_axes_is_refused() -> None:
    with pytest.raises(DataError, match="1 to 3 axes, got 4"):
        Panel.of(np.zeros((1, 1, 1, 1)))


def test_infinite_values_become_missing() -> None:
    assert np.isnan(Panel.of([1.0, np.inf, -np.inf, np.nan]).values[0, 1:, 0]).all()


def test_building_a_panel_leaves_the_given_array_as_it_was() -> None:
    values = np.array([1.0, np.inf])

    Panel.of(values)

    assert values[1] == np.inf


def test_whole_numbers_become_floats() -> None:
    assert Panel.of([1, 2, 3]).values.dtype == np.float64


def test_series_without_keys_are_numbered() -> None:
    assert [str(key) for key in Panel.of(np.zeros((2, 3))).keys] == ["value{series=0}", "value{series=1}"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.zeros((1, 3, 1))}, r"shape \(1, 2, 1\)"),
        ({"times": minutes(2).astype("datetime64[s]")}, r"datetime64\[ns\], got datetime64\[s\]"),
        ({"values": np.zeros((1, 2, 1), np.float32)}, "float64, got float32"),
        ({"times": minutes(2)[::-1]}, "strictly increasing"),
        ({"times": minutes(2)[[0, 0]]}, "strictly increasing"),
        ({"times": np.array([START.replace(tzinfo=None), "NaT"], "datetime64[ns]")}, "strictly increasing"),
        ({"keys": ()}, r"shape \(0, 2, 1\)"),
        ({"channels": ("a", "b")}, r"shape \(1, 2, 2\)"),
    ],
)
def test_a_panel_that_does_not_fit_together_is_refused(changes: dict[str, object], message: str) -> None:
    good: dict[str, object] = {"keys": (Key.of("cpu"),), "times": minutes(2), "values": np.zeros((1, 2, 1))}

    with pytest.raises(DataError, match=message):
        Panel(**(good | changes))  # type: ignore[arg-type]


def test_intervals_are_half_open() -> None:
    panel = Panel.of(np.arange(10.0), minutes(10))

    part = panel.between(START + timedelta(minutes=2), START + timedelta(minutes=5))

    assert_array_equal(part.values[0, :, 0], [2, 3, 4])


@given(st.integers(-3, 13), st.integers(-3, 13))
def test_between_equals_comparing_every_time(first: int, last: int) -> None:
    panel = Panel.of(np.arange(10.0), minutes(10))
    start, end = START + timedelta(minutes=first), START + timedelta(minutes=last)

    part = panel.between(start, end)

    wanted = [i for i in range(10) if start <= to_datetime(panel.times[i]) < end]
    assert_array_equal(part.values[0, :, 0], wanted)


def test_an_open_side_reaches_to_the_end() -> None:
    panel = Panel.of(np.arange(10.0), minutes(10))

    assert panel.between(None, None).n_time == 10
    assert panel.between(START + timedelta(minutes=9), None).n_time == 1


def test_parts_share_their_values_with_the_whole() -> None:
    panel = Panel.of(np.zeros((3, 10)))

    assert np.shares_memory(panel.slice(2, 5).values, panel.values)
    assert np.shares_memory(panel.take(slice(0, 2)).values, panel.values)


def test_taking_rows_keeps_key_and_values_together() -> None:
    panel = Panel.of(np.arange(6.0).reshape(3, 2))

    taken = panel.take([2, 0])

    assert taken.keys == (panel.keys[2], panel.keys[0])
    assert_array_equal(taken.values[:, 0, 0], [4, 0])


def test_cut_and_joined_in_time_is_the_whole() -> None:
    panel = Panel.of(np.arange(20.0).reshape(2, 10))

    again = panel.slice(0, 4).then(panel.slice(4, 10))

    assert_array_equal(again.values, panel.values)
    assert_array_equal(again.times, panel.times)


def test_cut_and_stacked_is_the_whole() -> None:
    panel = Panel.of(np.arange(20.0).reshape(2, 10))

    again = panel.take([0]).beside(panel.take([1]))

    assert again.keys == panel.keys
    assert_array_equal(again.values, panel.values)


def test_an_earlier_panel_cannot_follow() -> None:
    panel = Panel.of(np.arange(10.0))

    with pytest.raises(DataError, match="strictly increasing"):
        panel.slice(4, 10).then(panel.slice(0, 4))


def test_other_series_cannot_follow() -> None:
    panel = Panel.of(np.zeros((2, 10)))

    with pytest.raises(DataError, match="same series"):
        panel.slice(0, 5).then(panel.take([1, 0]).slice(5, 10))


def test_other_times_cannot_stand_beside() -> None:
    with pytest.raises(DataError, match="same times"):
        Panel.of(np.zeros(5)).beside(Panel.of(np.zeros(6)))


def test_the_step_is_the_usual_distance() -> None:
    panel = Panel.of(np.zeros(5), minutes(9)[[0, 1, 2, 3, 8]])

    assert panel.step == timedelta(minutes=1)
    assert not panel.is_regular


@pytest.mark.parametrize("count", [0, 1])
def test_a_panel_of_less_than_two_points_has_no_step(count: int) -> None:
    panel = Panel.of(np.zeros(count))

    assert panel.step == timedelta(0)
    assert panel.is_regular


def test_a_step_below_a_millisecond_is_kept() -> None:
    assert Panel.of(np.zeros(3), step=timedelta(microseconds=50)).step == timedelta(microseconds=50)


def test_the_end_lies_one_step_after_the_last_point() -> None:
    panel = Panel.of(np.zeros(10), minutes(10))

    assert (panel.start, panel.end) == (START, START + timedelta(minutes=10))


def test_the_end_of_one_point_lies_after_it() -> None:
    panel = Panel.of(np.zeros(1), minutes(1))

    assert panel.start < panel.end


def test_a_panel_without_points_has_no_start() -> None:
    with pytest.raises(DataError, match="no points"):
        _ = Panel.of(np.zeros(0)).start


def test_labels_are_kept_sorted() -> None:
    key = Key.of("cpu", {"zone": "b", "host": "a"})

    assert str(key) == "cpu{host=a, zone=b}"
    assert key == Key.of("cpu", {"host": "a", "zone": "b"})
    assert key.label_map == {"host": "a", "zone": "b"}


def test_changing_the_label_map_leaves_the_key_as_it_was() -> None:
    key = Key.of("cpu", {"host": "a"})

    key.label_map["host"] = "b"

    assert key.label_map == {"host": "a"}


def test_an_aware_time_is_converted_to_utc() -> None:
    moment = datetime(2024, 3, 1, 2, tzinfo=timezone(timedelta(hours=2)))

    assert to_time(moment) == np.datetime64("2024-03-01T00:00", "ns")


def test_a_naive_time_is_taken_as_utc() -> None:
    assert to_time(datetime(2024, 3, 1, 2)) == np.datetime64("2024-03-01T02:00", "ns")  # noqa: DTZ001 - the point of it


@given(st.datetimes(datetime(1678, 1, 1), datetime(2261, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds are naive
def test_a_time_survives_the_trip_to_numpy(moment: datetime) -> None:
    assert to_datetime(to_time(moment)) == moment
