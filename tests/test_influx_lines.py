"""What is written as line protocol is read back by our own reader of it as what it was."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from redshank.panel import Key
from redshank.push.decode import decode
from redshank.push.identity import key_of
from redshank.sinks.influx_lines import Field, escaped, field_text, head, label_tags, line
from sink_contract import HOSTILE

TEXT = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=20)
LABELS = st.dictionaries(TEXT, TEXT, max_size=4)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def as_written(text: str) -> str:
    """A text as the protocol can hold it."""
    text = text.replace("\n", "␊").replace("\r", "␍").replace("\0", "␀")
    return text[:-1] + "\uff3c" if text.endswith("\\") else text


@given(labels=LABELS, value=NUMBERS, note=TEXT)
@example(labels={name: name for name in HOSTILE}, value=5e-324, note='a "b"\\')
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_line_is_read_back_as_it_was(labels: dict[str, str], value: float, note: str) -> None:
    fields: list[tuple[str, Field]] = [
        ("note", note),
        ("score", value),
        ("nan", math.nan),
        ("none", None),
        ("flag", True),
    ]
    start = head("redshank scores", {**label_tags(labels.items(), ["monitor"]), "monitor": "m"})
    text = line(start, fields, 1_700_000_000_123_456_789)
    assert text is not None

    found = decode(text.encode(), "text/plain", now_ns=0, precision="ns")

    assert list(found.rejected) == []
    taken = {"monitor", "time", "_field", "_measurement"}
    wanted = {as_written(f"label_{name}" if name in taken else name): as_written(v) for name, v in labels.items()}
    keys = [Key.of(f"redshank scores.{name}", {**wanted, "monitor": "m"}) for name in ("score", "flag")]
    assert sorted(key_of(each) for each in found.points.identities) == sorted(keys)
    assert found.points.times.tolist() == [1_700_000_000_123_456_789] * 2
    assert sorted(found.points.values.tolist()) == sorted([value, 1.0])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (math.nan, ""),
        (-math.inf, ""),
        (1.7e308, "1.7e+308"),
        (3, "3i"),
        (False, "false"),
        ('a "b"\\\n', '"a \\"b\\"\\\\\n"'),
    ],
    ids=str,
)
def test_a_field_says_its_type(value: Field, text: str) -> None:
    assert field_text(value) == text


def test_a_line_without_a_value_is_none() -> None:
    assert line("a", [("score", math.nan)], 1) is None


def test_a_tag_without_a_value_is_left_out() -> None:
    assert head("a,b", {"x": "", "y": "1"}) == "a\\,b,y=1"


def test_a_backslash_at_the_end_does_not_swallow_what_follows() -> None:
    assert escaped("a\\") == "a\uff3c"
