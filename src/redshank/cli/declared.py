"""Commands for declarations of one kind: list, get, create, edit, delete; the same for all kinds."""

# Annotations here are values: the options of a group hold the completion of its own kind.
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redshank.cli import remote
from redshank.cli.fields import at_home, edited, pairs, read_spec, with_fields
from redshank.cli.late import add, group
from redshank.cli.names import completing

if TYPE_CHECKING:
    from redshank.client.answers import Declaration
    from redshank.client.client import Client

Columns = Mapping[str, Callable[[Any], Any]]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", help="A field and its value, such as policy.budget=2/day; may be repeated.", metavar="F=V"),
]
Unsets = Annotated[list[str] | None, typer.Option("--unset", help="A field to take away.", metavar="FIELD")]
File = Annotated[
    str | None, typer.Option("--file", "-f", help="YAML or JSON to read; - is standard input.", metavar="FILE")
]
NoCheck = Annotated[
    bool, typer.Option("--no-check", metavar="", help="Save without reaching sources and estimating the cost.")
]


def field(name: str) -> Callable[[Any], Any]:
    """Return what takes a field out of a declaration."""
    return lambda declaration: declaration.spec.get(name)


def make_group(kind: str, summary: str, columns: Columns) -> typer.Typer:
    """Return the commands of one kind."""
    app, noun, complete = group(summary), kind.removesuffix("s"), completing(kind)
    name_type = Annotated[str, typer.Argument(help=f"Name of the {noun}.", metavar="NAME", autocompletion=complete)]
    names_type = Annotated[
        list[str], typer.Argument(help=f"Names of {kind}.", metavar="NAME...", autocompletion=complete)
    ]

    def list_all(
        name: Annotated[str | None, typer.Option(help="Only those with this in the name.", metavar="TEXT")] = None,
        origin: Annotated[
            str | None, typer.Option(help="Only those that this file declared.", metavar="ORIGIN")
        ] = None,
        where: Annotated[
            list[str] | None, typer.Option("--filter", help="Only those with this value.", metavar="FIELD=VALUE")
        ] = None,
        sort: Annotated[
            str | None, typer.Option(help="name, created or updated; with - before it the other way.", metavar="FIELD")
        ] = None,
        limit: remote.Limit = None,
        as_json: remote.AsJson = False,
        url: remote.Url = None,
        token: remote.Token = None,
    ) -> None:
        with remote.connected(url, token) as client:
            found = getattr(client, kind).iterate(
                name=name,
                origin=None if origin is None else f"file:{origin}",
                sort=sort,
                filter=pairs(where),
            )
            hint = f"; make one with: redshank {kind} create NAME --set FIELD=VALUE"
            shown = {"name": lambda each: each.name, **columns, "updated": lambda each: each.updated}
            remote.print_list(found, limit, shown, as_json, kind, note=hint)

    def get(
        name: name_type, as_json: remote.AsJson = False, url: remote.Url = None, token: remote.Token = None
    ) -> None:
        with remote.connected(url, token) as client:
            print_declaration(getattr(client, kind).get(name), as_json)

    def create(
        name: name_type,
        sets: Sets = None,
        file: File = None,
        no_check: NoCheck = False,
        as_json: remote.AsJson = False,
        url: remote.Url = None,
        token: remote.Token = None,
    ) -> None:
        spec = with_fields({**(read_spec(file) if file else {}), "name": name}, sets, None)
        with remote.connected(url, token) as client:
            print_declaration(getattr(client, kind).create(at_home(kind, spec), validate=not no_check), as_json)

    def edit(
        name: name_type,
        sets: Sets = None,
        unsets: Unsets = None,
        file: File = None,
        no_check: NoCheck = False,
        as_json: remote.AsJson = False,
        url: remote.Url = None,
        token: remote.Token = None,
    ) -> None:
        with remote.connected(url, token) as client:
            old = getattr(client, kind).get(name)
            spec = {"name": name, **read_spec(file)} if file else dict(old.spec)
            spec = with_fields(spec, sets, unsets) if sets or unsets or file else edited(spec)
            made = getattr(client, kind).replace(name, at_home(kind, spec), etag=old.etag, validate=not no_check)
            print_declaration(made, as_json)

    def delete(names: names_type, yes: remote.Yes = False, url: remote.Url = None, token: remote.Token = None) -> None:
        with remote.connected(url, token) as client:
            remote.confirm(f"Delete {kind} {', '.join(names)}?", yes)
            _delete_all(client, kind, names)

    article = "an" if noun[0] in "aeiou" else "a"
    commands: list[tuple[Callable[..., None], str, str, str]] = [
        (list_all, "list", f"List {kind}.", f"redshank {kind} list\nredshank {kind} list --name web --json"),
        (get, "get", f"Show {article} {noun} as it was declared; secrets are hidden.", f"redshank {kind} get NAME"),
        (create, "create", f"Make {article} {noun}, of fields or of a file.", _CREATE[kind]),
        (
            edit,
            "edit",
            f"Change {article} {noun}: fields, all of it by a file, or in $EDITOR when neither is given.",
            _EDIT[kind],
        ),
        (delete, "delete", f"Delete {kind}; what others use is not.", f"redshank {kind} delete NAME --yes"),
        *_removal(kind, delete),
    ]
    for function, name, about, example in commands:
        function.__doc__ = f"{about}\n\n\\b\n{example}\n"
        add(app, function, name)
    return app


