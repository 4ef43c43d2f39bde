"""The command ``redshank``: its subcommands, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import sys
import traceback
from typing import Annotated

import typer
from typer._click.exceptions import ClickException

from redshank import __version__
from redshank.cli.bench import bench
from redshank.cli.demo import demo
from redshank.cli.detect import detect
from redshank.cli.detectors import detectors
from redshank.cli.evaluate import evaluate
from redshank.cli.inspect import inspect
from redshank.cli.sample import sample
from redshank.errors import RedshankError

app = typer.Typer(
    name="redshank",
    help="Find what is not normal in time series, say why, and how sure it is.",
    epilog="Start with: redshank demo, then redshank detect YOUR.csv",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (detect, inspect, detectors, evaluate, sample, demo, bench):
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"redshank {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options that stand before the command."""


def main() -> None:
    """Run the command line; exit 0 when all went well, 1 for our mistakes, 2 for the user's, 130 for Ctrl-C."""
    debug = "--debug" in sys.argv[1:2]
    try:
        code = app(standalone_mode=False) or 0
    except RedshankError as error:
        if debug:
            traceback.print_exc()
        code = _complain(str(error), error.exit_code)
    except ClickException as error:
        code = _complain(error.format_message(), 2, hint="redshank --help")
    except (KeyboardInterrupt, typer.Abort):
        code = _complain("interrupted", 130)
    except BrokenPipeError:
        sys.stderr.close()
        code = 141
    except Exception as error:  # noqa: BLE001 - the one place where any failure ends as a line for people
        if debug:
            traceback.print_exc()
        hint = "" if debug else "; run redshank --debug ... for the traceback"
        code = _complain(f"internal error: {type(error).__name__}: {error}{hint}", 1)
    sys.exit(code)


def _complain(message: str, code: int, hint: str = "") -> int:
    typer.echo(f"redshank: {message}" + (f" (see {hint})" if hint else ""), err=True)
    return code


if __name__ == "__main__":
    main()
