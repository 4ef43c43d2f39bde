"""Draw the worst series of a result as a picture for a mail, a ticket or a wiki."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from redshank.panel import Floats, Key, to_time
from redshank.result import Result, Scored
from redshank.sinks.files import write_whole
from redshank.thinning import visible_indices

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from redshank.decide import Event

MOST_PANES = 10
_QUIET_PANES = 3  # drawn where nothing was anomalous
_WIDTH_INCHES, _PANE_INCHES, _FRAME_INCHES = 12.0, 1.9, 1.0
_DOTS_PER_INCH = 100
_UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_LEAST_SPAN = 0.002  # part of the width, so that a short event is seen
_LEAST_SPREAD = 1e-12  # of an axis, as part of its greatest value
_LONGEST_NAME = 110
# for ticks at years, months, days, hours, minutes, seconds
_TICKS = ("%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S")
_OFFSETS = ("", "%Y", "%Y", "%d %b %Y", "%d %b %Y", "%d %b %Y")
_FONTS = ("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Noto Emoji", "Symbola")


@dataclass(frozen=True)
class Look:
    """Colours of a picture."""

    paper: str
    text: str
    muted: str
    grid: str
    value: str
    expected: str
    event: str


LIGHT = Look("#ffffff", "#1b2430", "#5a6675", "#e6eaee", "#2563b8", "#6f8299", "#c62f1d")
DARK = Look("#171c23", "#e2e7ee", "#9aa6b5", "#2b333d", "#78aefc", "#8796a8", "#ff7261")


@dataclass(frozen=True)
class Pane:
    """One series, or one channel of it, to be drawn."""

    name: str
    part: Scored
    row: int
    channel: int
    events: Sequence[Event]


def write_png(result: Result, path: Path, *, title: str = "", panes: int = MOST_PANES, dark: bool = False) -> None:
    """Write a picture 1200 pixels wide with the worst ``panes`` series, their expected range and marked events.

    Times are in the zone of the result. Of a multivariate series the channels that carry its events are drawn, as long
    as there is room.
    """
    drawn = _panes(result, panes if result.events or _channels(result) > 1 else min(panes, _QUIET_PANES))
    look = DARK if dark else LIGHT
    with _drawing(result, drawn, title, look) as figure:
        write_whole(path, partial(figure.savefig, format="png", dpi=_DOTS_PER_INCH, facecolor=look.paper))


def event_png(event: Event, part: Scored, *, tz: str = "UTC") -> bytes:
    """Return a picture of one event, its series around it with the expected range, for a mail."""
    result = Result(parts=[part], events=[event], detector="live", why="", rows=part.panel.n_time, seconds=0.0, tz=tz)
    picture = BytesIO()
    with _drawing(result, _panes(result, 3), "", LIGHT) as figure:
        figure.savefig(picture, format="png", dpi=_DOTS_PER_INCH, facecolor=LIGHT.paper)
    return picture.getvalue()


@contextmanager
def _drawing(result: Result, drawn: Sequence[Pane], title: str, look: Look) -> Iterator[Figure]:
    """Give the figure, ready to be written."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with warnings.catch_warnings():
        # a character that no installed font has is drawn as a box
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = _figure(result, drawn, title, look)
        FigureCanvasAgg(figure)
        yield figure


