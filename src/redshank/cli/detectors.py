"""``redshank detectors``: what there is, and each one's parameters."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from redshank.cli import completion


def detectors(
    name: Annotated[
        str | None, typer.Argument(help="One detector, for its parameters.", autocompletion=completion.detector)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")] = False,
) -> None:
    r"""List the detectors, or explain one.

    \b
    redshank detectors
    redshank detectors analog
    """
    import json

    from redshank import registry
    from redshank.errors import MissingExtraError

    described, missing = [], []
    for each in registry.names(registry.DETECTORS) if name is None else [name]:
        try:
            described.append(_describe(registry.detector_class(each)))
        except MissingExtraError as error:
            if name is not None:
                raise
            missing.append(str(error))
    if as_json:
        typer.echo(json.dumps(described if name is None else described[0], indent=2))
    elif name is None:
        _print_list(described, missing)
    else:
        _print_one(described[0])


def _describe(kind: Any) -> dict[str, Any]:
    from datetime import timedelta

    detector = kind()
    cost = detector.cost(timedelta(minutes=1))
    parameters = [
        {
            "name": spec.name,
            "default": spec.default,
            **{key: spec.metadata.get(key) for key in ("low", "high", "choices", "help")},
        }
        for spec in kind.parameters()
    ]
    return {
        "name": kind.kind,
        "summary": kind.summary,
        "mode": "live" if kind.causal else "retrospective",
        "predicts": kind.predicts,
        "multivariate": kind.multivariate,
        "warmup_points": detector.warmup,
        "bytes_per_series": cost.bytes_per_series,
        "microseconds_per_point": round(cost.ns_per_point / 1000, 3),
        "parameters": parameters,
    }


def _print_list(described: list[dict[str, Any]], missing: list[str]) -> None:
    from rich.table import Table

    from redshank.cli.console import console, print_notes

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, right in (("detector", False), ("works", False), ("µs/point", True), ("good for", False)):
        table.add_column(title, justify="right" if right else "left", no_wrap=title != "good for")
    for one in described:
        table.add_row(one["name"], one["mode"], f"{one['microseconds_per_point']:g}", one["summary"])
    out = console()
    out.print(table)
    print_notes(out, missing)


def _print_one(one: dict[str, Any]) -> None:
    from rich.table import Table

    from redshank.cli.console import console

    out = console()
    out.print(f"[bold]{one['name']}[/bold] ({one['mode']}): {one['summary']}")
    out.print(
        f"first score after {one['warmup_points']} points; {one['bytes_per_series']:,} bytes a series, "
        f"{one['microseconds_per_point']:g} µs a point"
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("parameter", "default", "range", "meaning"):
        table.add_column(title)
    for spec in one["parameters"]:
        allowed = ", ".join(spec["choices"]) if spec["choices"] else _range(spec["low"], spec["high"])
        table.add_row(spec["name"], str(spec["default"]), allowed, spec["help"])
    out.print(table)
    out.print(f"Set one with: redshank detect FILE --detector {one['name']} --param NAME=VALUE", markup=False)


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return "any"
    return f"{'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}"
