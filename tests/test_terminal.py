"""Sparklines and tables of text: anomalies are seen, and text of the data stays text."""

from __future__ import annotations

import io
import math
from datetime import timedelta

import numpy as np
import pytest
from rich.console import Console

import picture_data
from redshank.cli.terminal import (
    BARS,
    anomaly_marks,
    event_list,
    event_table,
    moment,
    printable,
    series_lines,
    sparkline,
)
from redshank.panel import Key


def printed(renderable: object, *, width: int = 120, no_color: bool = False) -> str:
    """What a terminal with colours is sent."""
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system="standard", no_color=no_color).print(renderable)
    return out.getvalue()


def test_a_sparkline_rises_with_the_values() -> None:
    values = np.arange(8.0)

    assert sparkline(values, np.zeros(8), 8).plain == BARS


def test_a_sparkline_is_never_wider_than_asked() -> None:
    values = np.arange(1000.0)

    assert len(sparkline(values, np.zeros(1000), 37).plain) == 37


def test_a_spike_of_one_point_is_seen_among_many() -> None:
    values = np.zeros(100_000)
    values[77_777] = 5.0

    line = sparkline(values, np.zeros(100_000), 50).plain

    assert line.count(BARS[-1]) == 1
    assert line.count(BARS[0]) == 49


def test_a_gap_is_a_space() -> None:
    values = np.array([1.0, math.nan, 2.0])

    assert sparkline(values, np.zeros(3), 3).plain == f"{BARS[0]} {BARS[-1]}"


@pytest.mark.parametrize(
    ("values", "line"),
    [
        pytest.param([], "", id="no point"),
        pytest.param([3.0], BARS[0], id="one point"),
        pytest.param([3.0, 3.0], BARS[0] * 2, id="constant"),
        pytest.param([math.nan, math.nan], "  ", id="no value"),
        pytest.param([-1e308, 1e308], BARS[0] + BARS[-1], id="the largest numbers"),
    ],
)
def test_any_values_have_a_sparkline(values: list[float], line: str) -> None:
    assert sparkline(np.array(values), np.zeros(len(values)), 10).plain == line


def test_an_anomaly_is_red() -> None:
    line = sparkline(np.array([1.0, 2.0, 1.0]), np.array([0.1, 1.0, math.nan]), 3)

    assert [(span.start, span.end, span.style) for span in line.spans] == [(1, 2, "bold red")]


def test_an_anomaly_is_marked_for_those_who_see_no_colour() -> None:
    assert anomaly_marks(np.array([0.1, 1.0, math.nan]), 3).plain == " ▲"


def test_no_colour_is_sent_where_none_is_wanted() -> None:
    line = sparkline(np.array([1.0, 2.0]), np.array([0.0, 9.0]), 2)

    assert "\x1b[31" not in printed(line, no_color=True)
    assert "31m" in printed(line)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_series_lines_fit_the_width(width: int) -> None:
    result = picture_data.small("a_name_that_is_longer_than_a_third_of_the_line")

    lines = [line.plain for line in series_lines(result, 3, width)]

    assert max(map(len, lines)) <= width
    assert "a_name_that_is_longer_than_a_third_of_the_line{host=a}" in lines[0]
    assert set(lines[-1]) == {" ", "▲"}


@pytest.mark.parametrize("width", [50, 60, 80, 119, 120, 200])
def test_no_part_of_an_event_is_lost_at_any_width(width: int) -> None:
    found = picture_data.event(Key.of("cpu", {"host": "a"}), 90, 95)

    out = io.StringIO()
    Console(file=out, width=width).print(*event_list([found], width), sep="\n")
    text = out.getvalue()

    assert max(map(len, text.splitlines())) <= width
    words = text.split()
    for part in ("97", "cpu{host=a}", "2000-01-01", "01:30", "01:35", "(5m)", "30", "10", "usual"):
        assert part in words


def test_the_channel_that_carries_the_event_is_shown() -> None:
    line = next(series_lines(picture_data.many_channels(), 1, 100)).plain

    assert line.startswith("pump flow")


def test_the_table_says_severity_series_times_values_and_reason() -> None:
    found = picture_data.event(Key.of("cpu", {"host": "a"}), 90, 95)

    text = printed(event_table([found]))

    for part in ("97", "cpu{host=a}", "2000-01-01 01:30", "01:35 (5m)", "30", "10", "3 times the usual"):
        assert part in text


def test_a_number_that_is_not_known_is_a_dash() -> None:
    found = picture_data.event(Key.of("cpu"), 0, 1, expected=math.nan)

    assert " - " in printed(event_table([found]))


def test_an_event_that_goes_on_says_so() -> None:
    found = picture_data.event(Key.of("cpu"), 0, 1, is_open=True)

    assert "still open" in printed(event_table([found]))


def test_text_of_the_data_is_neither_markup_nor_a_command_to_the_terminal() -> None:
    hostile = "[bold]x[/] \x1b[2J\r\n\u202e"
    found = picture_data.event(Key.of(hostile), 0, 1, reason=hostile)

    text = printed(event_table([found]), width=200)

    assert "\x1b[2J" not in text
    assert text.count("[bold]x[/] \\x1b[2J\\r\\n\\u202e") == 2


def test_letters_of_any_script_are_printable() -> None:
    assert printable("é 监控 😀").plain == "é 监控 😀"


@pytest.mark.parametrize(
    ("later", "text"),
    [
        (timedelta(minutes=5), "2000-01-01 00:05"),
        (timedelta(seconds=5), "2000-01-01 00:00:05"),
        (timedelta(milliseconds=5), "2000-01-01 00:00:00.005"),
    ],
)
def test_a_moment_is_as_fine_as_it_needs_to_be(later: timedelta, text: str) -> None:
    assert moment(picture_data.START + later) == text
