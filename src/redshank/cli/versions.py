"""``redshank versions``: what trainings made."""

from __future__ import annotations

from typing import Annotated

import typer

from redshank.cli import remote
from redshank.cli.late import add, group
from redshank.cli.monitors import Name

Number = Annotated[int, typer.Argument(min=1, help="Number of the version.", metavar="NUMBER")]
versions = group("What the trainings of a monitor made.")


def list_all(name: Name, as_json: remote.AsJson = False, url: remote.Url = None, token: remote.Token = None) -> None:
    r"""List the versions of a monitor, newest first.

    \b
    redshank versions list cpu
    """
    with remote.connected(url, token) as client:
        found = client.monitors.versions(name).items
    columns = {
        "version": lambda each: each.number,
        "live": lambda each: each.is_live,
        "detector": lambda each: each.detector,
        "series": lambda each: each.series,
        "learned until": lambda each: each.cursor,
        "made": lambda each: each.created,
        "bytes": lambda each: each.size_bytes,
        "note": lambda each: each.note or None,
    }
    remote.print_list(found, 0, columns, as_json, "versions")


def compare(
    name: Name,
    number: Number,
    other: Number,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Say what differs between two versions.

    \b
    redshank versions compare cpu 3 2
    """
    with remote.connected(url, token) as client:
        found = client.monitors.compare(name, number, other)
    if as_json:
        remote.print_json(found)
        return
    rows = [(field, *values) for field, values in found.differences.items()]
    columns = {"field": lambda row: row[0], str(number): lambda row: row[1], str(other): lambda row: row[2]}
    remote.print_list(rows, 0, columns, False, "differences")


def restore(name: Name, number: Number, url: remote.Url = None, token: remote.Token = None) -> None:
    r"""Make a version the live one again; it catches up by the points since.

    \b
    redshank versions restore cpu 2
    """
    with remote.connected(url, token) as client:
        made = client.monitors.restore(name, number)
    typer.echo(f"version {made.number} of {name} is live, made with {made.detector}")


def prune(
    name: Name,
    keep: Annotated[int, typer.Option(min=1, help="So many of the newest stay, and the live one.", metavar="N")] = 5,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Drop old versions.

    \b
    redshank versions prune cpu --keep 2
    """
    with remote.connected(url, token) as client:
        gone = client.monitors.prune(name, keep).gone
    typer.echo(f"dropped {gone:,} version{'' if gone == 1 else 's'} of {name}")


for command_name, command in (("list", list_all), ("compare", compare), ("restore", restore), ("prune", prune)):
    add(versions, command, command_name)
