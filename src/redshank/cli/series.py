"""``redshank series`` and ``redshank points``: what monitors watch, and the points with their scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redshank.cli import remote
from redshank.cli.fields import pairs
from redshank.cli.late import add, group
from redshank.cli.monitors import End, Name, Start

if TYPE_CHECKING:
    import polars as pl

Id = Annotated[str, typer.Argument(help="Id of the series.", metavar="ID")]
series = group("The series that monitors watch.")
points = group("Points of series, with their scores.")


def list_all(
    monitor: Name,
    name: Annotated[str | None, typer.Option(help="With this in the name.", metavar="TEXT")] = None,
    measure: Annotated[str | None, typer.Option(help="Of this measure.", metavar="NAME")] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="With this label; may be repeated.", metavar="NAME=VALUE")
    ] = None,
    limit: remote.Limit = None,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""List the series of a monitor.

    \b
    redshank series list cpu
    redshank series list cpu --label host=a --json
    """
    with remote.connected(url, token) as client:
        found = client.series.iterate(monitor, series=name, measure=measure, labels=pairs(label))
        columns = {
            "id": lambda each: each.id,
            "series": lambda each: each.series,
            "first": lambda each: each.first,
            "last": lambda each: each.last,
        }
        remote.print_list(found, limit, columns, as_json, "series")


def get(series_id: Id, as_json: remote.AsJson = False, url: remote.Url = None, token: remote.Token = None) -> None:
    r"""Show a series.

    \b
    redshank series get ID
    """
    with remote.connected(url, token) as client:
        found = client.series.get(series_id)
    if as_json:
        remote.print_json(found)
        return
    remote.print_record(
        {
            "series": found.series,
            "id": found.id,
            "monitor": found.monitor,
            **found.labels,
            "first": found.first,
            "last": found.last,
        }
    )


def get_points(
    series_id: Id,
    start: Start = None,
    end: End = None,
    most: Annotated[
        int, typer.Option("--points", min=0, help="At most so many, extremes stay; 0 = all of them.", metavar="N")
    ] = 2000,
    out: Annotated[
        Path | None, typer.Option(help="Write .csv, .parquet or .json instead of printing.", metavar="FILE")
    ] = None,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Show the points of a series with score, expected value and its range.

    \b
    redshank points get ID --from 2026-03-01 --points 100
    redshank points get ID --points 0 --out points.parquet
    """
    with remote.connected(url, token) as client:
        frame = client.series.points(series_id, start=start, end=end, points=most or None).polars()
    if out is not None:
        _write(frame, out)
        typer.echo(f"wrote {out}: {len(frame):,} points")
    elif as_json:
        remote.print_json(_plain(frame))
    else:
        columns = {name: _taking(name) for name in frame.columns}
        remote.print_list(frame.iter_rows(named=True), 0, columns, False, "points")


def _taking(name: str) -> Any:
    from redshank.cli.terminal import moment

    return lambda row: moment(row[name]) if name == "time" else row[name]


def _plain(frame: pl.DataFrame) -> list[dict[str, Any]]:
    import polars as pl

    text = pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")
    return frame.fill_nan(None).with_columns(text).to_dicts()


def _write(frame: pl.DataFrame, out: Path) -> None:
    from redshank.errors import SinkError

    writers: dict[str, Any] = {".csv": frame.write_csv, ".parquet": frame.write_parquet, ".json": frame.write_json}
    if out.suffix not in writers:
        raise SinkError(f"{out}: must end in .csv, .parquet or .json")
    try:
        writers[out.suffix](out)
    except OSError as error:
        raise SinkError(f"{out}: cannot be written: {error.strerror or error}") from error


add(series, list_all, "list")
add(series, get)
add(points, get_points, "get")
