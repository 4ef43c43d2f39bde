"""``redshank grafana``: what Grafana imports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from redshank.cli.late import add, group
from redshank.cli.names import completing

grafana = group("What Grafana imports.")
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Write this file instead of printing.", metavar="FILE")]


def dashboard(
    monitor: Annotated[
        str | None,
        typer.Option(
            help="Of this monitor; without it, the monitor is chosen on the dashboard.",
            metavar="NAME",
            autocompletion=completing("monitors"),
        ),
    ] = None,
    out: Out = None,
) -> None:
    r"""Make a dashboard to import into Grafana: value, expected range, score and events of series.

    \b
    redshank grafana dashboard -o dashboard.json
    redshank grafana dashboard --monitor cpu -o cpu.json
    """
    from redshank.dashboards.grafana import grafana_dashboard

    write_or_print(json.dumps(grafana_dashboard(monitor), indent=2, ensure_ascii=False), out)


def write_or_print(text: str, out: Path | None) -> None:
    """Write a text to a file, whole or not at all, or print it."""
    if out is None:
        typer.echo(text)
        return
    from redshank.sinks.files import check_writable, write_whole

    check_writable(out)
    write_whole(out, lambda partial: partial.write_text(text + "\n", encoding="utf-8"))
    typer.echo(f"wrote {out}")


add(grafana, dashboard)
