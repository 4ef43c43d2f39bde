"""Options that several commands share, and what they become."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redshank.cli import completion

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from redshank.app import Work
    from redshank.sources.base import Query
    from redshank.sources.manner import Manner

READING, SHAPING, DETECTING, WRITING = "Reading", "Shaping", "Detecting", "Results"

Paths = Annotated[
    list[str],
    typer.Argument(
        help="Files, folders or globs; the address of a source; - reads standard input.", metavar="PATH|URL..."
    ),
]
QueryText = Annotated[
    str | None,
    typer.Option(
        "--query",
        help="What to read at an address, as its system says it; @FILE.",
        metavar="TEXT",
        rich_help_panel=READING,
    ),
]
Table = Annotated[str | None, typer.Option(help="A table at an address.", metavar="NAME", rich_help_panel=READING)]
Index = Annotated[str | None, typer.Option(help="An index at an address.", metavar="NAME", rich_help_panel=READING)]
SourceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        help="Option of the source at an address, such as password=env:PW; may be repeated.",
        metavar="NAME=VALUE",
        autocompletion=completion.source_option,
        rich_help_panel=READING,
    ),
]
Time = Annotated[str | None, typer.Option(help="Time column.", metavar="COLUMN", rich_help_panel=READING)]
Measure = Annotated[
    list[str] | None, typer.Option(help="Value column; may be repeated.", metavar="COLUMN", rich_help_panel=READING)
]
By = Annotated[
    str | None, typer.Option(help="Label columns, such as host,city.", metavar="COLUMNS", rich_help_panel=READING)
]
Tz = Annotated[
    str | None,
    typer.Option(
        help="Time zone, such as Europe/Oslo.", metavar="ZONE", autocompletion=completion.zone, rich_help_panel=READING
    ),
]
Start = Annotated[
    str | None, typer.Option("--from", help="First time to look at.", metavar="TIME", rich_help_panel=READING)
]
End = Annotated[str | None, typer.Option("--to", help="Time to stop before.", metavar="TIME", rich_help_panel=READING)]
Step = Annotated[
    str | None,
    typer.Option(help="Time between points, or bucket length: 5m.", metavar="DURATION", rich_help_panel=SHAPING),
]
Agg = Annotated[
    str | None,
    typer.Option(
        help="Buckets of --step: count, cardinality, min, max, sum, mean, median, variance, std, first, last, pNN.",
        metavar="HOW",
        autocompletion=completion.one_of(
            "count", "min", "max", "sum", "mean", "median", "variance", "std", "first", "last", "p95", "cardinality"
        ),
        rich_help_panel=SHAPING,
    ),
]
Separator = Annotated[str | None, typer.Option(help="CSV separator.", metavar="CHAR", rich_help_panel=READING)]
Decimal = Annotated[
    str | None, typer.Option(help="Decimal mark in CSV: . or ,", metavar="CHAR", rich_help_panel=READING)
]
Encoding = Annotated[
    str | None, typer.Option(help="Text encoding, such as latin-1.", metavar="NAME", rich_help_panel=READING)
]
Sheet = Annotated[str | None, typer.Option(help="Excel sheet.", metavar="NAME", rich_help_panel=READING)]
Records = Annotated[
    str | None,
    typer.Option(help="Dotted path to the records in nested JSON or YAML.", metavar="PATH", rich_help_panel=READING),
]
Strict = Annotated[
    bool, typer.Option("--strict", metavar="", help="A row that cannot be read is an error.", rich_help_panel=READING)
]
AllowPickle = Annotated[
    bool,
    typer.Option(
        "--allow-pickle", metavar="", help="Read .pkl files, tables and arrays only.", rich_help_panel=READING
    ),
]
Multivariate = Annotated[
    bool,
    typer.Option(
        "--multivariate", metavar="", help="Score the measures together, as one series.", rich_help_panel=SHAPING
    ),
]
DetectorName = Annotated[
    str,
    typer.Option(
        "--detector",
        help="A name of `redshank detectors`.",
        metavar="NAME",
        autocompletion=completion.detector_or_auto,
        rich_help_panel=DETECTING,
    ),
]
Param = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        help="Parameter of the detector; may be repeated.",
        metavar="NAME=VALUE",
        autocompletion=completion.parameter,
        rich_help_panel=DETECTING,
    ),
]
ModeName = Annotated[
    str,
    typer.Option(
        "--mode",
        help="retrospective (looks both ways) or live (as it would have been).",
        metavar="MODE",
        autocompletion=completion.one_of("retrospective", "live"),
        rich_help_panel=DETECTING,
    ),
]
TrainUntil = Annotated[
    str | None,
    typer.Option(help="Learn from the points before, score from there.", metavar="TIME", rich_help_panel=DETECTING),
]
BudgetText = Annotated[
    str | None,
    typer.Option(
        "--budget", help="False events to aim for: 2/day, 1/5000points.", metavar="RATE", rich_help_panel=DETECTING
    ),
]
DirectionName = Annotated[
    str,
    typer.Option(
        "--direction",
        help="both, up or down.",
        metavar="SIDE",
        autocompletion=completion.one_of("both", "up", "down"),
        rich_help_panel=DETECTING,
    ),
]
LeastDeviation = Annotated[
    float, typer.Option(help="Least distance from the expected value.", metavar="VALUE", rich_help_panel=DETECTING)
]
LeastRelative = Annotated[
    float,
    typer.Option(help="The same as a share of the expected value: 0.1.", metavar="SHARE", rich_help_panel=DETECTING),
]


def names(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of a repeated option whose values may hold several, set apart by commas."""
    return tuple(name.strip() for text in texts or () for name in text.split(",") if name.strip())


