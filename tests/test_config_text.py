"""What is written as YAML reads back as the same values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redshank.service.config_text import comment_text, yaml_text
from redshank.service.config_yaml import read_yaml

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    [
        "no",
        "12:30",
        "~",
        "${X}",
        "$${X}",
        "${",
        " a",
        "a ",
        "- a",
        "a: b",
        "a #b",
        "1e3",
        "null",
        "<<",
        "\x85",
        "🐦",
        "\u2028",
    ]
)
NUMBERS = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)  # machines are busy
@given(st.dictionaries(TEXT, VALUES, min_size=1, max_size=4))
def test_values_are_read_back(values: dict[str, Any]) -> None:
    documents, problems = read_yaml(yaml_text(values), "made.yaml", {"X": "filled in"})

    assert [str(problem) for problem in problems] == []
    assert documents[0].values == values


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"name": "cpu of a", "path": "/data/*.csv"}, 'name: cpu of a\npath: "/data/*.csv"\n'),
        ({"by": ["host", "city"]}, "by: [host, city]\n"),
        ({"monitors": [{"name": "a", "step": "5m"}]}, 'monitors:\n  - name: a\n    step: "5m"\n'),
        ({"policy": {"budget": "2/day", "open_points": 3}}, 'policy:\n  budget: "2/day"\n  open_points: 3\n'),
        ({"sinks": ["out", {"kind": "files"}]}, "sinks:\n  - out\n  - kind: files\n"),
        ({"empty": {}, "none": []}, "empty: {}\nnone: []\n"),
    ],
)
def test_the_text_is_for_people(values: dict[str, Any], text: str) -> None:
    assert yaml_text(values) == text


def test_a_comment_ends_no_line_early() -> None:
    assert comment_text("a\x85b: c\nd") == "# a?b: c\n# d\n"
