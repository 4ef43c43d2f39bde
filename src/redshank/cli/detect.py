"""``redshank detect``: from files to events, on the terminal and in files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redshank.cli import options
from redshank.cli.outputs import Outputs, print_result, result_json

if TYPE_CHECKING:
    from redshank.app import Work
    from redshank.result import Result
    from redshank.sources.base import Findings, Query
    from redshank.sources.manner import Manner

EXIT_ANOMALY = 3
EXIT_INTERRUPTED = 130


def detect(
    paths: options.Paths,
    detector: options.DetectorName = "auto",
    param: options.Param = None,
    mode: options.ModeName = "retrospective",
    train_until: options.TrainUntil = None,
    budget: options.BudgetText = None,
    direction: options.DirectionName = "both",
    least_deviation: options.LeastDeviation = 0.0,
    least_relative: options.LeastRelative = 0.0,
    time: options.Time = None,
    measure: options.Measure = None,
    by: options.By = None,
    tz: options.Tz = None,
    start: options.Start = None,
    end: options.End = None,
    separator: options.Separator = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    sheet: options.Sheet = None,
    records: options.Records = None,
    strict: options.Strict = False,
    allow_pickle: options.AllowPickle = False,
    step: options.Step = None,
    agg: options.Agg = None,
    multivariate: options.Multivariate = False,
    query_text: options.QueryText = None,
    table: options.Table = None,
    index: options.Index = None,
    option: options.SourceOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the events: .csv, .json, .jsonl or .parquet.", metavar="FILE", rich_help_panel=options.WRITING
        ),
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(
            help="Write every point with its score and range.", metavar="FILE", rich_help_panel=options.WRITING
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write an interactive report.", metavar="FILE", rich_help_panel=options.WRITING)
    ] = None,
    png: Annotated[
        Path | None, typer.Option(help="Write a picture.", metavar="FILE", rich_help_panel=options.WRITING)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print JSON.", rich_help_panel=options.WRITING)
    ] = False,
    fail_on_anomaly: Annotated[
        bool,
        typer.Option(
            "--fail-on-anomaly", metavar="", help="Exit with 3 when there is an event.", rich_help_panel=options.WRITING
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", metavar="", help="Print nothing.", rich_help_panel=options.WRITING)
    ] = False,
) -> int:
    r"""Find what is not normal in time series, in files or where they live.

    The time column, the values, the labels that tell series apart and the step are found by themselves.

    \b
    redshank detect cpu.csv
    redshank detect 'logs/*.csv.gz' --by host --html report.html
    redshank detect orders.parquet --measure amount --by shop --agg sum --step 1h
    cat cpu.csv | redshank detect - --json
    redshank detect 'postgresql://me@host/shop?table=orders' --time created_at --agg sum --measure amount --step 1h
    redshank detect sqlite:///shop.db --query @orders.sql --by shop
    redshank detect es://host:9200/logs-* --agg count --step 5m --option password=env:PW
    """
    query = options.make_query(
        time=time,
        measure=measure,
        by=by,
        tz=tz,
        start=start,
        end=end,
        step=step,
        agg=agg,
        multivariate=multivariate,
        separator=separator,
        decimal=decimal,
        encoding=encoding,
        sheet=sheet,
        records=records,
        strict=strict,
        allow_pickle=allow_pickle,
    )
    work = options.make_work(
        detector,
        param,
        mode=mode,
        train_until=train_until,
        budget=budget,
        direction=direction,
        least_deviation=least_deviation,
        least_relative=least_relative,
        tz=tz,
    )
    outputs = Outputs(events=out, scores=scores, html=html, png=png)
    outputs.check()
    asked = Asked(paths, query, options.make_manner(query_text, table, index, option))
    result, findings = _run(asked, work, outputs, quiet=quiet)
    if as_json:
        typer.echo(json.dumps(result_json(result), indent=2, ensure_ascii=False, allow_nan=False))
    elif not quiet:
        print_result(result, findings, outputs)
    if not result.complete:
        return EXIT_INTERRUPTED
    return EXIT_ANOMALY if fail_on_anomaly and result.events else 0


@dataclass(frozen=True)
class Asked:
    """What is to be read."""

    paths: list[str]
    query: Query
    manner: Manner

    @property
    def title(self) -> str:
        """The names of the files, or the address, without what is secret."""
        from redshank.sources.addresses import is_address, shown_address

        return ", ".join(shown_address(path) if is_address(path) else Path(path).name or path for path in self.paths)


def _run(asked: Asked, work: Work, outputs: Outputs, *, quiet: bool) -> tuple[Result, Findings]:
    """Read, score and write the files asked for, with a progress bar; what Ctrl-C leaves is written too."""
    from redshank.app import read, run
    from redshank.cli.console import progress_bar

    with progress_bar(quiet) as on_progress:
        reading = read(asked.paths, asked.query, on_progress, asked.manner)
        result = run(reading, work, on_progress)
        on_progress("writing", None)
        outputs.write(result, title=asked.title, line=reading.findings.line())
    return result, reading.findings
