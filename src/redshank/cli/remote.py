"""What the commands of a server share: which server, as whom, and how answers are printed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from redshank.client.client import Client

CONNECTION = "Server"
LISTED = 100
Item = TypeVar("Item")

Url = Annotated[
    str | None,
    typer.Option(
        help="Address of the server; REDSHANK_URL, else that of `redshank login`, else this machine.",
        metavar="URL",
        rich_help_panel=CONNECTION,
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        help="Token; REDSHANK_TOKEN, else that of `redshank login`. Other users of the machine can see options.",
        metavar="TOKEN",
        rich_help_panel=CONNECTION,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")]
Limit = Annotated[
    int | None, typer.Option(min=0, help=f"At most so many; 0 = all. {LISTED} in a table, all in JSON.", metavar="N")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Do not ask.")]


@contextmanager
def connected(url: str | None, token: str | None) -> Iterator[Client]:
    """Give a client of the server that was meant."""
    from redshank.cli.login import known_token, known_url
    from redshank.client.client import TOKEN_VARIABLE, URL, URL_VARIABLE, Client
    from redshank.errors import UnauthorizedError

    address = (url or os.environ.get(URL_VARIABLE) or known_url() or URL).rstrip("/")
    given = token or os.environ.get(TOKEN_VARIABLE) or known_token(address)
    with Client(address, given, retries=1) as client:
        try:
            yield client
        except UnauthorizedError as error:
            hint = "run `redshank login`" if given is None else "run `redshank login` with another one"
            raise UnauthorizedError(f"server {address}: {error}; {hint}, or set {TOKEN_VARIABLE}") from error


def print_json(value: Any) -> None:
    """Print records or plain values as JSON; times are RFC 3339."""
    import msgspec

    typer.echo(json.dumps(msgspec.to_builtins(value), indent=2, ensure_ascii=False, allow_nan=False))


def print_list(
    items: Iterable[Item], limit: int | None, columns: Mapping[str, Any], as_json: bool, what: str, *, note: str = ""
) -> None:
    """Print items as a table, or as JSON; ``columns``: for each title what takes a cell out of an item."""
    limit = (0 if as_json else LISTED) if limit is None else limit
    shown = list(islice(items, limit + 1 if limit else None))
    more = bool(limit) and len(shown) > limit
    shown = shown[:limit] if limit else shown
    if as_json:
        print_json(shown)
        if more:
            typer.echo(f"redshank: the first {limit:,} {what}; --limit 0 gives all", err=True)
        return
    from redshank.cli.console import console

    out = console()
    if not shown:
        out.print(f"no {what}{note}", style="dim", markup=False)
        return
    out.print(table(shown, columns))
    if more:
        out.print(f"the first {limit:,} {what}; --limit 0 shows all, filters fewer", style="dim")


def table(items: Sequence[Any], columns: Mapping[str, Any]) -> Any:
    """Return items as a table; numbers stand to the right."""
    from rich.table import Table

    from redshank.cli.terminal import printable

    made = Table(box=None, pad_edge=False, header_style="bold")
    rows = [[cell(take(item)) for take in columns.values()] for item in items]
    for i, title in enumerate(columns):
        numbers = all(isinstance(list(columns.values())[i](item), int | float | None) for item in items)
        made.add_column(title, overflow="fold", justify="right" if numbers else "left")
    for row in rows:
        made.add_row(*(printable(text) for text in row))
    return made


def print_record(pairs: Mapping[str, Any]) -> None:
    """Print one thing as names and values, what is not known left out."""
    from rich.table import Table

    from redshank.cli.console import console
    from redshank.cli.terminal import printable

    made = Table(box=None, pad_edge=False, show_header=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs.items():
        if value is not None and value != {} and value != []:
            made.add_row(name, printable(cell(value)))
    console().print(made)


def cell(value: Any) -> str:
    """Return a value as text for people; a dash for None."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        from redshank.cli.terminal import moment

        return moment(value.replace(microsecond=0))
    if isinstance(value, float):
        from redshank.reasons import number

        return number(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(cell(each) for each in value)
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def confirm(question: str, yes: bool) -> None:
    """Ask, unless told not to; end the program when the answer is no.

    Raises:
        ConfigError: nobody is there to ask.
    """
    import sys

    from redshank.errors import ConfigError

    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"{question} Nobody is here to answer; --yes says so")
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)
