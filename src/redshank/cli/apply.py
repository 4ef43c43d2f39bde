"""``redshank plan``, ``apply`` and ``export``: configuration as code against a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redshank.cli import completion, remote
from redshank.cli.validate import USUAL_FILE, Files

if TYPE_CHECKING:
    from redshank.client.answers import Plan, PlanStep
    from redshank.client.client import Client

EXIT_CHANGES = 4
_SIGNS = {"create": ("+", "green"), "change": ("~", "yellow"), "adopt": ("=", "cyan"), "rename": (">", "yellow")}
_SIGNS["delete"] = ("-", "red")
_SHOWN_FIELDS, _SHOWN_STEPS = 12, 200
Origin = Annotated[
    str | None,
    typer.Option(
        help="Whose declarations these are; what else has this origin is deleted. Name of the file or folder.",
        metavar="NAME",
    ),
]
TakeOver = Annotated[
    bool, typer.Option("--take-over", metavar="", help="Change what belongs to another origin too, and own it then.")
]
Days = Annotated[
    int, typer.Option(min=0, max=90, help="Count the events of so many days before and after; 0 = do not.", metavar="N")
]
Named = Annotated[
    list[str] | None, typer.Option("--file", "-f", help="The same as FILE; may be repeated.", metavar="FILE")
]


def plan(
    files: Files = None,
    named: Named = None,
    origin: Origin = None,
    take_over: TakeOver = False,
    days: Days = 7,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Say what applying configuration files would change: what is made, changed and deleted, and how many events.

    Exit code 0: nothing would change, 4: something would, 2: something is wrong.

    \b
    redshank plan
    redshank plan monitoring/ --days 14
    redshank plan redshank.yaml --json
    """
    document, name = _document([*(files or ()), *(named or ())], origin)
    with remote.connected(url, token) as client:
        found = client.config.plan(document, origin=name, take_over=take_over, days=days)
    if as_json:
        remote.print_json(found)
    else:
        print_plan(found, days)
    if found.problems:
        raise typer.Exit(2)
    if found.steps:
        raise typer.Exit(EXIT_CHANGES)


def apply(
    files: Files = None,
    named: Named = None,
    yes: remote.Yes = False,
    origin: Origin = None,
    take_over: TakeOver = False,
    days: Days = 0,
    no_check: Annotated[
        bool, typer.Option("--no-check", metavar="", help="Save without reaching sources and estimating the cost.")
    ] = False,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Make everything on the server as configuration files say, or nothing of it; the plan is shown first.

    What the files do not declare any more is deleted when it came from them; what was made by hand stays.

    \b
    redshank apply
    redshank apply -f redshank.yaml --yes
    redshank apply monitoring/ --origin team-a --yes --json
    """
    document, name = _document([*(files or ()), *(named or ())], origin)
    with remote.connected(url, token) as client:
        found = client.config.plan(document, origin=name, take_over=take_over, days=days)
        if not as_json:
            print_plan(found, days)
        if found.problems:
            raise typer.Exit(2)
        if found.steps:
            remote.confirm(f"Apply {_counted(found)} to {client.url}?", yes)
            found = _applied(client, found, document, take_over, no_check)
    if as_json:
        remote.print_json(found)
    elif found.steps:
        typer.echo(f"applied: {_counted(found)}")


def _applied(client: Client, plan: Plan, document: dict[str, Any], take_over: bool, no_check: bool) -> Plan:
    return client.config.apply(
        document,
        origin=plan.origin,
        take_over=take_over,
        validate=not no_check,
        fingerprint=plan.fingerprint,
    )


def export(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file.", metavar="FILE")] = None,
    origin: Annotated[
        str | None, typer.Option(help="Only what has this origin; empty: what was made by hand.", metavar="NAME")
    ] = None,
    secrets: Annotated[
        str,
        typer.Option(
            help="keep: secrets are written as ***, which the server keeps; env: as references to variables.",
            metavar="HOW",
            autocompletion=completion.one_of("keep", "env"),
        ),
    ] = "keep",
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Write everything that is declared on the server as a configuration file that makes the same again.

    \b
    redshank export > redshank.yaml
    redshank export --secrets env --out redshank.yaml
    """
    with remote.connected(url, token) as client:
        if as_json:
            values = client.config.export(origin=origin, secrets=secrets)
            text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
        else:
            text = client.config.export_text(origin=origin, secrets=secrets)
    if out is None:
        typer.echo(text, nl=False)
        return
    from redshank.errors import SinkError

    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SinkError(f"{out}: cannot be written: {error.strerror or error}") from error
    typer.echo(f"wrote {out}")


def _document(files: list[str], origin: str | None) -> tuple[dict[str, Any], str]:
    """The declarations of files as JSON, and whose they are; ConfigError with all that is wrong with them."""
    from redshank.service.config_document import read_configuration
    from redshank.service.config_files import origin_of

    paths = files or [USUAL_FILE]
    document = read_configuration(paths, is_whole=False).checked_document()
    values = document.model_dump(mode="json", exclude_unset=True)
    return {kind: given for kind, given in values.items() if given}, origin or origin_of(paths)


def print_plan(plan: Plan, days: int) -> None:
    """Print a plan step by step, with the fields that change."""
    from rich.text import Text

    from redshank.cli.console import console
    from redshank.cli.terminal import printable

    out = console()
    for step in plan.steps[:_SHOWN_STEPS]:
        sign, style = _SIGNS[step.action]
        new_name = f" to {step.new_name}" if step.new_name else ""
        text = f"{sign} {step.action} {step.kind.removesuffix('s')} {step.name}{new_name}"
        out.print(Text(printable(text).plain, style=style), soft_wrap=True)
        for line in _details(step, days):
            out.print(printable(f"    {line}"), soft_wrap=True)
    if len(plan.steps) > _SHOWN_STEPS:
        out.print(f"and {len(plan.steps) - _SHOWN_STEPS:,} more; --json has them all", style="dim")
    for problem in plan.problems:
        out.print(Text(f"! {printable(problem).plain}", style="bold red"), soft_wrap=True)
    unchanged = plan.counts.get("unchanged", 0)
    out.print(f"{_counted(plan) or 'nothing to change'}; {unchanged:,} unchanged", style="bold", markup=False)


def _details(step: PlanStep, days: int) -> Iterator[str]:
    for field in step.fields[:_SHOWN_FIELDS]:
        yield f"{field.path}: {_shown(field.before)} -> {_shown(field.after)}"
    if len(step.fields) > _SHOWN_FIELDS:
        yield f"and {len(step.fields) - _SHOWN_FIELDS} more fields"
    if step.events is not None:
        yield _events(step, days)


def _events(step: PlanStep, days: int) -> str:
    counted = step.events
    if counted is None or counted.error:
        return f"events of {days} days: not known: {counted.error if counted else ''}"
    if counted.before is None:
        return f"events of {days} days: {counted.after:,} there would have been"
    if counted.after is None:
        return f"events of {days} days: {counted.before:,} there were"
    return f"events of {days} days: {counted.before:,} -> {counted.after:,}, {counted.same or 0:,} of them the same"


def _shown(value: Any) -> str:
    text = "(not set)" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def _counted(plan: Plan) -> str:
    named = {"create": "to create", "change": "to change", "adopt": "to adopt", "rename": "to rename"}
    named["delete"] = "to delete"
    return ", ".join(f"{plan.counts[each]:,} {text}" for each, text in named.items() if plan.counts.get(each))