def _removal(kind: str, delete: Callable[..., None]) -> list[tuple[Callable[..., None], str, str, str]]:
    """The other word for delete that goes with ``add``."""
    if kind not in ("sources", "sinks"):
        return []

    @wraps(delete)
    def remove(*given: Any, **named: Any) -> None:
        delete(*given, **named)

    return [(remove, "remove", f"Delete {kind}, as delete does.", f"redshank {kind} remove NAME --yes")]


_CREATE = {
    "monitors": "redshank monitors create cpu --set path=cpu.csv --set step=5m\nredshank monitors create cpu -f a.yaml",
    "sources": "redshank sources create logs --set kind=files --set 'path=logs/*.csv'",
    "sinks": "redshank sinks create out --set kind=files --set events=events.jsonl",
    "schedules": "redshank schedules create nightly --set daily=true --set at=03:00",
    "templates": "redshank templates create hosts -f hosts.yaml",
}
_EDIT = {
    "monitors": "redshank monitors edit cpu --set policy.budget=2/day --unset step\nredshank monitors edit cpu",
    "sources": "redshank sources edit shop --set password=env:OTHER",
    "sinks": "redshank sinks edit out --set events=other.jsonl",
    "schedules": "redshank schedules edit nightly --set at=04:30",
    "templates": "redshank templates edit hosts",
}


def _delete_all(client: "Client", kind: str, names: Sequence[str]) -> None:
    for name in names:
        getattr(client, kind).delete(name)
        typer.echo(f"deleted {kind.removesuffix('s')} {name}")


def print_declaration(declaration: "Declaration", as_json: bool) -> None:
    """Print a declaration as YAML, or all that is known of it as JSON."""
    if as_json:
        remote.print_json(declaration)
        return
    from redshank.service.config_text import yaml_text

    typer.echo(yaml_text(declaration.spec), nl=False)


def _reads(spec: Mapping[str, Any]) -> str:
    source = spec.get("source")
    name = source.get("kind", "") if isinstance(source, Mapping) else source
    target = next((spec[each] for each in ("path", "table", "index", "query") if spec.get(each)), None)
    return " ".join(str(each) for each in (name, target) if each)


sources = make_group("sources", "Where points come from.", {"kind": field("kind")})
sinks = make_group("sinks", "Where events go.", {"kind": field("kind")})
schedules = make_group("schedules", "When to run, by name.", {"tz": field("tz")})
templates = make_group(
    "templates",
    "Monitors that differ in a few values.",
    {"monitors": lambda each: len(each.spec.get("variables") or ())},
)
monitors = make_group(
    "monitors",
    "What is watched.",
    {
        "enabled": lambda each: each.spec.get("enabled", True),
        "reads": lambda each: _reads(each.spec),
        "detector": lambda each: each.spec.get("detector", "auto"),
        "step": field("step"),
    },
)
