"""The command ``redshank``: its subcommands, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated, ClassVar

import typer
from typer._click.exceptions import ClickException

from redshank import __version__
from redshank.cli import completion
from redshank.cli.detect import EXIT_INTERRUPTED, detect
from redshank.cli.detectors import detectors
from redshank.cli.inspect import inspect
from redshank.cli.late import Late, LateGroup, add
from redshank.errors import RedshankError

CONFIGURATION, SERVER, ASKING = "Configuration as code", "Server", "Asking a server"
_CLI = "redshank.cli"


class _Commands(LateGroup):
    """All commands: those that follow are loaded when they are called."""

    late: ClassVar[dict[str, Late]] = {
        "evaluate": Late(f"{_CLI}.evaluate", "evaluate", "Measure detectors on data whose anomalies are known."),
        "sample": Late(f"{_CLI}.sample", "sample", "Generate labelled series."),
        "demo": Late(f"{_CLI}.demo", "demo", "Detect in recorded telemetry of a host with real faults."),
        "bench": Late(f"{_CLI}.bench", "bench", "Measure speed on this machine, and quality on generated series."),
        "plan": Late(f"{_CLI}.apply", "plan", "Say what applying configuration files would change.", CONFIGURATION),
        "apply": Late(f"{_CLI}.apply", "apply", "Make a server as configuration files say.", CONFIGURATION),
        "export": Late(f"{_CLI}.apply", "export", "Write what a server has as a file.", CONFIGURATION),
        "serve": Late(f"{_CLI}.serve", "serve", "Keep watching: monitors live and on schedule, over HTTP.", SERVER),
        "validate": Late(f"{_CLI}.validate", "validate", "Check configuration files, offline.", CONFIGURATION),
        "schema": Late(f"{_CLI}.validate", "schema", "Print the JSON Schema of configuration files.", CONFIGURATION),
        "backup": Late(f"{_CLI}.care", "backup", "Write all that a server keeps to one file.", SERVER),
        "restore": Late(f"{_CLI}.care", "restore", "Put a backup back.", SERVER),
        "doctor": Late(f"{_CLI}.care", "doctor", "Look over what a server keeps.", SERVER),
        "capacity": Late(f"{_CLI}.capacity", "capacity", "Estimate what monitors will need of this machine.", SERVER),
        "login": Late(f"{_CLI}.login", "login", "Keep the token of a server.", ASKING),
        "logout": Late(f"{_CLI}.login", "logout", "Forget it.", ASKING),
        "status": Late(f"{_CLI}.tokens", "status", "Say whether a server is well.", ASKING),
        "monitors": Late(f"{_CLI}.monitors", "monitors", "What is watched.", ASKING),
        "events": Late(f"{_CLI}.events", "events", "What was not normal, and what people say of it.", ASKING),
        "runs": Late(f"{_CLI}.runs", "runs", "What was done, is being done and waits.", ASKING),
        "versions": Late(f"{_CLI}.versions", "versions", "What the trainings of a monitor made.", ASKING),
        "series": Late(f"{_CLI}.series", "series", "The series that monitors watch.", ASKING),
        "points": Late(f"{_CLI}.series", "points", "Points of series, with their scores.", ASKING),
        "sources": Late(f"{_CLI}.connections", "sources", "Where points come from.", ASKING),
        "sinks": Late(f"{_CLI}.connections", "sinks", "Where events go.", ASKING),
        "schedules": Late(f"{_CLI}.declared", "schedules", "When to run, by name.", ASKING),
        "templates": Late(f"{_CLI}.declared", "templates", "Monitors that differ in a few values.", ASKING),
        "kibana": Late(f"{_CLI}.kibana", "kibana", "What Kibana and OpenSearch Dashboards import.", ASKING),
        "grafana": Late(f"{_CLI}.grafana", "grafana", "What Grafana imports.", ASKING),
        "tokens": Late(f"{_CLI}.tokens", "tokens", "Who may ask the server.", ASKING),
        "audit": Late(f"{_CLI}.tokens", "audit", "Who changed what.", ASKING),
    }


app = typer.Typer(
    name="redshank",
    cls=_Commands,
    help="Find what is not normal in time series, say why, and how sure it is.",
    epilog="Start with: redshank demo, then redshank detect YOUR.csv",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


for command in (detect, inspect, detectors):
    add(app, command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"redshank {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", metavar="", help="Show the traceback of an error.")] = False,
    install_completion: Annotated[
        str | None,
        typer.Option(
            help="Install completion for bash, zsh or fish.",
            metavar="SHELL",
            callback=completion.install,
            is_eager=True,
            autocompletion=completion.one_of(*completion.SCRIPTS),
        ),
    ] = None,
    show_completion: Annotated[
        str | None,
        typer.Option(
            help="Print the completion script of a shell.",
            metavar="SHELL",
            callback=completion.show,
            is_eager=True,
            autocompletion=completion.one_of(*completion.SCRIPTS),
        ),
    ] = None,
) -> None:
    """Options that stand before the command."""


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code: 0 well, 1 our mistake, 2 the user's, 130 interrupted."""
    debug = arguments[:1] == ["--debug"]
    try:
        return app(arguments, standalone_mode=False) or 0
    except RedshankError as error:
        return _complain(str(error), error.exit_code, debug=debug)
    except ClickException as error:
        return _complain(error.format_message(), 2, hint=" (see redshank --help)")
    except (KeyboardInterrupt, typer.Abort):
        return _complain("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        return _closed_pipe()
    except Exception as error:  # noqa: BLE001 - the one place where any failure ends as a line for people
        hint = "" if debug else " (redshank --debug ... shows the traceback)"
        return _complain(f"internal error: {type(error).__name__}: {error}", 1, hint, debug=debug)


def _closed_pipe() -> int:
    """Keep Python from complaining at exit that nobody reads our output any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + 13


def _complain(message: str, code: int, hint: str = "", *, debug: bool = False) -> int:
    if debug:
        traceback.print_exc()
    typer.echo(f"redshank: {message}{hint}", err=True)
    return code


def main() -> None:
    """Run the command line of this process."""
    completion.answer_shells()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
