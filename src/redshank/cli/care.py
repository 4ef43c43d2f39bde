"""``redshank backup``, ``redshank restore`` and ``redshank doctor``: care for what a server keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from redshank.settings import Settings
    from redshank.store.records import Finding
    from redshank.store.store import Store

Data = Annotated[
    Path | None, typer.Option(help="Data folder; REDSHANK_DATA, else redshank-data.", metavar="DIR", show_default=False)
]
Database = Annotated[
    str | None,
    typer.Option(help="postgresql:// address; REDSHANK_DATABASE, else SQLite.", metavar="URL", show_default=False),
]
History = Annotated[
    str | None,
    typer.Option(
        help="Folder or s3:// address of older scores; REDSHANK_HISTORY, else in the data folder.",
        metavar="PLACE",
        show_default=False,
    ),
]
LEVELS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "error": ("error", "red")}


def backup(
    file: Annotated[Path, typer.Argument(help="File to write; must not be there yet.", metavar="FILE")],
    data: Data = None,
    database: Database = None,
    history: History = None,
    without_key: Annotated[
        bool, typer.Option("--without-key", metavar="", help="Leave out the key that encrypts secrets.")
    ] = False,
) -> None:
    r"""Write all that a server keeps to one file. The server may be running.

    \b
    redshank backup redshank-backup.tar.zst
    redshank backup /backups/monday.tar.zst --data /var/lib/redshank
    """
    from redshank.store.backup import backup as back_up

    place = _settings(data, database, history)
    made = back_up(place.data, file, place.database, history=place.history, with_key=not without_key)
    size = sum(member.size_bytes for member in made.members)
    typer.echo(f"{file}: {len(made.members)} files, {_size(size)}, {_size(file.stat().st_size)} compressed")
    if made.elsewhere:
        typer.echo(f"the score history lies in {made.elsewhere} and is not in the backup")
    if any(member.path == "secret.key" for member in made.members):
        typer.echo("it holds the key of the secrets: keep it where only you can read it")


def restore(
    file: Annotated[Path, typer.Argument(help="File that backup wrote.", metavar="FILE")],
    data: Data = None,
    database: Database = None,
    history: History = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", metavar="", help="Move aside what is in the folder; drop the rows of a PostgreSQL database."
        ),
    ] = False,
) -> None:
    r"""Put a backup into an empty data folder, or into a PostgreSQL database. The server must not be running.

    The whole file is checked first; a damaged one changes nothing.

    \b
    redshank restore redshank-backup.tar.zst --data /var/lib/redshank
    """
    from redshank.store.restore import restore as put_back

    place = _settings(data, database, history)
    made = put_back(file, place.data, place.database, history=place.history, replace=replace)
    typer.echo(f"{place.data}: restored what was kept at {made.created} by redshank {made.package}")
    if made.elsewhere:
        typer.echo(f"its score history lies in {made.elsewhere}; start the server with it")
    elif place.history and "://" in place.history:
        typer.echo(f"the files of the score history are in {place.data / 'history'}; copy them to {place.history}")


def doctor(
    data: Data = None,
    database: Database = None,
    history: History = None,
    quick: Annotated[bool, typer.Option("--quick", metavar="", help="Leave out what reads every byte.")] = False,
    offline: Annotated[bool, typer.Option("--offline", metavar="", help="Do not try to reach the sources.")] = False,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")] = False,
) -> None:
    r"""Look over what a server keeps, and say what is wrong. Nothing is changed; the server may be running.

    Exit code 0: nothing is wrong (there may be warnings), 1: something is.

    \b
    redshank doctor
    redshank doctor --data /var/lib/redshank --json
    """
    import json

    from redshank.store.doctor import examine

    place = _settings(data, database, history)
    found = []
    for finding in examine(
        place.data, place.database, quick=quick, history=place.history, reach=None if offline else _reached
    ):
        found.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        typer.echo(json.dumps([vars(finding) for finding in found], indent=2, ensure_ascii=False))
    if any(finding.level == "error" for finding in found):
        raise typer.Exit(1)


def _settings(data: Path | None, database: str | None, history: str | None) -> Settings:
    from redshank.cli.serve import read_settings

    given: dict[str, Any] = {"data": data, "database": database, "history": history}
    return read_settings({name: value for name, value in given.items() if value is not None})


def _print(finding: Finding) -> None:
    word, color = LEVELS[finding.level]
    typer.echo(f"{typer.style(f'{word:<8}', fg=color)}{finding.check}: {finding.text}")


def _reached(store: Store) -> Iterator[Finding]:
    """Yield whether each source that has a name answers."""
    from redshank.errors import RedshankError
    from redshank.sources.build import build_source
    from redshank.store.records import Finding

    for one in store.resources.all("sources"):
        options = {name: value for name, value in one.spec.items() if name not in ("kind", "name")}
        if one.spec.get("kind") == "push":
            yield Finding("source", "ok", f"{one.name} takes what is pushed")
            continue
        try:
            build_source(one.spec.get("kind", ""), _clear(store, options)).check()
        except RedshankError as error:
            yield Finding("source", "warning", f"{one.name}: {error}")
        else:
            yield Finding("source", "ok", f"{one.name} answers")


def _clear(store: Store, value: Any) -> Any:
    """Return options with the secrets in them decrypted."""
    if isinstance(value, str):
        return store.secrets.decrypt(value)
    if isinstance(value, dict):
        return {name: _clear(store, inner) for name, inner in value.items()}
    return [_clear(store, inner) for inner in value] if isinstance(value, list) else value


def _size(size_bytes: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size_bytes < 1024:
            return f"{size_bytes:,.0f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:,.1f} GiB"
