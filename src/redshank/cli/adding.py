"""``redshank sources add`` and ``redshank sinks add``: declare by an address, beside which other fields are set."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from redshank.cli import completion, remote

Name = Annotated[str, typer.Argument(help="Name to give it.", metavar="NAME")]
Address = Annotated[str | None, typer.Argument(help="Its address, such as postgresql://user@host/db.", metavar="URL")]
SourceKind = Annotated[
    str | None,
    typer.Option(help="Kind; else that of the address.", metavar="KIND", autocompletion=completion.source_kind),
]
SinkKind = Annotated[
    str | None,
    typer.Option(help="Kind; else that of the address.", metavar="KIND", autocompletion=completion.sink_kind),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", help="An option and its value, such as password=env:PW; may be repeated.", metavar="F=V"),
]
NoCheck = Annotated[bool, typer.Option("--no-check", metavar="", help="Save without reaching it.")]


def add_source(
    name: Name,
    address: Address = None,
    kind: SourceKind = None,
    sets: Sets = None,
    no_check: NoCheck = False,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Add a source by its address, or by its kind and options.

    \b
    redshank sources add shop postgresql://me@host/shop --set password=env:SHOP_PW
    redshank sources add logs --kind files --set 'path=logs/cpu-%Y-%m-%d.csv'
    """
    from redshank.sources.addresses import FILES, kind_of_address, options_at

    given: dict[str, Any] = {}
    if address is not None:
        kind = kind or _path_kind(address) or kind_of_address(address)
        given = {"path": address} if kind == FILES else options_at(address)
    _add("sources", {"name": name, "kind": kind, **given}, sets, no_check, as_json, url, token)


def add_sink(
    name: Name,
    address: Address = None,
    kind: SinkKind = None,
    sets: Sets = None,
    no_check: NoCheck = False,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Add a sink by its address, or by its kind and options.

    \b
    redshank sinks add events postgresql://me@host/shop --set password=env:SHOP_PW
    redshank sinks add hook https://host/hook --kind webhook
    redshank sinks add out --kind files --set events=events.jsonl
    """
    given: dict[str, Any] = {}
    if address is not None:
        kind, given = _sink_at(address, kind)
    _add("sinks", {"name": name, "kind": kind, **given}, sets, no_check, as_json, url, token)


def _path_kind(address: str) -> str | None:
    """The kind of what is no address but a path."""
    from redshank.sources.addresses import FILES, is_address

    return None if is_address(address) else FILES


def _sink_at(address: str, kind: str | None) -> tuple[str, dict[str, Any]]:
    """The kind and the options of the sink that an address means; that of a source of the system will do."""
    from redshank import registry
    from redshank.errors import ConfigError
    from redshank.sources.addresses import FILES, kind_of_address, options_at

    known = registry.names(registry.SINKS)
    if kind is not None and address.startswith(("http://", "https://")):
        return kind, {"url": address}
    source = kind_of_address(address)
    of_system = (kind, source, registry.find(registry.SOURCES, source).kind)
    found = next((one for one in of_system if one in known), None)
    if found is None or (source == FILES and kind is None):
        raise ConfigError(f"--kind: must say what {address.partition('://')[0]}:// is; one of {', '.join(known)}")
    taken = registry.find(registry.SINKS, found).Options.model_fields
    return found, {name: value for name, value in options_at(address).items() if name in taken}


def _add(
    kind: str,
    spec: dict[str, Any],
    sets: list[str] | None,
    no_check: bool,
    as_json: bool,
    url: str | None,
    token: str | None,
) -> None:
    from redshank.cli.declared import print_declaration
    from redshank.cli.fields import at_home, with_fields
    from redshank.errors import ConfigError

    spec = with_fields(spec, sets, None)
    if spec.get("kind") is None:
        raise ConfigError(f"{kind.removesuffix('s')} {spec['name']}: needs an address or --kind", field="kind")
    with remote.connected(url, token) as client:
        made = getattr(client, kind).create(at_home(kind, spec), validate=not no_check)
    print_declaration(made, as_json)
