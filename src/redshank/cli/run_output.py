"""Follow a run on the terminal until it has ended, and say what came of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from redshank.cli import remote
from redshank.cli.run_results import has_table, print_tables

if TYPE_CHECKING:
    from redshank.client.answers import Run
    from redshank.client.client import Client

EXIT_FAILED = 1
SHORT = 5  # parts of a list that are shown in a line


def finished(client: Client, run: Run, *, wait: bool, as_json: bool) -> None:
    """Show a run, once it has ended where that is wanted; ends the program with 1 when it failed or was canceled."""
    if wait:
        for line in client.runs.follow(run.id):
            typer.echo(f"{line.level}: {line.text}" if line.level != "info" else line.text, err=True)
        run = client.runs.get(run.id)
    if as_json:
        remote.print_json(run)
    else:
        print_run(run)
    if run.is_finished and run.state != "done":
        raise typer.Exit(EXIT_FAILED)


def print_run(run: Run) -> None:
    """Print what is known of a run."""
    remote.print_record(
        {
            "run": run.id,
            "monitor": run.monitor,
            "verb": run.verb,
            "state": run.state,
            "progress": progress(run),
            "from": run.start,
            "to": run.end,
            "started": run.started,
            "seconds": run.seconds,
            "error": None if run.error is None else run.error.message,
            **{f"result: {name}": value for name, value in _flat(run.result).items()},
        }
    )
    if isinstance(run.result, Mapping):
        print_tables(run.result)
    if not run.is_finished and sys.stdout.isatty():
        typer.echo(f"follow it with: redshank runs follow {run.id}")


def progress(run: Run) -> str | None:
    """Return how far a run is; None when nobody knows."""
    if run.percent is None:
        return f"{run.done:,} rows" if run.done else None
    rest = "" if run.remaining_seconds is None or run.is_finished else f", {run.remaining_seconds:.0f} s to go"
    return f"{run.percent:g} %{rest}"


def _flat(result: Any) -> dict[str, Any]:
    """What fits a line of the result; what is shown as a table below is left out, other lists are counted."""
    if not isinstance(result, Mapping):
        return {} if result is None else {"value": result}
    return {name: _line(value) for name, value in result.items() if not has_table(name, value)}


def _line(value: Any) -> Any:
    """A part of a result in one line; None (left out) when there is nothing in it."""
    if isinstance(value, list):
        is_short = len(value) <= SHORT and all(isinstance(each, str | int | float) for each in value)
        return "; ".join(map(str, value)) or None if is_short else f"{len(value):,}"
    if isinstance(value, dict):
        plain = {name: each for name, each in value.items() if isinstance(each, str | int | float)}
        return ", ".join(f"{name} {each}" for name, each in plain.items()) or None
    return value
