"""``redshank runs``: what was done, is being done and waits."""

from __future__ import annotations

from typing import Annotated

import typer

from redshank.cli import completion, remote
from redshank.cli.late import add, group
from redshank.cli.names import completing
from redshank.cli.run_output import finished, print_run, progress

VERBS = ("train", "detect", "backtest", "tune", "forecast")
STATES = ("waiting", "running", "canceling", "done", "failed", "canceled", "abandoned")
Id = Annotated[str, typer.Argument(help="Id of the run.", metavar="ID")]
Monitors = Annotated[
    list[str] | None,
    typer.Option(
        "--monitor",
        "-m",
        help="Of this monitor; may be repeated.",
        metavar="NAME",
        autocompletion=completing("monitors"),
    ),
]
runs = group("What was done, is being done and waits.")


def list_all(
    monitor: Monitors = None,
    verb: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(VERBS)}.", metavar="VERB", autocompletion=completion.one_of(*VERBS)),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(STATES)}.", metavar="STATE", autocompletion=completion.one_of(*STATES)),
    ] = None,
    start: Annotated[str | None, typer.Option("--from", help="Asked for from this time on.", metavar="TIME")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Asked for before this time.", metavar="TIME")] = None,
    limit: remote.Limit = None,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""List runs, newest first.

    \b
    redshank runs list
    redshank runs list --monitor cpu --state failed --json
    """
    with remote.connected(url, token) as client:
        found = client.runs.iterate(monitor=monitor, verb=verb, state=state, start=start, end=end)
        columns = {
            "id": lambda run: run.id,
            "monitor": lambda run: run.monitor,
            "verb": lambda run: run.verb,
            "state": lambda run: run.state,
            "progress": progress,
            "asked for": lambda run: run.created,
            "seconds": lambda run: run.seconds,
            "error": lambda run: None if run.error is None else run.error.message,
        }
        remote.print_list(found, limit, columns, as_json, "runs")


def get(run_id: Id, as_json: remote.AsJson = False, url: remote.Url = None, token: remote.Token = None) -> None:
    r"""Show a run.

    \b
    redshank runs get ID
    """
    with remote.connected(url, token) as client:
        run = client.runs.get(run_id)
    if as_json:
        remote.print_json(run)
    else:
        print_run(run)


def follow(run_id: Id, as_json: remote.AsJson = False, url: remote.Url = None, token: remote.Token = None) -> None:
    r"""Show the log of a run as it comes, and what came of it; exit code 1 when it failed.

    \b
    redshank runs follow ID
    """
    with remote.connected(url, token) as client:
        finished(client, client.runs.get(run_id), wait=True, as_json=as_json)


def log(
    run_id: Id,
    after: Annotated[int, typer.Option(help="Only lines with a higher number.", metavar="N")] = 0,
    limit: remote.Limit = None,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Show the log lines of a run so far.

    \b
    redshank runs log ID
    """
    with remote.connected(url, token) as client:
        lines = client.runs.lines(run_id, after=after, limit=limit or 1000).items
    columns = {"at": lambda line: line.at, "level": lambda line: line.level, "text": lambda line: line.text}
    remote.print_list(lines, limit, columns, as_json, "lines")


def cancel(
    run_ids: Annotated[list[str], typer.Argument(help="Ids of runs.", metavar="ID...")],
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Cancel runs.

    \b
    redshank runs cancel ID
    """
    with remote.connected(url, token) as client:
        for run_id in run_ids:
            typer.echo(f"{client.runs.cancel(run_id).state} run {run_id}")


for name, command in (("list", list_all), ("get", get), ("follow", follow), ("log", log), ("cancel", cancel)):
    add(runs, command, name)
