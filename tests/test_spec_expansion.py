"""A template makes monitors, one for each set of values."""

from __future__ import annotations

from typing import Any

import pytest

from redshank.specs.expansion import expand
from redshank.specs.monitor import TemplateSpec


def template(monitor: dict[str, Any], *variables: dict[str, Any]) -> TemplateSpec:
    """A template of that monitor."""
    return TemplateSpec(name="t", monitor=monitor, variables=variables)


def test_each_set_of_values_makes_a_monitor() -> None:
    monitor = {"name": "cpu of {{ host }}", "path": "{{host}}.csv", "filter": {"{{label}}": "{{host}}"}}

    made, problems = expand(template(monitor, {"host": "a", "label": "host"}, {"host": "b", "label": "node"}))

    assert problems == []
    assert [(each.name, each.path, dict(each.filter)) for each in made] == [
        ("cpu of a", "a.csv", {"host": ("a",)}),
        ("cpu of b", "b.csv", {"node": ("b",)}),
    ]


def test_a_text_that_is_one_variable_takes_its_type() -> None:
    monitor = {"name": "m{{n}}", "path": "x", "max_series": "{{n}}", "enabled": "{{on}}", "tags": ["{{on}}-{{n}}"]}

    made, _ = expand(template(monitor, {"n": 5, "on": False}))

    assert (made[0].max_series, made[0].enabled, made[0].tags) == (5, False, ("false-5",))


def test_braces_in_values_stay_as_they_are() -> None:
    made, _ = expand(template({"name": "{{a}}{{b}}", "path": "x"}, {"a": "{{b}}", "b": "1"}))

    assert made[0].name == "{{b}}1"


@pytest.mark.parametrize(
    ("monitor", "variables", "says"),
    [
        ({"name": "{{hst}}"}, [{"host": "a"}], ["variables[0]: unknown variable 'hst'; did you mean 'host'?"]),
        ({"name": "a"}, [{}, {}], ['monitor.name: must make different names, got "a" of variables 0 and 1']),
        ({"name": "{{n}}", "stp": 1}, [{"n": "a"}, {"n": "b"}], ["monitor.stp: unknown field 'stp'"]),
        ({"name": "{{n}}"}, [{"n": "a", "m": 1}], ["variables: variable 'm' must be used in the monitor as {{m}}"]),
        ({"path": "x{{n}}"}, [{"n": "a"}], ["monitor.name: must be given"]),
    ],
)
def test_what_is_wrong_is_said_once(monitor: dict[str, Any], variables: list[dict[str, Any]], says: list[str]) -> None:
    _, problems = expand(template(monitor, *variables))

    found = [str(problem) for problem in problems]
    assert [each[: len(said)] for each, said in zip(found, says, strict=False)] == says


def test_a_template_without_values_makes_nothing() -> None:
    assert expand(template({"name": "{{n}}"})) == ([], [])
