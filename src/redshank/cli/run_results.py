"""What runs found, as tables for people: the events of a backtest, what a tuning tried, a forecast and its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from redshank.cli import remote

MOST_ROWS = 24  # of a table; --json has all


def print_tables(result: Mapping[str, Any]) -> None:
    """Print the tables of a result; one without any prints nothing."""
    _print("events", result.get("events"), _EVENTS)
    _print("tried", result.get("tried"), _TRIED)
    _print("answers", result.get("answers"), _ANSWERS)
    for series in (result.get("series") or ())[:1] if isinstance(result.get("series"), list) else ():
        _print_forecast(series, result.get("times") or ())


def has_table(name: str, value: Any) -> bool:
    """Whether a part of a result is shown as a table."""
    return isinstance(value, list) and name in ("events", "tried", "answers", "series", "times")


def _print_forecast(series: Mapping[str, Any], times: Sequence[str]) -> None:
    for name, channel in series["channels"].items():
        rows = [
            {"time": time, "expected": expected, "lower": lower, "upper": upper}
            for time, expected, lower, upper in zip(
                times, channel["expected"], channel["lower"], channel["upper"], strict=True
            )
        ]
        every = -(-len(rows) // MOST_ROWS)
        title = series["series"] if len(series["channels"]) == 1 else f"{series['series']} {name}"
        _print(f"forecast of {title}", rows[every - 1 :: every] if every > 1 else rows, _FORECAST)


def _print(title: str, rows: Any, columns: Mapping[str, Any]) -> None:
    if not isinstance(rows, list) or not rows:
        return
    from redshank.cli.console import console

    out = console()
    out.print()
    out.print(title, style="bold", markup=False)
    out.print(remote.table(rows[:MOST_ROWS], columns))
    if len(rows) > MOST_ROWS:
        out.print(f"the first {MOST_ROWS} of {len(rows):,}; --json has all", style="dim")


def _share(name: str) -> Any:
    def shown(row: Mapping[str, Any]) -> str | None:
        value = row.get(name)
        return None if value is None else f"{value:.0%}"

    return shown


def _cell(name: str) -> Any:
    return lambda row: row.get(name)


def _settings(row: Mapping[str, Any]) -> str | None:
    params = row.get("params") or {}
    return ", ".join(f"{name}={value}" for name, value in params.items()) or None


def _time(name: str) -> Any:
    def shown(row: Mapping[str, Any]) -> str | None:
        value = row.get(name)
        return None if value is None else str(value)[:19].replace("T", " ").rstrip("Z")

    return shown


_EVENTS = {
    "severity": _cell("severity"),
    "kind": _cell("kind"),
    "series": _cell("series"),
    "start (UTC)": _time("start"),
    "end": lambda row: "still open" if row.get("is_open") else _time("end")(row),
    "actual": _cell("actual"),
    "expected": _cell("expected"),
    "reason": _cell("reason"),
}
_TRIED = {
    "detector": _cell("detector"),
    "params": _settings,
    "worth": _cell("worth"),
    "found": _share("found"),
    "rank": _cell("ranked"),
    "events in 10,000 points": _cell("false_per_10k"),
    "by labels": _cell("labeled"),
}
_ANSWERS = {
    "series": _cell("series"),
    "question": _cell("question"),
    "now": _cell("holds_now"),
    "expected (UTC)": _time("expected"),
    "earliest": _time("earliest"),
    "latest": _time("latest"),
    "probability": _share("probability"),
}
_FORECAST = {
    "time (UTC)": _time("time"),
    "expected": _cell("expected"),
    "lower": _cell("lower"),
    "upper": _cell("upper"),
}
