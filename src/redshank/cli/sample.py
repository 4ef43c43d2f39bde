"""``redshank sample``: labelled series to try things on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redshank.cli import completion
from redshank.cli.options import names

if TYPE_CHECKING:
    import polars as pl

FORMATS = (".csv", ".json", ".jsonl", ".parquet", ".csv.gz")
SEASONS, ANOMALIES = "Series", "Anomalies"
MULTIVARIATE_CHANNELS = 4
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.fZ"


def sample(
    series: Annotated[int, typer.Option(metavar="N", help="Number of series.", rich_help_panel=SEASONS)] = 1,
    points: Annotated[int, typer.Option(metavar="N", help="Points of each.", rich_help_panel=SEASONS)] = 4032,
    step: Annotated[str, typer.Option(metavar="DURATION", help="Time between points.", rich_help_panel=SEASONS)] = "5m",
    start: Annotated[
        str, typer.Option(metavar="TIME", help="Time of the first point.", rich_help_panel=SEASONS)
    ] = "2024-01-01",
    seed: Annotated[
        int, typer.Option(metavar="N", help="The same seed gives the same bytes.", rich_help_panel=SEASONS)
    ] = 0,
    season: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DURATION",
            help="Length of a cycle: 1d, 90m; none for none (default: 1d,1w).",
            rich_help_panel=SEASONS,
        ),
    ] = None,
    noise: Annotated[
        list[str] | None,
        typer.Option(
            help="white, ar, heavy, poisson, walk; one is drawn for each series.",
            metavar="KIND",
            autocompletion=completion.some_of("white", "ar", "heavy", "poisson", "walk"),
            rich_help_panel=SEASONS,
        ),
    ] = None,
    trend: Annotated[
        float,
        typer.Option(metavar="X", help="Largest change over the whole length, in spreads.", rich_help_panel=SEASONS),
    ] = 0.5,
    multivariate: Annotated[
        bool, typer.Option("--multivariate", metavar="", help="Four measures for each series.", rich_help_panel=SEASONS)
    ] = False,
    anomalies: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            autocompletion=completion.some_of(
                "spike",
                "shift",
                "drift",
                "zero",
                "missing",
                "flat",
                "missing_cycle",
                "changed_shape",
                "variance",
                "collective",
                "none",
            ),
            help="spike, shift, drift, zero, missing, flat, missing_cycle, changed_shape, variance, collective; "
            "none for none (default: all but missing).",
            rich_help_panel=ANOMALIES,
        ),
    ] = None,
    rate: Annotated[
        float, typer.Option(metavar="X", help="Anomalies per 10,000 points.", rich_help_panel=ANOMALIES)
    ] = 10.0,
    out: Annotated[
        str, typer.Option(help="File: .csv, .csv.gz, .json, .jsonl, .parquet; - prints CSV.", metavar="FILE")
    ] = "-",
    truth: Annotated[
        Path | None,
        typer.Option(help="Also write where the anomalies are: .csv, .json, .jsonl, .parquet.", metavar="FILE"),
    ] = None,
) -> None:
    r"""Generate labelled series: the column `label` is 1 where a point is anomalous.

    \b
    redshank sample --out sample.csv --truth truth.csv
    redshank sample --series 50 --points 10080 --step 1m --out fleet.parquet
    redshank sample --anomalies spike,shift --rate 5 --noise white --seed 7 > spikes.csv
    redshank evaluate sample.csv --truth label
    """
    from redshank.app import read_moment
    from redshank.sample import DEFAULT_KINDS, NOISES, generate
    from redshank.sample.output import points_table, truth_table

    _check_outputs(out, truth)
    made = generate(
        series=series,
        points=points,
        step=step,
        start=read_moment(start, None, "start"),
        seed=seed,
        seasons=_chosen(season, ("1d", "1w")),
        noises=_chosen(noise, NOISES),
        trend=trend,
        anomalies=_chosen(anomalies, DEFAULT_KINDS),
        rate=rate,
        channels=MULTIVARIATE_CHANNELS if multivariate else 1,
    )
    table = points_table(made)
    _write(table, out)
    if truth is not None:
        _write(truth_table(made), str(truth))
    if out != "-":
        typer.echo(
            f"wrote {out}: {table.height:,} rows, {made.panel.n_series:,} series, {_anomalies(len(made.intervals))}"
        )


def _anomalies(count: int) -> str:
    return "1 anomaly" if count == 1 else f"{count:,} anomalies"


def _chosen(given: list[str] | None, default: tuple[str, ...]) -> tuple[str, ...]:
    """The names given, ``default`` if nothing is, () for "none"."""
    if given is None:
        return default
    chosen = names(given)
    return () if chosen == ("none",) else chosen


def _check_outputs(out: str, truth: Path | None) -> None:
    """Raise SinkError before the work for files that could not be written after it."""
    from redshank.errors import SinkError
    from redshank.sinks.files import check_writable

    paths = ([] if out == "-" else [Path(out)]) + ([] if truth is None else [truth])
    for path in paths:
        if not path.name.endswith(FORMATS):
            raise SinkError(f"{path}: must end in {', '.join(FORMATS)}, got {path.suffix or 'no ending'!r}")
        check_writable(path)
    if len({path.resolve() for path in paths}) < len(paths):
        raise SinkError(f"{truth}: must be another file than --out, which would be written over")


def _write(table: pl.DataFrame, out: str) -> None:
    """Write a table in the format of the suffix; times as RFC 3339 in UTC."""
    import polars as pl

    from redshank.sinks.files import write_frame, write_whole

    if out.endswith(".parquet"):
        write_frame(table, Path(out))
        return
    texts = table.with_columns(pl.col(pl.Datetime).dt.strftime(TIME_FORMAT))
    if out == "-":
        typer.echo(texts.write_csv(), nl=False)
    elif out.endswith(".gz"):
        write_whole(Path(out), lambda partial: _write_gzip(texts, partial))
    else:
        write_frame(texts, Path(out))


def _write_gzip(table: pl.DataFrame, path: Path) -> None:
    """Write CSV without the time of writing, so that the same numbers are the same bytes."""
    import gzip

    with path.open("wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
        packed.write(table.write_csv().encode())