def _panes(result: Result, count: int) -> list[Pane]:
    """The series with events, worst first, or any if there is none.

    A series with several channels gives at most half of the panes, the guilty ones.
    """
    panes: list[Pane] = []
    with_events = {event.key for event in result.events}
    for key, part, row in result.series():
        if len(panes) >= count or (with_events and key not in with_events):
            break
        events = [event for event in result.events if event.key == key]
        room = min(count - len(panes), max(1, count // 2) if result.n_series > 1 else count)
        guilty = _guilty(part, events)[:room]
        panes += [Pane(_name(key, part, channel), part, row, channel, events) for channel in guilty]
    return panes


def _channels(result: Result) -> int:
    return max((part.panel.n_channels for part in result.parts), default=1)


def _guilty(part: Scored, events: Sequence[Event]) -> list[int]:
    channels = part.panel.channels
    weight = {name: max((event.share.get(name, 0.0) for event in events), default=0.0) for name in channels}
    return sorted(range(len(channels)), key=lambda channel: -weight[channels[channel]])


def _name(key: Key, part: Scored, channel: int) -> str:
    name = f"{key}: {part.panel.channels[channel]}" if part.panel.n_channels > 1 else str(key)
    plain = "".join(char if char.isprintable() else " " for char in name)
    return plain if len(plain) <= _LONGEST_NAME else plain[: _LONGEST_NAME - 1] + "…"


def _figure(result: Result, panes: Sequence[Pane], title: str, look: Look) -> Figure:
    from matplotlib.figure import Figure

    height = _FRAME_INCHES + _PANE_INCHES * max(1, len(panes))
    figure = Figure(figsize=(_WIDTH_INCHES, height), facecolor=look.paper)
    top = 1 - 0.62 / height
    figure.text(0.012, 1 - 0.24 / height, title, **_text(look.text, 13), fontweight="bold", va="center")
    figure.text(0.012, 1 - 0.48 / height, _subtitle(result, panes), **_text(look.muted, 9.5), va="center")
    if not panes:
        figure.text(0.5, 0.4, "There is no series.", **_text(look.muted, 11), ha="center")
        return figure
    axes = figure.subplots(len(panes), 1, squeeze=False)[:, 0]
    bottom = 0.42 / height
    figure.subplots_adjust(left=0.065, right=0.985, top=top - 0.22 / height, bottom=bottom, hspace=0.5)
    for pane, place in zip(panes, axes, strict=True):
        _draw(pane, place, look, result.tz)
    if len({id(pane.part) for pane in panes}) == 1:  # the day or year once, below the last, if all have the same times
        for place in axes[:-1]:
            place.xaxis.get_offset_text().set_visible(False)
    return figure


def _subtitle(result: Result, panes: Sequence[Pane]) -> str:
    shown = len({(id(pane.part), pane.row) for pane in panes})
    events = len(result.events)
    parts = [f"{events:,} event{'s' if events != 1 else ''}", f"{shown:,} worst of {result.n_series:,} series"]
    if shown == result.n_series:
        parts[1] = f"{shown:,} series"
    return " · ".join(
        [
            *parts,
            f"{result.n_points:,} points",
            result.detector,
            f"times in {result.tz}",
            "band: expected range, red: event",
        ]
    )


def _draw(pane: Pane, axes: Axes, look: Look, tz: str) -> None:
    panel, scores = pane.part.panel, pane.part.scores
    kept = visible_indices(panel.values[pane.row][:, [pane.channel]], scores, pane.row, 1100)
    times = panel.times[kept]
    arrays = (panel.values, scores.expected, scores.lower, scores.upper)
    values, expected, lower, upper = (array[pane.row, kept, pane.channel] for array in arrays)
    _frame(pane, axes, look, tz)
    if np.isnan(values).all():
        axes.text(0.5, 0.5, "no values", transform=axes.transAxes, ha="center", **_text(look.muted, 10))
        return
    power = _power(values)
    values, expected, lower, upper = (_scaled(array, power) for array in (values, expected, lower, upper))
    axes.set_xlim(*_time_limits(times))
    axes.set_ylim(*_value_limits(values, lower, upper))
    _label_values(axes)
    if power:
        axes.text(0.004, 0.9, f"in 1e{power}", transform=axes.transAxes, **_text(look.muted, 8.5))
    axes.fill_between(times, lower, upper, color=look.value, alpha=0.16, linewidth=0)
    axes.plot(times, expected, color=look.expected, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.plot(times, values, color=look.value, linewidth=0.9)
    _mark(pane, axes, look, power)


def _power(values: Floats) -> int:
    """The power of ten by which values are divided: 0, but for sizes that the arithmetic of axes cannot hold."""
    most = float(np.nanmax(np.abs(values)))
    if most == 0 or 1e-100 < most < 1e100:
        return 0
    return max(-300, math.floor(math.log10(most)))


def _scaled(values: Floats, power: int) -> Floats:
    """Values divided by a power of ten, cut where they are far beyond those that are drawn."""
    with np.errstate(over="ignore"):
        return np.clip(values / 10.0**power, -1e150, 1e150)


def _frame(pane: Pane, axes: Axes, look: Look, tz: str) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axes.set_facecolor(look.paper)
    axes.set_title(pane.name, loc="left", pad=5, **_text(look.text, 10))
    if pane.events:
        worst, count = pane.events[0].severity, len(pane.events)
        note = f"{count:,} event{'s' if count != 1 else ''}, severity up to {worst}"
        axes.set_title(note, loc="right", pad=5, **_text(look.event, 9.5))
    axes.grid(color=look.grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=look.muted, labelsize=8.5, length=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(look.grid)
    locator = AutoDateLocator(tz=tz, minticks=5, maxticks=11)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator,
        tz=tz,
        formats=list(_TICKS),
        zero_formats=["", *_TICKS[:1], *_TICKS[1:5]],
        offset_formats=list(_OFFSETS),
    )
    axes.xaxis.set_major_formatter(formatter)
    axes.xaxis.get_offset_text().set(color=look.muted, fontsize=8.5)


def _mark(pane: Pane, axes: Axes, look: Look, power: int) -> None:
    times = pane.part.panel.times
    least = (times[-1] - times[0]) * _LEAST_SPAN
    for event in pane.events:
        start, end = to_time(event.start), to_time(event.end)
        spare = max(np.timedelta64(0, "ns"), least - (end - start)) / 2
        axes.axvspan(start - spare, end + spare, color=look.event, alpha=0.16, linewidth=0)
        channel = pane.part.panel.channels[pane.channel]
        if next(iter(event.share), channel) == channel and np.isfinite(event.actual):
            axes.plot(
                to_time(event.peak),
                event.actual / 10.0**power,
                marker="o",
                markersize=4.5,
                color=look.event,
                markeredgecolor=look.paper,
                markeredgewidth=0.8,
                clip_on=False,
                zorder=5,
            )


def _time_limits(times: np.ndarray[Any, np.dtype[np.datetime64]]) -> tuple[Any, Any]:
    if len(times) > 1:
        return times[0], times[-1]
    return times[0] - np.timedelta64(1, "m"), times[0] + np.timedelta64(1, "m")


def _value_limits(values: Floats, lower: Floats, upper: Floats) -> tuple[float, float]:
    """All values, and the expected range as far as it does not dwarf them."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    reach = high - low or abs(high) * 0.1 or 1.0
    known = np.concatenate([lower[~np.isnan(lower)], upper[~np.isnan(upper)]])
    bottom = max(min(low, known.min(initial=low)), low - reach)
    top = min(max(high, known.max(initial=high)), high + reach)
    size = max(abs(bottom), abs(top))
    # less than the arithmetic of an axis can part is shown as one level
    margin = (top - bottom) * 0.1 if top - bottom > size * _LEAST_SPREAD else size * 0.1 or 1.0
    return bottom - margin, top + margin


def _label_values(axes: Axes) -> None:
    """Put at most five ticks on the axis of values, with the same unit and decimals: 12.5M, 340k, 0.02."""
    from matplotlib.ticker import MaxNLocator

    low, high = axes.get_ylim()
    ticks = [float(tick) for tick in MaxNLocator(nbins=4).tick_values(low, high) if low <= tick <= high]
    most = max((abs(tick) for tick in ticks), default=0.0)
    unit, name = next(((size, name) for size, name in _UNITS if 1e4 <= most < 1e18 and most >= size), (1.0, ""))
    texts = [f"{tick / unit:.8g}" for tick in ticks]
    decimals = max((len(text.partition(".")[2]) for text in texts if "e" not in text), default=0)
    exact = any("e" in text for text in texts)
    labels = texts if exact else [f"{tick / unit:.{decimals}f}{name if tick else ''}" for tick in ticks]
    axes.set_yticks(ticks, labels)


def _text(colour: str, size: float) -> dict[str, Any]:
    # data may hold dollar signs, which are no formulas
    return {"color": colour, "fontsize": size, "parse_math": False, "fontfamily": _installed_fonts()}


def _installed_fonts() -> list[str]:
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in _FONTS if name in installed]
