"""Commands that are loaded when they are called, so that the others and ``redshank --help`` start at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from inspect import cleandoc
from typing import Any, ClassVar

import typer
from typer._click.core import Command, Context
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command as build


@dataclass(frozen=True)
class Late:
    """A command by the place it is found at: ``attribute`` of ``module`` is a function, or a Typer with commands."""

    module: str
    attribute: str
    summary: str
    panel: str = "Commands"

    def load(self, name: str) -> Command:
        """Import the command and build it."""
        found = getattr(import_module(self.module), self.attribute)
        command = build(found if isinstance(found, typer.Typer) else _alone(found))
        command.name, command.short_help = name, self.summary
        vars(command)["rich_help_panel"] = self.panel
        return command


class _StandIn(TyperCommand):
    """The name and summary of a command that is not loaded yet."""


class LateGroup(TyperGroup):
    """A group that knows its late commands by name and summary until one is called."""

    late: ClassVar[dict[str, Late]] = {}

    def __init__(self, **attributes: Any) -> None:
        """Put a stand-in for each late command behind the commands that are there."""
        super().__init__(**attributes)
        for name, late in self.late.items():
            stand_in = _StandIn(name=name, short_help=late.summary, help=late.summary)
            vars(stand_in)["rich_help_panel"] = late.panel
            self.commands[name] = stand_in

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """Load the command that is called, then find it."""
        self.load(args[0])
        return super().resolve_command(ctx, args)

    def load(self, name: str) -> None:
        """Put the command itself in the place of its stand-in."""
        if name in self.late and isinstance(self.commands[name], _StandIn):
            self.commands[name] = self.late[name].load(name)

    def load_all(self) -> None:
        """Load every command, for those who describe them all."""
        for name in self.late:
            self.load(name)


def add(app: typer.Typer, function: Callable[..., Any], name: str | None = None) -> None:
    """Add a function to an app as a command: its docstring is the help, Ctrl-C an interruption."""
    app.command(name=name, help=cleandoc(function.__doc__ or "").replace("\\b", "\b"))(_with_interruption(function))


def group(summary: str, epilog: str | None = None) -> typer.Typer:
    """Return an app for commands that belong together, such as those of ``redshank monitors``."""
    app = typer.Typer(
        epilog=epilog,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(help=summary)(lambda: None)  # else a group of one command would be that command
    return app


def _alone(function: Callable[..., Any]) -> typer.Typer:
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    add(app, function)
    return app


def _with_interruption(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command, with Ctrl-C as an Abort, which typer passes on (it would end a KeyboardInterrupt without a word)."""

    @wraps(command)
    def heard(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except KeyboardInterrupt:
            raise typer.Abort from None

    return heard
