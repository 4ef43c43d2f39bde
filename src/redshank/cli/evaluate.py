"""``redshank evaluate``: how good detectors are on data whose anomalies are known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from redshank.cli import completion, options

TRUTH, ALARMS = "Truth", "Counting"

Data = Annotated[
    list[str] | None,
    typer.Argument(help="Files, folders or globs to run detectors on; - reads standard input.", metavar="DATA..."),
]


def evaluate(
    data: Data = None,
    truth: Annotated[
        str | None,
        typer.Option(
            help="Column that is 1 where a point is anomalous (default: label, is_anomaly, ..., by its name), or a "
            "file of intervals with the columns start, end and, to narrow them, series, measure or labels.",
            rich_help_panel=TRUTH,
        ),
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(
            help="Evaluate scores written before: a file of `detect --scores`, or a folder with a file per series.",
            rich_help_panel=TRUTH,
        ),
    ] = None,
    scored_data: Annotated[
        Path | None,
        typer.Option("--data", help="What --scores belong to: a file or a folder of series.", rich_help_panel=TRUTH),
    ] = None,
    nab: Annotated[
        Path | None,
        typer.Option(help="Add the NAB scores, by this combined_windows.json.", rich_help_panel=TRUTH),
    ] = None,
    detector: Annotated[
        list[str] | None,
        typer.Option(
            help="A name of `redshank detectors`; repeat it to compare.",
            metavar="NAME",
            autocompletion=completion.detector_or_auto,
            rich_help_panel=options.DETECTING,
        ),
    ] = None,
    param: options.Param = None,
    mode: options.ModeName = "retrospective",
    train_until: options.TrainUntil = None,
    budget: options.BudgetText = None,
    direction: options.DirectionName = "both",
    merge_gap: Annotated[
        int,
        typer.Option(help="Alarms with at most so many points between them are one.", rich_help_panel=ALARMS, min=0),
    ] = 10,
    alarm_above: Annotated[
        str,
        typer.Option(
            help="For score folders without alarms: a score, sigma (mean + 3 sd of the series) or train.",
            rich_help_panel=ALARMS,
        ),
    ] = "sigma",
    nab_onset: Annotated[
        int,
        typer.Option(help="NAB: a score counts only above the so many before it.", rich_help_panel=ALARMS, min=0),
    ] = 0,
    time: options.Time = None,
    measure: options.Measure = None,
    by: options.By = None,
    tz: options.Tz = None,
    start: options.Start = None,
    end: options.End = None,
    step: options.Step = None,
    agg: options.Agg = None,
    multivariate: options.Multivariate = False,
    per_series: Annotated[
        Path | None,
        typer.Option(help="Write one row a series: .csv, .json, .jsonl or .parquet.", rich_help_panel=options.WRITING),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print JSON.", rich_help_panel=options.WRITING)
    ] = False,
) -> None:
    r"""Measure detectors on data whose anomalies are known: no point adjustment, no threshold tuned on the truth.

    \b
    redshank evaluate sample.csv --truth label
    redshank evaluate cpu.csv --truth incidents.csv --detector hindsight --detector gaussian
    redshank evaluate nab/ --nab nab/combined_windows.json --mode live --per-series rows.csv
    redshank evaluate --scores scores.csv --truth incidents.csv
    redshank evaluate --scores scores/ --data nab/
    """
    from redshank.cli import evaluation
    from redshank.errors import ConfigError

    if (scores is None) == (not data):
        raise ConfigError("evaluate: give either DATA to run detectors on, or --scores written before")
    if scores is None and scored_data is not None:
        raise ConfigError("data: --data belongs to --scores; to run detectors name the files without it", field="data")
    counting = evaluation.Counting(merge_gap=merge_gap, alarm_above=_above(alarm_above), nab=nab, nab_onset=nab_onset)
    counting.check(per_series)
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
    )
    if scores is not None:
        answered = evaluation.of_stored(scores, scored_data, truth, query)
    else:
        names = detector or ["auto"]
        works = [
            options.make_work(
                name, param, mode=mode, train_until=train_until, budget=budget, direction=direction, tz=tz
            )
            for name in names
        ]
        answered = evaluation.of_detectors(data or [], truth, query, works)
    evaluation.show(evaluation.measured(answered, counting), per_series, as_json=as_json)


def _above(text: str) -> float | str:
    """A number, or the name of a rule."""
    try:
        return float(text)
    except ValueError:
        return text
