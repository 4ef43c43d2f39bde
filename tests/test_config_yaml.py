"""YAML of configuration files: plain words stay words, every mistake has its line, bombs do not go off."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from redshank.service.config_yaml import read_yaml

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def values_of(text: str, environment: dict[str, str] | None = None) -> Any:
    """The values of a text that must hold one document without a mistake."""
    documents, problems = read_yaml(text, "r.yaml", environment or {})
    assert [str(problem) for problem in problems] == []
    return documents[0].values


def problems_of(text: str, environment: dict[str, str] | None = None) -> list[str]:
    """What is wrong with a text."""
    return [str(problem) for problem in read_yaml(text, "r.yaml", environment or {})[1]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12:30", "12:30"),
        ("no", "no"),
        ("on", "on"),
        ("2026-01-31", "2026-01-31"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("010", 10),
        ("-3", -3),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_plain_words_are_read_as_yaml_1_2_does(text: str, value: Any) -> None:
    assert values_of(f"key: {text}\n") == {"key": value}


@settings(deadline=None)  # machines are busy
@given(JSON)
def test_what_yaml_writes_is_read_back(value: Any) -> None:
    text = yaml.safe_dump({"value": value})

    documents, problems = read_yaml(text, "r.yaml", {})

    assert not problems
    assert documents[0].values == {"value": value}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("a: 1\nb: 2\na: 3\n", "r.yaml:3: a: key 'a' stands twice; first in line 1", id="key twice"),
        pytest.param("a: [1\nb: 2\n", "r.yaml:2: is not YAML", id="bracket left open"),
        pytest.param("a:\n\t- 1\n", "r.yaml:2: is not YAML", id="tab"),
        pytest.param("a: !!python/object:os.system x\n", "must have no tag", id="tag"),
        pytest.param("a: !secret x\n", "r.yaml:1: a: must have no tag, got '!secret'", id="own tag"),
        pytest.param("a: .inf\n", "must be a finite number, got .inf", id="infinite"),
        pytest.param("a: 1e999\n", "must be a finite number, got 1e999", id="too large for a float"),
        pytest.param(f"a: {'9' * 5000}\n", "must have at most 300 digits", id="many digits"),
        pytest.param("? [1, 2]\n: 3\n", "a key must be a text", id="list as key"),
        pytest.param("a: *nothing\n", "found undefined alias", id="alias of nothing"),
        pytest.param("a: &x\n  b: *x\n", "must not hold itself", id="holds itself"),
        pytest.param("<<: 3\n", "<< must be given names with values", id="merge of a number"),
        pytest.param("[" * 60 + "]" * 60, "must not be nested deeper than 50 levels", id="deep"),
        pytest.param("[" * 100_000, "is not YAML", id="very deep"),
        pytest.param("a: \x00\n", "is not YAML", id="zero character"),
        pytest.param("a: ${X}\n", "environment variable X must be set", id="variable not set"),
        pytest.param("a: ${not one}\n", "must be ${NAME}", id="no name of a variable"),
    ],
)
def test_a_mistake_is_said_with_its_line(text: str, says: str) -> None:
    found = problems_of(text)

    assert len(found) == 1
    assert says in found[0]


def test_aliases_that_unfold_to_billions_are_refused() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]

    assert "must hold at most 2,000,000 values" in problems_of("\n".join(lines))[0]


def test_anchors_and_merges_are_followed_and_what_stands_there_wins() -> None:
    text = "x: &x {step: 5m, tz: UTC}\ny: &y {tz: Europe/Oslo, by: host}\na:\n  <<: [*x, *y]\n  step: 1m\nb: *x\n"

    values = values_of(text)

    assert values["a"] == {"step": "1m", "tz": "UTC", "by": "host"}
    assert values["b"] == {"step": "5m", "tz": "UTC"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${HOST}", "db1"),
        ("http://${HOST}:${PORT:-80}/", "http://db1:80/"),
        ("${NUMBER}", 12),
        ("'${NUMBER}'", "12"),
        ("${EMPTY}", None),
        ("${EMPTY:-5m}", "5m"),
        ("${NOT_SET:-}", None),
        ("$${HOST}", "${HOST}"),
        ("$HOST", "$HOST"),
        ("${TRICK}", "x\nadmin: true"),
    ],
)
def test_variables_are_filled_in_and_never_become_structure(written: str, value: Any) -> None:
    environment = {"HOST": "db1", "NUMBER": "12", "EMPTY": "", "TRICK": "x\nadmin: true"}

    assert values_of(f"key: {written}\n", environment) == {"key": value}


def test_keys_hold_no_variables() -> None:
    assert values_of("${HOST}: 1\n", {"HOST": "db1"}) == {"${HOST}": 1}


def test_a_place_is_the_line_of_the_key_through_merges_and_aliases() -> None:
    text = "x: &x\n  step: soon\nmonitors:\n  - name: a\n    <<: *x\n  - *x\n"
    document = read_yaml(text, "r.yaml", {})[0][0]

    lines = [
        document.place(path).line
        for path in (("monitors", 0, "step"), ("monitors", 1, "step"), ("monitors", 0, "nothing"), ("monitors", 9), ())
    ]

    assert lines == [2, 2, 4, 3, 1]


def test_several_documents_of_one_file_are_read() -> None:
    documents, problems = read_yaml("a: 1\n---\nb: 2\n---\n", "r.yaml", {})

    assert [document.values for document in documents if document.values] == [{"a": 1}, {"b": 2}]
    assert problems == []
