"""What runs found, as people see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from redshank.cli.run_results import MOST_ROWS, has_table, print_tables

EVENT = {
    "severity": 70,
    "kind": "anomaly",
    "series": "cpu{host=a}",
    "start": "2026-03-01T00:00:00Z",
    "end": "2026-03-01T01:00:00Z",
    "is_open": False,
    "actual": 9.5,
    "expected": None,
    "reason": "the highest so far",
}
FORECAST = {
    "times": [f"2026-03-01T{hour:02}:00:00Z" for hour in range(3)],
    "series": [
        {"series": "cpu", "channels": {"value": {"expected": [1, 2, 3], "lower": [0, 1, 2], "upper": [5, 6, 7]}}}
    ],
    "answers": [
        {
            "series": "cpu",
            "question": "cpu > 90",
            "holds_now": False,
            "expected": None,
            "earliest": "2026-03-01T02:00:00Z",
            "latest": None,
            "probability": 0.25,
        }
    ],
}
TRIED = {"detector": "analog", "params": {"keep": 0.9}, "worth": 0.6, "found": 0.561, "ranked": 0.74, "labeled": None}


def printed(result: Mapping[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The tables of a result."""
    monkeypatch.setenv("COLUMNS", "160")
    print_tables(result)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("result", "says"),
    [
        pytest.param({"events": [EVENT]}, ["2026-03-01 00:00:00", "cpu{host=a}", "the highest so far"], id="backtest"),
        pytest.param({"events": [{**EVENT, "is_open": True}]}, ["still open"], id="an open event"),
        pytest.param({"tried": [TRIED]}, ["analog", "keep=0.9", "56%"], id="tune"),
        pytest.param(FORECAST, ["forecast of cpu", "2026-03-01 02:00:00", "cpu > 90", "25%"], id="forecast"),
    ],
)
def test_a_result_is_shown_as_tables(
    result: Mapping[str, Any],
    says: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = printed(result, capsys, monkeypatch)

    assert [part for part in says if part not in text] == []


def test_a_long_table_is_cut_and_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed({"events": [EVENT] * 100}, capsys, monkeypatch)

    assert text.count("anomaly") == MOST_ROWS
    assert "of 100" in text


def test_a_result_without_tables_prints_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert printed({"version": 3, "series": 7, "events": []}, capsys, monkeypatch) == ""
    assert not has_table("series", 7)
