"""What is wrong in a declaration is said with the field's name."""

from __future__ import annotations

from typing import Any

import pytest

from redshank.errors import ConfigError
from redshank.specs.monitor import MonitorSpec
from redshank.specs.reading import read_spec


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        pytest.param({"name": "a", "detectr": 1}, "detectr", "did you mean 'detector'", id="unknown"),
        pytest.param({"name": "a", "policy": {"direktion": 1}}, "policy.direktion", "'direction'", id="unknown inside"),
        pytest.param({"name": "a", "policy": {"open_above": -1}}, "policy.open_above", "must be > 0", id="too low"),
        pytest.param({"name": "a", "train": {"every": "x"}}, "train.every", "must be a duration", id="in a union"),
        pytest.param({"name": "a/b"}, "name", "without /", id="name with a slash"),
        pytest.param({}, "name", "must be given", id="missing"),
        pytest.param(3, None, "must be names with values, got 3", id="no object"),
        pytest.param({"name": "a", "watch": {"flat_after": float("nan")}}, "watch.flat_after", "finite", id="nan"),
    ],
)
def test_the_field_at_fault_is_named(given: Any, field: str | None, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read_spec(MonitorSpec, given, "monitor")

    assert caught.value.field == field


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(ConfigError) as caught:
        read_spec(MonitorSpec, {"name": "x" * 10_000})

    assert len(str(caught.value)) < 300
