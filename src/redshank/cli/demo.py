"""``redshank demo``: real telemetry with real faults, detected, explained and shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redshank.cli.outputs import Outputs, print_result

if TYPE_CHECKING:
    from redshank.decide import Event
    from redshank.demo import Fault


def demo(
    html: Annotated[Path, typer.Option(help="Where to write the report.", metavar="FILE")] = Path(
        "redshank-report.html"
    ),
    open_report: Annotated[bool, typer.Option("--open", metavar="", help="Open the report in the browser.")] = False,
) -> None:
    r"""Detect in recorded telemetry of a host in which real faults were caused, and say how many were found.

    \b
    redshank demo
    redshank demo --html report.html --open
    """
    from redshank.app import read, run
    from redshank.cli.console import console, progress_bar
    from redshank.cli.options import make_work
    from redshank.demo import faults, recording
    from redshank.sources.base import Query

    out = console()
    outputs = Outputs(html=html)
    outputs.check()
    out.print("A host was recorded at 1 s while processor, memory, disk and network faults were caused for real.\n")
    with progress_bar(quiet=False) as on_progress:
        reading = read([str(recording())], Query(), on_progress)
        result = run(reading, make_work("auto", None), on_progress)
        outputs.write(result, title="Redshank demo: one host, real faults", line=reading.findings.line())
    print_result(result, reading.findings, outputs)
    caused = faults()
    _print_found(caused, result.events)
    if open_report:
        typer.launch(str(html.resolve()))


def _print_found(caused: list[Fault], events: list[Event]) -> None:
    """Say which of the faults were found, and how many events belong to none."""
    from redshank.cli.console import console

    out = console()
    found = [fault for fault in caused if any(fault.is_found_by(event) for event in events)]
    stray = [event for event in events if not any(fault.touches(event) for fault in caused)]
    out.print()
    for fault in caused:
        mark = "[green]found [/green]" if fault in found else "[red]missed[/red]"
        seconds = (fault.end - fault.start).total_seconds()
        out.print(f"{mark} {fault.start:%H:%M:%S} {fault.name.replace('_', ' ')}, {seconds:.0f} s ({fault.measure})")
    summary = f"Found {len(found)} of {len(caused)} faults; {len(stray)} of {len(events)} events belong to none."
    out.print(f"\n[bold]{summary}[/bold]")
