"""Pictures and tables made of text: sparklines with the anomalies marked, and the events worst first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from redshank.durations import format_duration
from redshank.reasons import number
from redshank.thinning import Indices, bucket_edges, worst_of_buckets

if TYPE_CHECKING:
    from rich.console import RenderableType

    from redshank.decide import Event
    from redshank.panel import Floats
    from redshank.result import Result

BARS = "▁▂▃▄▅▆▇█"
ANOMALY = "bold red"
MARK = "▲"
_LEAST_WIDTH = 20
_NAME_SHARE = 3  # a name takes at most one part in so many of the width
TABLE_WIDTH = 120  # columns from which on reasons have room beside the numbers
INDENT = 10


def sparkline(values: Floats, scores: Floats, width: int) -> Text:
    """Return a series as one line of at most ``width`` bars, those with an anomaly in colour.

    ``values``, ``scores``: (n_time,). A bar stands for a bucket of points and shows the one farthest from the median of
    all, so that a spike of one point is seen; a bucket without a value is a space.
    """
    line = Text()
    if len(values) == 0:
        return line
    edges = bucket_edges(len(values), max(width, 1))
    worst = worst_of_buckets(scores, edges)
    for bar, score in zip(_bars(values, edges), worst, strict=True):
        line.append(bar, style=ANOMALY if score >= 1 else "")
    return line


def anomaly_marks(scores: Floats, width: int) -> Text:
    """Return marks to stand under the anomalies of a sparkline of that width, for those who see no colour."""
    if len(scores) == 0:
        return Text()
    worst = worst_of_buckets(scores, bucket_edges(len(scores), max(width, 1)))
    return Text("".join(MARK if score >= 1 else " " for score in worst).rstrip(), style=ANOMALY)


def _bars(values: Floats, edges: Indices) -> Iterator[str]:
    middle = float(np.nanmedian(values)) if not np.isnan(values).all() else 0.0
    shown = np.array([_farthest(values[i:j], middle) for i, j in pairwise(edges)])
    there = shown[~np.isnan(shown)]
    low, high = (float(there.min()), float(there.max())) if len(there) else (0.0, 0.0)
    # halved: the range of values near 1e308 is more than a float holds
    span = high / 2 - low / 2
    for value in shown:
        if math.isnan(value):
            yield " "
        elif span == 0:
            yield BARS[0]
        else:
            yield BARS[min(len(BARS) - 1, int((value / 2 - low / 2) / span * len(BARS)))]


def _farthest(bucket: Floats, middle: float) -> float:
    there = bucket[~np.isnan(bucket)]
    return float(there[np.argmax(np.abs(there / 2 - middle / 2))]) if len(there) else math.nan


def series_lines(result: Result, count: int, width: int) -> Iterator[Text]:
    """Yield lines with the sparklines of the worst series, each with its range of values and marks below.

    Of a multivariate series the channel that carries the worst event is shown. Names that would take more than a third
    of the width stand on a line of their own.
    """
    shown = [row for row, _ in zip(result.series(), range(count), strict=False)]
    leading = {event.key: next(iter(event.share), "") for event in reversed(result.events)}
    names = [printable(f"{key} {leading.get(key, '')}".strip()) for key, _, _ in shown]
    longest = max(map(len, names), default=0)
    is_beside = longest <= width // _NAME_SHARE
    indent = longest + 2 if is_beside else 2
    for name, (key, part, row) in zip(names, shown, strict=True):
        channels = part.panel.channels
        channel = channels.index(leading[key]) if leading.get(key) in channels else 0
        values, scores = part.panel.values[row, :, channel], part.scores.score[row]
        limits = _range_text(values)
        room = max(_LEAST_WIDTH, width - indent - len(limits) - 2)
        label = name.plain.ljust(indent) if is_beside else " " * indent
        if not is_beside:
            yield Text(name.plain, style="cyan", no_wrap=True, overflow="ellipsis")
        line = Text(label, style="cyan", no_wrap=True)
        yield line.append_text(sparkline(values, scores, room)).append(f"  {limits}", style="dim")
        marks = anomaly_marks(scores, room)
        if marks.plain:
            yield Text(" " * indent, no_wrap=True).append_text(marks)


def event_list(events: Sequence[Event], width: int) -> Iterator[RenderableType]:
    """Yield the events in the order given: a table, or where that does not fit, numbers above series and reason."""
    if width >= TABLE_WIDTH:
        yield event_table(events)
        return
    rows = [
        [str(event.severity), moment(event.start), _end_text(event), number(event.actual), number(event.expected)]
        for event in events
    ]
    titles = ["severity", "start (UTC)", "end", "actual", "expected"]
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    yield Text()
    yield Text(_aligned(titles, widths), style="bold")
    for event, row in zip(events, rows, strict=True):
        line = Text(_aligned(row, widths))
        line.stylize(_severity_style(event.severity), 0, widths[0])
        yield line
        yield Padding(Text(printable(str(event.key)).plain, style="cyan", overflow="fold"), (0, 0, 0, INDENT))
        yield Padding(printable(event.reason), (0, 0, 0, INDENT))
    yield Text()


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Cells of a line: text to the left, numbers (all but the second and third) to the right."""
    pairs = enumerate(zip(cells, widths, strict=True))
    return "  ".join(cell.ljust(width) if i in (1, 2) else cell.rjust(width) for i, (cell, width) in pairs)


def event_table(events: Sequence[Event]) -> Table:
    """Return a table of events in the order given; times in UTC."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("severity", justify="right", no_wrap=True)
    table.add_column("series", overflow="fold", min_width=8)
    table.add_column("start (UTC)", no_wrap=True)
    table.add_column("end", no_wrap=True)
    table.add_column("actual", justify="right", no_wrap=True)
    table.add_column("expected", justify="right", no_wrap=True)
    table.add_column("reason", overflow="fold", min_width=20, ratio=1)
    for event in events:
        table.add_row(
            Text(str(event.severity), style=_severity_style(event.severity)),
            printable(str(event.key)),
            moment(event.start),
            Text(_end_text(event)),
            number(event.actual),
            number(event.expected),
            printable(event.reason),
        )
    return table


def moment(time: datetime) -> str:
    """Return a time to the minute, or to the second or microsecond where it has them."""
    if time.microsecond:
        return f"{time:%Y-%m-%d %H:%M:%S.%f}".rstrip("0")
    return f"{time:%Y-%m-%d %H:%M:%S}" if time.second else f"{time:%Y-%m-%d %H:%M}"


def printable(text: str) -> Text:
    """Return text from data as it is, without markup; control characters, which could rule a terminal, are shown."""
    return Text("".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text))


def _end_text(event: Event) -> str:
    if event.is_open:
        return "still open"
    end = moment(event.end)
    same_day = event.end.date() == event.start.date()
    return f"{end[11:] if same_day else end} ({format_duration(event.end - event.start)})"


def _severity_style(severity: int) -> str:
    return ANOMALY if severity >= 90 else "red" if severity >= 75 else "yellow"


def _range_text(values: Floats) -> str:
    there = values[~np.isnan(values)]
    return f"{number(float(there.min()))} to {number(float(there.max()))}" if len(there) else "no values"
