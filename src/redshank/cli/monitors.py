"""``redshank monitors``: what is watched, where it stands, and what it is to do now."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from redshank.cli import remote
from redshank.cli.declared import monitors
from redshank.cli.fields import pairs
from redshank.cli.late import add
from redshank.cli.names import completing
from redshank.cli.run_output import finished

Name = Annotated[
    str, typer.Argument(help="Name of the monitor.", metavar="NAME", autocompletion=completing("monitors"))
]
Names = Annotated[
    list[str], typer.Argument(help="Names of monitors.", metavar="NAME...", autocompletion=completing("monitors"))
]
Start = Annotated[str | None, typer.Option("--from", help="First time to look at.", metavar="TIME")]
End = Annotated[str | None, typer.Option("--to", help="Time to stop before.", metavar="TIME")]
Params = Annotated[
    list[str] | None,
    typer.Option("--set", help="What the verb takes, such as policy.budget=2/day; may be repeated.", metavar="F=V"),
]
NoWait = Annotated[bool, typer.Option("--no-wait", metavar="", help="Start it and do not wait for its end.")]


def enable(names: Names, url: remote.Url = None, token: remote.Token = None) -> None:
    r"""Let monitors work.

    \b
    redshank monitors enable cpu mem
    """
    with remote.connected(url, token) as client:
        for name in names:
            client.monitors.enable(name)
            typer.echo(f"enabled monitor {name}")


def disable(names: Names, url: remote.Url = None, token: remote.Token = None) -> None:
    r"""Let monitors rest; what they learned and found is kept.

    \b
    redshank monitors disable cpu
    """
    with remote.connected(url, token) as client:
        for name in names:
            client.monitors.disable(name)
            typer.echo(f"disabled monitor {name}")


def status(name: Name, as_json: remote.AsJson = False, url: remote.Url = None, token: remote.Token = None) -> None:
    r"""Say where a monitor stands: up to when all is scored, how far that is behind, and what went wrong last.

    \b
    redshank monitors status cpu
    """
    with remote.connected(url, token) as client:
        found = client.monitors.status(name)
    if as_json:
        remote.print_json(found)
        return
    remote.print_record(
        {
            "monitor": found.name,
            "enabled": found.enabled,
            "scored until": found.cursor,
            "behind (s)": found.lag_seconds,
            "last look": found.ticked,
            "series": found.series,
            "points": found.points,
            "open events": found.open_events,
            "version": found.version,
            "error": found.error,
            **{f"next {verb}": at for verb, at in found.next.items()},
            "last run": None if found.last_run is None else f"{found.last_run.verb} {found.last_run.state}",
        }
    )


def _run(verb: str, name: str, start: str | None, end: str | None, params: Any, wait: bool, **shown: Any) -> None:
    with remote.connected(shown["url"], shown["token"]) as client:
        run = client.runs.start(name, verb, start=start, end=end, params=params)
        finished(client, run, wait=wait, as_json=shown["as_json"])


def _nested(given: list[str] | None) -> dict[str, Any]:
    from redshank.cli.fields import with_fields

    pairs(given)
    return with_fields({}, given, None)


def train(
    name: Name,
    no_wait: NoWait = False,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Train a monitor anew; the new version takes over once it has caught up.

    \b
    redshank monitors train cpu
    """
    _run("train", name, None, None, {}, not no_wait, as_json=as_json, url=url, token=token)


def detect(
    name: Name,
    start: Start = None,
    end: End = None,
    no_wait: NoWait = False,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Let a monitor look for events now.

    \b
    redshank monitors detect cpu
    """
    _run("detect", name, start, end, {}, not no_wait, as_json=as_json, url=url, token=token)


def backtest(
    name: Name,
    start: Start = None,
    end: End = None,
    what_if: Params = None,
    no_wait: NoWait = False,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Say which events a monitor would have raised in the past, as it is or with other settings; nothing is saved.

    \b
    redshank monitors backtest cpu --from 2026-02-01
    redshank monitors backtest cpu --set policy.budget=1/week --set detector=seasonal
    """
    _run("backtest", name, start, end, _nested(what_if), not no_wait, as_json=as_json, url=url, token=token)


def tune(
    name: Name,
    given: Params = None,
    no_wait: NoWait = False,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Look for a better detector and parameters, by the past and by labels where there are some.

    \b
    redshank monitors tune cpu
    """
    _run("tune", name, None, None, _nested(given), not no_wait, as_json=as_json, url=url, token=token)


def forecast(
    name: Name,
    given: Params = None,
    no_wait: NoWait = False,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Say what comes next, with its range, or when a limit will be crossed.

    \b
    redshank monitors forecast cpu --set horizon=1d
    """
    _run("forecast", name, None, None, _nested(given), not no_wait, as_json=as_json, url=url, token=token)


def preview(
    name: Name,
    file: Annotated[
        str | None, typer.Option("--file", "-f", help="A monitor that is not saved yet, YAML or JSON.", metavar="FILE")
    ] = None,
    what_if: Params = None,
    days: Annotated[float | None, typer.Option(help="So many days before the end; all.", metavar="N")] = None,
    start: Start = None,
    end: End = None,
    as_json: remote.AsJson = False,
    url: remote.Url = None,
    token: remote.Token = None,
) -> None:
    r"""Say which events a monitor would have had, saved or not, by the code that works live; nothing is kept.

    \b
    redshank monitors preview cpu --days 7 --set policy.budget=2/day
    redshank monitors preview new --file new.yaml
    """
    from redshank.cli.fields import at_home, read_spec, with_fields

    with remote.connected(url, token) as client:
        spec = at_home("monitors", {**read_spec(file), "name": name}) if file else client.monitors.get(name).spec
        found = client.monitors.preview(with_fields(dict(spec), what_if, None), days=days, start=start, end=end)
    if as_json:
        remote.print_json(found)
        return
    columns = {each: _taking(each) for each in ("severity", "kind", "series", "start", "end", "reason")}
    remote.print_list(found.events, 20, columns, False, "events")
    remote.print_record(
        {
            "from": found.start,
            "to": found.end,
            "detector": f"{found.detector} ({found.why})",
            "series": found.series,
            "points": found.points,
            "events": found.n_events,
            "anomalies a day": found.anomalies_per_day,
            "notes": "; ".join(found.notes) or None,
        }
    )


def _taking(field: str) -> Any:
    return lambda event: event.get(field)


for command in (enable, disable, status, preview, train, detect, backtest, tune, forecast):
    add(monitors, command)
