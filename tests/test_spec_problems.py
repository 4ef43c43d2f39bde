"""What is wrong with a declaration is said all at once, in our words, at the place where it stands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redshank.specs.document import Document
from redshank.specs.monitor import MonitorSpec
from redshank.specs.problems import checked


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"pathh": "x"}, "pathh: unknown field 'pathh'; did you mean 'path' or 'watch'?"),
        ({"source": {"kind": 1}}, "source.kind: must be a text, got 1"),
        ({"source": {"name": "b"}}, "source.kind: must be given"),
        ({"source": 3}, "source: must be a text, got 3"),
        ({"sinks": ["a", {"name": "b"}]}, "sinks[1].kind: must be given"),
        ({"measures": {"agg": 3}}, "measures.agg: must be a text, got 3"),
        ({"step": 300}, "step: must be a duration such as 30s, 5m, 1h30m, 2d or 1w, got 300; did you mean '300s'?"),
        ({"train": {"monthly": "lst"}}, 'train.monthly: must be a whole number or last, got "lst"'),
        ({"train": {"once": "soon"}}, 'train.once: must be a time such as 2026-01-31T08:00:00Z, got "soon"'),
        ({"detect": 5}, "detect: must be a text, got 5"),
        ({"policy": {"direction": "upp"}}, 'policy.direction: must be both, up or down, got "upp"'),
        ({"policy": {"least_deviation": -1}}, "policy.least_deviation: must be >= 0, got -1"),
        ({"watch": {"flat_after": 1.5}}, "watch.flat_after: must be a whole number, got 1.5"),
        ({"watch": 3}, "watch: must be names with values, got 3"),
        ({"enabled": "maybe"}, 'enabled: must be true or false, got "maybe"'),
        ({"filter": {"host": [None]}}, "filter.host[0]: must be a text, got null"),
        ({"name": ".."}, "name: must be a name other than . and .., got '..'"),
        ({"name": "x" * 300}, f'name: must be a shorter text, got "{"x" * 59}...'),
    ],
)
def test_a_problem_names_its_place_and_what_must_hold(fields: dict[str, Any], says: str) -> None:
    _, problems = checked(MonitorSpec, {"name": "a", **fields})

    assert [str(problem) for problem in problems] == [says]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(sorted(MonitorSpec.model_fields))


@settings(deadline=None)  # machines are busy
@given(st.dictionaries(FIELDS, VALUES, max_size=6))
def test_any_values_give_a_declaration_or_problems_at_real_places(given_fields: dict[str, Any]) -> None:
    spec, problems = checked(Document, {"monitors": [given_fields]})

    assert (spec is None) == bool(problems)
    assert {problem.path[:2] for problem in problems} <= {("monitors", 0)}


@pytest.mark.parametrize("seconds", [0, 1, 90061, 0.25, 3723.000001, 86400 * 365])
def test_a_duration_is_kept_exactly(seconds: float) -> None:
    spec = MonitorSpec(name="a", delay=timedelta(seconds=seconds))

    assert MonitorSpec.model_validate(spec.model_dump(mode="json")) == spec
