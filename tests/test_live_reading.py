"""From a declaration to panels: measures, aggregations, expressions, labels, filters and grids."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from live_world import TableSource, at, moment
from redshank.engine.reading import Facts, Reader, find_facts
from redshank.engine.steps import Grid
from redshank.errors import NoPointsError
from redshank.panel import Panel
from redshank.specs.monitor import MonitorSpec

MINUTE = 60_000_000_000
FIVE = 5 * MINUTE
nan = math.nan


class FrameSource(TableSource):
    """Any table."""

    def __init__(self, frame: pl.DataFrame) -> None:
        """Hold a table."""
        super().__init__()
        self.table = frame

    def frame(self) -> pl.DataFrame:
        """The table."""
        return self.table


ORDERS = FrameSource(
    pl.DataFrame(
        {
            "time": [moment(at(minute)) for minute in (0, 1, 2, 6, 7, 7.5, 21)],
            "shop": ["x", "x", "y", "x", "y", "y", "x"],
            "amount": [10.0, 20.0, 5.0, 30.0, 7.0, 9.0, 40.0],
            "items": [1.0, 2.0, 1.0, 3.0, 1.0, 1.0, 4.0],
        }
    )
)


def spec(**given: Any) -> MonitorSpec:
    return MonitorSpec.model_validate({"name": "orders", "source": "table", "step": "5m", "by": ["shop"], **given})


def read(given: MonitorSpec, minutes: tuple[int, int] = (0, 25)) -> dict[str, list[float]]:
    """The values of each series (or its channels), by its text."""
    facts = Facts(step_ns=FIVE, measures=("amount", "items"), by=("shop",))
    panel = Reader(given, ORDERS, facts).read(at(minutes[0]), at(minutes[1]))
    if panel.n_channels == 1:
        return {str(key): panel.values[i, :, 0].tolist() for i, key in enumerate(panel.keys)}
    return {str(key): panel.values[i].tolist() for i, key in enumerate(panel.keys)}


def same(found: dict[str, list[float]], expected: dict[str, list[float]]) -> None:
    assert sorted(found) == sorted(expected)
    for name, values in expected.items():
        assert_array_equal(found[name], values, err_msg=name)


def test_each_column_is_a_series_of_each_label() -> None:
    same(
        read(spec()),
        {
            "amount{shop=x}": [15, 30, nan, nan, 40],
            "amount{shop=y}": [5, 8, nan, nan, nan],
            "items{shop=x}": [1.5, 3, nan, nan, 4],
            "items{shop=y}": [1, 1, nan, nan, nan],
        },
    )


def test_measures_with_different_aggregations_stand_side_by_side() -> None:
    same(
        read(spec(measures=["sum(amount)", "max(items)", "count"], filter={"shop": "x"})),
        {
            "sum(amount){shop=x}": [30, 30, nan, nan, 40],
            "max(items){shop=x}": [2, 3, nan, nan, 4],
            "count{shop=x}": [2, 1, nan, nan, 1],
        },
    )


def test_rows_are_counted_without_a_column() -> None:
    same(read(spec(measures=["count"])), {"count{shop=x}": [2, 1, nan, nan, 1], "count{shop=y}": [1, 2, nan, nan, nan]})


def test_different_texts_of_a_column_are_counted() -> None:
    given = spec(measures="cardinality(shop)", by=[])
    start, end = at(0), at(25)

    facts, _ = find_facts(given, ORDERS, start_ns=start, end_ns=end)

    reader = Reader(given, ORDERS, facts)
    assert reader.read(start, end).values[0, :, 0].tolist() == pytest.approx([2, 2, nan, nan, 1], nan_ok=True)
    assert reader.newest_ns(end) == at(21)
    assert reader.zero_measures == {"cardinality(shop)"}


def test_an_expression_is_a_series_of_its_own() -> None:
    measure = {"name": "price", "expression": "sum(amount) / sum(items)"}

    same(
        read(spec(measures=[measure])),
        {"price{shop=x}": [10, 10, nan, nan, 10], "price{shop=y}": [5, 8, nan, nan, nan]},
    )


def test_an_expression_may_name_other_measures() -> None:
    measures = [{"name": "all", "column": "amount", "agg": "sum"}, {"name": "double", "expression": "all * 2"}]

    found = read(spec(measures=measures, filter={"shop": "x"}))

    assert_array_equal(found["double{shop=x}"], [60, 60, nan, nan, 80])


def test_division_by_zero_is_no_value() -> None:
    measure = {"name": "odd", "expression": "sum(amount) / (sum(items) - 3)"}

    assert_array_equal(read(spec(measures=[measure]))["odd{shop=x}"], [nan, nan, nan, nan, 40])


def test_measures_together_are_channels() -> None:
    found = read(spec(measures=["sum(amount)", "sum(items)"], multivariate=True, filter={"shop": "y"}))

    assert list(found) == ["sum(amount)+sum(items){shop=y}"]
    assert_array_equal(found["sum(amount)+sum(items){shop=y}"][:2], [[5, 1], [16, 2]])


def test_without_labels_all_rows_are_one_series() -> None:
    same(read(spec(by=[], measures=["sum(amount)"])), {"sum(amount)": [35, 46, nan, nan, 40]})


def test_a_range_without_rows_has_no_series() -> None:
    assert read(spec(), (10, 20)) == {}
    assert read(spec(measures=["sum(amount)", "count"]), (10, 20)) == {}


@pytest.mark.parametrize("cut", [5, 10, 20])
def test_windows_side_by_side_are_one_window(cut: int) -> None:
    given = spec(measures=["sum(amount)", {"name": "price", "expression": "sum(amount) / count"}])
    reader = Reader(given, ORDERS, Facts(step_ns=FIVE))

    whole = reader.read(at(0), at(25))
    parts = [reader.read(at(0), at(cut)), reader.read(at(cut), at(25))]

    for i, key in enumerate(whole.keys):
        joined = np.concatenate([_values(part, key) for part in parts])
        assert_array_equal(joined, whole.values[i, :, 0], err_msg=str(key))


def _values(panel: Panel, key: Any) -> np.ndarray:
    return panel.values[panel.keys.index(key), :, 0] if key in panel.keys else np.full(panel.n_time, nan)


def test_days_are_those_of_the_time_zone_also_when_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    hours = [datetime(2024, 3, 30, tzinfo=berlin).astimezone(UTC) + timedelta(hours=i) for i in range(72)]
    source = FrameSource(pl.DataFrame({"time": hours, "value": [1.0] * 72}))
    given = spec(step="1d", tz="Europe/Berlin", by=[], measures=["sum(value)"])
    grid = Grid(24 * 60 * MINUTE, "Europe/Berlin")
    start = grid.floor(int(hours[0].timestamp()) * 1_000_000_000)

    panel = Reader(given, source, Facts(step_ns=grid.step_ns)).read(start, grid.after(start, 3))

    assert panel.values[0, :, 0].tolist() == [24, 23, 24]


def found_facts(minutes: list[float], **given: Any) -> Facts:
    source = FrameSource(pl.DataFrame({"time": [moment(at(m)) for m in minutes], "cpu": [float(m) for m in minutes]}))
    asked = MonitorSpec.model_validate({"name": "m", "source": "table", **given})
    return find_facts(asked, source, start_ns=None, end_ns=at(10_000))[0]


def test_step_and_columns_are_found_in_the_data() -> None:
    facts = found_facts([5.0 * i for i in range(20)])

    assert (facts.step_ns, facts.row_ns, facts.measures, facts.by) == (FIVE, FIVE, ("cpu",), ())


def test_irregular_times_get_a_round_step() -> None:
    random = np.random.default_rng(2)

    facts = found_facts(np.cumsum(random.exponential(1.0, 300)).tolist())

    assert (facts.step_ns, facts.row_ns) == (10 * MINUTE, 0)


def test_too_few_times_tell_no_step_unless_it_is_given() -> None:
    with pytest.raises(NoPointsError, match="told from 8 times"):
        found_facts([0, 1, 2])
    assert found_facts([0, 1, 2], step="5m").step_ns == FIVE


def test_facts_survive_json() -> None:
    facts = Facts(step_ns=5, row_ns=1, measures=("a", "b"), by=None)

    assert Facts.from_json(facts.to_json()) == facts
