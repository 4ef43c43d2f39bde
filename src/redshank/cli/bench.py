"""``redshank bench``: how fast and how good the detectors are on this machine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redshank.cli import completion

if TYPE_CHECKING:
    from redshank.app import Progress
    from redshank.detectors.base import Detector
    from redshank.panel import Panel
    from redshank.sample import Sample

SPEED_POINTS = 10_000
WARM_POINTS = 1_000
QUALITY_SERIES = 8
QUALITY_POINTS = 4_032


def bench(
    detector: Annotated[
        list[str] | None,
        typer.Option(
            help="A name of `redshank detectors`; may be repeated. All by default.",
            metavar="NAME",
            autocompletion=completion.detector,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the generated series.", metavar="N")] = 0,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")] = False,
) -> None:
    r"""Measure speed on this machine, and quality on generated series whose anomalies are known; under a minute.

    Quality on generated series tells whether a detector works, not how it does on your data: see redshank evaluate.

    \b
    redshank bench
    redshank bench --detector seasonal --detector hindsight
    """
    from redshank import registry
    from redshank.cli.console import progress_bar
    from redshank.sample import generate

    names = detector or [name for name in registry.names(registry.DETECTORS) if _is_univariate(name)]
    for name in names:
        registry.detector_class(name)
    speed = generate(points=SPEED_POINTS, seed=seed).panel
    labelled = generate(series=QUALITY_SERIES, points=QUALITY_POINTS, seed=seed)
    rows = []
    with progress_bar(quiet=False) as on_progress:
        for number, name in enumerate(names):
            on_progress(f"measuring {name}", number / len(names))
            rows.append({"detector": name, **_speed(name, speed), **_quality(name, labelled, on_progress)})
    if as_json:
        typer.echo(json.dumps({"machine": machine(), "detectors": rows}, indent=2, ensure_ascii=False))
    else:
        _print(rows)


def _is_univariate(name: str) -> bool:
    from redshank import registry

    return not registry.detector_class(name).multivariate


def _speed(name: str, panel: Panel) -> dict[str, Any]:
    """Microseconds a point on one core, once compiled, and bytes of state a series."""
    from redshank import registry

    kind = registry.detector_class(name)

    def answer(detector: Detector, part: Panel) -> None:
        detector.update(part) if kind.causal else detector.score(part)

    compiled = _seconds(lambda: answer(kind(), panel.slice(0, WARM_POINTS)))
    spent = min(_seconds(lambda: answer(kind(), panel)) for _ in range(2))
    return {
        "works": "live" if kind.causal else "retrospective",
        "microseconds_per_point": round(1e6 * spent / panel.n_time, 4),
        "points_per_second": round(panel.n_time / spent),
        "bytes_per_series": kind().cost(panel.step).bytes_per_series,
        "first_call_seconds": round(compiled, 2),
    }


def _seconds(work: Callable[[], None]) -> float:
    """Processor time of all threads together: what one core takes."""
    started = time.process_time()
    work()
    return time.process_time() - started


def _quality(name: str, labelled: Sample, on_progress: Progress) -> dict[str, Any]:
    """Figures over the generated series, at default settings."""
    from redshank.app import read, run
    from redshank.cli.options import make_work
    from redshank.evaluate import figures_of, overall
    from redshank.evaluate.answers import answers_of
    from redshank.registry import detector_class
    from redshank.sources.base import Query

    is_live = detector_class(name).causal
    result = run(read(labelled.panel, Query()), make_work(name, None, mode="live" if is_live else "retrospective"))
    truth = dict(zip(labelled.panel.keys, labelled.truth, strict=True))
    rows = [figures_of(*pair) for pair in answers_of(result, lambda key, times: truth[key], is_live=is_live)]
    figures = overall(rows)
    kept = ("vus_pr", "precision", "recall", "f1", "false_per_10k")
    return {key: None if figures[key] != figures[key] else round(figures[key], 4) for key in kept}


def machine() -> str:
    """Return one line about this machine and the versions that matter."""
    import os
    import platform
    from pathlib import Path

    import numba
    import numpy

    from redshank import __version__
    from redshank.executors.local import cores

    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = named[0] if named else platform.processor() or platform.machine()
    return (
        f"{processor}, {cores()} of {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, "
        f"numpy {numpy.__version__}, numba {numba.__version__}, redshank {__version__}"
    )


def _print(rows: Sequence[dict[str, Any]]) -> None:
    from rich.table import Table

    from redshank.cli.console import console

    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    titles = ("detector", "works", "µs/point", "points/s", "bytes/series", "VUS-PR", "P", "R", "F1", "false/10k")
    for title in titles:
        table.add_column(title, justify="left" if title in titles[:2] else "right", no_wrap=True)
    for row in rows:
        quality = [row[name] for name in ("vus_pr", "precision", "recall", "f1", "false_per_10k")]
        table.add_row(
            row["detector"],
            row["works"],
            f"{row['microseconds_per_point']:.3g}",
            f"{row['points_per_second']:,}",
            f"{row['bytes_per_series']:,}",
            *("-" if value is None else f"{value:.2f}" for value in quality),
        )
    out.print(table)
    out.print(
        f"speed: one core, one series of {SPEED_POINTS:,} points; quality: {QUALITY_SERIES} generated series of "
        f"{QUALITY_POINTS:,} points, default settings",
        style="dim",
    )
    out.print(machine(), style="dim", markup=False)
