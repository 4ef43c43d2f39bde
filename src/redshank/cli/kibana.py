"""``redshank kibana``: what Kibana and OpenSearch Dashboards import."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redshank.cli import remote
from redshank.cli.grafana import Out, write_or_print
from redshank.cli.late import add, group
from redshank.cli.names import completing

if TYPE_CHECKING:
    from redshank.client.client import Client
    from redshank.dashboards.kibana import Watched

kibana = group("What Kibana and OpenSearch Dashboards import.")
PANEL = "Kibana or OpenSearch Dashboards"


def export(
    monitors: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names of monitors; none = all.", metavar="[MONITOR]...", autocompletion=completing("monitors")
        ),
    ] = None,
    index: Annotated[str, typer.Option(help="Index or pattern of scores.", metavar="NAME")] = "redshank-scores*",
    events: Annotated[str, typer.Option(help="Index or pattern of events.", metavar="NAME")] = ".redshank-anomalies",
    by: Annotated[
        str | None, typer.Option(help="A chart for each value of this label instead of each series.", metavar="LABEL")
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=1000, help="At most so many series of a monitor.", metavar="N")] = 50,
    out: Out = None,
    six: Annotated[
        bool, typer.Option("--kibana6", metavar="", help="A file for Kibana 6.3 to 6.8, which cannot read the other.")
    ] = False,
    to: Annotated[
        str | None, typer.Option(help="Import it there at once: its address.", metavar="URL", rich_help_panel=PANEL)
    ] = None,
    space: Annotated[
        str | None, typer.Option(help="Space of Kibana to import into.", metavar="NAME", rich_help_panel=PANEL)
    ] = None,
    user: Annotated[str | None, typer.Option(help="Who signs in there.", metavar="NAME", rich_help_panel=PANEL)] = None,
    password: Annotated[
        str | None, typer.Option(help="As env:NAME or file:PATH.", metavar="SECRET", rich_help_panel=PANEL)
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(help="As env:NAME or file:PATH.", metavar="SECRET", rich_help_panel=PANEL)
    ] = None,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Make dashboards to import: for each monitor its series with expected range and score, and its events.

    \b
    redshank kibana export -o objects.ndjson
    redshank kibana export cpu --by host -o cpu.ndjson
    redshank kibana export --to http://kibana:5601 --user elastic --password env:KIBANA_PASSWORD
    """
    from redshank.dashboards.kibana import Indices, kibana_objects, ndjson
    from redshank.dashboards.kibana_six import kibana_six
    from redshank.errors import ConfigError

    if six and to is not None:
        raise ConfigError("--to: Kibana 6 imports files only by hand; write one with --out", field="to")
    with remote.connected(url, token) as client:
        names = monitors or [each.name for each in client.monitors.iterate()]
        watched = {name: _watched(client, name, most) for name in names}
    objects = kibana_objects(watched, Indices(scores=index, events=events), by=by)
    text = kibana_six(objects) if six else ndjson(objects)
    if to is None or out is not None:
        write_or_print(text.removesuffix("\n"), out)
    if to is not None:
        _import(text, {"url": to, "user": user, "password": password, "api_key": api_key}, space)


def _watched(client: Client, monitor: str, most: int) -> list[Watched]:
    from redshank.dashboards.kibana import Watched

    found = list(islice(client.series.iterate(monitor), most + 1))
    if len(found) > most:
        typer.echo(f"redshank: {monitor}: the first {most:,} series are drawn; --most draws more", err=True)
    return [Watched(each.series, each.labels) for each in found[:most]]


def _import(text: str, given: dict[str, Any], space: str | None) -> None:
    from redshank.dashboards.kibana_import import import_objects
    from redshank.http.options import HttpOptions
    from redshank.specs.options import read_options

    options = {name: value for name, value in given.items() if value is not None}
    count = import_objects(text, read_options(HttpOptions, "kibana", options), space)
    typer.echo(f"imported {count:,} objects into {HttpOptions(url=given['url']).url}")


add(kibana, export)
