"""``redshank sinks deliveries``, ``replay`` and ``drop``: what a sink has not taken."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from redshank.cli import completion, remote
from redshank.cli.names import completing

Sink = Annotated[str, typer.Argument(help="Name of the sink.", metavar="NAME", autocompletion=completing("sinks"))]
Events = Annotated[
    list[str] | None, typer.Option("--event", help="Only that of this event; may be repeated.", metavar="ID")
]
STATES = ("waiting", "dead")
COLUMNS: dict[str, Any] = {
    "event": lambda delivery: delivery.event.id,
    "state": lambda delivery: delivery.state,
    "monitor": lambda delivery: delivery.event.monitor,
    "series": lambda delivery: delivery.event.series,
    "since (UTC)": lambda delivery: delivery.since,
    "attempts": lambda delivery: delivery.attempts,
    "next": lambda delivery: delivery.due,
    "error": lambda delivery: delivery.error,
}


def deliveries(
    name: Sink,
    state: Annotated[
        str | None,
        typer.Option(help="waiting or dead.", metavar="STATE", autocompletion=completion.one_of(*STATES)),
    ] = None,
    limit: remote.Limit = None,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""List the events that a sink has not taken: those that wait, and the dead letters.

    \b
    redshank sinks deliveries mail
    redshank sinks deliveries mail --state dead --json
    """
    with remote.connected(url, token) as client:
        found = client.sinks.deliveries(name, state=state)
        remote.print_list(found, limit, COLUMNS, as_json, "deliveries")


def replay(
    name: Sink, event: Events = None, as_json: remote.AsJson = False, url: remote.Url = None, token: remote.Token = None
) -> None:
    r"""Deliver the dead letters of a sink again.

    \b
    redshank sinks replay mail
    redshank sinks replay mail --event ID
    """
    with remote.connected(url, token) as client:
        _print_count(client.sinks.replay(name, event), "replayed", as_json)


def drop(
    name: Sink,
    event: Events = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Do not ask.")] = False,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Drop the dead letters of a sink; what waits stays.

    \b
    redshank sinks drop mail --event ID
    """
    which = "its dead letters" if event is None else f"{len(event)} of its dead letters"
    remote.confirm(f"sink {name!r}: drop {which}?", yes)
    with remote.connected(url, token) as client:
        _print_count(client.sinks.drop(name, event), "dropped", as_json)


def _print_count(count: int, what: str, as_json: bool) -> None:
    if as_json:
        remote.print_json({what: count})
    else:
        typer.echo(f"{count:,} dead letter{'' if count == 1 else 's'} {what}")