def duration(text: str | None) -> timedelta | None:
    """Return the length of --step."""
    from redshank.durations import parse_duration

    return None if text is None else parse_duration(text, field="step")


def moment(text: str | None, tz: str | None, field: str) -> datetime | None:
    """Return a time given on the command line, as an aware UTC datetime."""
    from redshank.app import read_moment

    return read_moment(text, tz, field)


def parameters(texts: Sequence[str] | None) -> dict[str, Any]:
    """Return NAME=VALUE texts as a dict; ConfigError when one has no equals sign."""
    from redshank.errors import ConfigError

    given = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--param: must be NAME=VALUE, got {text!r}", field="param")
        given[name.strip()] = value.strip()
    return given


def make_query(
    *,
    time: str | None,
    measure: Sequence[str] | None,
    by: str | None,
    tz: str | None,
    start: str | None,
    end: str | None,
    step: str | None,
    agg: str | None,
    multivariate: bool,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    records: str | None = None,
    strict: bool = False,
    allow_pickle: bool = False,
) -> Query:
    """Return what to read, from the options as they were typed."""
    from redshank.sources.base import Query

    return Query(
        measures=names(measure),
        by=None if by is None else names([by]),
        time=time,
        step=duration(step),
        agg=agg,
        tz=tz,
        start=moment(start, tz, "from"),
        end=moment(end, tz, "to"),
        strict=strict,
        multivariate=multivariate,
        separator=separator,
        decimal=decimal,
        encoding=encoding,
        sheet=sheet,
        records=records,
        allow_pickle=allow_pickle,
    )


def make_manner(
    query: str | None, table: str | None, index: str | None, option: Sequence[str] | None, path: str | None = None
) -> Manner:
    """Return what is said beside an address; a query @FILE is read."""
    from redshank.cli.fields import with_fields
    from redshank.sources.manner import Manner

    named = {"path": path, "query": query_text(query), "table": table, "index": index}
    target = {name: text for name, text in named.items() if text is not None}
    return Manner(options=with_fields({}, option, None), target=target)


def query_text(query: str | None) -> str | None:
    """Return a query, that of a file for @FILE."""
    if query is None or not query.startswith("@"):
        return query
    from pathlib import Path

    from redshank.errors import ConfigError

    try:
        return Path(query[1:]).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"--query: {query[1:]!r} cannot be read: {reason}", field="query") from error


def make_work(
    detector: str,
    param: Sequence[str] | None,
    *,
    mode: str = "retrospective",
    train_until: str | None = None,
    budget: str | None = None,
    direction: str = "both",
    least_deviation: float = 0.0,
    least_relative: float = 0.0,
    tz: str | None = None,
) -> Work:
    """Return what to do with the panels, checked as far as it can be without them."""
    from typing import cast

    from redshank.app import Mode, Work
    from redshank.decide import Direction, Policy

    policy = Policy(
        direction=cast("Direction", direction), least_deviation=least_deviation, least_relative=least_relative
    )
    work = Work(
        detector=detector,
        params=parameters(param),
        mode=cast("Mode", mode),
        train_until=moment(train_until, tz, "train-until"),
        budget=budget,
        policy=policy,
        tz=tz or "UTC",
    )
    work.check()
    return work
