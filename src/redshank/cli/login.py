"""``redshank login``: keep the token of a server in the user's own configuration folder, readable by nobody else."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from redshank.errors import ConfigError, SinkError

_FOLDER, _FILE = "redshank", "servers.json"


def login(
    url: Annotated[str | None, typer.Option(help="Address of the server; this machine.", metavar="URL")] = None,
    token: Annotated[
        str | None, typer.Option(help="Token; asked for, or read from standard input, when left out.", metavar="TOKEN")
    ] = None,
) -> None:
    r"""Keep the token of a server, for the commands that ask it; the file can be read by its owner only.

    \b
    redshank login
    redshank login --url https://redshank.example < token.txt
    """
    from redshank.client.client import URL, URL_VARIABLE, Client

    address = (url or os.environ.get(URL_VARIABLE) or URL).rstrip("/")
    given = (token or _asked()).strip()
    with Client(address, given, retries=0) as client:
        version = client.server.version().version
    known = _read()
    known["url"] = address
    known.setdefault("tokens", {})[address] = given
    _write(known)
    typer.echo(f"logged in to {address}, Redshank {version}; kept in {_place()}")


def logout(
    url: Annotated[str | None, typer.Option(help="Address of the server; all of them.", metavar="URL")] = None,
) -> None:
    r"""Forget the token of a server, or of all of them.

    \b
    redshank logout
    redshank logout --url https://redshank.example
    """
    known = _read()
    tokens: dict[str, str] = known.get("tokens", {})
    gone = [each for each in tokens if url is None or each == url.rstrip("/")]
    kept = {each: tokens[each] for each in tokens if each not in gone}
    address = known.get("url")
    _write({"tokens": kept, **({"url": address} if address in kept else {})})
    typer.echo(f"forgot {', '.join(gone) or 'nothing'}")


def known_url() -> str | None:
    """Return the server of the last login; None when there was none."""
    url = _read().get("url")
    return url if isinstance(url, str) else None


def known_token(url: str) -> str | None:
    """Return the token that is kept for a server; None when there is none."""
    tokens = _read().get("tokens")
    token = tokens.get(url) if isinstance(tokens, dict) else None
    return token if isinstance(token, str) else None


def _asked() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Token", hide_input=True, err=True))
    return sys.stdin.readline()


def _place() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / _FOLDER / _FILE


def _read() -> dict[str, Any]:
    place = _place()
    try:
        if os.name == "posix" and stat.S_IMODE(place.stat().st_mode) & 0o077:
            raise ConfigError(f"{place}: must be readable by its owner only; run: chmod 600 {place}")
        found = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{place}: cannot be read: {error}; delete it and run redshank login again") from error
    return found if isinstance(found, dict) else {}


def _write(known: dict[str, Any]) -> None:
    """Write the file whole or not at all, never readable by others, not even for a moment."""
    place = _place()
    partial = place.with_name(f"{_FILE}.{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as opened:
            opened.write(json.dumps(known, indent=2) + "\n")
        partial.replace(place)
    except OSError as error:
        raise SinkError(f"{place}: cannot be written: {error.strerror or error}") from error
