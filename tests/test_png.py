"""Pictures: the right size, and no data that breaks them."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import picture_data
from redshank.errors import SinkError
from redshank.panel import Key
from redshank.result import Result
from redshank.sinks.png import write_png


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a PNG file."""
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def drawn(result: Result, folder: Path, *, title: str = "Title", dark: bool = False) -> tuple[int, int]:
    path = folder / "picture.png"
    write_png(result, path, title=title, dark=dark)
    return size_of(path)


def one_series(values: list[float]) -> Result:
    key = Key.of("cpu")
    return picture_data.result([picture_data.scored(np.array(values), [key])], [picture_data.event(key, 0, 1)])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_picture_is_1200_pixels_wide(tmp_path: Path, dark: bool) -> None:
    assert drawn(picture_data.small(), tmp_path, dark=dark) == (1200, 290)


def of_many_series(n_events: int) -> Result:
    keys = [Key.of(f"m{i}") for i in range(20)]
    events = [picture_data.event(key, 0, 1) for key in keys[:n_events]]
    return picture_data.result([picture_data.scored(np.full((20, 50), 10.0), keys)], events)


@pytest.mark.parametrize(
    ("n_events", "height"),
    [
        pytest.param(0, 670, id="three where nothing was anomalous"),
        pytest.param(2, 480, id="those with events"),
        pytest.param(15, 2000, id="the ten worst"),
    ],
)
def test_a_picture_has_a_pane_for_each_series_worth_it(tmp_path: Path, n_events: int, height: int) -> None:
    assert drawn(of_many_series(n_events), tmp_path) == (1200, height)


def test_each_channel_has_a_pane(tmp_path: Path) -> None:
    assert drawn(picture_data.many_channels(), tmp_path) == (1200, 670)


def test_names_in_any_script_draw_without_a_warning(tmp_path: Path) -> None:
    hostile = picture_data.HOSTILE

    width, _ = drawn(picture_data.small(hostile, {hostile: "$x^2$ \\frac{"}), tmp_path, title=hostile)

    assert width == 1200


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([], id="no point"),
        pytest.param([1.0], id="one point"),
        pytest.param([math.nan] * 9, id="no value"),
        pytest.param([5.0] * 50, id="constant"),
        pytest.param([1e308, -1e308, 0.0, 1.0], id="the largest numbers"),
        pytest.param([1e-310, 2e-310, 0.0], id="the smallest numbers"),
        pytest.param([1e9 + 0.1, 1e9 + 0.2, 1e9], id="small changes far from zero"),
    ],
)
def test_any_values_draw_without_a_warning(tmp_path: Path, values: list[float]) -> None:
    width, _ = drawn(one_series(values), tmp_path)

    assert width == 1200


@pytest.mark.parametrize("value", [0.0, 5.0, -1e300], ids=str)
def test_a_constant_with_a_range_of_no_width_draws_without_a_warning(tmp_path: Path, value: float) -> None:
    assert drawn(picture_data.certain(value), tmp_path) == (1200, 290)


def test_times_of_a_picture_are_in_the_zone_of_the_data(tmp_path: Path) -> None:
    for tz in ("UTC", "Asia/Kolkata"):
        write_png(replace(picture_data.small(), tz=tz), tmp_path / f"{tz[:3]}.png")

    assert (tmp_path / "UTC.png").read_bytes() != (tmp_path / "Asi.png").read_bytes()


def test_a_picture_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_png(picture_data.small(), tmp_path / name, title="Title")

    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_result_without_series_is_a_picture_too(tmp_path: Path) -> None:
    width, _ = drawn(picture_data.result([], []), tmp_path)

    assert width == 1200


def test_a_picture_that_cannot_be_written_is_a_sink_error(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="cannot be written"):
        write_png(picture_data.small(), tmp_path / "missing" / "picture.png")
