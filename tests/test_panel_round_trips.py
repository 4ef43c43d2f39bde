"""Panels as tables of other libraries and back: every value keeps its series, its channel and its time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from redshank.panel import Key, Panel
from redshank.sources.base import Query
from redshank.tables import read_table, to_arrow, to_pandas, to_polars

FORMS: list[Callable[..., Any]] = [to_polars, to_pandas, to_arrow]
START = np.datetime64("2024-01-01", "ns")
Cells = dict[tuple[str | None, str, int], float]


@st.composite
def panels(draw: st.DrawFn, *, channels: int = 1) -> Panel:
    """Up to three series, ragged and with gaps, on an even grid or on times that lie on none."""
    n_series, n_time = draw(st.integers(1, 3)), draw(st.integers(2, 15))
    value = st.one_of(st.just(math.nan), st.floats(-1e6, 1e6), st.integers(-5, 5).map(float))
    values = np.array([draw(value) for _ in range(n_series * n_time * channels)])
    step = np.timedelta64(draw(st.sampled_from([1, 60, 300, 3600, 86400])), "s")
    index = np.arange(n_time)
    times = START + (index if draw(st.booleans()) else 7 * index**2) * step
    keys = [Key.of("cpu", {"host": f"h{i}", "zone": "ab"[i % 2]} if n_series > 1 else {}) for i in range(n_series)]
    names = [f"channel {j}" for j in range(channels)] if channels > 1 else None
    return Panel.of(values.reshape(n_series, n_time, channels), times, keys=keys, channels=names)


def cells(panels: Sequence[Panel], name: Callable[[Panel, Key, str], str]) -> Cells:
    """All values that are there, by host, name and time."""
    return {
        (key.label_map.get("host"), name(panel, key, channel), time): value
        for panel in panels
        for i, key in enumerate(panel.keys)
        for j, channel in enumerate(panel.channels)
        for time, value in zip(panel.times.tolist(), panel.values[i, :, j].tolist(), strict=True)
        if math.isfinite(value)
    }


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("convert", FORMS, ids=lambda form: form.__name__)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_long_table_reads_back_with_every_value_in_place(
    convert: Callable[..., Any], channels: int, data: st.DataObject
) -> None:
    panel = data.draw(panels(channels=channels))
    assume(np.isfinite(panel.values).any())
    labels = ("host", "zone") if panel.n_series > 1 else ()
    query = Query(time="time", by=labels, measures=panel.channels, multivariate=channels > 1)

    found = read_table(convert(panel), query).panels

    assert cells(found, lambda _, key, channel: channel) == cells([panel], lambda _, key, channel: channel)
    assert {key.labels for part in found for key in part.keys} <= {key.labels for key in panel.keys}


@pytest.mark.parametrize("convert", FORMS, ids=lambda form: form.__name__)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_wide_table_reads_back_as_one_series_a_column(convert: Callable[..., Any], data: st.DataObject) -> None:
    panel = data.draw(panels())
    assume(np.isfinite(panel.values).any())

    found = read_table(convert(panel, "wide"), Query(time="time", by=())).panels

    as_column = {(str(key), time): value for (_, key, time), value in cells([panel], lambda _, k, c: str(k)).items()}
    assert {(name, t): v for (_, name, t), v in cells(found, lambda _, k, c: k.measure).items()} == as_column


@settings(max_examples=60, deadline=None)
@given(panel=panels(), first=st.integers(-3, 18), last=st.integers(-3, 18))
def test_reading_a_stretch_of_time_is_slicing_what_is_read(panel: Panel, first: int, last: int) -> None:
    assume(np.isfinite(panel.values).any())
    step = np.timedelta64(panel.step_ns or 1, "ns")
    start, end = panel.times[0] + first * step, panel.times[0] + last * step
    inside = panel.between(start, end)
    assume(np.isfinite(inside.values).any())
    moments = [m.astype("datetime64[us]").tolist().replace(tzinfo=panel.start.tzinfo) for m in (start, end)]
    query = Query(time="time", by=("host",) if panel.n_series > 1 else (), measures=("value",))

    found = read_table(to_polars(panel), Query(**{**vars(query), "start": moments[0], "end": moments[1]})).panels

    assert cells(found, lambda _, key, channel: channel) == cells([inside], lambda _, key, channel: channel)


@settings(max_examples=60, deadline=None)
@given(panel=panels(channels=2), data=st.data())
def test_slices_by_rows_and_time_commute(panel: Panel, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, panel.n_series - 1), min_size=1, unique=True))
    first = data.draw(st.integers(0, panel.n_time))
    last = data.draw(st.integers(first, panel.n_time))

    one, other = panel.take(rows).slice(first, last), panel.slice(first, last).take(rows)

    assert one.keys == other.keys == tuple(panel.keys[i] for i in rows)
    np.testing.assert_array_equal(one.times, other.times)
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(one.values, panel.values[rows][:, first:last])


def test_ragged_series_become_one_panel_with_missing_points() -> None:
    minutes = START + np.arange(20) * np.timedelta64(1, "m")
    rows = [(t, "a", float(i)) for i, t in enumerate(minutes[:12])] + [
        (t, "b", -float(i)) for i, t in enumerate(minutes[5:])
    ]
    table = {
        "time": [row[0].astype("datetime64[us]").tolist() for row in rows],
        "host": [row[1] for row in rows],
        "value": [row[2] for row in rows],
    }

    (panel,) = read_table(table, Query()).panels

    assert panel.values.shape == (2, 20, 1)
    assert np.isnan(panel.values[0, 12:]).all()
    assert np.isnan(panel.values[1, :5]).all()
    assert np.isfinite(panel.values).sum() == 27


def test_a_few_points_with_growing_distances_keep_their_own_times() -> None:
    times = START + np.array([112, 175, 252, 343, 448]) * np.timedelta64(1, "s")

    found = read_table(to_polars(Panel.of(np.arange(5.0), times)), Query(time="time")).panels

    np.testing.assert_array_equal(found[0].times, times)
