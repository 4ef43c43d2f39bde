"""``redshank tokens``, ``audit`` and ``status``: who may ask a server, who changed what, and is it well."""

from __future__ import annotations

from typing import Annotated

import typer

from redshank.cli import completion, remote
from redshank.cli.late import add, group

ROLES = ("view", "edit", "admin")
tokens = group("Who may ask the server.")


def list_all(as_json: remote.AsJson = False, url: remote.Url = None, token: remote.Token = None) -> None:
    r"""List tokens; what they are is known to nobody.

    \b
    redshank tokens list
    """
    with remote.connected(url, token) as client:
        columns = {
            "id": lambda each: each.id,
            "name": lambda each: each.name,
            "role": lambda each: each.role,
            "made": lambda each: each.created,
            "expires": lambda each: each.expires,
            "last used": lambda each: each.last_used,
        }
        remote.print_list(client.tokens.iterate(), 0, columns, as_json, "tokens")


def create(
    name: Annotated[str, typer.Argument(help="What it is for.", metavar="NAME")],
    role: Annotated[
        str,
        typer.Option(help="view, edit or admin.", metavar="ROLE", autocompletion=completion.one_of(*ROLES)),
    ] = "view",
    expires: Annotated[
        str | None,
        typer.Option(help="No longer valid from then on; a time, or a duration such as 90d.", metavar="WHEN"),
    ] = None,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Make a token; it is printed this once.

    \b
    redshank tokens create grafana
    redshank tokens create deploy --role edit --expires 90d
    """
    with remote.connected(url, token) as client:
        made = client.tokens.create(name, role, expires=None if expires is None else _moment(expires))
    if as_json:
        remote.print_json(made)
    else:
        typer.echo(made.token)
        typer.echo(f"token {made.name} with role {made.role}, id {made.id}; it is shown this once", err=True)


def _moment(text: str) -> str:
    """A time as it is, or a duration from now on."""
    from datetime import UTC, datetime

    from redshank.durations import parse_duration
    from redshank.errors import ConfigError

    try:
        return (datetime.now(UTC) + parse_duration(text, field="expires")).isoformat()
    except ConfigError:
        return text


def edit(
    token_id: Annotated[str, typer.Argument(help="Id or name of the token.", metavar="ID")],
    name: Annotated[str | None, typer.Option(help="Another name.", metavar="NAME")] = None,
    role: Annotated[
        str | None,
        typer.Option(help="view, edit or admin.", metavar="ROLE", autocompletion=completion.one_of(*ROLES)),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(help="No longer valid from then on: a time, a duration such as 90d, or never.", metavar="WHEN"),
    ] = None,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Change name, role or end of a token; the token itself stays.

    \b
    redshank tokens edit grafana --role edit
    redshank tokens edit deploy --expires never
    """
    fields = {field: value for field, value in (("name", name), ("role", role)) if value is not None}
    with remote.connected(url, token) as client:
        ids = {each.name: each.id for each in client.tokens.iterate()}
        end = {} if expires is None else {"expires": None if expires == "never" else _moment(expires)}
        made = client.tokens.change(ids.get(token_id, token_id), {**fields, **end})
    typer.echo(f"token {made.name}: role {made.role}, expires {remote.cell(made.expires)}")


def delete(
    token_ids: Annotated[list[str], typer.Argument(help="Ids or names of tokens.", metavar="ID...")],
    yes: remote.Yes = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Make tokens void.

    \b
    redshank tokens delete grafana --yes
    """
    with remote.connected(url, token) as client:
        remote.confirm(f"Make void {', '.join(token_ids)}?", yes)
        ids = {each.name: each.id for each in client.tokens.iterate()}
        for each in token_ids:
            client.tokens.delete(ids.get(each, each))
            typer.echo(f"deleted token {each}")


def audit(
    actor: Annotated[str | None, typer.Option(help="By this token.", metavar="NAME")] = None,
    kind: Annotated[str | None, typer.Option(help="Of this kind, such as monitors.", metavar="KIND")] = None,
    limit: remote.Limit = None,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Say who changed what, newest first.

    \b
    redshank audit
    redshank audit --kind monitors --json
    """
    with remote.connected(url, token) as client:
        columns = {
            "at": lambda each: each.at,
            "by": lambda each: each.actor,
            "did": lambda each: each.action,
            "kind": lambda each: each.kind,
            "name": lambda each: each.name,
        }
        remote.print_list(client.audit.iterate(actor=actor, kind=kind), limit, columns, as_json, "changes")


def status(
    metrics: Annotated[
        bool, typer.Option("--metrics", metavar="", help="Print all figures, as Prometheus reads them.")
    ] = False,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Say whether the server is well; exit code 1 when it is not.

    \b
    redshank status
    redshank status --metrics
    """
    with remote.connected(url, token) as client:
        if metrics:
            typer.echo(client.server.metrics(), nl=False)
            return
        ready, version = client.server.ready(), client.server.version()
        address = client.url
    if as_json:
        remote.print_json({"url": address, "version": version.version, "status": ready.status, "checks": ready.checks})
    else:
        remote.print_record({"server": address, "version": version.version, "status": ready.status, **ready.checks})
    if ready.status != "ok":
        raise typer.Exit(1)


for command_name, command in (("list", list_all), ("create", create), ("edit", edit), ("delete", delete)):
    add(tokens, command, command_name)
