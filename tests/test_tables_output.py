"""Panels and scores as tables, and back."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from redshank.errors import DataError
from redshank.panel import Key, Panel, Scores
from redshank.sources.base import Query
from redshank.tables import read_table, scores_table, to_arrow, to_pandas, to_polars

KEYS = [Key.of("cpu", {"host": "a"}), Key.of("cpu", {"host": "b"})]
PANEL = Panel.of([[1.0, 2.0, np.nan], [4.0, 5.0, 6.0]], keys=KEYS, step=timedelta(minutes=5))


def scores_of(panel: Panel, score: list[list[float]]) -> Scores:
    blank = np.full(panel.values.shape, np.nan)
    return Scores(panel.keys, panel.times, np.array(score), np.array(score), blank, blank, blank, None, panel.channels)


def test_a_long_table_holds_time_labels_and_value() -> None:
    table = to_polars(PANEL)

    assert table.columns == ["time", "host", "value"]
    assert table["host"].to_list() == ["a"] * 3 + ["b"] * 3


def test_a_wide_table_has_a_column_for_each_series() -> None:
    assert to_polars(PANEL, "wide").columns == ["time", "cpu{host=a}", "cpu{host=b}"]


def test_a_long_table_reads_back_as_the_same_panel() -> None:
    panel = read_table(to_polars(PANEL), Query()).panels[0]

    assert np.array_equal(panel.values, PANEL.values, equal_nan=True)
    assert np.array_equal(panel.times, PANEL.times)


def test_pandas_and_arrow_hold_the_same() -> None:
    assert to_pandas(PANEL)["value"].tolist()[1] == to_arrow(PANEL)["value"][1].as_py()
    assert str(to_pandas(PANEL, "wide").index.tz) == "UTC"


def test_another_form_is_an_error() -> None:
    with pytest.raises(DataError, match="'long' or 'wide'"):
        to_polars(PANEL, "tall")  # type: ignore[arg-type]


def test_scores_are_rows_with_an_anomaly_from_one_on() -> None:
    table = scores_table(PANEL, scores_of(PANEL, [[0.5, 1.0, np.nan], [2.0, 0.0, 0.99]]))

    assert table.columns == ["time", "host", "value", "score", "expected", "lower", "upper", "anomaly"]
    assert table["anomaly"].to_list() == [False, True, None, True, False, False]


def test_several_measures_are_told_apart() -> None:
    panel = Panel.of([[1.0], [2.0]], keys=[Key.of("cpu"), Key.of("mem")])

    assert scores_table(panel, scores_of(panel, [[1.0], [0.0]]))["measure"].to_list() == ["cpu", "mem"]


def test_channels_have_columns_of_their_own() -> None:
    panel = Panel.of(np.zeros((1, 2, 2)), channels=("a", "b"))

    columns = scores_table(panel, scores_of(panel, [[0.0, 0.0]])).columns

    assert columns[:4] == ["time", "value.a", "value.b", "score"]


def test_a_label_that_has_the_name_of_a_column_is_renamed() -> None:
    panel = Panel.of([[1.0]], keys=[Key.of("cpu", {"score": "x"})])

    assert "label.score" in scores_table(panel, scores_of(panel, [[0.0]])).columns


def test_missing_numbers_are_null() -> None:
    assert scores_table(PANEL, scores_of(PANEL, [[0.0] * 3] * 2)).filter(pl.col("value").is_null()).height == 1
