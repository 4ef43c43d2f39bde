"""``redshank series`` and ``redshank points``: what monitors watch, and the points with their scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redshank.cli import remote
from redshank.cli.fields import pairs
from redshank.cli.late import add, group
from redshank.cli.monitors import End, Name, Start
from redshank.cli.names import completing

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


_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".lp": "text/plain",
    ".arrow": "application/vnd.apache.arrow.stream",
}


def push(
    source: Annotated[
        str,
        typer.Argument(help="Name of a source of kind push.", metavar="SOURCE", autocompletion=completing("sources")),
    ],
    file: Annotated[str, typer.Argument(help="File to send; - is standard input.", metavar="FILE")],
    kind: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="csv, tsv, json, jsonl, lp (Influx lines), arrow or parquet; by the name of the file.",
            metavar="NAME",
        ),
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="Unit of times that are numbers: s, ms, us, ns, m or h.", metavar="UNIT")
    ] = None,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Push the points of a file to a source; exit code 2 when some rows could not be taken, which are named.

    \b
    redshank points push hosts cpu.csv
    tail -n 1000 metrics.jsonl | redshank points push hosts - --format jsonl
    """
    from redshank.errors import DataError

    suffix = f".{kind}" if kind else Path(file).suffix.lower()
    with remote.connected(url, token) as client:
        if suffix == ".parquet":
            import polars as pl

            taken = client.points.push(source, pl.read_parquet(_existing(file)))
        else:
            taken = client.points.send(source, _content(file), _type_of(suffix, file), precision=precision)
    if as_json:
        remote.print_json(taken)
    else:
        typer.echo(f"took {taken.points:,} points of {taken.accepted:,} rows, {taken.new_series:,} new series")
    if taken.rejected:
        lines = [f"row {each.row}: {each.reason}" for each in taken.rejected_rows[:10]]
        raise DataError(f"{taken.rejected:,} rows were not taken: " + "; ".join(lines))


def _type_of(suffix: str, file: str) -> str:
    from redshank.errors import ConfigError

    if suffix not in _TYPES:
        known = ", ".join(name.removeprefix(".") for name in [*_TYPES, ".parquet"])
        raise ConfigError(f"{file}: --format must be one of {known}", field="format")
    return _TYPES[suffix]


def _existing(file: str) -> Path:
    from redshank.errors import SourceError

    if not Path(file).is_file():
        raise SourceError(f"{file}: does not exist")
    return Path(file)


def _content(file: str) -> bytes:
    import sys

    from redshank.errors import SourceError

    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return _existing(file).read_bytes()
    except OSError as error:
        raise SourceError(f"{file}: cannot be read: {error.strerror or error}") from error


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
add(points, push)
