"""Declarations as they are typed: fields by name and value, files, and an editor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer


def pairs(texts: Sequence[str] | None) -> dict[str, str]:
    """Return FIELD=VALUE texts as a mapping."""
    from redshank.errors import ConfigError

    found = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"must be FIELD=VALUE, got {text!r}")
        found[name.strip()] = value.strip()
    return found


def read_spec(file: str) -> dict[str, Any]:
    """Return the one declaration in a file of YAML or JSON."""
    import os

    from redshank.errors import ConfigError
    from redshank.service.config_files import read_texts
    from redshank.service.config_yaml import read_yaml

    text = read_texts([file]).texts[0]
    documents, problems = read_yaml(text.content.decode("utf-8", "replace"), text.name, os.environ)
    if problems:
        raise ConfigError("\n".join(str(problem) for problem in problems))
    if len(documents) != 1 or not isinstance(documents[0].values, dict):
        raise ConfigError(f"{text.name}: must hold the fields of one declaration")
    found: dict[str, Any] = documents[0].values
    return found


def with_fields(spec: dict[str, Any], sets: Sequence[str] | None, unsets: Sequence[str] | None) -> dict[str, Any]:
    """Return a declaration with fields set and taken away; names may be dotted, values are read as YAML."""
    from redshank.service.config_yaml import read_yaml

    made = spec
    for name, text in pairs(sets).items():
        documents, problems = read_yaml(text, f"--set {name}", {})
        is_plain = bool(problems) or not documents
        made = _with(made, name.split("."), text if is_plain else documents[0].values)
    for name in unsets or ():
        made = _without(made, name.split("."))
    return made


def _with(spec: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    inner = value if len(path) == 1 else _with(_mapping(spec.get(path[0])), path[1:], value)
    return {**spec, path[0]: inner}


def _without(spec: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any]:
    if len(path) == 1 or not isinstance(spec.get(path[0]), Mapping):
        return {name: value for name, value in spec.items() if name != path[0]}
    return {**spec, path[0]: _without(spec[path[0]], path[1:])}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def at_home(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return a declaration with its relative paths seen from the working folder."""
    from pathlib import Path

    from redshank.service import config_places as places

    here = Path.cwd()
    if kind == "monitors":
        made = places.monitor_paths(spec, here, {})
    elif kind == "templates":
        made = places.template_paths(spec, here, {})
    else:
        made = {"sources": places.source_paths, "sinks": places.sink_paths}.get(kind, lambda given, _: given)(
            spec, here
        )
    result: dict[str, Any] = made
    return result


def edited(spec: dict[str, Any]) -> dict[str, Any]:
    """Let the user change a declaration in an editor; ends the program when nothing was changed."""
    from redshank.errors import ConfigError
    from redshank.service.config_text import yaml_text
    from redshank.service.config_yaml import read_yaml

    before = yaml_text(spec)
    text = _in_editor(before)
    if text == before:
        typer.echo("nothing changed")
        raise typer.Exit(0)
    documents, problems = read_yaml(text, "edited", {})
    if problems or len(documents) != 1 or not isinstance(documents[0].values, dict):
        raise ConfigError("\n".join(map(str, problems)) or "edited: must hold the fields of one declaration")
    found: dict[str, Any] = documents[0].values
    return found


def _in_editor(text: str) -> str:
    """Return what the user made of a text in $VISUAL or $EDITOR."""
    import os
    import shlex
    import subprocess
    import tempfile
    from pathlib import Path

    from redshank.errors import ConfigError

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="redshank-") as folder:
        place = Path(folder) / "declaration.yaml"
        place.write_text(text, encoding="utf-8")
        try:
            code = subprocess.run([*shlex.split(editor), str(place)], check=False).returncode
        except (OSError, ValueError) as error:
            raise ConfigError(f"editor {editor!r}: cannot be started: {error}; set EDITOR, or use --set") from error
        if code:
            raise ConfigError(f"editor {editor!r}: ended with {code}; nothing was changed")
        return place.read_text(encoding="utf-8")
