"""``redshank validate`` and ``redshank schema``: configuration files without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from redshank.service.config_document import Configuration

USUAL_FILE = "redshank.yaml"
Files = Annotated[
    list[str] | None,
    typer.Argument(help=f"Files and folders; {USUAL_FILE} when none is given.", metavar="FILE"),
]
Partial = Annotated[
    bool,
    typer.Option("--partial", metavar="", help="What is referred to may be declared elsewhere, on the server."),
]


def validate(
    files: Files = None,
    partial: Partial = False,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")] = False,
) -> None:
    r"""Check configuration files without a server: everything that is wrong, with its file and line.

    A folder stands for all YAML and JSON files below it. Exit code 0: all is well, 2: something is wrong.

    \b
    redshank validate
    redshank validate redshank.yaml
    redshank validate monitoring/ --json
    """
    import json

    from redshank.service.config_document import read_configuration

    found = read_configuration(files or [USUAL_FILE], is_whole=not partial)
    if as_json:
        typer.echo(json.dumps(_json(found), indent=2, ensure_ascii=False))
    else:
        for problem in found.problems:
            typer.echo(str(problem))
        typer.echo(summary(found), err=bool(found.problems))
    if found.problems:
        raise typer.Exit(2)


def schema() -> None:
    r"""Print the JSON Schema of configuration files, for editors that check and complete as one types.

    \b
    redshank schema > redshank.schema.json
    """
    import json

    from redshank.service.config_schema import config_schema

    typer.echo(json.dumps(config_schema(), indent=2, ensure_ascii=False))


def counts(found: Configuration) -> dict[str, int]:
    """Return how many of each kind are declared, those that are wrong included."""
    kinds = [entry.kind for entry in found.entries]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}


def summary(found: Configuration) -> str:
    """Return one line: what is declared, and whether it is right."""
    declared = ", ".join(f"{number:,} {_singular(kind, number)}" for kind, number in counts(found).items())
    files = f"{len(found.files):,} files" if len(found.files) > 1 else found.files[0]
    wrong = len(found.problems)
    state = f"{wrong:,} {_singular('problems', wrong)}" if wrong else "no problems"
    return f"{files}: {declared or 'nothing'} declared, {state}"


def _singular(words: str, number: int) -> str:
    return words.removesuffix("s") if number == 1 else words


def _json(found: Configuration) -> dict[str, Any]:
    return {
        "files": found.files,
        "declared": counts(found),
        "problems": [
            {
                "file": each.place.file,
                "line": each.place.line,
                "path": list(each.problem.path),
                "message": each.problem.message,
            }
            for each in found.problems
        ],
    }
