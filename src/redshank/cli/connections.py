"""``redshank sources`` and ``redshank sinks``: beside what all declarations can do, try them out."""

from __future__ import annotations

from typing import Annotated

import typer

from redshank.cli import remote
from redshank.cli.declared import sinks, sources
from redshank.cli.deliveries import deliveries, drop, replay
from redshank.cli.late import add
from redshank.cli.names import completing

Source = Annotated[
    str, typer.Argument(help="Name of the source.", metavar="NAME", autocompletion=completing("sources"))
]
Sink = Annotated[str, typer.Argument(help="Name of the sink.", metavar="NAME", autocompletion=completing("sinks"))]
Path = Annotated[str | None, typer.Option(help="What a monitor would read of it: a path.", metavar="PATH")]
Query = Annotated[str | None, typer.Option(help="A query in the source's own language.", metavar="TEXT")]
Table = Annotated[str | None, typer.Option(help="A table.", metavar="NAME")]


def check_source(
    name: Source,
    path: Path = None,
    query: Query = None,
    table: Table = None,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Reach a source and read one row; exit code 1 when that fails.

    \b
    redshank sources check shop
    redshank sources check shop --table orders
    """
    with remote.connected(url, token) as client:
        found = client.sources.check(name, path=path, query=query, table=table)
    _print_checked(found.ok, found.message, found, as_json)


def check_sink(
    name: Sink,
    no_send: Annotated[
        bool, typer.Option("--no-send", metavar="", help="Send nothing, only find out whether it could be.")
    ] = False,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Send a test event to a sink; exit code 1 when that fails.

    \b
    redshank sinks check out
    """
    with remote.connected(url, token) as client:
        found = client.sinks.check(name, send=not no_send)
    _print_checked(found.ok, found.message, found, as_json)


def _print_checked(is_ok: bool, message: str, found: object, as_json: bool) -> None:
    if as_json:
        remote.print_json(found)
    else:
        typer.echo(f"{'ok' if is_ok else 'failed'}: {message}")
    if not is_ok:
        raise typer.Exit(1)


def describe(
    name: Source,
    path: Path = None,
    query: Query = None,
    table: Table = None,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Say what the last days of a source hold: measures, labels, the time, the step, what could not be read.

    \b
    redshank sources describe shop
    """
    with remote.connected(url, token) as client:
        found = client.sources.describe(name, path=path, query=query, table=table)
    if as_json:
        remote.print_json(found)
    else:
        remote.print_record({key.replace("_", " "): value for key, value in found.items()})


def preview(
    name: Source,
    rows: Annotated[int, typer.Option(min=1, help="So many rows.", metavar="N")] = 10,
    path: Path = None,
    query: Query = None,
    table: Table = None,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Show the first rows of a source as they stand there.

    \b
    redshank sources preview shop --rows 5
    """
    with remote.connected(url, token) as client:
        found = client.sources.preview(name, rows=rows, path=path, query=query, table=table)["rows"]
    columns = {key: _taking(key) for row in found for key in row}
    remote.print_list(found, 0, columns, as_json, "rows")


def _taking(key: str) -> object:
    return lambda row: row.get(key)


add(sources, check_source, "check")
add(sources, describe)
add(sources, preview)
add(sinks, check_sink, "check")
add(sinks, deliveries)
add(sinks, replay)
add(sinks, drop)
