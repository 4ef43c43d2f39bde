"""Write a result as one HTML page that holds everything: scripts, style and data. It opens from a file, offline."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any
from zoneinfo import ZoneInfo

from redshank.panel import to_datetime
from redshank.result import Result
from redshank.sinks.files import write_whole
from redshank.sinks.report_data import Limits, payload

WEB = files("redshank") / "web"
CHART_SCRIPTS = (
    "codec.js",
    "thin.js",
    "format.js",
    "draw.js",
    "timeaxis.js",
    "axes.js",
    "chart.js",
    "gestures.js",
    "table.js",
    "card.js",
)
SCRIPTS = (*CHART_SCRIPTS, "report.js")
STYLES = ("vendor/uPlot.min.css", "chart.css", "report.css")

_LISTED = 10
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=async |class |const |function |let )", re.MULTILINE)


def write_html(result: Result, path: Path, *, title: str, facts: Sequence[tuple[str, str]]) -> None:
    """Write the report; ``facts`` are (name, text) pairs for its head. The file appears whole or not at all."""
    text = page(result, title=title, facts=facts)
    write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def page(result: Result, *, title: str, facts: Sequence[tuple[str, str]], limits: Limits | None = None) -> str:
    """Return the report as the text of one page."""
    data = payload(result, limits or Limits())
    script, style = bundle(SCRIPTS), stylesheet(STYLES)
    arrays = "\n".join(
        f'<script type="text/plain" id="array-{i}">{text}</script>' for i, text in enumerate(data.arrays)
    )
    return Template(_read("templates/report.html")).substitute(
        policy=f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        title=escape(title),
        style=style,
        figures=_figures(result),
        zone=escape(result.tz),
        facts="\n".join(
            f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in [*facts, *_not_scored(result)]
        ),
        warning=_warning(result),
        data=script_json(data.head),
        arrays=arrays,
        script=script,
    )


def bundle(names: Sequence[str]) -> str:
    """Return modules as one script: uPlot in a scope of its own, then ours, which have no name twice."""
    library = _read("static/vendor/uPlot.esm.js").replace("export { uPlot as default };", "return uPlot;")
    own = "\n".join(_EXPORT.sub("", _IMPORT.sub("", _read(f"static/{name}"))) for name in names)
    return f"const uPlot = (() => {{\n{library}}})();\n{own}"


def stylesheet(names: Sequence[str]) -> str:
    """Return style sheets as one."""
    return "\n".join(_read(f"static/{name}") for name in names)


def script_json(value: Any) -> str:
    """Return JSON that can stand inside a script element; NaN is an error."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _read(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _figures(result: Result) -> str:
    """The key numbers, as pairs of a number and its name."""
    events = result.events
    affected = len({event.key for event in events})
    figures = [
        (f"{len(events):,}", "event" if len(events) == 1 else "events"),
        (str(events[0].severity) if events else "none", "worst severity"),
        (f"{affected:,} of {result.n_series:,}", "series with events"),
        (f"{result.n_points:,}", "points"),
    ]
    pairs = [(escape(text), name) for text, name in figures] + [(_span(result), "time covered")]
    return "\n".join(f"<div><dd>{text}</dd><dt>{name}</dt></div>" for text, name in pairs)


def _span(result: Result) -> str:
    """First and last time as HTML; the page rewrites both when the reader picks another zone."""
    panels = [part.panel for part in result.parts if part.panel.n_time]
    if not panels:
        return "nothing"
    first = to_datetime(min(panel.times[0] for panel in panels))
    last = to_datetime(max(panel.times[-1] for panel in panels))
    length = len("2000-01-01") if (last - first).days >= 2 else len("2000-01-01 00:00")
    zone = ZoneInfo(result.tz)

    def element(moment: datetime) -> str:
        text = moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")[:length]
        return f'<time data-seconds="{int(moment.timestamp())}" data-length="{length}">{text}</time>'

    return element(first) if first == last else f"{element(first)} to {element(last)}"


def _not_scored(result: Result) -> list[tuple[str, str]]:
    """A fact for the first few series that were too short, and how many there are more."""
    more = len(result.not_scored) - _LISTED
    listed = [("note", str(series)) for series in result.not_scored[:_LISTED]]
    return listed + ([("note", f"and {more:,} more series were not scored")] if more > 0 else [])


def _warning(result: Result) -> str:
    if result.complete:
        return ""
    return '<p class="warning" role="alert">Interrupted: not all series are scored.</p>'
