"""``redshank sources`` and ``redshank sinks``: beside what all declarations can do, try them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from redshank.cli import look, remote
from redshank.cli.adding import add_sink, add_source
from redshank.cli.declared import sinks, sources
from redshank.cli.deliveries import deliveries, drop, replay
from redshank.cli.late import add
from redshank.cli.names import completing

if TYPE_CHECKING:
    from redshank.client.answers import Checked

Sink = Annotated[str, typer.Argument(help="Name of the sink.", metavar="NAME", autocompletion=completing("sinks"))]


def check_source(
    name: look.Named,
    path: look.Path = None,
    query: look.Query = None,
    table: look.Table = None,
    index: look.Index = None,
    option: look.Option = None,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Reach a source and read one row; exit code 1 when that fails.

    \b
    redshank sources check shop
    redshank sources check shop --table orders
    redshank sources check 'postgresql://me@host/shop?table=orders' --option password=env:PW
    """
    place = look.Place.of(name, path, query, table, index, option)
    if place.source is not None:
        found = _checked_here(place)
    else:
        with remote.connected(url, token) as client:
            found = client.sources.check(name, **place.target)
    _print_checked(found.ok, found.message, found, as_json)


def _checked_here(place: look.Place) -> Checked:
    from redshank.client.answers import Checked
    from redshank.errors import DataError, SourceError

    source = place.source
    assert source is not None
    try:
        look.here(source, source.check)
    except (SourceError, DataError) as error:
        return Checked(ok=False, message=str(error), code=error.code)
    return Checked(ok=True, message=f"{source.describe()}: can be read")


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
    name: look.Named,
    path: look.Path = None,
    query: look.Query = None,
    table: look.Table = None,
    index: look.Index = None,
    option: look.Option = None,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Say what there is in a source: tables, columns and their roles; and what its last seven days hold.

    \b
    redshank sources describe shop
    redshank sources describe sqlite:///shop.db --table orders
    """
    place = look.Place.of(name, path, query, table, index, option)
    if place.source is not None:
        found = look.described(place.source)
    else:
        with remote.connected(url, token) as client:
            found = client.sources.describe(name, **place.target)
    if as_json:
        remote.print_json(found)
    else:
        look.print_described(found)


def preview(
    name: look.Named,
    rows: Annotated[int, typer.Option(min=1, help="So many rows.", metavar="N")] = 10,
    path: look.Path = None,
    query: look.Query = None,
    table: look.Table = None,
    index: look.Index = None,
    option: look.Option = None,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Show the first rows of a source as they stand there.

    \b
    redshank sources preview shop --rows 5
    redshank sources preview 'es://host:9200/logs-*'
    """
    place = look.Place.of(name, path, query, table, index, option)
    if (source := place.source) is not None:
        found = look.plain_rows(look.here(source, lambda: source.preview(rows)))
    else:
        with remote.connected(url, token) as client:
            found = client.sources.preview(name, rows=rows, **place.target)["rows"]
    columns = {key: _taking(key) for row in found for key in row}
    remote.print_list(found, 0, columns, as_json, "rows")


def _taking(key: str) -> object:
    return lambda row: row.get(key)


add(sources, add_source, "add")
add(sources, check_source, "check")
add(sources, describe)
add(sources, preview)
add(sinks, add_sink, "add")
add(sinks, check_sink, "check")
add(sinks, deliveries)
add(sinks, replay)
add(sinks, drop)
