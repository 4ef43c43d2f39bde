"""``redshank serve``: watch what is declared, and answer over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from redshank.settings import Settings


def serve(
    config: Annotated[
        list[Path] | None,
        typer.Option(
            "--config", "-c", help="File or folder to apply, now and when it changes; may be repeated.", metavar="FILE"
        ),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Where to listen; 127.0.0.1.", metavar="HOST")] = None,
    port: Annotated[int | None, typer.Option(help="Port, 0 for a free one; 8765.", metavar="PORT")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of all that is kept; redshank-data.", metavar="DIR")] = None,
    database: Annotated[
        str | None, typer.Option(help="postgresql:// address; SQLite in the folder when left out.", metavar="URL")
    ] = None,
    history: Annotated[
        str | None, typer.Option(help="Folder or s3:// address of older scores; in the data folder.", metavar="PLACE")
    ] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", metavar="", help="Let everybody do everything; on localhost only.")
    ] = False,
    forbid_private_addresses: Annotated[
        bool,
        typer.Option(
            "--forbid-private-addresses",
            metavar="",
            help="Let sources and sinks reach public addresses only, not this machine or its network.",
        ),
    ] = False,
    runs: Annotated[int | None, typer.Option(help="Runs in work at once; one per core.", metavar="N")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error; info.", metavar="LEVEL")] = None,
    log_json: Annotated[
        bool | None, typer.Option("--log-json/--log-text", metavar="", help="Form of log lines; text at a terminal.")
    ] = None,
) -> None:
    r"""Keep watching: monitors are trained and scored on schedule or live, and everything is there over HTTP.

    Each option is also a variable of the environment (REDSHANK_PORT ...). The first start prints an admin token once.

    \b
    redshank serve
    redshank serve --config redshank.yaml --data /var/lib/redshank --port 8765
    """
    from redshank.server.logs import set_up_logs

    given = {
        "host": host,
        "port": port,
        "data": data,
        "database": database,
        "history": history,
        "no_auth": no_auth or None,
        "forbid_private_addresses": forbid_private_addresses or None,
        "runs": runs,
        "log_level": log_level,
        "log_json": log_json,
    }
    settings = read_settings({name: value for name, value in given.items() if value is not None})
    set_up_logs(settings.log_level, as_json=settings.log_json)

    from redshank.server.process import serve as serve_until_stopped

    serve_until_stopped(settings, config or ())


def read_settings(given: dict[str, Any]) -> Settings:
    """Return settings of flags, environment and defaults; ConfigError names what is wrong, and where it was set."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from redshank.errors import ConfigError
    from redshank.settings import Settings

    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        where = f"--{name.replace('_', '-')}" if name in given else f"REDSHANK_{name.upper()}"
        text = first["msg"].replace("Input should", "must")
        raise ConfigError(f"{where}: {text}, got {first['input']!r}", field=name) from None
    except SettingsError as error:
        raise ConfigError(f"settings: {error}; lists are written as JSON") from None
