"""What is found out about a monitor before it is saved."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from live_world import Rows, TableSource, at
from redshank.engine.backtest import time_text
from redshank.engine.capacity import Limits
from redshank.engine.validation import Examined, examine
from redshank.errors import ConfigError, DataError, SourceError, TooLargeError
from redshank.specs.monitor import MonitorSpec
from redshank.specs.schedule import ScheduleSpec


def rows(minutes: range, hosts: str = "ab") -> Rows:
    return [(at(i), host, float(i % 7)) for i in minutes for host in hosts]


def of(given: Rows, now: float = 500, **fields: Any) -> Examined:
    spec = {key: fields.pop(key) for key in list(fields) if key not in ("limits", "taken", "schedule_of")}
    monitor = MonitorSpec.model_validate({"name": "m", "source": "table", "clock": "wall", "delay": "0s", **spec})
    return examine(monitor, TableSource(given), now_ns=at(now), **fields)


def test_what_a_monitor_will_be_is_told() -> None:
    made = of(rows(range(500)))

    assert made.facts is not None
    assert made.facts.step_ns == 60_000_000_000
    assert made.facts.measures == ("cpu",)
    assert made.facts.by == ("host",)
    assert (made.detector, made.n_series, made.channels) == ("analog", 2, ("value",))
    assert made.series == ("cpu{host=a}", "cpu{host=b}")
    assert made.need is not None
    assert made.need.series == 2
    assert made.scoring_from_ns == at(500)
    assert made.warnings == ()
    json.dumps(made.to_json(), allow_nan=False)


def test_with_too_little_history_one_is_told_when_scoring_begins() -> None:
    made = of(rows(range(100)), now=100, detector="seasonal")
    short = of(rows(range(100)), now=100, detector="analog")

    assert made.warnings == ()
    assert short.scoring_from_ns == at(300)
    assert f"scoring begins about {time_text(at(300))}" in short.warnings[0]
    assert "analog needs 300 points of a series, there are 100" in short.warnings[0]


def test_without_any_points_the_rest_is_still_looked_at() -> None:
    made = of([], train="daily at 03:00")

    assert made.facts is None
    assert "nothing can be scored yet" in made.warnings[0]
    assert made.next["train"].hour == 3


def test_a_source_that_cannot_be_reached_is_refused() -> None:
    source = TableSource(rows(range(10)))
    source.is_down = True

    with pytest.raises(SourceError, match="cannot be reached"):
        examine(MonitorSpec(name="m", source="table"), source, now_ns=at(10))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"measures": "cpx"}, "column 'cpx' not found; did you mean 'cpu'"),
        ({"by": "hst"}, "column 'hst' not found; did you mean 'host'"),
        ({"time": "tme"}, "column 'tme' not found; did you mean 'time'"),
        ({"measures": "host"}, "column 'host' must hold numbers"),
    ],
)
def test_a_column_that_is_not_there_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        of(rows(range(500)), **fields)


def test_irregular_times_are_refused_with_advice() -> None:
    uneven = [(at(i * i / 50), "a", 1.0) for i in range(150)]

    with pytest.raises(
        ConfigError, match=r"times are irregular.*set step: .* and how, such as measures: mean"
    ) as caught:
        of(uneven)

    assert caught.value.field == "step"
    assert of(uneven, step="5m", measures="count").facts is not None


def test_too_many_series_are_refused() -> None:
    with pytest.raises(TooLargeError, match=r"must be at most max_series \(1\), got 2"):
        of(rows(range(500)), max_series=1)


def test_what_does_not_fit_is_refused_with_the_figures() -> None:
    with pytest.raises(TooLargeError, match="would need 371 kB of memory for 2 series with analog"):
        of(rows(range(500)), limits=Limits(memory_bytes=100_000, cpu_share=1.0))


def test_a_schedule_that_is_over_is_refused() -> None:
    over = {"every": "1h", "end": "2001-01-01T00:00:00Z"}

    with pytest.raises(ConfigError, match="train: the schedule has no next time"):
        of(rows(range(500)), train=over)


def test_a_named_schedule_is_looked_up() -> None:
    named = ScheduleSpec.model_validate({"every": "1h"})

    made = of(rows(range(500)), tune="nightly", schedule_of=lambda name: named)

    assert made.next["tune"] > datetime.fromtimestamp(at(500) / 1e9, UTC)
    assert made.next["tune"] <= datetime.fromtimestamp(at(500) / 1e9, UTC) + timedelta(hours=1)


def test_steps_that_are_not_those_of_the_rows_are_told() -> None:
    longer = of(rows(range(500)), step="5m", detector="seasonal")
    shorter = of(rows(range(500)), step="30s", detector="seasonal")

    assert "a step of 5m holds about 5 rows: their mean is taken" in longer.warnings[0]
    assert any("rows are 1m apart and steps 30s: most steps will have no value" in each for each in shorter.warnings)
    assert of(rows(range(500)), step="5m", detector="seasonal", measures="max(cpu)").warnings == ()


def test_old_data_is_told_to_be_old() -> None:
    made = of(rows(range(500)), now=2000)

    assert "the newest complete step is from" in made.warnings[-1]
    assert made.warnings[-1].endswith("1d1h ago")
