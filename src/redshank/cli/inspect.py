"""``redshank inspect``: what is in a file, before anything is detected in it."""

from __future__ import annotations

import typer

from redshank.cli import options


def inspect(paths: options.Paths) -> None:
    r"""Say what is in files of time series, and which detector suits them.

    \b
    redshank inspect cpu.csv
    """
    from redshank.app import read
    from redshank.cli.console import progress_bar
    from redshank.detectors.auto import choose
    from redshank.sources.base import Query

    with progress_bar(quiet=False) as on_progress:
        reading = read(paths, Query(), on_progress)
    choice = choose(reading.panels, "retrospective")
    typer.echo(reading.findings.line())
    typer.echo(f"detector: {choice.kind} ({choice.why})")
