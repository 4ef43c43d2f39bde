"""``redshank.detect`` on everything that Python people have their series in, and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal

import redshank
from redshank import Panel
from redshank.errors import DataError
from redshank.tables import to_arrow, to_pandas, to_polars

N = 400
CHANCE = np.random.default_rng(2)
VALUES = {"a": CHANCE.normal(size=N), "b": CHANCE.normal(size=N) + 9}
TIMES = pd.date_range("2024-03-01", periods=N, freq="h", tz="UTC", unit="us")
WIDE = pd.DataFrame(VALUES, index=TIMES.rename("time"))
LONG = pl.DataFrame(
    {"time": list(TIMES) * 2, "host": ["a"] * N + ["b"] * N, "cpu": np.concatenate([VALUES["a"], VALUES["b"]])}
)


def detect(data: Any, **options: Any) -> redshank.Result:
    """Detect with a quick detector."""
    return redshank.detect(data, detector="gaussian", **options)


def by_row(panel: Panel) -> np.ndarray:
    """The values of a panel, rows in an order of their own."""
    return panel.values[np.argsort(panel.values[:, 0, 0]), :, 0]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(LONG, id="long polars"),
        pytest.param(LONG.lazy(), id="lazy polars"),
        pytest.param(LONG.to_pandas(), id="long pandas"),
        pytest.param(LONG.to_arrow(), id="arrow"),
        pytest.param(LONG.to_pandas().set_index(["host", "time"])["cpu"], id="pandas series with labels in its index"),
        pytest.param(LONG.to_dict(as_series=False), id="dict of columns"),
        pytest.param(WIDE, id="wide pandas with times as index"),
        pytest.param(WIDE.tz_convert("Europe/Oslo"), id="times in a zone"),
        pytest.param(pl.from_pandas(WIDE.reset_index()), id="wide polars"),
    ],
)
def test_a_table_of_any_library_and_shape_is_the_same_panel(data: Any) -> None:
    result = detect(data)

    assert len(result.parts) == 1
    panel = result.parts[0].panel
    assert_array_equal(by_row(panel), np.stack([VALUES["a"], VALUES["b"]]))
    assert (panel.start, panel.step) == (TIMES[0].to_pydatetime(), timedelta(hours=1))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(VALUES["a"], id="numpy"),
        pytest.param(VALUES["a"].tolist(), id="list"),
        pytest.param(pd.Series(VALUES["a"]), id="pandas series"),
        pytest.param(pl.Series("a", VALUES["a"]), id="polars series"),
        pytest.param(pd.Series(VALUES["a"], index=pd.period_range("2024-03-01", periods=N, freq="D")), id="periods"),
        pytest.param(Panel.of(VALUES["a"]), id="panel"),
    ],
)
def test_one_series_may_be_given_bare(data: Any) -> None:
    assert_array_equal(detect(data).parts[0].panel.values[0, :, 0], VALUES["a"])


def test_periods_keep_their_times() -> None:
    series = pd.Series(VALUES["a"], index=pd.period_range("2024-03-01", periods=N, freq="D"))

    panel = detect(series).parts[0].panel

    assert panel.step == timedelta(days=1)
    assert panel.start == TIMES[0].to_pydatetime()


def test_an_array_of_three_axes_has_channels() -> None:
    panel = detect(np.stack([np.stack([VALUES["a"], VALUES["b"]], axis=1)] * 3)).parts[0].panel

    assert (panel.n_series, panel.n_time, panel.n_channels) == (3, N, 2)


def test_one_path_and_several_are_read(tmp_path: Path) -> None:
    path = tmp_path / "cpu.csv"
    LONG.write_csv(path)

    assert detect(path).n_series == detect(str(path)).n_series == detect([path]).n_series == 2


def test_one_label_may_be_given_as_text() -> None:
    assert detect(LONG, by="host").parts[0].panel.keys == detect(LONG, by=["host"]).parts[0].panel.keys


@pytest.mark.parametrize("data", [None, 5, np.zeros(0), [], np.array(["a"]), pl.DataFrame()], ids=repr)
def test_what_holds_no_series_is_refused(data: Any) -> None:
    with pytest.raises(DataError):
        detect(data)


@pytest.mark.parametrize("form", ["long", "wide"])
@pytest.mark.parametrize("convert", [to_polars, to_pandas, to_arrow])
def test_a_panel_comes_back_from_every_kind_of_table(convert: Callable[..., Any], form: str) -> None:
    panel = detect(LONG).parts[0].panel

    back = detect(convert(panel, form)).parts[0].panel

    assert_array_equal(by_row(back), by_row(panel))
    assert_array_equal(back.times, panel.times)


def test_points_come_back_as_polars() -> None:
    points = detect(LONG).to_polars()

    assert points.columns == ["time", "host", "value", "score", "expected", "lower", "upper", "anomaly"]
    assert points.height == 2 * N
    assert_array_equal(points.filter(pl.col("host") == "b")["value"].to_numpy(), VALUES["b"])


def test_the_table_of_events_has_the_same_types_without_events() -> None:
    spiky = VALUES["a"].copy()
    spiky[300] += 1000

    some, none = detect(spiky).events_table(), detect(np.ones(N)).events_table()

    assert some.height == 1
    assert none.height == 0
    assert some.schema == none.schema


def test_a_result_shows_itself_in_one_line() -> None:
    assert repr(detect(LONG)).startswith("<Result: ")
    assert "in 800 rows, 2 series; gaussian (as asked)" in repr(detect(LONG))


def test_a_plot_shows_in_a_notebook() -> None:
    shown = detect(LONG).plot()

    assert "<iframe" in shown._repr_html_()
