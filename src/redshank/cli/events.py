"""``redshank events``: what was not normal, and what people say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from redshank.cli import completion, remote
from redshank.cli.late import add, group
from redshank.cli.runs import Monitors

if TYPE_CHECKING:
    from redshank.client.answers import Event

KINDS = ("anomaly", "missing", "stale", "flat", "new", "source_down")
LABELS = ("true", "false", "expected")
Id = Annotated[str, typer.Argument(help="Id of the event.", metavar="ID")]
Ids = Annotated[list[str], typer.Argument(help="Ids of events.", metavar="ID...")]
events = group("What was not normal, and what people say of it.")
COLUMNS: dict[str, Any] = {
    "id": lambda event: event.id,
    "severity": lambda event: event.severity,
    "monitor": lambda event: event.monitor,
    "series": lambda event: event.series,
    "start (UTC)": lambda event: event.start,
    "end": lambda event: "still open" if event.is_open else event.end,
    "actual": lambda event: event.actual,
    "expected": lambda event: event.expected,
    "label": lambda event: event.label,
    "reason": lambda event: event.reason,
}


def list_all(
    monitor: Monitors = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(KINDS)}.", metavar="KIND", autocompletion=completion.one_of(*KINDS)),
    ] = None,
    is_open: Annotated[
        bool | None, typer.Option("--open/--closed", metavar="", help="Only those that go on, or have ended.")
    ] = None,
    acknowledged: Annotated[
        bool | None, typer.Option("--acknowledged/--unseen", metavar="", help="Only those somebody saw, or nobody.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="true, false, expected, none or any.", metavar="LABEL")] = None,
    severity: Annotated[int | None, typer.Option(min=0, max=100, help="At least so severe.", metavar="N")] = None,
    series: Annotated[str | None, typer.Option(help="With this in the name of the series.", metavar="TEXT")] = None,
    start: Annotated[str | None, typer.Option("--from", help="That go on after this time.", metavar="TIME")] = None,
    end: Annotated[str | None, typer.Option("--to", help="That began before this time.", metavar="TIME")] = None,
    limit: remote.Limit = None,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""List events, newest first.

    \b
    redshank events list --open
    redshank events list --monitor cpu --severity 75 --from 2026-03-01 --json
    """
    with remote.connected(url, token) as client:
        found = client.events.iterate(
            monitor=monitor,
            kind=kind,
            is_open=is_open,
            acknowledged=acknowledged,
            label=label,
            severity=severity,
            series=series,
            start=start,
            end=end,
        )
        remote.print_list(found, limit, COLUMNS, as_json, "events")


def get(event_id: Id, as_json: remote.AsJson = False, url: remote.Url = None, token: remote.Token = None) -> None:
    r"""Show an event, and what people said of it.

    \b
    redshank events get ID
    """
    with remote.connected(url, token) as client:
        event, comments = client.events.get(event_id), client.events.comments(event_id).items
    if as_json:
        remote.print_json({"event": event, "comments": comments})
        return
    remote.print_record(
        {**_pairs(event), **{f"{each.author} {each.at:%Y-%m-%d %H:%M}": each.text for each in comments}}
    )


def _pairs(event: Event) -> dict[str, Any]:
    limits = None if event.lower is None else f"{remote.cell(event.lower)} to {remote.cell(event.upper)}"
    return {
        "event": event.id,
        "monitor": event.monitor,
        "kind": event.kind,
        "series": event.series,
        "severity": event.severity,
        "start": event.start,
        "end": "still open" if event.is_open else event.end,
        "peak": event.peak,
        "actual": event.actual,
        "expected": event.expected,
        "range": limits,
        "share": event.share,
        "reason": event.reason,
        "of the past": True if event.backfill else None,
        "label": event.label,
        "acknowledged by": event.acknowledged_by,
    }


def follow(
    monitor: Monitors = None,
    after: Annotated[
        int | None, typer.Option(help="Number of the last news that were had; what came since is first.", metavar="N")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON, one event a line.")] = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Show events as they open, change and close, until Ctrl-C.

    \b
    redshank events follow
    redshank events follow --monitor cpu --json
    """
    import msgspec

    with remote.connected(url, token) as client:
        for news in client.stream.follow(topics=("events",), monitors=monitor or (), after=after):
            if news.event is None:
                continue
            typer.echo(msgspec.json.encode(news.event).decode() if as_json else _line(news.event))


def _line(event: Event) -> str:
    from redshank.cli.terminal import printable

    state = "open" if event.is_open else "closed"
    text = (
        f"{event.updated or event.start:%Y-%m-%d %H:%M:%S} {state:6} {event.severity:3} {event.monitor} {event.series}"
    )
    return printable(f"{text}: {event.reason or event.kind}").plain


def acknowledge(
    event_ids: Ids,
    undo: Annotated[bool, typer.Option("--undo", metavar="", help="Take it back.")] = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Say that events were seen.

    \b
    redshank events acknowledge ID
    redshank events acknowledge ID --undo
    """
    _judge(event_ids, "taken back" if undo else "acknowledged", url, token, acknowledged=not undo)


def label(
    label: Annotated[
        str,
        typer.Argument(
            help="true, false, expected, or none to take it back.",
            metavar="LABEL",
            autocompletion=completion.one_of(*LABELS, "none"),
        ),
    ],
    event_ids: Ids,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Say what events really were; their monitors go by it at once.

    \b
    redshank events label false ID ID
    redshank events label none ID
    """
    _judge(event_ids, f"labelled {label}", url, token, label=label)


def comment(
    event_id: Id,
    text: Annotated[str, typer.Argument(help="What there is to say.", metavar="TEXT")],
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Say something of an event.

    \b
    redshank events comment ID 'The nightly backup ran late.'
    """
    with remote.connected(url, token) as client:
        made = client.events.comment(event_id, text)
    typer.echo(f"commented as {made.author}")


def _judge(event_ids: list[str], what: str, url: str | None, token: str | None, **judgement: Any) -> None:
    from redshank.errors import NotFoundError

    with remote.connected(url, token) as client:
        judged = client.events.judge(event_ids, **judgement)
    for event in judged.done:
        typer.echo(f"{what} event {event.id}")
    if judged.failed:
        raise NotFoundError("; ".join(each.error.message for each in judged.failed))


for name, command in (
    ("list", list_all),
    ("get", get),
    ("follow", follow),
    ("acknowledge", acknowledge),
    ("label", label),
    ("comment", comment),
):
    add(events, command, name)
