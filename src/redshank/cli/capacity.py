"""``redshank capacity``: what monitors will need of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redshank.cli import completion

if TYPE_CHECKING:
    from redshank.cli.capacity_files import Row
    from redshank.engine.capacity import Limits, Need


def capacity(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Configuration files and folders; their monitors are estimated.", metavar="FILE"),
    ] = None,
    series: Annotated[int, typer.Option(min=1, help="Number of series.", metavar="N")] = 1,
    step: Annotated[str, typer.Option(help="Time between points, such as 1m.", metavar="DURATION")] = "1m",
    detector: Annotated[
        str | None,
        typer.Option(help="Only this detector.", metavar="NAME", autocompletion=completion.detector),
    ] = None,
    channels: Annotated[int, typer.Option(min=1, help="Variables of each series.", metavar="N")] = 1,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")] = False,
) -> None:
    r"""Estimate what watching so many series will need: memory, processor, history on disk, and whether it fits here.

    With files, their sources are read to count series and to find steps. Exit code 2 when a detector that is named, or
    what the files declare, does not fit.

    \b
    redshank capacity --series 10000 --step 1m
    redshank capacity --series 200 --step 1s --detector analog --json
    redshank capacity redshank.yaml
    """
    from redshank import registry
    from redshank.durations import parse_duration
    from redshank.engine.capacity import check, need_of
    from redshank.executors.machine import machine_limits

    limits = machine_limits()
    if files:
        _of_files(files, limits, as_json=as_json)
        return
    every = parse_duration(step, field="step")
    names = [detector] if detector else live_detectors()
    needs = [need_of(registry.build_detector(name), series=series, step=every, channels=channels) for name in names]
    if as_json:
        _print_json(needs, limits)
    else:
        _print_table(needs, limits)
    if detector:
        check(needs[0], limits)


def _of_files(files: Sequence[str], limits: Limits, *, as_json: bool) -> None:
    """Estimate the monitors that files declare, one by one and together."""
    import json

    from redshank.cli.capacity_files import rows_of
    from redshank.engine.capacity import total

    rows: list[Row] = rows_of(files)
    memory, cores = total(row.need for row in rows if row.need is not None)
    fits = memory <= limits.memory_bytes and cores <= limits.cpu_share
    if as_json:
        machine = {"memory_bytes": limits.memory_bytes, "cpu_share": limits.cpu_share}
        together = {"memory_bytes": memory, "cpu_share": cores, "fits": fits}
        typer.echo(
            json.dumps({"limits": machine, "monitors": [row.to_json() for row in rows], "total": together}, indent=2)
        )
    else:
        _print_monitors(rows, limits, memory, cores)
    if not fits:
        raise typer.Exit(2)


def _print_monitors(rows: Sequence[Row], limits: Limits, memory: int, cores: float) -> None:
    from rich.table import Table

    from redshank.cli.console import console
    from redshank.durations import format_duration
    from redshank.engine.capacity import size_text

    table = Table(box=None)
    for name in ("monitor", "detector", "series", "step", "memory", "cores", "history a day"):
        table.add_column(name, justify="left" if name in ("monitor", "detector") else "right")
    for row in rows:
        need = row.need
        if need is None:
            table.add_row(row.name, "not known", "", "", "", "", "")
            continue
        sizes = (size_text(need.memory_bytes), f"{need.cpu_share:.2g}", size_text(need.history_bytes_per_day))
        table.add_row(row.name, need.detector, f"{need.series:,}", format_duration(need.step), *sizes)
    history = sum(row.need.history_bytes_per_day for row in rows if row.need is not None)
    table.add_row("all", "", "", "", size_text(memory), f"{cores:.2g}", size_text(history), style="bold")
    out = console()
    out.print(table)
    for row in rows:
        for note in row.notes:
            out.print(f"{row.name}: {note}", markup=False, style="yellow")
    out.print(f"monitors may take {size_text(limits.memory_bytes)} of memory and {limits.cpu_share:.2g} cores here")


def live_detectors() -> list[str]:
    """Return the names of the detectors that work live on one variable."""
    from redshank import registry

    kinds = {name: registry.detector_class(name) for name in registry.names(registry.DETECTORS)}
    return [name for name, kind in kinds.items() if kind.causal and not kind.multivariate]


def _print_json(needs: Sequence[Need], limits: Limits) -> None:
    import json

    from redshank.engine.capacity import fits

    rows: list[dict[str, Any]] = [{**need.to_json(), "fits": fits(need, limits)} for need in needs]
    machine = {"memory_bytes": limits.memory_bytes, "cpu_share": limits.cpu_share}
    typer.echo(json.dumps({"limits": machine, "needs": rows}, indent=2))


def _print_table(needs: Sequence[Need], limits: Limits) -> None:
    from rich.table import Table

    from redshank.cli.console import console
    from redshank.engine.capacity import fits, size_text

    first = needs[0]
    channels = f" of {first.channels} channels" if first.channels > 1 else ""
    table = Table(title=f"{first.series:,} series{channels}, {first.points_per_second:,.4g} points/s", box=None)
    for name in ("detector", "memory", "cores", "history a day", "history of 90 days", "fits"):
        table.add_column(name, justify="left" if name in ("detector", "fits") else "right")
    for need in needs:
        table.add_row(
            need.detector,
            size_text(need.memory_bytes),
            f"{need.cpu_share:.2g}",
            size_text(need.history_bytes_per_day),
            size_text(90 * need.history_bytes_per_day),
            "yes" if fits(need, limits) else "no",
        )
    out = console()
    out.print(table)
    out.print(f"monitors may take {size_text(limits.memory_bytes)} of memory and {limits.cpu_share:.2g} cores here")
