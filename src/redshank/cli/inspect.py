"""``redshank inspect``: what is in files or a source, before anything is detected in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redshank.cli import options

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from redshank.app import Outlook
    from redshank.profile import SeriesProfile
    from redshank.sources.base import Findings, Reading

SHOWN_SERIES = 12
SHOWN_SHIFTS = 2
SHOWN_PERIODS = 3


def inspect(
    paths: options.Paths,
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
    shown: Annotated[
        int, typer.Option("--series", min=0, metavar="N", help="Series to show, those with most to look at first.")
    ] = SHOWN_SERIES,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON, with every series.")] = False,
) -> None:
    r"""Say what is in time series: step, gaps, periods, changes of level, and which detector suits them.

    It also says what detection will take, in seconds and memory. Nothing is detected yet.

    \b
    redshank inspect cpu.csv
    redshank inspect orders.csv --measure amount --by shop --agg sum --step 1h
    redshank inspect 'logs/*.csv.gz' --json
    redshank inspect 'postgresql://me@host/shop?table=orders' --time created_at --agg count --step 1h
    """
    from redshank.app import outlooks, read
    from redshank.cli.console import progress_bar
    from redshank.profile import profile_panels

    query = options.make_query(
        time=time,
        measure=measure,
        by=by,
        tz=tz,
        start=start,
        end=end,
        separator=separator,
        decimal=decimal,
        encoding=encoding,
        sheet=sheet,
        records=records,
        strict=strict,
        allow_pickle=allow_pickle,
        step=step,
        agg=agg,
        multivariate=multivariate,
    )
    manner = options.make_manner(query_text, table, index, option)
    with progress_bar(quiet=False) as on_progress:
        reading = read(paths, query, on_progress, manner)
        profiles = profile_panels(reading.panels, lambda share: on_progress("looking at the series", share))
        expected = outlooks(reading.panels)
    if as_json:
        typer.echo(json.dumps(_json(reading, profiles, expected), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        _print(reading, profiles, expected, shown)


def _print(reading: Reading, profiles: list[SeriesProfile], expected: list[Outlook], shown: int) -> None:
    from redshank.cli.console import console, print_notes
    from redshank.profile import troubled_first

    out = console()
    out.print(reading.findings.line(), markup=False)
    out.print(_span(profiles), style="dim", markup=False)
    if shown:
        for part in _shown(troubled_first(profiles)[:shown], out.width):
            out.print(part)
    if len(profiles) > shown:
        out.print(f"{shown} of {len(profiles):,} series shown; --series N shows more, --json all", style="dim")
    for line in _summary(profiles):
        out.print(line, markup=False)
    print_notes(out, _problems(reading.findings) + reading.findings.notes)
    for outlook in expected:
        out.print(_outlook_line(outlook))


def _outlook_line(outlook: Outlook) -> Text:
    from rich.text import Text

    text = f" ({outlook.choice.why}); {_takes(outlook)}"
    return Text.assemble((outlook.mode, "bold"), ": ", (outlook.choice.kind, "cyan"), text)


def _span(profiles: list[SeriesProfile]) -> str:
    from redshank.cli.terminal import moment

    first, last = min(each.start for each in profiles), max(each.end for each in profiles)
    return f"from {moment(first)} to {moment(last)} UTC"


def _shown(profiles: list[SeriesProfile], width: int) -> Iterator[RenderableType]:
    """Series as a table, or where that does not fit, as lines under each name."""
    from rich.padding import Padding
    from rich.text import Text

    from redshank.cli.terminal import INDENT, TABLE_WIDTH, printable
    from redshank.reasons import number

    if width >= TABLE_WIDTH:
        yield _table(profiles)
        return
    yield Text()
    for each in profiles:
        yield Text(printable(each.name).plain, style="cyan", overflow="fold")
        missing = f", {each.missing:,} missing" if each.missing else ""
        limits = f"{number(each.least)} to {number(each.greatest)}, median {number(each.median)}"
        lines = [f"{each.points:,} points{missing}; {limits}", f"periods: {_periods(each)}"]
        lines += [f"level: {line}" for line in _shifts(each).splitlines() if line != "-"]
        yield Padding(Text("\n".join(lines)), (0, 0, 0, INDENT))
    yield Text()


def _table(profiles: list[SeriesProfile]) -> Table:
    from rich import box
    from rich.table import Table

    from redshank.cli.terminal import printable
    from redshank.reasons import number

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("series", overflow="fold", min_width=8)
    for title in ("points", "missing", "least", "median", "greatest"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("periods", overflow="fold", min_width=6)
    table.add_column("changes of level", overflow="fold", min_width=16, ratio=1)
    for each in profiles:
        table.add_row(
            printable(each.name),
            f"{each.points:,}",
            f"{each.missing:,}",
            number(each.least),
            number(each.median),
            number(each.greatest),
            _periods(each),
            _shifts(each),
        )
    return table


def _periods(profile: SeriesProfile) -> str:
    from redshank.durations import format_duration

    return ", ".join(format_duration(period) for period in profile.periods[:SHOWN_PERIODS]) or "-"


def _shifts(profile: SeriesProfile) -> str:
    from redshank.cli.terminal import moment
    from redshank.reasons import number

    if profile.is_constant:
        return "constant"
    parts = [
        f"{moment(shift.time)} from {number(shift.before)} to {number(shift.after)}"
        for shift in profile.shifts[:SHOWN_SHIFTS]
    ]
    more = len(profile.shifts) - len(parts)
    return "\n".join([*parts, *([f"and {more} more"] if more else [])]) or "-"


def _summary(profiles: list[SeriesProfile]) -> list[str]:
    """What is true of all series together, one sentence a line; only what is there."""
    from redshank.durations import format_duration
    from redshank.profile import common_periods
    from redshank.sources.base import count

    if len(profiles) == 1:
        return []
    gappy = [each for each in profiles if each.missing]
    constant, shifted = (
        sum(each.is_constant for each in profiles),
        sum(bool(each.shifts) for each in profiles),
    )
    found = [f"{format_duration(period)} ({of:,} series)" for period, of in common_periods(profiles)[:SHOWN_PERIODS]]
    lines = [f"periods: {', '.join(found)}"] if found else ["periods: none found"]
    if gappy:
        worst = max(gappy, key=lambda each: each.longest_gap)
        gap = f"longest {format_duration(worst.longest_gap)} in {worst.name}"
        lines.append(f"gaps: {sum(each.missing for each in gappy):,} points in {len(gappy):,} series, {gap}")
    if shifted:
        lines.append(f"level: changes in {count(shifted, 'series', 'series')}")
    if constant:
        lines.append(f"constant: {count(constant, 'series', 'series')}")
    return lines


def _problems(findings: Findings) -> list[str]:
    return [f"row {row.line}: {row.reason}: {row.text!r}" for row in findings.bad_rows]


def _takes(outlook: Outlook) -> str:
    from redshank.detectors.auto import rough_time

    short = f"; {outlook.too_short:,} series too short, needs {outlook.warmup:,} points" if outlook.too_short else ""
    return f"takes {rough_time(outlook.seconds)} and {outlook.memory_bytes / 1e6:,.0f} MB on this machine{short}"


def _json(reading: Reading, profiles: list[SeriesProfile], expected: list[Outlook]) -> dict[str, Any]:
    return {
        **reading.findings.to_json(),
        "detectors": [
            {
                "mode": outlook.mode,
                "detector": outlook.choice.kind,
                "why": outlook.choice.why,
                "seconds": round(outlook.seconds, 3),
                "memory_bytes": outlook.memory_bytes,
                "warmup_points": outlook.warmup,
                "series_too_short": outlook.too_short,
            }
            for outlook in expected
        ],
        "profiles": [_profile_json(each) for each in profiles],
    }


def _profile_json(profile: SeriesProfile) -> dict[str, Any]:
    from redshank.sinks.files import plain

    return {
        "series": str(profile.key),
        "measure": profile.key.measure,
        "labels": profile.key.label_map,
        "channel": profile.channel or None,
        **{
            name: plain(getattr(profile, name))
            for name in ("start", "end", "points", "missing", "least", "median", "greatest", "is_constant")
        },
        "longest_gap_seconds": profile.longest_gap.total_seconds(),
        "periods_seconds": [period.total_seconds() for period in profile.periods],
        "level_shifts": [
            {"time": plain(shift.time), "before": shift.before, "after": shift.after} for shift in profile.shifts
        ],
    }
