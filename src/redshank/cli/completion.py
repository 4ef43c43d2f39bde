"""Completion for bash, zsh and fish: scripts to show or install, and the values that options complete to."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import typer

from redshank.errors import ConfigError, SinkError, did_you_mean

_BASH = """\
_redshank_completion() {
    local IFS=$'\\n'
    COMPREPLY=($(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD \\
        _REDSHANK_COMPLETE=complete_bash "$1" 2>/dev/null))
    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
}
complete -o default -F _redshank_completion redshank
"""
_ZSH = """\
#compdef redshank
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
_redshank_completion() {
    eval "$(_TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _REDSHANK_COMPLETE=complete_zsh redshank 2>/dev/null)"
}
compdef _redshank_completion redshank
"""
_ASK_FISH = "env _REDSHANK_COMPLETE=complete_fish _TYPER_COMPLETE_ARGS=(commandline -cp)"
_FISH = f"""\
complete --command redshank --no-files \\
    --condition "{_ASK_FISH} _TYPER_COMPLETE_FISH_ACTION=is-args redshank 2>/dev/null" \\
    --arguments "({_ASK_FISH} _TYPER_COMPLETE_FISH_ACTION=get-args redshank 2>/dev/null)"
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def answer_shells() -> None:
    """Let the command line answer the question that a script asks, if it is one."""
    if "_REDSHANK_COMPLETE" in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()


def show(shell: str | None) -> None:
    """Print the script for a shell and end the program; do nothing when there is no shell."""
    if shell is not None:
        typer.echo(script(shell), nl=False)
        raise typer.Exit


def install(shell: str | None) -> None:
    """Put the script where the shell finds it and end the program; do nothing when there is no shell."""
    if shell is None:
        return
    text, place = script(shell), _place(shell)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        if shell != "fish":
            _source(place, Path.home() / f".{shell}rc")
    except OSError as error:
        raise SinkError(f"{error.filename or place}: cannot be written: {error.strerror or error}") from error
    typer.echo(f"wrote {place}; completion works in every new {shell}")
    raise typer.Exit


def script(shell: str) -> str:
    """Return the completion script of a shell; ConfigError with the choices for an unknown one."""
    if shell not in SCRIPTS:
        raise ConfigError(did_you_mean("shell", shell, SCRIPTS), field="shell")
    return SCRIPTS[shell]


def _place(shell: str) -> Path:
    if shell == "fish":
        return _folder("XDG_CONFIG_HOME", ".config") / "fish" / "completions" / "redshank.fish"
    return _folder("XDG_DATA_HOME", ".local/share") / "redshank" / f"completion.{shell}"


def _folder(variable: str, usual: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / usual)


def _source(place: Path, startup: Path) -> None:
    """Have the startup file read the script, once."""
    line = f"source '{place}'"
    text = startup.read_text(encoding="utf-8") if startup.exists() else ""
    if line not in text.splitlines():
        startup.write_text(f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{line}\n", encoding="utf-8")


# ---------------------------------------------------------------------------------------------- values of options


def one_of(*choices: str) -> Callable[[str], list[str]]:
    """Return what completes to one of these."""
    return lambda incomplete: [choice for choice in choices if choice.startswith(incomplete)]


def some_of(*choices: str) -> Callable[[str], list[str]]:
    """Return what completes to several of these, set apart by commas."""

    def completed(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{choice}" for choice in choices if choice.startswith(last)]

    return completed


def detector(incomplete: str) -> list[str]:
    """Complete the name of a detector."""
    from redshank import registry

    return [name for name in registry.names(registry.DETECTORS) if name.startswith(incomplete)]


def detector_or_auto(incomplete: str) -> list[str]:
    """Complete the name of a detector, or auto."""
    return [name for name in ["auto", *detector("")] if name.startswith(incomplete)]


def parameter(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a parameter of the detector that stands on the line."""
    from redshank import registry
    from redshank.errors import RedshankError

    name = ctx.params.get("detector")
    try:
        kind = registry.detector_class(name if isinstance(name, str) else "")
    except RedshankError:
        return []
    return [f"{spec.name}=" for spec in kind.parameters() if spec.name.startswith(incomplete)]


def source_kind(incomplete: str) -> list[str]:
    """Complete a kind of source."""
    from redshank import registry

    return [name for name in registry.names(registry.SOURCES) if name.startswith(incomplete)]


def sink_kind(incomplete: str) -> list[str]:
    """Complete a kind of sink."""
    from redshank import registry

    return [name for name in registry.names(registry.SINKS) if name.startswith(incomplete)]


def source_option(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of an option of the source whose address stands on the line."""
    from redshank import registry
    from redshank.errors import RedshankError
    from redshank.sources.addresses import kind_of_address

    given = ctx.params.get("paths") or ctx.params.get("name") or ()
    try:
        kind = registry.find(
            registry.SOURCES, kind_of_address(given if isinstance(given, str) else next(iter(given), ""))
        )
    except RedshankError:
        return []
    return [f"{name}=" for name in kind.Options.model_fields if name.startswith(incomplete) and name != "url"]


def zone(incomplete: str) -> list[str]:
    """Complete the name of a time zone."""
    from zoneinfo import available_timezones

    return sorted(name for name in available_timezones() if name.startswith(incomplete))
