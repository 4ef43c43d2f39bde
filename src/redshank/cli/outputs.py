"""What ``redshank detect`` shows and writes: table, sparklines, one line of facts, JSON, report and files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redshank.result import Result
    from redshank.sinks.files import FileSink
    from redshank.sources.base import Findings

SHOWN_EVENTS = 20
SHOWN_NARROW = 8  # where an event takes several lines
SHOWN_SERIES = 3


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The files asked for; None = not."""

    events: Path | None = None
    scores: Path | None = None
    html: Path | None = None
    png: Path | None = None

    def _sink(self) -> FileSink:
        from redshank.sinks.files import FileSink

        return FileSink(events=self.events, scores=self.scores)

    def check(self) -> None:
        """Raise SinkError, before the work, for a file that could not be written after it."""
        from redshank.sinks.files import check_suffix, check_writable

        self._sink().check()
        for path, suffixes in ((self.html, (".html", ".htm")), (self.png, (".png",))):
            if path is not None:
                check_suffix(path, suffixes)
                check_writable(path)

    def write(self, result: Result, *, title: str, line: str) -> None:
        """Write every file asked for; ``line`` says what was read."""
        sink = self._sink()
        sink.write_events(result.events)
        sink.write_scores(result.parts)
        if self.html is not None:
            from redshank.sinks.html import write_html

            write_html(result, self.html, title=title, facts=facts(result, line))
        if self.png is not None:
            from redshank.sinks.png import write_png

            write_png(result, self.png, title=title)

    def written(self) -> list[Path]:
        """The files, in the order they are shown."""
        return [path for path in (self.html, self.png, self.events, self.scores) if path is not None]


def facts(result: Result, line: str) -> list[tuple[str, str]]:
    """Return what was done as (name, text) pairs, for the head of a report."""
    pairs = [
        ("input", line),
        ("detector", f"{result.detector} ({result.why})"),
        ("points", f"{result.n_points:,} in {result.n_series:,} series"),
        ("time taken", f"{result.seconds:.2f} s"),
    ]
    return pairs + [("note", note) for note in result.notes]


def print_result(result: Result, findings: Findings, outputs: Outputs) -> None:
    """Print findings, sparklines, the events worst first, notes and the line of what was done."""
    from redshank.cli.console import console, print_notes
    from redshank.cli.terminal import TABLE_WIDTH, event_list, series_lines

    out = console()
    out.print(findings.line(), style="dim", markup=False)
    for line in series_lines(result, SHOWN_SERIES, out.width):
        out.print(line)
    shown = SHOWN_EVENTS if out.width >= TABLE_WIDTH else SHOWN_NARROW
    if result.events:
        for part in event_list(result.events[:shown], out.width):
            out.print(part)
    if len(result.events) > shown:
        out.print(f"and {len(result.events) - shown:,} more: --out events.csv writes them all", style="dim")
    print_notes(out, [*result.notes, *(str(series) for series in result.not_scored)])
    out.print(result.summary(), style="bold", markup=False)
    for path in outputs.written():
        out.print(f"wrote {path}", markup=False)


def result_json(result: Result) -> dict[str, Any]:
    """Return the result as JSON values, events worst first."""
    from redshank.sinks.files import event_json

    return {
        "events": [event_json(event) for event in result.events],
        "detector": result.detector,
        "why": result.why,
        "rows": result.rows,
        "series": result.n_series,
        "points": result.n_points,
        "seconds": round(result.seconds, 3),
        "notes": result.notes,
        "not_scored": [
            {"series": str(series.key), "points": series.points, "needed": series.needed}
            for series in result.not_scored
        ],
        "complete": result.complete,
    }
