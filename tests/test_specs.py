"""Declarations: what is refused, where, and with which words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from redshank.specs.measure import MeasureSpec
from redshank.specs.monitor import MonitorSpec, PolicySpec
from redshank.specs.problems import checked

PLAIN = {"name": "cpu", "path": "cpu.csv"}


def problems(**fields: Any) -> list[str]:
    return [str(problem) for problem in checked(MonitorSpec, {**PLAIN, **fields})[1]]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"tz": "Europe/Olso"}, "tz: unknown time zone 'Europe/Olso'; did you mean 'Europe/Oslo'"),
        ({"step": "0s"}, "step: must be above zero"),
        ({"delay": "5"}, "delay: must be a duration such as 30s"),
        ({"history": "0s"}, "history: must be above zero"),
        ({"measures": ["maen(cpu)"]}, "measures[0].agg: must be one of count, min, max"),
        ({"measures": "mean(cpu)"}, "step: must be given where a measure is aggregated, such as 5m"),
        ({"measures": ["cpu", "cpu"]}, "measures: must have different names, got 'cpu' twice"),
        ({"measures": [{"agg": "mean"}], "step": "5m"}, "measures[0]: must name a column, or be count"),
        ({"measures": {"column": "a", "expression": "b"}}, "an expression has no column or agg beside it"),
        ({"measures": {"expression": "a +"}}, "must have a column or number where it has its end"),
        ({"measures": {"expression": "avrg(a) / b"}, "step": "5m"}, "must be one of count, min, max"),
        ({"measures": "cpu", "by": "cpu"}, "by: must be labels, got 'cpu', which is measured"),
        ({"by": "host", "time": "host"}, "time: must be the column of times, got 'host', which is a label in by"),
        ({"measures": "cpu", "multivariate": True}, "multivariate: needs at least two measures, got one"),
        ({"params": {"window": 3}}, "params: need a named detector, got window with detector auto"),
        ({"filter": {"host": []}}, "filter: 'host' must have at least one value"),
        ({"policy": {"direction": "upp"}}, "policy.direction: must be both, up or down"),
        ({"policy": {"budget": "often"}}, "policy.budget: must be a rate above zero such as 2/day"),
        ({"policy": {"open_above": 1, "close_below": 2}}, "policy.close_below: must be <= open_above (1), got 2"),
        ({"policy": {"quiet_hours": {"start": "25:00", "end": "8:00"}}}, "start: must be a time of day such as 03:00"),
        ({"policy": {"quiet_hours": [{"days": "sunnday", "start": "22:00", "end": "8:00"}]}}, "days: must be days"),
        ({"retention": {"scores": "0s"}}, "retention.scores: must be above zero"),
        ({"max_series": 0}, "max_series: must be >= 1, got 0"),
        ({"stepp": "5m"}, "stepp: unknown field 'stepp'; did you mean 'step'"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(fields: dict[str, Any], problem: str) -> None:
    found = problems(**fields)

    assert len(found) == 1, found
    assert problem in found[0]


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = problems(tz="Mars", step="x", policy={"direction": "x"}, by=[""], max_series=-1)

    assert len(found) == 5


def test_texts_become_what_they_mean() -> None:
    spec = MonitorSpec.model_validate(
        {
            **PLAIN,
            "measures": ["cpu", "p95(latency)", "count", {"expression": "sum(errors) / count", "name": "rate"}],
            "step": "5m",
            "by": "host",
            "filter": {"country": "NO", "port": [80, 443], "is_open": True},
            "policy": {"quiet_hours": {"days": "weekends", "start": "10 pm", "end": "8"}},
        }
    )

    assert [measure.title for measure in spec.measures] == ["cpu", "p95(latency)", "count", "rate"]
    assert [str(each) for each in spec.measures[3].inputs] == ["sum(errors)", "count"]
    assert spec.filter == {"country": ("NO",), "port": ("80", "443"), "is_open": ("true",)}
    assert (spec.policy.quiet_hours[0].start, spec.policy.quiet_hours[0].end) == ("22:00", "08:00")
    assert spec.policy.quiet_hours[0].days == ("saturday", "sunday")
    assert spec.step == timedelta(minutes=5)
    assert MonitorSpec.model_validate(spec.model_dump(mode="json")) == spec


def test_an_event_that_opens_low_closes_no_higher() -> None:
    assert PolicySpec(open_above=0.3).policy().close_below == 0.3


def test_a_measure_without_a_name_is_called_as_it_is_written() -> None:
    assert MeasureSpec.model_validate("mean(cpu)").title == "mean(cpu)"
    assert MeasureSpec.model_validate({"column": "cpu", "name": "load"}).title == "load"
